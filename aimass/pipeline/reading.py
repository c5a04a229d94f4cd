"""The text of a file that someone wrote, and the TOML in it, or what is wrong with them and where."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from aimass.errors import ConfigurationError

_AT = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


def text_of(file: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text("utf-8")
    except OSError as exc:
        raise ConfigurationError(f"{file}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{file}: is not UTF-8 text (byte {exc.start})") from exc


def toml_of(text: str, file: str) -> dict[str, Any]:
    """Return the document that a text of TOML holds.

    Raises
    ------
    ConfigurationError
        Naming file and line, if it is not TOML.

    Examples
    --------
    >>> toml_of("name = ", "shop.toml")
    Traceback (most recent call last):
        ...
    aimass.errors.ConfigurationError: shop.toml:1: not TOML: Invalid value
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        found = _AT.search(str(exc))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        raise ConfigurationError(f"{file}:{line}: not TOML: {_AT.sub('', str(exc)).strip()}") from exc

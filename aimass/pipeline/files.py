"""Files that a pipeline file names: contracts, schemas and tables, read once a process."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from aimass.errors import ConfigurationError
from aimass.pipeline.contracts import load
from aimass.quality.contracts.contract import Contract


@lru_cache(maxsize=256)
def contract_of(file: str) -> Contract:
    """Return the contract in a file."""
    return load(file)


@lru_cache(maxsize=256)
def bytes_of(file: str) -> bytes:
    """Return what is in a file."""
    try:
        return Path(file).read_bytes()
    except OSError as exc:
        raise ConfigurationError(f"{file}: cannot be read: {exc.strerror}") from exc


@lru_cache(maxsize=256)
def table_of(file: str, key: str) -> Mapping[str, Mapping[str, str | float]]:
    """Return the rows of a CSV file with a header, by what stands in the key's column; numbers are numbers."""
    try:
        with Path(file).open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, strict=True)
            if reader.fieldnames is None or key not in reader.fieldnames:
                there = ", ".join(reader.fieldnames or ["nothing"])
                raise ConfigurationError(f"{file}: has no column {key!r}; there are {there}")
            return {row[key]: {name: _cell(cell) for name, cell in row.items() if name and cell} for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise ConfigurationError(f"{file}: cannot be read as CSV: {exc}") from exc


def _cell(text: str) -> str | float:
    try:
        return float(text) if not text.isalpha() else text
    except ValueError:
        return text


def beside(file: str, named: str) -> str:
    """Return the path of a file that another one names: from where that one is.

    Examples
    --------
    >>> beside("pipelines/shop.toml", "contracts/orders.toml")
    'pipelines/contracts/orders.toml'
    """
    return str(Path(file).parent / Path(named).expanduser())

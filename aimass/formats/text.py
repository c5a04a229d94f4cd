"""Lines of text: as they are, or taken apart by a regular expression."""

from __future__ import annotations

import re
from typing import Any

from aimass.errors import BadEvent
from aimass.formats.ambiguity import is_ambiguous
from aimass.formats.base import Headers
from aimass.formats.guard import line

#: Some patterns take time that grows with the square of a line, or worse: what a pattern reads is bounded.
MAX_LINE = 8_192


class Text:
    r"""A line, as the field ``text``.

    Examples
    --------
    >>> Text().decode(b"disk full\n")
    {'text': 'disk full'}
    """

    name = "text"

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return the line; see `aimass.formats.base.Format`."""
        return {"text": line(value)}


class Pattern:
    r"""A line that a regular expression matches from beginning to end; its named groups are the fields.

    Parameters
    ----------
    pattern
        The regular expression, as Python has them.

    Raises
    ------
    ValueError
        When it is no regular expression, has no named group, or could take for ever.

    Examples
    --------
    >>> Pattern(r"(?P<user>\w+) spent (?P<amount>[\d.]+)( at (?P<shop>.+))?").decode(b"ann spent 2.50")
    {'user': 'ann', 'amount': '2.50', 'shop': None}
    """

    name = "pattern"

    def __init__(self, pattern: str) -> None:
        try:
            compiled = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as exc:
            raise ValueError(f"`pattern` is no regular expression: {exc}") from exc
        if not compiled.groupindex:
            raise ValueError("`pattern` has no named group: write `(?P<user>\\S+)` around what is to be a field")
        if is_ambiguous(pattern):
            raise ValueError("`pattern` repeats a repeat, like `(\\w+)*`, which can take for ever: write `(\\w++)*`")
        self._match = compiled.fullmatch

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return the named groups; see `aimass.formats.base.Format`."""
        text = line(value)
        if len(text) > MAX_LINE:
            raise BadEvent(f"a line of {len(text):,} characters, more than {MAX_LINE:,}")
        found = self._match(text)
        if found is None:
            raise BadEvent("the line does not match `pattern`")
        return found.groupdict()

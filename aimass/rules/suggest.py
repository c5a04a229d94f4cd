"""What was likely meant by a word that nothing is called."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def closest(word: str, known: Collection[str]) -> str:
    """Return the known word that was likely meant, or ``""``.

    Examples
    --------
    >>> closest("amout", ["amount", "country"])
    'amount'
    """
    found = difflib.get_close_matches(word, list(known), 1, 0.55)
    return found[0] if found else ""


def meant(word: str, known: Collection[str]) -> str:
    """Return ``; did you mean ...?``, the known words, or nothing."""
    close = closest(word, known)
    if close:
        return f'; did you mean "{close}"?'
    return f"; there is: {', '.join(known)}" if known else ""

"""What a format is: how the bytes of a record become a JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Headers = Sequence[tuple[str, bytes]]


class Format(Protocol):
    """Decodes the values of records: no I/O, the same bytes give the same object, always."""

    name: str

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return what a value says, as JSON has it: texts, numbers, truths, null, lists and objects.

        Raises
        ------
        BadEvent
            When it is no such value, saying what is wrong and where.
        """

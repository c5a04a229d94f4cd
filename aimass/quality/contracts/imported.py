"""What was made of a contract in another form."""

from __future__ import annotations

from dataclasses import dataclass

from aimass.quality.contracts.contract import Contract


@dataclass(frozen=True, slots=True)
class Imported:
    """A contract, and what its origin says that it does not say itself, or not in the same way: a line for each."""

    contract: Contract
    notes: tuple[str, ...] = ()

"""The tables of `docs/reference/contracts.md`, from the dataclasses that the reader of contracts reads."""

from __future__ import annotations

from aimass.pipeline.contract_keys import CheckDef, ContractDef, FieldDef, ReferenceDef, TruthDef
from aimass.pipeline.reference import table_of


def tables() -> str:
    """Return a table for each section of a contract's file.

    Examples
    --------
    >>> print(tables().splitlines()[6])
    | `name` | name | required | names the contract |
    """
    parts = []
    for section in (ContractDef, FieldDef, TruthDef, CheckDef, ReferenceDef):
        title, _, said = (section.__doc__ or "").partition(": ")
        parts.append(table_of(title, section, f"{said[:1].upper()}{said[1:]}\n\n"))
    return "\n".join(parts)


if __name__ == "__main__":
    print(tables())

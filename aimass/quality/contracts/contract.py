"""What data is promised to be: a contract, and the expectations that it consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["error", "warning"]
#: What a field may be. ``time`` is ISO 8601 text or a number of seconds, milliseconds … since 1970.
TYPES = ("any", "text", "number", "integer", "truth", "time", "object", "list")
#: What a text may have to look like.
FORMATS = ("date", "date-time", "email", "hostname", "ipv4", "ipv6", "uri", "uuid")
ORDERS = ("rising", "not-falling", "falling", "not-rising")


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthTable:
    """Where the true values of a field stand: a CSV file, looked up by another field of the record.

    Parameters
    ----------
    file
        The file, with a header.
    by
        The path of the record's field that is looked up in the column ``key``.
    key, value
        The columns of the key and of the true value.
    tolerance
        By how much a number may differ.
    """

    file: str
    by: str
    key: str
    value: str
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of one field.

    Parameters
    ----------
    path
        Where it stands.
    type
        One of `TYPES`.
    required
        Whether it must be there (and, unless ``nullable``, not null).
    nullable
        Whether null is a value like any other.
    missing
        Values that say that there is none, like ``"N/A"`` or −999: taken for absent.
    least, most
        The range, both ends in it: of numbers; of times in seconds since 1970.
    min_length, max_length
        Of texts in characters, of lists in elements.
    pattern
        A regular expression that the whole text matches.
    format
        One of `FORMATS`.
    values
        The only values allowed.
    unique
        Whether no value may come twice within the contract's ``horizon_s``.
    order
        One of `ORDERS`: compared with the value before, of the same key.
    truth
        Where its true values stand: what differs from them is inaccurate.
    unit, description
        For people.
    level
        How bad a breach is: an ``error`` makes the record invalid, a ``warning`` is counted.
    """

    path: str
    type: str = "any"
    required: bool = False
    nullable: bool = False
    missing: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    values: tuple[Any, ...] | None = None
    unique: bool = False
    order: str | None = None
    truth: TruthTable | None = None
    unit: str = ""
    description: str = ""
    level: Level = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A condition that every record meets, in the language of rules: ``total == price * count``.

    A record of which it is unknown (a field is missing) is not checked. ``dimension`` says which indicator it counts
    for: ``validity`` or ``consistency``.
    """

    name: str
    that: str
    level: Level = "error"
    dimension: str = "consistency"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Every value of a field was seen before in another source: an order before its payment.

    Parameters
    ----------
    path, source, field
        The value at ``path`` of this source's records is one that ``field`` of ``source`` had; of the same key.
    within_s
        How long before, in event time, at the most.
    """

    name: str
    path: str
    source: str
    field: str
    within_s: float = 3600.0
    level: Level = "warning"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the records of a source are promised to be.

    Parameters
    ----------
    name, version
        Names it; versions are ``major.minor.patch``.
    fields
        What is expected of each field.
    others
        What fields are that it does not name: ``allow``, ``warning`` or ``error``.
    checks, references
        What is expected of fields together, and of sources together.
    schema
        A JSON Schema that records must meet besides, where an imported one says what expectations cannot.
    horizon_s
        How long values of unique fields are remembered, in event time.
    delay_s
        How long after it happened a record may arrive at the latest, to be timely.
    fresh_s
        A source without records for so long is stale.
    season_s
        The season of the volume: records a pane are compared with those of earlier panes at the same place in it;
        ``None``: volume is not judged.
    """

    name: str
    version: str = "1.0.0"
    owner: str = ""
    description: str = ""
    fields: tuple[Expectation, ...] = ()
    others: Literal["allow", "warning", "error"] = "allow"
    checks: tuple[Check, ...] = ()
    references: tuple[Reference, ...] = ()
    schema: dict[str, Any] | None = field(default=None, hash=False)
    horizon_s: float = 3600.0
    delay_s: float | None = None
    fresh_s: float | None = None
    season_s: float | None = None

    def expectation(self, path: str) -> Expectation | None:
        """Return what is expected of a field, or ``None``.

        Examples
        --------
        >>> Contract(name="c", fields=(Expectation(path="a", least=0),)).expectation("a").least
        0
        """
        return next((one for one in self.fields if one.path == path), None)

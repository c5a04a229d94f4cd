"""What a rule says, as a tree: the one meaning behind its text and its JSON.

Every node is a frozen, hashable struct. Its JSON form is what msgspec makes of it (each node an object whose ``is``
names its kind), its text form is what `aimass.rules.write.text` makes of it; both are read back to an equal tree. Two
rules that ask the same thing hold equal nodes, so that it is computed once.
"""

from __future__ import annotations

import msgspec


class Node(msgspec.Struct, frozen=True, tag_field="is", gc=False, omit_defaults=True):
    """What all parts of a condition have in common."""


class Number(Node, frozen=True, tag="number"):
    """A number. Whole numbers stay whole: ids beyond 2^53 keep their digits."""

    value: int | float


class Text(Node, frozen=True, tag="text"):
    """A text."""

    value: str


class Truth(Node, frozen=True, tag="truth"):
    """True or false."""

    value: bool


class Field(Node, frozen=True, tag="field"):
    """A field of the event, by its path; unknown where the event has none, or null."""

    path: str


class Judged(Node, frozen=True, tag="judged"):
    """What a detector or a model says of the event: ``odd.score``, ``fraud.probability``."""

    kind: str  # "detector" or "model"
    name: str
    attribute: str


class Profile(Node, frozen=True, tag="profile"):
    """What is known of the key from its earlier events: ``profile.events``, ``profile.last_seen``."""

    attribute: str


class Captured(Node, frozen=True, tag="captured"):
    """A field of the event that an earlier step of the pattern matched: ``a.amount``."""

    step: str
    path: str


class Window(Node, frozen=True, tag="window"):
    """How far back a window looks, in seconds of event time.

    ``sliding``: the last ``seconds``, in steps of a sixtieth. ``tumbling``: since the last multiple of ``seconds``
    (written ``each 1h``). ``session``: since the last gap of ``seconds`` or more (written ``session 30m``).
    """

    kind: str
    seconds: float


class Call(Node, frozen=True, tag="call"):
    """A function: of values (``distance(...)``), or of the key's events in a window (``avg(amount, 1h)``).

    ``where`` counts only the events it is true of: ``count(type == "failed", 5m)``, ``sum(amount, 1h, type == "out")``.
    """

    name: str
    arguments: tuple[Any_, ...] = ()
    window: Window | None = None
    where: Any_ | None = None


class Unary(Node, frozen=True, tag="unary"):
    """``not`` of a truth, ``-`` of a number."""

    op: str
    operand: Any_


class Binary(Node, frozen=True, tag="binary"):
    """``and or < <= > >= == != + - * /`` of two values."""

    op: str
    left: Any_
    right: Any_


class Among(Node, frozen=True, tag="among"):
    """Whether a value is one of some: ``country in ("NL", "BE")``; with ``not in`` it is a `Unary` of this."""

    operand: Any_
    options: tuple[Number | Text | Truth, ...]


class Row(Node, frozen=True, tag="row"):
    """One row of a decision table: its condition and its outcome."""

    when: Any_
    then: Number | Text | Truth


class Table(Node, frozen=True, tag="table"):
    """A decision table as a value: the outcome of the first row that is true, else ``otherwise``, else unknown.

    A row whose condition is unknown does not match. (Hit policies other than ``first`` are rewritten to this.)
    """

    name: str
    rows: tuple[Row, ...]
    otherwise: Number | Text | Truth | None = None


class Step(Node, frozen=True, tag="step"):
    """One step of a pattern: an event of which the condition is true; or, when absent, that none such comes."""

    name: str  # "" when it has none
    when: Any_
    is_absent: bool = False


class Pattern(Node, frozen=True, tag="pattern"):
    """Events of one key, one after the other: ``a: X then b: Y and b.ip != a.ip within 10m``.

    ``within_s`` bounds the whole of it, ``gap_s`` each step to the next. A last step that is absent makes the rule
    fire when time is up and no such event came; an absent step between two forbids it there.
    """

    steps: tuple[Step, ...]
    within_s: float
    gap_s: float | None = None


Any_ = Number | Text | Truth | Field | Judged | Profile | Captured | Call | Unary | Binary | Among | Table
Condition = Any_ | Pattern

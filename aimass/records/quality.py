"""What COLLECT and JUDGE say of data: panes of statistics, judgements, and records that wait for a person."""

from __future__ import annotations

from typing import Any

import msgspec

from aimass.records.events import Source


class FieldPane(msgspec.Struct, gc=False, omit_defaults=True):
    """What was seen of one field in one pane: integers only, so that parts add up to the whole, in any order.

    Parameters
    ----------
    present
        Records that had a value: neither absent nor null.
    kinds
        How many values were texts, numbers, truths, objects or lists; and how many were null.
    wrong
        Breaches of what the contract expects, by kind.
    numbers
        How many numbers fell into each bucket (`aimass.quality.sketches`); ``least`` and ``most`` are exact. ``coarse``
        says how often buckets were taken together by twos, where there were too many.
    values
        How often texts and truths occurred: all of them, or a sample by hash with exact counts (``border``).
    hot
        Those that occurred most often, each too low by ``hot_error`` at the most.
    checked, agreed
        How many values were held against a truth, and how many were right.
    """

    present: int = 0
    kinds: dict[str, int] = {}
    wrong: dict[str, int] = {}
    numbers: dict[int, int] = {}
    coarse: int = 0
    least: float | None = None
    most: float | None = None
    values: dict[str, int] = {}
    border: int | None = None
    hot: dict[str, int] = {}
    hot_error: int = 0
    hot_seen: int = 0
    checked: int = 0
    agreed: int = 0


class Pane(msgspec.Struct, gc=False, tag="pane", omit_defaults=True):
    """What COLLECT saw of one partition of a source in one pane of event time: sums so far, revised as more comes.

    Parameters
    ----------
    id, key
        Names it; the key is the source's topic.
    time
        The newest event time in this partition when it was written; 0 where none is known.
    part
        Who counted: topic and partition of the source, or of a log for checks between sources.
    start, length
        The pane, in seconds.
    revision
        Counts up each time it is written; the last one holds.
    records, valid
        Records that could be read, and those that break no expectation of level error.
    counts
        Records by what became of them: ``log``, ``tagged``, ``quarantined``, ``filtered``, ``duplicates``,
        ``deadletters``, ``redriven``; and ``unreadable`` (dead letters that are no record), ``late`` (too late for
        their pane), ``future`` (ahead of their arrival), ``timely``.
    checksums
        Sums of the CRC-32 of values, by the same names: what `aimass audit` adds up.
    offsets
        The first and the last offset of the source in it.
    checks
        By check between fields or sources: how many records it could be asked of, and how many broke it.
    cells, missing
        Values that had to be there, and those that were not.
    delays
        Seconds from event to arrival, in buckets as of `FieldPane.numbers`.
    fields
        By path.
    examples
        The first ids of records that break a check.
    """

    id: str
    key: str
    time: float
    pipeline: str
    part: str
    start: float
    length: float
    revision: int = 0
    records: int = 0
    valid: int = 0
    counts: dict[str, int] = {}
    checksums: dict[str, int] = {}
    offsets: list[int] = []
    checks: dict[str, list[int]] = {}
    cells: int = 0
    missing: int = 0
    delays: dict[int, int] = {}
    fields: dict[str, FieldPane] = {}
    examples: dict[str, list[str]] = {}


class Indicator(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One measure of quality: a share from 0 to 1, and how sure that is.

    Parameters
    ----------
    value
        The share; ``None``: unknown, for nothing says what is true.
    low, high
        The interval that holds the true share with 95 % confidence (Wilson).
    n
        How many observations it rests on.
    trend
        By how much it changed a pane, over the last panes; ``None`` with fewer than three.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    trend: float | None = None


class FieldJudgement(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a field was like in a pane, all partitions together.

    ``quantiles`` are the 1st, 5th, 25th, 50th, 75th, 95th and 99th percentile, within 0.8 %; ``top`` the
    most frequent texts with their counts; ``outliers`` numbers further than eight robust deviations from the median of
    this pane and those before; ``is_stuck`` whether a number has ceased to change; ``shift`` the Jensen–Shannon
    divergence from the panes before (0: the same, 1: nothing in common).
    """

    present: int
    indicators: dict[str, Indicator] = {}
    wrong: dict[str, int] = {}
    least: float | None = None
    most: float | None = None
    quantiles: tuple[float, ...] = ()
    distinct: int | None = None
    top: tuple[tuple[str, int], ...] = ()
    outliers: int = 0
    is_stuck: bool = False
    shift: float | None = None


class Judgement(msgspec.Struct, frozen=True, gc=False, tag="judgement", omit_defaults=True):
    """How good the data of a source was in one pane of event time; revised when late data comes.

    Parameters
    ----------
    id, key
        Names the pane of the source; the key is the source's topic.
    time
        The pane's start.
    length, revision
        Its length in seconds; counts up each time it is judged again.
    is_complete
        Whether the pane is over: no more records are expected.
    records, valid, counts
        As of `Pane`, all partitions together.
    indicators
        ``completeness``, ``validity``, ``accuracy``, ``timeliness``, ``robustness``, ``uniqueness``, ``consistency``,
        ``freshness`` and ``volume``.
    score, weakest
        All that are known as one number, their geometric mean, and which of them is least.
    expected
        How many records such a pane had before; ``None``: not known yet.
    causes
        What was broken most often: check, how often, ids of examples.
    fields
        By path.
    gates
        The state of each of the source's gates.
    proposals
        What reviews say of the contract itself: expectations that people overrule more often than not.
    contract
        Name and version of the contract that the pane was judged by.
    """

    id: str
    key: str
    time: float
    pipeline: str
    length: float
    revision: int
    is_complete: bool
    records: int
    valid: int
    counts: dict[str, int] = {}
    indicators: dict[str, Indicator] = {}
    score: float | None = None
    weakest: str | None = None
    expected: float | None = None
    causes: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    fields: dict[str, FieldJudgement] = {}
    gates: dict[str, str] = {}
    proposals: tuple[str, ...] = ()
    contract: str = ""


class Gate(msgspec.Struct, frozen=True, gc=False, tag="gate", omit_defaults=True):
    """A gate of a source changed its state: what is done with the source's records from here on.

    Parameters
    ----------
    key
        The source's topic.
    gate, action
        Its name, and what it does while it is closed: ``tag``, ``quarantine``, ``pause-learning`` or ``stop``.
    state
        ``pass``, ``warn``, ``fail`` or ``insufficient``.
    is_closed
        Whether its action is taken.
    by, why
        Who closed or opened it (empty: the data), and for what reason.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    gate: str
    action: str
    state: str
    is_closed: bool
    by: str = ""
    why: str = ""


class Quarantined(msgspec.Struct, frozen=True, gc=False, tag="quarantined", omit_defaults=True):
    """A record that breaks its contract, as it came: it waits for a person.

    Parameters
    ----------
    id, key, time, pipeline, source
        Of the event that it would be.
    causes
        What it breaks: ``path:kind`` or the name of a check; ``gate:name`` where a closed gate sent it here.
    value, record_key, headers, timestamp_ms
        The source's record, its bytes untouched.
    attempt
        How often it was put back before.
    arrived
        When it came to aimass' notice, by Kafka's clock, in seconds since 1970.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    causes: tuple[str, ...]
    value: bytes
    record_key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = 0
    attempt: int = 0
    arrived: float = 0.0


class Review(msgspec.Struct, frozen=True, gc=False, tag="review", omit_defaults=True):
    """A record that a person is to look at, after something was done about it: the log of who did what and when.

    Parameters
    ----------
    id
        Names the task: the event's id.
    state
        ``open``, ``claimed``, ``corrected``, ``accepted``, ``rejected`` or ``expired``; a corrected record that is
        broken still is ``open`` again.
    do, by, why, at
        What was done last, by whom, for what reason, and when (seconds since 1970); ``order`` is the id of the order.
    owner
        Who has claimed it.
    patch
        For ``corrected``: the fields that were set, by path; null takes a field away.
    record
        The record that waits.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    state: str
    causes: tuple[str, ...]
    do: str
    at: float
    by: str = ""
    why: str = ""
    order: str = ""
    owner: str = ""
    patch: dict[str, Any] = {}
    record: Quarantined | None = None


class Redrive(msgspec.Struct, frozen=True, gc=False, tag="redrive", omit_defaults=True):
    """A record that a person let go on: COLLECT puts it into its place, with its id and its time.

    ``patch`` corrects it first. ``is_accepted`` lets it pass although it breaks its contract.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    record: Quarantined
    patch: dict[str, Any] = {}
    is_accepted: bool = False
    by: str = ""
    order: str = ""

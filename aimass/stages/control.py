"""Reads what people decide about rules and alerts, from the pipeline's control topic into its log."""

from __future__ import annotations

from typing import Any

import msgspec

from aimass.errors import BadEvent
from aimass.records import DATA_ORDERS, Command, Gate, RuleChange, Source
from aimass.rules.document import Rule, problems
from aimass.rules.read import Wrong, checked
from aimass.stages.base import SourceRecord

ACTIONS = ("ack", "unack", "snooze", "resolve", "silence", "unsilence", *DATA_ORDERS)


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    do: str
    alert: str = ""
    key: str = ""
    match: dict[str, str] = {}
    until: float | None = None
    by: str = ""
    why: str = ""
    patch: dict[str, Any] = {}


class _Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: msgspec.Raw = msgspec.Raw()
    command: _Order | None = None
    gate: Gate | None = None
    by: str = ""
    why: str = ""


_decode = msgspec.json.Decoder(_Control).decode
_rule = msgspec.json.Decoder(Rule).decode


def _checked(rule: Rule) -> Rule:
    """Check that a rule can be asked: in DECIDE, it would harm every event."""
    wrong = problems(rule)
    try:
        checked(rule.when)
    except Wrong as exc:
        wrong.append(f"when: {exc}")
    if wrong:
        raise BadEvent(f"no rule that can be asked: {'; '.join(wrong)}")
    return rule


class ControlReader:
    """Reads the records of a control topic: ``{"rule": {...}, "by": ..., "why": ...}`` or ``{"command": {...}}``.

    They get their ids from where they stand, and their times from Kafka. JUDGE writes ``{"gate": {...}}`` there.

    Examples
    --------
    >>> from aimass.testing import MemoryRecord
    >>> record = MemoryRecord(b'{"command":{"do":"ack","alert":"3f"}}', offset=4)
    >>> order = ControlReader("shop.control").order(record, "shop")
    >>> order.id, order.do, order.alert
    ('t-0-4', 'ack', '3f')
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic

    def order(self, record: SourceRecord, pipeline: str) -> RuleChange | Command | Gate:
        """Return what a record orders.

        Raises
        ------
        BadEvent
            When it is no order, with the reason.
        """
        source = Source(record.topic, record.partition, record.offset)
        time = max(record.timestamp, 0) / 1000
        try:
            found = _decode(record.value or b"")
            if bytes(found.rule):
                rule = _checked(_rule(found.rule))
                return RuleChange(source.id, rule.name, time, pipeline, source, found.rule, found.by, found.why)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise BadEvent(f"no change of a rule and no command: {exc}") from exc
        if found.gate is not None:
            return msgspec.structs.replace(found.gate, source=source)
        order = found.command
        if order is None or order.do not in ACTIONS:
            raise BadEvent(f"neither a rule nor a command, which is one of {', '.join(ACTIONS)}")
        return Command(
            source.id,
            order.key,
            time,
            pipeline,
            source,
            order.do,
            order.alert,
            order.match,
            order.until,
            order.by,
            order.why,
            order.patch,
        )

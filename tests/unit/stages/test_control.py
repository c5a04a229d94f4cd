"""What people decide goes through the log: from the control topic into every partition, past SCORE in its place."""

import msgspec
import pytest

from aimass.codec import encode
from aimass.errors import BadEvent
from aimass.records import Command, Prediction, RuleChange, Source
from aimass.rules.document import Rule
from aimass.rules.syntax import Binary, Field, Number
from aimass.stages.collect import CollectStage
from aimass.stages.control import ControlReader
from aimass.stages.intake import Plan
from aimass.stages.reader import Reader
from aimass.stages.score import ScoreStage
from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState, event

RULE = Rule("large", Binary(">", Field("amount"), Number(100)))


def order(value, **more):
    return ControlReader("t").order(MemoryRecord(value, **more), "p")


def test_a_rule_arrives_as_it_was_written():
    change = order(encode({"rule": RULE, "by": "ada", "why": "too quiet"}), offset=3)
    assert type(change) is RuleChange
    assert msgspec.json.decode(change.rule, type=Rule) == RULE
    assert (change.id, change.key, change.by, change.why) == ("t-0-3", "large", "ada", "too quiet")


def test_a_command_gets_its_time_from_kafka():
    command = order(
        b'{"command": {"do": "silence", "match": {"rule": "odd*"}, "until": 9, "by": "bo"}}', timestamp=5000
    )
    assert type(command) is Command
    assert (command.do, command.match, command.until, command.time) == ("silence", {"rule": "odd*"}, 9.0, 5.0)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "truncated"),
        (b"{}", "neither a rule nor a command"),
        (b'{"command": {"do": "explode"}}', "one of ack, unack"),
        (b'{"command": {"do": "ack", "wyh": 1}}', "wyh"),
        (b'{"rule": {"name": "x"}}', "when"),
        (b'{"rule": {"name": "x", "when": {"is": "magic"}}}', "magic"),
        (b'{"rule": {"name": "x", "when": {"is": "call", "name": "eval", "arguments": []}}}', "can be asked"),
        (b'{"rule": {"name": "x", "when": {"is": "call", "name": "count", "arguments": []}}}', "needs a window"),
        (b'{"rule": {"name": "x", "when": {"is": "field", "path": "a"}, "mode": "on"}}', "none of draft"),
        (b'{"rule": {"name": "x", "when": {"is": "field", "path": "a"}, "cooldown_s": 1e99}}', "must be a time"),
        (b"[" * 5000, "change"),
        (b"\xff\xfe", "change"),
    ],
)
def test_what_is_no_order_is_refused_with_the_reason(value, why):
    with pytest.raises(BadEvent, match=why):
        order(value)


def test_collect_sends_orders_everywhere_and_events_where_they_belong():
    stage, out = CollectStage("p", [Plan(Reader("t"))], control=ControlReader("p.control")), MemoryOutputs("log")
    command = MemoryRecord(b'{"command": {"do": "ack", "alert": "3f"}}', topic="p.control")
    stage.on_batch(
        [MemoryRecord(b'{"a": 1}'), command, MemoryRecord(b"{}", topic="p.control", offset=1)], MemoryState(), out
    )
    assert [type(one) for one in out.records("everywhere")] == [Command]
    assert len(out.records("log")) == len(out.rejected) == 1


def test_score_passes_orders_on_in_their_place():
    command = Command("c-0-0", "", 9e9, "p", Source("c", 0, 0), "ack")
    change = RuleChange("c-0-1", "large", 9e9, "p", Source("c", 0, 1), msgspec.Raw(encode(RULE)))
    out = MemoryOutputs("predictions")
    ScoreStage("p").on_batch([event({}, offset=1), command, event({}, offset=2), change], MemoryState(), out)
    assert [type(one) for one in out.records("predictions")] == [Prediction, Command, Prediction, RuleChange]

"""Judge: from what COLLECT saw, and what people say of it, to how good the data is, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aimass.quality.gates import AT_THE_DOOR
from aimass.quality.panes import HOUR
from aimass.records import Alert, Command, Gate, Observation, Pane, Quarantined, Source
from aimass.stages.base import Outputs
from aimass.stages.judging import SourceJudge, SourceSpec, Turned
from aimass.stages.reviews import AUDIT, MONTH, ReviewDesk, is_of_contract
from aimass.state import State

_NOWHERE = Source("", 0, 0)
_encode = msgspec.json.Encoder().encode
#: How bad it is that a gate is closed, by what it does.
_SEVERITY = {"tag": "info", "quarantine": "warning", "pause-learning": "warning", "stop": "critical"}


class JudgeStage:
    """Folds observations: ``quality`` says how good each source is, ``reviews`` what waits for people.

    What people let go on goes to ``redrive``. A gate that turns is an order to COLLECT (``control``, and ``gates`` for
    what happens at the door), and an alert (``signals``).

    State: that of its sources and of the reviews.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    sources
        What is asked of each.
    length_s
        How long a pane is.
    lateness_s, keep_s
        How late records may come; how long panes may be revised.
    wait_s
        How long a record waits for a person.

    Examples
    --------
    >>> from aimass.quality.contracts.contract import Contract
    >>> from aimass.quality.indicators import Asked
    >>> from aimass.testing import MemoryOutputs, MemoryState
    >>> stage = JudgeStage("p", [SourceSpec("t", Asked(Contract(name="c")))])
    >>> state, out = MemoryState(), MemoryOutputs("quality")
    >>> stage.on_batch([Pane("x", "t", 65.0, "p", "t-0", 0.0, 60.0, 1, records=10, valid=9)], state, out)
    >>> stage.on_time(65.0, state, out)
    >>> [said] = out.records("quality")
    >>> said.indicators["validity"].value, said.indicators["accuracy"].value, said.is_complete
    (0.9, None, True)
    """

    name = "judge"

    def __init__(
        self,
        pipeline: str,
        sources: Sequence[SourceSpec],
        length_s: float = 60.0,
        lateness_s: float = 0.0,
        keep_s: float = HOUR,
        wait_s: float = MONTH,
    ) -> None:
        self.tick_s: float | None = max(1.0, min(5.0, length_s / 12))
        self._pipeline = pipeline
        self._sources = {one.topic: SourceJudge(pipeline, one, length_s, lateness_s, keep_s) for one in sources}
        self._desk = ReviewDesk(wait_s)

    def on_batch(self, events: Sequence[Observation], state: State, out: Outputs) -> None:
        """Take the next observations, one after the other."""
        for one in events:
            if type(one) is Pane:
                if one.key in self._sources:
                    self._sources[one.key].take(one, state)
            elif type(one) is Quarantined:
                self._desk.open(one, state.now, state, out)
            elif type(one) is Alert:
                self._desk.open_alert(one, state.now, state, out)
            elif type(one) is Command:
                self._obey(one, state, out)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Judge what has changed, and close what has waited too long."""
        for topic, judge in self._sources.items():
            said, turned = judge.look(now, self._desk.proposals(topic, state), state)
            for judgement in said:
                out.emit(judgement, key=judgement.id)
            self._turn(turned, now, "", "", out)
        self._desk.on_time(now, state, out)

    def _obey(self, order: Command, state: State, out: Outputs) -> None:
        if order.do in ("open", "close"):
            judge = self._sources.get(order.key)
            if judge is not None:
                turned = judge.turn(order.alert, order.do == "close", order.by, max(state.now, 0.0), state)
                self._turn(turned, max(state.now, 0.0), order.by, order.why, out)
            return
        for task, was_right in self._desk.obey(order, state, out):
            judge, is_audit = self._sources.get(task.source.topic), task.causes == (AUDIT,)
            if judge is not None and (is_audit or is_of_contract(task)):
                judge.reviewed(task, was_right, is_audit, state)

    def _turn(self, turned: Sequence[Turned], now: float, by: str, why: str, out: Outputs) -> None:
        for one in turned:
            spec, seen = one.spec, one.seen
            if not why and seen.value is not None:
                border = f"below {spec.below:g}" if one.gate.is_closed else f"at {spec.until:g} or above"
                what = spec.indicator if spec.field is None else f"{spec.indicator} of {spec.field}"
                why = f"{what} is {seen.value:.3f} (from {seen.low:.3f} to {seen.high:.3f}), surely {border}"
            name = f"{spec.source}|{spec.name}|{now:.3f}"
            gate = Gate(
                name,
                spec.source,
                now,
                self._pipeline,
                _NOWHERE,
                spec.name,
                spec.action,
                one.gate.state,
                one.gate.is_closed,
                by,
                why,
            )
            key = (spec.source.encode(),)
            out.emit_encoded(key, (b'{"gate":' + _encode(gate) + b"}",), to="control")
            if spec.action in AT_THE_DOOR:
                out.emit(gate, key=f"{spec.source}|{spec.name}", to="gates")
            self._tell(gate, out)

    def _tell(self, gate: Gate, out: Outputs) -> None:
        closed, opened = f"{gate.gate} is closed ({gate.action})", f"{gate.gate} is open again"
        alert = Alert(
            id=gate.id,
            key=gate.key,
            time=gate.time,
            pipeline=gate.pipeline,
            source=gate.source,
            rule=f"gate-{gate.gate}",
            severity=_SEVERITY[gate.action],
            cause=f"{closed if gate.is_closed else opened}: {gate.why or gate.by}",
            evidence={},
            data=msgspec.Raw(b"{}"),
            state="firing" if gate.is_closed else "resolved",
        )
        out.emit(alert, to="signals")

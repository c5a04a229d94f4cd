"""Records that wait for a person: tasks, what people say of them, and what they say of the contract by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

import msgspec

from aimass.quality.indicators import wilson
from aimass.records import Alert, Command, Quarantined, Redrive, Review
from aimass.stages.base import Outputs
from aimass.stages.silent import Wheel
from aimass.state import ObjectSpec, State

MONTH = 30 * 86400.0
#: The cause of tasks that are a sample of what is valid: by what people find in them, accuracy is known.
AUDIT = "audit"
#: So many verdicts on an expectation, and it is surely overruled more often than not: a change is proposed.
_LEAST = 10
_STATES = {"claim": "claimed", "release": "open", "accept": "accepted", "correct": "corrected", "reject": "rejected"}
_TALLIES: ObjectSpec[dict[str, list[int]]] = ObjectSpec(
    "verdicts", msgspec.json.Encoder().encode, msgspec.json.Decoder(dict[str, list[int]]).decode
)


class ReviewDesk:
    """Keeps the tasks of a pipeline: what was done to each goes to ``reviews``, what is to go on to ``redrive``.

    State: the records that wait, for ``wait_s`` at the most; how often each expectation was overruled.

    Parameters
    ----------
    wait_s
        How long a record waits for a person, in event time.
    """

    def __init__(self, wait_s: float = MONTH) -> None:
        self._wait_s = wait_s
        self._wheel = Wheel("reviews")
        self._tasks: ObjectSpec[Review] = ObjectSpec(
            "reviews", msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Review).decode
        )

    def open(self, one: Quarantined, time: float, state: State, out: Outputs) -> None:
        """Make a task of a record; one of the same event takes the place of the last."""
        task = Review(
            one.id,
            one.key,
            one.time,
            one.pipeline,
            one.source,
            "open",
            one.causes,
            "quarantined",
            one.arrived,
            record=one,
        )
        state.objects(self._tasks).put(one.id, task)
        began = max(time, one.time)  # where no event was readable yet, next to no time has passed
        self._wheel.put([(began + self._wait_s, one.id)], state)
        out.emit(task, to="reviews")

    def open_alert(self, alert: Alert, time: float, state: State, out: Outputs) -> None:
        """Make a task of an event that a rule wants to be looked at."""
        record = Quarantined(
            alert.id, alert.key, alert.time, alert.pipeline, alert.source, (f"rule:{alert.rule}",), bytes(alert.data)
        )
        self.open(msgspec.structs.replace(record, arrived=alert.time), time, state, out)

    def obey(self, order: Command, state: State, out: Outputs) -> Iterator[tuple[Review, bool | None]]:
        """Do what a person says; yield the tasks that it ends, and whether their record was right as it came."""
        table = state.objects(self._tasks)
        if order.alert:
            task = table.get(order.alert)
            tasks = [] if task is None else [task]
        else:
            tasks = [task for _, task in table.items() if _is_meant(task, order.match)] if order.match else []
        for task in tasks:
            if not _may(task, order):
                continue
            after = msgspec.structs.replace(
                task,
                state=_STATES[order.do],
                do=order.do,
                by=order.by,
                why=order.why,
                at=order.time,
                order=order.id,
                owner=order.by if order.do == "claim" else "" if order.do == "release" else task.owner,
                patch=order.patch,
            )
            out.emit(after, to="reviews")
            if order.do in ("claim", "release"):
                table.put(task.id, after)
                continue
            table.delete(task.id)
            self._go_on(after, order, out)
            self._tally(after, state)
            yield after, order.do == "accept"

    def _go_on(self, task: Review, order: Command, out: Outputs) -> None:
        """Put a record back that was set apart; what is in the log already stays as it is."""
        if order.do == "reject" or task.record is None or task.causes == (AUDIT,) or task.causes[0].startswith("rule:"):
            return
        redrive = Redrive(
            task.id,
            task.key,
            task.time,
            task.pipeline,
            task.source,
            task.record,
            order.patch if order.do == "correct" else {},
            order.do == "accept",
            order.by,
            order.id,
        )
        out.emit(redrive, to="redrive")

    def _tally(self, task: Review, state: State) -> None:
        if not is_of_contract(task):
            return
        table = state.objects(_TALLIES)
        tallies = table.get(task.source.topic) or {}
        for cause in task.causes:
            counts = tallies.setdefault(cause, [0, 0])
            counts[0] += task.do == "accept"
            counts[1] += 1
        table.put(task.source.topic, tallies)

    def proposals(self, topic: str, state: State) -> tuple[str, ...]:
        """Return what is to be changed in a source's contract, for people overrule it."""
        found = []
        for cause, (overruled, count) in sorted((state.objects(_TALLIES).get(topic) or {}).items()):
            if count >= _LEAST and wilson(overruled, count)[0] > 0.5:
                path, _, kind = cause.rpartition(":")
                where = f"{kind} of {path}" if path else cause
                said = (
                    f"{where}: accepted all the same in {overruled} of {count} reviews; loosen it, or make it a warning"
                )
                found.append(said)
        return tuple(found)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Close what has waited too long; a task that was opened again waits anew."""
        table = state.objects(self._tasks)
        for _, name in self._wheel.take(now, state):
            task = table.get(name)
            if task is not None:
                table.delete(name)
                out.emit(
                    msgspec.structs.replace(task, state="expired", do="expired", by="", why="", at=now), to="reviews"
                )


def is_of_contract(task: Review) -> bool:
    """Return whether a record waits because it breaks its contract: not for a sample, a gate or a rule."""
    return not task.causes[0].startswith((AUDIT, "gate:", "rule:"))


def _is_meant(task: Review, match: Mapping[str, str]) -> bool:
    for name, wanted in match.items():
        seen = {"cause": task.causes, "source": (task.source.topic,), "key": (task.key,)}.get(name, ())
        if not any(fnmatchcase(one, wanted) for one in seen):
            return False
    return True


def _may(task: Review, order: Command) -> bool:
    """Return whether a person may do that: not with what somebody else has claimed; a correction says what is right."""
    if order.do == "correct" and not order.patch:
        return False
    if order.do == "release":
        return task.state == "claimed"
    return not task.owner or task.owner == order.by

"""A rule held against its own tests: events in, and when it must fire on them, before it is accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from aimass import codec
from aimass.memory import run_stage
from aimass.records import Alert, Anomaly, Estimate, Prediction, Source
from aimass.rules.backtest import begun
from aimass.rules.document import Rule
from aimass.rules.syntax import Pattern
from aimass.rules.tokens import seconds
from aimass.stages.decide import DecideStage

#: When the events of trials begin: a Monday, at eight in the morning UTC.
BEGIN = 1_600_070_400.0


@dataclass(frozen=True, slots=True)
class Trial:
    """Events, and the firings that a rule must show on them.

    Parameters
    ----------
    events
        The predictions that it sees.
    fires
        The key and the time, in seconds since the first event, of each alert that begins an episode; a key or a time
        that is ``None`` may be any.
    """

    events: tuple[Prediction, ...]
    fires: tuple[tuple[str | None, float | None], ...]


def trial(rule: Rule, test: Mapping[str, Any]) -> list[str]:
    """Hold a rule against one test of its file; return what is wrong, in words.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> rule = Rule("burst", condition('count(type == "failed", 1m) >= 2'))
    >>> events = [{"type": "failed"}, {"at": "30s", "type": "failed"}]
    >>> trial(rule, {"events": events, "fires": [{"at": "30s"}]})
    []
    >>> trial(rule, {"events": events, "fires": []})
    ['fires for key "k" after 30 s, which is not expected']
    """
    try:
        read = read_trial(test)
    except (ValueError, TypeError) as exc:
        return [str(exc)]
    found = [(alert.key, alert.time - BEGIN) for alert in firings(rule, read.events)]
    missing = []
    for key, time in read.fires:
        hit = next(
            (one for one in found if key in (None, one[0]) and (time is None or abs(time - one[1]) < 1e-3)), None
        )
        if hit is None:
            missing.append(f"does not fire{_place(key, time)}, which is expected")
        else:
            found.remove(hit)
    return missing + [f"fires{_place(key, time)}, which is not expected" for key, time in found]


def firings(rule: Rule, events: tuple[Prediction, ...]) -> Iterator[Alert]:
    """Yield the alerts that begin an episode, as if the rule were live and its key's time went on for a day."""
    live = msgspec.structs.replace(rule, mode="live", alert=True)
    span = rule.when.within_s if isinstance(rule.when, Pattern) else 0.0
    tick = max(1.0, min(rule.cooldown_s, span or rule.cooldown_s) / 8)
    until = max((one.time for one in events), default=BEGIN) + span + rule.cooldown_s + 2 * tick
    out, _ = run_stage(DecideStage("trial", [live], tick_s=tick), events, until=until)
    yield from begun(out.records(""))


def read_trial(test: Mapping[str, Any]) -> Trial:
    """Read a test: ``events`` with ``at``, ``key`` and their fields, and ``fires`` with ``at`` and ``key``.

    What detectors and models say of an event stands under ``anomalies`` and ``estimates``, by their names.

    Raises
    ------
    ValueError
        When it is no test.
    """
    unknown = set(test) - {"events", "fires", "name"}
    if unknown or not isinstance(test.get("events"), list) or not isinstance(test.get("fires", []), list):
        raise ValueError('a test has "events", a list, and "fires", a list of { at = "30s", key = "k" }')
    events = tuple(_event(i, dict(one)) for i, one in enumerate(test["events"]))
    for one in test.get("fires", ()):
        if set(one) - {"at", "key"}:
            raise ValueError(f'fires: {one!r} may have "at" and "key" only')
    return Trial(events, tuple((one.get("key"), _time(one.get("at"))) for one in test.get("fires", ())))


def _event(number: int, fields: dict[str, Any]) -> Prediction:
    time = _time(fields.pop("at", 0.0)) or 0.0
    key = str(fields.pop("key", "k"))
    anomalies = msgspec.convert(fields.pop("anomalies", {}), dict[str, Anomaly])
    estimates = msgspec.convert(fields.pop("estimates", {}), dict[str, Estimate])
    drifts = msgspec.convert(fields.pop("drifts", {}), dict[str, str])
    source = Source("trial", 0, number)
    data = msgspec.Raw(codec.encode(fields))
    return Prediction(source.id, key, BEGIN + time, "trial", source, anomalies, estimates, data, drifts)


def _time(value: Any) -> float | None:
    if value is None or isinstance(value, int | float):
        return value
    try:
        return seconds(str(value))
    except (KeyError, ValueError) as exc:
        raise ValueError(f'at: {value!r} is no time; write seconds, or a duration like "30s"') from exc


def _place(key: str | None, time: float | None) -> str:
    named = "" if key is None else f' for key "{key}"'
    return named + ("" if time is None else f" after {time:g} s")

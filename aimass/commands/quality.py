"""`aimass quality`: how good the data of a pipeline is now, and its gates."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import sleep
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape

from aimass.codec import decoder
from aimass.commands import quality_topics
from aimass.commands.alerts import login
from aimass.commands.console import out, print_json, table
from aimass.commands.control import send
from aimass.commands.kafka import find_kafka
from aimass.commands.quality_topics import gates_of, name_of, nothing_judges
from aimass.commands.report_words import lasted, minute, percent
from aimass.errors import ClientError
from aimass.quality.indicators import INDICATORS
from aimass.quality.reports import people
from aimass.quality.reports.people import WAITING, GateHistory
from aimass.records import Gate, Indicator, Judgement, Review
from aimass.settings import Settings

_WATCH_S = 2.0
#: So many sources stand beside one another.
_BESIDE = 4


class Now:
    """How things stand: a fold of judgements, reviews and gates that goes on where it stopped.

    State: the last judgement of each source and its last complete one, the tasks that wait, and all that gates did.

    Examples
    --------
    >>> now = Now("p")
    >>> now.judged([Judgement(f"t|{at}", "t", at, "p", 60.0, 1, at < 60, 9, 9) for at in (0.0, 60.0)])
    >>> [(one["source"], one["pane"], one["newest"]) for one in now.facts()["sources"]]
    [('t', 0.0, 60.0)]
    """

    def __init__(self, pipeline: str) -> None:
        self._pipeline = pipeline
        self._newest: dict[str, Judgement] = {}
        self._whole: dict[str, Judgement] = {}
        self._waiting: dict[str, Review] = {}
        self._gates: list[Gate] = []

    def judged(self, judgements: Iterable[Judgement]) -> None:
        """Take judgements, in their order."""
        for one in judgements:
            _put(self._newest, one)
            if one.is_complete and one.records:
                _put(self._whole, one)

    def reviewed(self, reviews: Iterable[Review]) -> None:
        """Take what was done to tasks."""
        for one in reviews:
            if one.state in WAITING:
                self._waiting[one.id] = one
            else:
                self._waiting.pop(one.id, None)

    def turned(self, gates: Iterable[Gate]) -> None:
        """Take all that gates did, from the beginning."""
        self._gates = list(gates)

    @property
    def sources(self) -> dict[str, dict[str, str]]:
        """The sources that are judged, each with its gates and their states."""
        return {name: one.gates for name, one in sorted(self._newest.items())}

    def gates(self) -> list[GateHistory]:
        """Return what each gate did, of all times."""
        judged = list(self._newest.values())
        times = [one.time for one in self._gates]
        start = min([*times, *(one.time for one in judged)], default=0.0)
        end = max([*times, *(one.time + one.length for one in judged)], default=0.0)
        return people.gates_of(self._gates, judged, start, end + 1e-3)

    def facts(self) -> dict[str, Any]:
        """Return how things stand, as JSON has it."""
        return {
            "pipeline": self._pipeline,
            "sources": [self._source(name) for name in sorted(self._newest)],
            "gates": [msgspec.to_builtins(one) for one in self.gates()],
            "waiting": len(self._waiting),
        }

    def _source(self, name: str) -> dict[str, Any]:
        newest = self._newest[name]
        shown = self._whole.get(name, newest)
        indicators = {**shown.indicators, "freshness": newest.indicators.get("freshness", Indicator())}
        waiting = [one for one in self._waiting.values() if one.source.topic == name]
        return {
            "source": name,
            "pane": shown.time,
            "length": shown.length,
            "newest": newest.time,
            "records": shown.records,
            "valid": shown.valid,
            "score": shown.score,
            "weakest": shown.weakest,
            "indicators": {one: msgspec.structs.asdict(indicators.get(one, Indicator())) for one in INDICATORS},
            "waiting": len(waiting),
            "oldest": min((one.time for one in waiting), default=None),
            "proposals": list(newest.proposals),
        }


def _put(held: dict[str, Judgement], one: Judgement) -> None:
    known = held.get(one.key)
    if known is None or (one.time, one.revision) >= (known.time, known.revision):
        held[one.key] = one


class Reader:
    """Reads a pipeline's topics into a `Now`; the next time only what is new."""

    def __init__(self, settings: Settings, pipeline: str) -> None:
        self._settings, self._pipeline = settings, pipeline
        self._next: dict[str, int] = {}
        self.now = Now(pipeline)

    def read(self) -> Now:
        """Return how things stand.

        Raises
        ------
        ClientError
            When nothing judges data here.
        """
        judgements = self._new("quality", Judgement)
        if judgements is None:
            raise nothing_judges(self._pipeline)
        self.now.judged(judgements)
        self.now.reviewed(self._new("reviews", Review) or [])
        self.now.turned(gates_of(self._settings, self._pipeline))
        return self.now

    def _new(self, name: str, record: Any) -> list[Any] | None:
        """Return what came on a topic, which has one partition, since the last time."""
        topic = f"{self._pipeline}.{name}"
        found = asyncio.run(quality_topics.messages(self._settings, topic, self._next.get(topic, "beginning")))
        if found:
            self._next[topic] = found[-1].offset + 1
        decode = decoder(record)
        return None if found is None else [decode(one.value) for one in found if one.value is not None]


def show(settings: Settings, pipeline: str, *, watch: bool, as_json: bool) -> int:
    """Show how good the data of each source is, once or every two seconds."""
    reader = Reader(find_kafka(settings), name_of(pipeline))
    if not watch:
        _print(reader.read(), as_json)
        return 0
    with Live(console=out, auto_refresh=False, screen=not as_json and out.is_terminal) as live:
        while True:
            now = reader.read()
            if as_json:
                print_json(now.facts())
            else:
                live.update(render(now), refresh=True)
            sleep(_WATCH_S)


def gates(settings: Settings, pipeline: str, *, as_json: bool) -> int:
    """Show the history of the gates."""
    now = Reader(find_kafka(settings), name_of(pipeline)).read()
    found = now.gates()
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
    elif not found:
        out.print("There is no gate: a [[gate]] in the pipeline's file acts while data is bad.")
    else:
        out.print(_history(found))
    return 0


def turn(
    settings: Settings, pipeline: str, do: str, source: str, gate: str, *, by: str | None, why: str, as_json: bool
) -> int:
    """Close or open gates of a source by a person's word: JUDGE gets the order in its place among observations.

    A closed gate that somebody closed is held against the data, so the order has a name even where the system has none.
    """
    name, settings = name_of(pipeline), find_kafka(settings)
    _check(Reader(settings, name).read().sources, name, source, gate)
    order = {"do": do, "key": source, "alert": gate, "by": by or login() or "somebody", "why": why}
    send(settings, name, source, {"command": order})
    if as_json:
        print_json({"command": order})
    else:
        what = f"{gate} of {source}" if gate else f"all gates of {source}"
        till = "held until `aimass quality open`" if do == "close" else "the data decides again"
        out.print(f"{do} was ordered: {escape(what)}; {till}")
    return 0


def _check(sources: dict[str, dict[str, str]], pipeline: str, source: str, gate: str) -> None:
    if source not in sources:
        there = ", ".join(sources) or "none"
        raise ClientError(f"{source!r} is no source of {pipeline} that is judged; there are: {there}.")
    if not sources[source]:
        raise ClientError(f"{source} has no gate: add a [[gate]] to the pipeline's file.")
    if gate and gate not in sources[source]:
        raise ClientError(f"{source} has no gate {gate!r}; there are: {', '.join(sorted(sources[source]))}.")


def _print(now: Now, as_json: bool) -> None:
    if as_json:
        print_json(now.facts())
    else:
        out.print(render(now))


def render(now: Now) -> RenderableType:
    """Return how things stand, for people."""
    facts = now.facts()
    if not facts["sources"]:
        return "Nothing was judged yet: a pane is, some seconds after its first records."
    parts: list[RenderableType] = [_sources(facts["sources"])]
    for at in range(0, len(facts["sources"]), _BESIDE):
        parts += ["", _indicators(facts["sources"][at : at + _BESIDE])]
    for one in facts["sources"]:
        parts += [f"[yellow]proposal[/yellow] {escape(one['source'])}: {escape(each)}" for each in one["proposals"]]
    found = now.gates()
    if found:
        rows = [
            (escape(one.source), escape(one.gate), one.action or "–", _stands(one), _since(one), _last(one))
            for one in found
        ]
        parts += ["", table(["source", "gate", "action", "stands", "since", "why"], rows)]
    waiting = facts["waiting"]
    if waiting:
        parts += ["", f"{waiting:,} records wait for people: `aimass review list {escape(facts['pipeline'])}`"]
    return Group(*parts)


def _sources(sources: list[dict[str, Any]]) -> RenderableType:
    rows = [
        [
            escape(one["source"]),
            minute(one["pane"]),
            one["records"],
            percent(one["score"]),
            one["weakest"] if one["weakest"] and one["score"] < 1 else "–",
            one["waiting"],
        ]
        for one in sources
    ]
    return table(["source", "last whole pane", "#records", "#score", "weakest", "#waiting"], rows)


def _indicators(sources: list[dict[str, Any]]) -> RenderableType:
    rows = [[name, *(_share(name, one) for one in sources)] for name in INDICATORS]
    return table(["indicator", *(f"#{escape(one['source'])}" for one in sources)], rows)


def _share(name: str, source: dict[str, Any]) -> str:
    value = source["indicators"][name]["value"]
    if value is None:
        return "unknown"
    return f"[bold]{percent(value)}[/bold]" if name == source["weakest"] and value < 1 else percent(value)


def _stands(one: GateHistory) -> str:
    return "[bold red]closed[/bold red]" if one.is_closed else f"open ({one.state})"


def _since(one: GateHistory) -> str:
    if not one.closings:
        return ""
    last = one.closings[-1]
    return minute(last.closed if last.opened is None else last.opened)


def _last(one: GateHistory) -> str:
    if not one.closings:
        return ""
    last = one.closings[-1]
    by, why = (last.by, last.why) if last.opened is None else (last.opened_by, last.opened_why)
    return escape(f"{by}: {why}" if by else why)


def _history(found: list[GateHistory]) -> RenderableType:
    rows = []
    for one in found:
        name = (escape(one.source), escape(one.gate), one.action or "–")
        if not one.closings:
            rows.append((*name, "never", "", "", f"now {one.state}"))
        for each in one.closings:
            till = "" if each.opened is None else minute(each.opened)
            long = "still closed" if each.opened is None else lasted(each.opened - each.closed)
            why = f"{each.by}: {each.why}" if each.by else each.why
            rows.append((*name, minute(each.closed), till, long, escape(why)))
    return table(["source", "gate", "action", "closed", "opened", "for", "why"], rows)

"""Decide: from what is known of an event to what is done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from aimass.codec import encode
from aimass.records import ORDERS, SEVERITIES, Alert, Anomaly, Command, Gate, Prediction, RuleChange
from aimass.rules.columns import Truths
from aimass.rules.document import Rule
from aimass.rules.patterns import Match
from aimass.rules.ruleset import Asked, Firing, Level, Ruleset, changed
from aimass.rules.sight import Sight
from aimass.rules.syntax import Any_, Truth
from aimass.stages.base import Outputs
from aimass.stages.episodes import Episodes, News
from aimass.stages.profiles import Given, Pins, Profiles, Tags
from aimass.stages.recommend import Recommender
from aimass.stages.wording import evidence, modest, severity_of, words
from aimass.state import ObjectSpec, State

_NOTHING = msgspec.Raw(b"{}")
_CHANGES: ObjectSpec[list[Rule]] = ObjectSpec(
    "rules", msgspec.json.Encoder().encode, msgspec.json.Decoder(list[Rule]).decode
)
_ASKED: ObjectSpec[dict[str, str]] = ObjectSpec(
    "asked", msgspec.json.Encoder().encode, msgspec.json.Decoder(dict[str, str]).decode
)
_rule = msgspec.json.Decoder(Rule).decode
_CONTROL = frozenset(ORDERS)


class DecideStage:
    """Asks every rule of every prediction, and does what those that fire say; recommends.

    A rule alerts when its condition becomes true for a key. While it stays true, and until it has not been met for the
    cool-down, only a higher severity alerts again; then the episode is resolved.

    State: what windows, patterns and functions of rules remember by key; the running episodes; the changes of rules
    since the pipeline's file; profiles and tags of keys; what recommenders learn. Each has its bound, where it is made.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    rules
        The rules of its file. Changes come through the log.
    recommenders
        What recommends items to keys, each with the conditions that it looks at, by their names.
    emits
        The topics that rules may emit to.
    lateness_s
        How late events may come, in seconds.
    keeps_profiles
        Whether profiles of keys are kept although no rule looks at them.
    tick_s
        How often event time is told; without, no episode ends and no absence is noticed.

    Examples
    --------
    >>> from aimass.pipeline import compile_stages, parse
    >>> from aimass.records import Anomaly
    >>> from aimass.testing import MemoryOutputs, MemoryState, prediction
    >>> stage = compile_stages(parse('name = "p"\\n[[source]]\\ntopic = "t"'))[2]
    >>> out, odd = MemoryOutputs("alerts"), Anomaly(6.2, "f2", "jump", 812.0, 3.0)
    >>> stage.on_batch([prediction({}, odd=odd), prediction({}, odd=odd)], MemoryState(), out)
    >>> [alert.cause for alert in out.records("alerts")]
    ['f2 jumped to 812 (expected about 3); 1 in 10^6.2']
    """

    name = "decide"

    def __init__(
        self,
        pipeline: str,
        rules: Sequence[Rule] = (),
        *,
        recommenders: Sequence[tuple[Recommender, Mapping[str, Any_]]] = (),
        emits: Iterable[str] = (),
        lateness_s: float = 0.0,
        keeps_profiles: bool = False,
        tick_s: float | None = None,
    ) -> None:
        self.tick_s = tick_s
        self._pipeline, self._rules, self._lateness = pipeline, list(rules), lateness_s
        self._recommenders, self._emits = list(recommenders), frozenset(emits)
        self._profiles, self._tags = Profiles(), Tags()
        self._keeps_profiles = keeps_profiles or bool(recommenders)
        self._in_force: tuple[list[Rule], Ruleset] | None = None
        self._episodes: dict[tuple[str, str], tuple[Rule, Episodes]] = {}

    def on_batch(self, events: Sequence[Prediction | RuleChange | Command | Gate], state: State, out: Outputs) -> None:
        """Take the next predictions, and changes of rules where they stand among them; gates are SCORE's."""
        if _CONTROL.isdisjoint(map(type, events)):
            self._decide(events, state, out)  # type: ignore[arg-type]
            return
        run: list[Prediction] = []
        for one in events:
            if type(one) is Prediction:
                run.append(one)
                continue
            if type(one) is RuleChange:
                self._decide(run, state, out)
                run = []
                self._change(one, state, out)
            elif type(one) is Command:
                out.emit(one, to="signals")
        self._decide(run, state, out)

    def ruleset(self, state: State) -> Ruleset:
        """Return the rules in force, as they were asked of the last batch."""
        changes = state.objects(_CHANGES).get("") or []
        if self._in_force is None or self._in_force[0] != changes:
            extra = [condition for _, conditions in self._recommenders for condition in conditions.values()]
            self._in_force = list(changes), Ruleset(changed(self._rules, changes), self._lateness, extra)
        return self._in_force[1]

    def _change(self, change: RuleChange, state: State, out: Outputs) -> None:
        """Put a rule in force from here on; the episodes of one that is asked no longer are over."""
        rule = _rule(change.rule)
        before = {one.rule.name: one.rule for one in self.ruleset(state).asked}.get(rule.name)
        table = state.objects(_CHANGES)
        table.put("", [*(one for one in table.get("") or () if one.name != rule.name), rule])
        if before is not None and (not rule.is_asked or rule.mode != before.mode):
            for key, episode in self._episodes_of(before).drop(state):
                asked = Asked.of(before, 0)
                self._tell(asked, _ended(self._pipeline, asked, key, ("resolved", episode, change.time)), out)

    def _decide(self, events: Sequence[Prediction], state: State, out: Outputs) -> None:
        if not events:
            return
        rules, sight = self.ruleset(state), Sight(events)
        self._settle(rules, events[0].time, state, out)
        if self._keeps_profiles or rules.needs_profile:
            sight.profile = self._profiles.run(sight, state)
        tags: list[Given] = []
        pins: list[Given] = []
        firings: list[tuple[Level, Firing]] = []
        for level in rules.levels:
            sight.tags = {tag: self._tags.truths(sight, tag, tags, state) for tag in rules.tags}
            for one in level.ask(sight, state):
                firings.append((level, one))
                _give(one, sight, tags, pins)
        if len(rules.levels) > 1:
            firings.sort(key=_order)
        for level, one in firings:
            self._fire(level, one, sight, state, out)
        if self._recommenders:
            self._recommend(rules.extras, Pins(self._tags, sight, pins, state), sight, state, out)
        if tags or pins:
            self._tags.take(sight, tags, pins, state)

    def _settle(self, rules: Ruleset, time: float, state: State, out: Outputs) -> None:
        """End the episodes of rules that the file has no longer; note which rules there are."""
        table = state.objects(_ASKED)
        before, there = table.get("") or {}, rules.modes
        if before == there:
            return
        for name, mode in before.items():
            if name not in there:
                gone = Asked.of(Rule(name, Truth(True), mode=mode), 0)
                for key, episode in self._episodes_of(gone.rule).drop(state):
                    self._tell(gone, _ended(self._pipeline, gone, key, ("resolved", episode, time)), out)
        table.put("", dict(there))

    def _recommend(self, truths: Sequence[Truths], pins: Pins, sight: Sight, state: State, out: Outputs) -> None:
        first = 0
        for recommender, conditions in self._recommenders:
            last = first + len(conditions)
            said = dict(zip(conditions, truths[first:last], strict=True))
            recommender.run(sight, said, pins, state, out)
            first = last

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Notice what did not happen, end episodes that are over, and close what recommendations waited for."""
        rules = self.ruleset(state)
        for level in rules.levels:
            for asked, matcher, _ in level.patterns:
                for match in matcher.on_time(now, state):
                    self._give(asked.rule, match, state)
                    self._happen(asked, match, state, out)
        for asked in rules.asked:
            for key, news in self._episodes_of(asked.rule).over(now, state):
                self._tell(asked, _ended(self._pipeline, asked, key, news), out)
        for recommender, _ in self._recommenders:
            recommender.on_time(now, state, out)

    def _fire(self, level: Level, one: Firing, sight: Sight, state: State, out: Outputs) -> None:
        """Do what a rule says that fires at an event, unless its episode goes on."""
        if one.row is None:
            if one.match is not None:
                self._happen(one.asked, one.match, state, out)
            return
        asked, event = one.asked, sight.predictions[one.row]
        anomalies = [event.anomalies[name] for name in asked.detectors if name in event.anomalies]
        severity = asked.rule.severity or severity_of(anomaly.score for anomaly in anomalies)
        episodes, level_of = self._episodes_of(asked.rule), SEVERITIES.index(severity)
        news = episodes.met(event, level_of, state) if one.is_met else episodes.unmet(event, state)
        self._report(asked, event, severity, news, partial(self._shown, level, one, event, anomalies), out)

    def _shown(
        self, level: Level, one: Firing, event: Prediction, anomalies: Sequence[Anomaly]
    ) -> tuple[str, dict[str, Any]]:
        """Return the cause and the evidence of an alert at an event."""
        asked = one.asked
        if one.match is not None:
            return _course(asked, one.match), {**evidence(event), **one.match.evidence()}
        values = modest({name: level.value(node).values()[one.seen_at] for name, node in asked.shown})
        estimates = {name: event.estimates[name] for name in asked.models if name in event.estimates}
        return words(asked.text, anomalies, estimates, values), {**evidence(event), **values}

    def _report(
        self,
        asked: Asked,
        event: Prediction,
        severity: str,
        news: Iterable[News],
        shown: Callable[[], tuple[str, dict[str, Any]]],
        out: Outputs,
    ) -> None:
        """Tell what is news of an episode; ``shown`` is asked for cause and evidence only when there is any."""
        for phase, episode, time in news:
            if phase == "resolved":
                self._tell(asked, _ended(self._pipeline, asked, event.key, (phase, episode, time)), out)
                continue
            cause, told = shown()
            told = {"when": asked.text, **told}
            self._tell(asked, _alert(asked, event, phase, episode, severity, asked.rule.cause or cause, told), out)

    def _happen(self, asked: Asked, match: Match, state: State, out: Outputs) -> None:
        """Do what a rule says whose pattern was completed by time: there is no event that did it."""
        last = match.events[-1]
        name = f"{last.id}-{match.time:.0f}"
        event = Prediction(name, match.key, match.time, self._pipeline, last.source, {}, {}, _NOTHING)
        severity = asked.rule.severity or "warning"
        news = self._episodes_of(asked.rule).met(event, SEVERITIES.index(severity), state)
        self._report(asked, event, severity, news, lambda: (_course(asked, match), match.evidence()), out)

    def _give(self, rule: Rule, match: Match, state: State) -> None:
        """Give the tag and the items of a rule to the key for which it fired as time passed."""
        if rule.mode == "live":
            if rule.tag is not None:
                self._tags.give(match.key, rule.tag, match.time + rule.tag_s, state)
            for item in rule.recommend:
                self._tags.pin(match.key, item, match.time + rule.recommend_s, rule.name, state)

    def _episodes_of(self, rule: Rule) -> Episodes:
        found = self._episodes.get((rule.name, rule.mode))
        if found is None or found[0] != rule:
            found = self._episodes[rule.name, rule.mode] = rule, Episodes(rule)
        return found[1]

    def _tell(self, asked: Asked, alert: Alert, out: Outputs) -> None:
        """Bring an alert to where the rule's mode and its actions want it."""
        rule, is_firing = asked.rule, alert.state == "firing"
        if rule.mode == "shadow":
            out.emit(alert, to="shadow")
            return
        if not rule.alert and rule.notify and is_firing:
            out.emit(msgspec.structs.replace(alert, state="notice"), to="signals")
        places = ["", "signals"] if rule.alert else []
        if is_firing:
            places += ["reviews"] if rule.review else []
            places += [rule.emit] if rule.emit in self._emits and rule.emit is not None else []
        if places:
            keys, values = (alert.key.encode(),), (encode(alert),)
            for place in places:
                out.emit_encoded(keys, values, to=place)


def _order(one: tuple[Level, Firing]) -> tuple[int, int]:
    return one[1].seen_at, one[1].asked.place


def _give(one: Firing, sight: Sight, tags: list[Given], pins: list[Given]) -> None:
    """Note the tag and the items that a rule gives to the key of an event."""
    rule = one.asked.rule
    if not one.is_met or rule.mode != "live":
        return
    time = sight.predictions[one.seen_at].time if one.match is None else one.match.time
    if rule.tag is not None:
        tags.append(Given(one.seen_at, rule.tag, time + rule.tag_s, rule.name))
    pins += [Given(one.seen_at, item, time + rule.recommend_s, rule.name) for item in rule.recommend]


def _alert(
    asked: Asked, event: Prediction, phase: str, episode: Any, severity: str, cause: str, told: dict[str, Any]
) -> Alert:
    name = f"{event.id}-{asked.rule.name}"
    return Alert(
        id=name,
        key=event.key,
        time=event.time,
        pipeline=event.pipeline,
        source=event.source,
        rule=asked.rule.name,
        severity=severity,
        cause=cause,
        evidence=told,
        data=event.data,
        state=phase,
        version=asked.rule.version,
        episode=None if episode.id == name else episode.id,
        notify=asked.rule.notify,
    )


def _course(asked: Asked, match: Match) -> str:
    """Return in words what a pattern has matched."""
    said = match.words()
    return f"{asked.text}: {said}" if said else asked.text


def _ended(pipeline: str, asked: Asked, key: str, news: News) -> Alert:
    _, episode, time = news
    return Alert(
        id=f"{episode.id}-resolved",
        key=key,
        time=time,
        pipeline=pipeline,
        source=episode.source,
        rule=asked.rule.name,
        severity=SEVERITIES[episode.worst],
        cause="not met any more",
        evidence={},
        data=_NOTHING,
        state="resolved",
        version=asked.rule.version,
        episode=episode.id,
    )

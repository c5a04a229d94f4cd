"""What workers and Kafka say of themselves, put together: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aiokafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from aimass.settings import AGENTS


@dataclass(slots=True)
class AgentFacts:
    """One agent of a pipeline, over all workers; ``None`` where nobody says."""

    lag: int | None = None
    events_in: int | None = None
    events_out: int | None = None
    dead_letters: int | None = None
    restore_ratio: float | None = None
    last_commit: float | None = None
    rate: float | None = None
    partitions: int = 0


#: By pipeline and agent.
Facts = dict[tuple[str, str], AgentFacts]

_SUMS = {
    "aimass_events_in_total": "events_in",
    "aimass_events_out_total": "events_out",
    "aimass_dead_letters_total": "dead_letters",
    "aimass_lag_records": "lag",
}


def from_metrics(texts: Iterable[str]) -> Facts:
    """Return the facts in the metrics of workers: counts added up, the slowest restore, the latest commit.

    Parameters
    ----------
    texts
        What each worker answers at ``/metrics``.

    Examples
    --------
    >>> text = 'aimass_events_in_total{pipeline="p",agent="score"} 7.0'
    >>> from_metrics([text, text])["p", "score"].events_in
    14
    """
    facts: Facts = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = sample.labels
                if "pipeline" in labels and "agent" in labels:
                    found = facts.setdefault((labels["pipeline"], labels["agent"]), AgentFacts())
                    _take(found, sample.name, sample.value)
    return facts


def _take(found: AgentFacts, name: str, value: float) -> None:
    if name in _SUMS:
        setattr(found, _SUMS[name], (getattr(found, _SUMS[name]) or 0) + int(value))
        found.partitions += name == "aimass_lag_records"
    elif name == "aimass_restore_progress_ratio":
        found.restore_ratio = value if found.restore_ratio is None else min(found.restore_ratio, value)
    elif name == "aimass_last_commit_timestamp_seconds" and value > 0:
        found.last_commit = value if found.last_commit is None else max(found.last_commit, value)


def rates(before: Facts, after: Facts, seconds: float) -> None:
    """Fill in how many events a second each agent took between two looks; one that began anew counts from zero."""
    for name, found in after.items():
        earlier = before.get(name)
        if earlier is None or found.events_in is None or earlier.events_in is None or seconds <= 0:
            continue
        found.rate = max(0.0, found.events_in - earlier.events_in) / seconds


def pipelines_among(topics: Iterable[str]) -> list[str]:
    """Return the pipelines that have their topics in a cluster.

    Examples
    --------
    >>> pipelines_among(["a.log", "a.predictions", "a.alerts", "b.log"])
    ['a']
    """
    there = set(topics)
    names = (topic.removesuffix(".log") for topic in there if topic.endswith(".log"))
    return sorted(name for name in names if {f"{name}.predictions", f"{name}.alerts"} <= there)


def agent_of(pipeline: str, topic: str) -> str | None:
    """Return the agent that reads a topic of a pipeline's group; a changelog is read by none.

    Examples
    --------
    >>> agent_of("p", "p.log"), agent_of("p", "p.predictions"), agent_of("p", "sensors")
    ('score', 'decide', 'collect')
    """
    if topic.endswith(("-changelog", ".changelog")):
        return None
    readers = {"log": "score", "predictions": "decide", "signals": "notify", "series": "correlate"}
    return readers.get(topic.removeprefix(f"{pipeline}."), "collect") if topic.startswith(f"{pipeline}.") else "collect"


def lag_from_kafka(
    pipeline: str,
    done: Mapping[TopicPartition, int],
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> dict[str, int]:
    """Return how many offsets each agent has before it, from its group's commits and the ends of its topics."""
    lags: dict[str, int] = {}
    for at, end in ends.items():
        agent = agent_of(pipeline, at.topic)
        if agent is not None:
            lags[agent] = lags.get(agent, 0) + max(0, end - max(done.get(at, 0), starts.get(at, 0)))
    return lags


@dataclass(slots=True)
class Status:
    """All that `aimass status` shows."""

    kafka: dict[str, Any]
    workers: list[dict[str, Any]] = field(default_factory=list)
    facts: Facts = field(default_factory=dict)
    problem: str | None = None

    def as_json(self, now: float) -> dict[str, Any]:
        """Return it for programs; ages are seconds before `now`."""
        pipelines: dict[str, list[dict[str, Any]]] = {}
        for (pipeline, agent), found in sorted(self.facts.items(), key=_in_order):
            age = None if found.last_commit is None else round(max(0.0, now - found.last_commit), 3)
            row = {"agent": agent, **asdict(found), "commit_age_s": age}
            del row["last_commit"]
            pipelines.setdefault(pipeline, []).append(row)
        return {
            "kafka": self.kafka,
            "workers": self.workers,
            "pipelines": [{"pipeline": name, "agents": agents} for name, agents in pipelines.items()],
            "problem": self.problem,
        }


def _in_order(item: tuple[tuple[str, str], AgentFacts]) -> tuple[str, int, str]:
    pipeline, agent = item[0]
    return pipeline, AGENTS.index(agent) if agent in AGENTS else len(AGENTS), agent

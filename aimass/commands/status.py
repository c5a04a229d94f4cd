"""`aimass status`: Kafka, workers and pipelines at a glance."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import httpx
import orjson
from rich.console import Group, RenderableType
from rich.live import Live

from aimass import broker
from aimass.admin import beginning_offsets, committed_offsets, end_offsets, list_topics
from aimass.commands.console import out, print_json, table
from aimass.commands.status_facts import AgentFacts, Facts, Status, from_metrics, lag_from_kafka, pipelines_among, rates
from aimass.errors import ClientError, WorldFault
from aimass.settings import Settings, kafka_options

_SAMPLE_S = 0.6
_SCRAPE_TIMEOUT_S = 2.0


def status(settings: Settings, *, pipeline: str | None, watch: bool, as_json: bool) -> int:
    """Show how things are, once or every second."""
    if not watch:
        found = _sampled(settings, pipeline)
        if as_json:
            print_json(found.as_json(time()))
        else:
            out.print(render(found, time()))
        return 0 if found.problem is None else 1
    before, seen = _scrape(settings)[1], monotonic()
    with Live(console=out, auto_refresh=False, screen=not as_json and out.is_terminal) as live:
        while True:
            sleep(1.0)
            found = look(settings, pipeline)
            rates(before, found.facts, monotonic() - seen)
            before, seen = found.facts, monotonic()
            if as_json:
                print_json(found.as_json(time()))
            else:
                live.update(render(found, time()), refresh=True)


def _sampled(settings: Settings, pipeline: str | None) -> Status:
    """Look twice when there is a worker, so that there are rates."""
    workers, before = _scrape(settings)
    seen = monotonic()
    if workers:
        sleep(_SAMPLE_S)
    found = look(settings, pipeline)
    rates(before, found.facts, monotonic() - seen)
    return found


def look(settings: Settings, pipeline: str | None) -> Status:
    """Return what there is to know now.

    Raises
    ------
    ClientError
        When there is no such pipeline.
    """
    kafka, bootstrap = _kafka(settings)
    workers, facts = _scrape(settings)
    found = Status(kafka, workers, facts)
    if bootstrap is None:
        found.problem = f"no Kafka runs in {settings.home}: start one with `aimass up`."
        return found
    try:
        asyncio.run(_add_kafka_facts(bootstrap, settings, found, pipeline))
    except WorldFault as exc:
        found.problem = str(exc)
    return found


def _kafka(settings: Settings) -> tuple[dict[str, Any], str | None]:
    if settings.bootstrap_servers is not None:
        return {"embedded": False, "running": None, "bootstrap": settings.bootstrap_servers}, settings.bootstrap_servers
    known = broker.status(settings.home)
    facts = {
        "embedded": True,
        "running": known.running,
        "healthy": known.healthy,
        "bootstrap": known.bootstrap,
        "version": known.version,
        "data_dir": str(known.data_dir),
        "brokers": [
            {
                "id": node.node_id,
                "pid": node.pid,
                "port": node.port,
                "running": node.running,
                "healthy": node.healthy,
                "uptime_s": node.uptime_s,
                "log_file": str(node.log_file),
            }
            for node in known.nodes
        ],
    }
    return facts, known.bootstrap if known.running else None


async def _add_kafka_facts(bootstrap: str, settings: Settings, found: Status, pipeline: str | None) -> None:
    """Add the lag of agents that no worker tells of, from what their groups have committed."""
    options = {**kafka_options(settings)} if settings.bootstrap_servers else {"bootstrap_servers": bootstrap}
    topics = await list_topics(options)
    names = pipelines_among(topics)
    if pipeline is not None and pipeline not in names:
        there = ", ".join(names) or "none"
        raise ClientError(f"there is no pipeline {pipeline!r} in this Kafka; there are: {there}.")
    found.facts = {name: facts for name, facts in found.facts.items() if pipeline in (None, name[0])}
    for name in names if pipeline is None else [pipeline]:
        done = await committed_offsets(options, f"aimass.{name}")
        own = {f"{name}.log", f"{name}.predictions", f"{name}.series"}
        read = {at.topic for at in done} | own.intersection(topics)
        starts, ends = await beginning_offsets(options, read), await end_offsets(options, read)
        for agent, lag in lag_from_kafka(name, done, starts, ends).items():
            facts = found.facts.setdefault((name, agent), AgentFacts())
            if facts.lag is None:
                facts.lag = lag


def registered(home: Path) -> list[dict[str, Any]]:
    """Return the workers that have registered and whose process is there."""
    found = []
    for path in sorted((home / "workers").glob("*.json")):
        try:
            worker = orjson.loads(path.read_bytes())
            os.kill(int(worker["pid"]), 0)
        except PermissionError:
            pass
        except (OSError, ValueError, KeyError):
            continue
        found.append(worker)
    return found


def _scrape(settings: Settings) -> tuple[list[dict[str, Any]], Facts]:
    workers, texts = registered(settings.home), []
    with httpx.Client(timeout=_SCRAPE_TIMEOUT_S) as client:
        for worker in workers:
            url = worker.get("url")
            worker["healthy"], worker["problem"] = None, None
            if not url:
                continue
            try:
                texts.append(client.get(f"{url}/metrics").raise_for_status().text)
                health = client.get(f"{url}/health")
                worker["healthy"] = health.is_success
                worker["problem"] = None if health.is_success else health.text[:300]
            except httpx.HTTPError as exc:
                worker["problem"] = f"does not answer at {url} ({type(exc).__name__})"
    return workers, from_metrics(texts)


def render(found: Status, now: float) -> RenderableType:
    """Return the status as people read it."""
    parts: list[RenderableType] = [_kafka_lines(found.kafka)]
    if found.problem:
        parts.append(f"[red]{found.problem}[/red]")
    parts.append("")
    if found.workers:
        rows = [_worker_row(worker, now) for worker in found.workers]
        parts += [table(["#worker", "since", "pipelines", "agents", "at", "health"], rows), ""]
    else:
        parts += ["No worker runs on this machine: start one with `aimass run PIPELINE.toml`.", ""]
    rows = [_agent_row(name, facts, now) for name, facts in sorted(found.facts.items(), key=lambda item: item[0])]
    if rows:
        columns = ["pipeline", "agent", "#lag", "#events/s", "#taken", "#dead letters", "#restored", "#last commit"]
        parts.append(table(columns, rows))
    return Group(*parts)


def _kafka_lines(kafka: dict[str, Any]) -> str:
    if not kafka["embedded"]:
        return f"Kafka: {kafka['bootstrap']} (configured)"
    if not kafka["running"]:
        return f"Kafka: not running ({kafka['data_dir']})"
    lines = [f"Kafka {kafka['version']}: {kafka['bootstrap']}, data in {kafka['data_dir']}"]
    for node in kafka["brokers"]:
        state = "healthy" if node["healthy"] else "not answering" if node["running"] else "not running"
        lines.append(
            f"  broker {node['id']}: {state}, pid {node['pid']}, up {ago(node['uptime_s'])}, {node['log_file']}"
        )
    return "\n".join(lines)


def _worker_row(worker: dict[str, Any], now: float) -> list[Any]:
    started = worker.get("started")
    health = worker["problem"] or {True: "healthy", False: "unhealthy", None: "–"}[worker["healthy"]]
    since = ago(now - float(started)) if isinstance(started, int | float) else str(started or "–")
    names = [", ".join(worker.get(field) or []) for field in ("pipelines", "agents")]
    return [str(worker["pid"]), since, *names, str(worker.get("url") or "–"), health]


def _agent_row(name: tuple[str, str], facts: AgentFacts, now: float) -> list[Any]:
    restored = "–" if facts.restore_ratio is None else f"{facts.restore_ratio:.0%}"
    commit = "–" if facts.last_commit is None else ago(now - facts.last_commit) + " ago"
    counts = [
        None if count is None else int(count) for count in (facts.lag, facts.rate, facts.events_in, facts.dead_letters)
    ]
    return [*name, *counts, restored, commit]


def ago(seconds: float | None) -> str:
    """Return a duration as people read it.

    Examples
    --------
    >>> ago(0.25), ago(90), ago(7300), ago(None)
    ('0.2 s', '1 min 30 s', '2 h 1 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"

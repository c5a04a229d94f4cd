"""`aimass run`, `aimass worker` and `aimass validate`: pipelines in the foreground."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aimass.commands.console import err, out, print_json
from aimass.commands.kafka import ensure_kafka, find_kafka
from aimass.commands.pipelines import create_topics, load, sources_of
from aimass.settings import AGENTS, Settings

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline


def run(settings: Settings, files: Sequence[Path]) -> int:
    """Run pipelines with all that they need: Kafka, topics, and one worker with every agent."""
    pipelines = load(files)
    settings, started = ensure_kafka(settings)
    if started:
        err.print(f"Kafka is up: {settings.bootstrap_servers} (stop it by `aimass down`)")
    created = asyncio.run(create_topics(settings, pipelines))
    for name in created:
        err.print(f"created topic {name}")
    for pipeline in pipelines:
        err.print(f"{pipeline.name}: produce to {', '.join(sources_of(pipeline))}; watch {pipeline.name}.alerts")
    return work(settings, pipelines, frozenset(AGENTS))


def worker(settings: Settings, files: Sequence[Path], agents: frozenset[str]) -> int:
    """Run one worker; Kafka and the topics must be there."""
    pipelines = load(files)
    return work(find_kafka(settings), pipelines, agents)


def work(settings: Settings, pipelines: Sequence[Pipeline], agents: frozenset[str]) -> int:
    """Hand over to the runtime until the worker ends."""
    from aimass.runtime.worker import run_worker

    return run_worker(pipelines, settings, agents)


def validate(settings: Settings, files: Sequence[Path], *, as_json: bool) -> int:
    """Say whether pipeline files are right; the first that is wrong is an error."""
    pipelines = load(files)
    if as_json:
        print_json([{"pipeline": pipeline.name, "sources": sources_of(pipeline)} for pipeline in pipelines])
        return 0
    for file, pipeline in zip(files, pipelines, strict=True):
        out.print(f"{file}: pipeline {pipeline.name!r} is valid; it collects from {', '.join(sources_of(pipeline))}")
    return 0

"""Pipelines as commands see them: loaded from files, with the topics they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimass.admin import Wanted, ensure_topics, list_topics
from aimass.errors import ConfigurationError
from aimass.settings import Settings, kafka_options

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline


def load(files: Sequence[Path]) -> list[Pipeline]:
    """Load pipeline files, each with a name of its own.

    Raises
    ------
    ConfigurationError
        When a file is wrong, or two pipelines have one name.
    """
    from aimass.pipeline import load as load_file

    pipelines: dict[str, Pipeline] = {}
    for file in files:
        pipeline = load_file(file)
        if pipeline.name in pipelines:
            raise ConfigurationError(f"{file}: another of these files also names its pipeline {pipeline.name!r}.")
        pipelines[pipeline.name] = pipeline
    return list(pipelines.values())


def sources_of(pipeline: Any) -> list[str]:
    """Return the topics that a pipeline collects from."""
    return list(pipeline.inputs)


def layout_of(pipeline: Pipeline, outputs: str | None = None) -> Any:
    """Return the names of a pipeline's topics; a replay has its outputs elsewhere."""
    from aimass.runtime.worker import load_app

    return load_app().Layout.of(pipeline, outputs)


async def create_topics(settings: Settings, pipelines: Iterable[Pipeline]) -> list[str]:
    """Create what is missing of the topics of pipelines, sources among them; return the names of the new ones.

    What is there keeps its partitions; what follows the log has as many as the log. Changelogs are the workers' own.
    """
    options = kafka_options(settings)
    created: list[str] = []
    for pipeline in pipelines:
        there = await list_topics(options)
        created += await ensure_topics(options, wanted_by(pipeline, there, settings), replication=settings.replication)
    return created


def wanted_by(pipeline: Pipeline, there: Mapping[str, int], settings: Settings) -> list[Wanted]:
    """Return name, partitions and settings of every topic that a pipeline needs, given those that are there."""
    layout = layout_of(pipeline)
    sources = {name: there.get(name, settings.partitions) for name in sources_of(pipeline)}
    wide = pipeline.partitions or there.get(layout.log.name, next(iter(sources.values())))
    return [
        *((name, partitions, {}) for name, partitions in sources.items()),
        *((topic.name, topic.partitions or wide, topic.settings()) for topic in layout.own),
    ]

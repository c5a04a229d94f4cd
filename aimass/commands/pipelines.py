"""Pipelines as commands see them: loaded from files, with the topics they need."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aimass
from aimass.admin import Wanted, ensure_topics, list_topics
from aimass.errors import ClientError, ConfigurationError
from aimass.settings import Settings, kafka_options
from aimass.topic import Topic

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline

#: The topics of every pipeline, by the file in `topics/` that declares each.
DECLARED = ("log", "predictions", "alerts", "deadletters")
AGENTS = ("collect", "score", "decide")


def load(files: Sequence[Path]) -> list[Pipeline]:
    """Load pipeline files, each with a name of its own.

    Raises
    ------
    ConfigurationError
        When a file is wrong, or two pipelines have one name.
    """
    from aimass.pipeline import load_pipeline

    pipelines: dict[str, Pipeline] = {}
    for file in files:
        pipeline = load_pipeline(file)
        if pipeline.name in pipelines:
            raise ConfigurationError(f"{file}: another of these files also names its pipeline {pipeline.name!r}.")
        pipelines[pipeline.name] = pipeline
    return list(pipelines.values())


def declared(name: str) -> Topic:
    """Return the declaration in ``topics/<name>.py``, which the wheel carries in ``aimass/_app``."""
    carried = str(Path(aimass.__file__).parent / "_app")
    if Path(carried).is_dir() and carried not in sys.path:
        sys.path.insert(0, carried)
    return cast("Topic", importlib.import_module(f"topics.{name}").TOPIC)


def topics_of(name: str) -> list[Topic]:
    """Return the declarations of one pipeline's topics."""
    return [declared(each).of(name) for each in DECLARED]


def sources_of(pipeline: Any) -> list[str]:
    """Return the topics that a pipeline collects from."""
    return [source.topic for source in pipeline.sources]


async def create_topics(settings: Settings, pipelines: Iterable[Pipeline]) -> list[str]:
    """Create what is missing of the topics of pipelines, sources among them; return the names of the new ones.

    A pipeline's topics have as many partitions as its sources have: the most, when they differ.
    """
    options = kafka_options(settings)
    there = await list_topics(options)
    created: list[str] = []
    for pipeline in pipelines:
        sources = {topic: there.get(topic, settings.partitions) for topic in sources_of(pipeline)}
        log = f"{pipeline.name}.log"
        most = there.get(log, max(sources.values()))
        wanted: list[Wanted] = [(topic, partitions, {}) for topic, partitions in sources.items()]
        wanted += [(topic.name, topic.partitions or most, topic.settings()) for topic in topics_of(pipeline.name)]
        created += await ensure_topics(options, wanted, replication=settings.replication)
    return created


async def check_topics(settings: Settings, pipelines: Iterable[Pipeline]) -> None:
    """Check that every topic of pipelines is there.

    Raises
    ------
    ClientError
        Names those that are not.
    """
    there = await list_topics(kafka_options(settings))
    for pipeline in pipelines:
        needed = [*sources_of(pipeline), *(topic.name for topic in topics_of(pipeline.name))]
        missing = [topic for topic in needed if topic not in there]
        if missing:
            raise ClientError(
                f"pipeline {pipeline.name!r} lacks the topics {', '.join(missing)}: make them by "
                "`aimass topics create PIPELINE.toml`, or start the pipeline by `aimass run PIPELINE.toml`."
            )

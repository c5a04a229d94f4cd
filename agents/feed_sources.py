"""FEED: what is outside of Kafka, into the topics of sources: files, HTTP, databases, and what is pushed."""

from aimass.feeds.push import PushServer
from aimass.feeds.service import FeedService
from aimass.pipeline import Pipeline
from aimass.runtime.engine import Engine


def attach(engine: Engine, pipeline: Pipeline) -> None:
    """Run the feeds of a pipeline for as long as its application runs."""
    app, settings = engine.app, engine.settings
    pushed = [one.topic for one in pipeline.sources if one.feed == "push"]
    if pushed:
        app.task(PushServer(pipeline.name, pushed, settings).run)
    if len(pushed) < sum(one.feed is not None for one in pipeline.sources):
        app.task(FeedService(pipeline.name, pipeline.sources, settings, observe=engine.fed).run)

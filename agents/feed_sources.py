"""FEED: what is outside of Kafka, into the topics of sources: files, HTTP, databases, and what is pushed."""

from aimass.feeds.push import PushServer
from aimass.feeds.service import FeedService
from aimass.pipeline import Pipeline
from aimass.runtime.driver import App
from aimass.settings import Settings


def attach(app: App, pipeline: Pipeline, settings: Settings) -> None:
    """Run the feeds of a pipeline for as long as its application runs."""
    pushed = [one.topic for one in pipeline.sources if one.feed == "push"]
    if pushed:
        app.task(PushServer(pipeline.name, pushed, settings).run)
    if len(pushed) < sum(one.feed is not None for one in pipeline.sources):
        app.task(FeedService(pipeline.name, pipeline.sources, settings).run)

"""Who runs which feed, from where it goes on, and what a feed that is told to end does first."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from aimass.errors import ConfigurationError
from aimass.feeds.make import make_feed
from aimass.feeds.service import FeedService, _whole
from aimass.feeds.writer import FeedWriter
from aimass.pipeline import parse
from aimass.pipeline.definition import SourceDef
from aimass.settings import Settings

SETTINGS = Settings(bootstrap_servers="127.0.0.1:9")
QUERY = "select * from orders where id > :cursor order by id"


def service(*topics):
    sources = [SourceDef(topic=topic, feed=f"{topic}/*.log") for topic in topics]
    return FeedService("shop", [*sources, SourceDef(topic="own"), SourceDef(topic="told", feed="push")], SETTINGS)


@pytest.mark.parametrize("workers", [1, 2, 3, 12])
def test_each_feed_is_run_by_one_worker(workers):
    topics = [f"t{number}" for number in range(30)]
    feeds = service(*topics)
    shares = [[TopicPartition("shop.positions", n) for n in range(12) if n % workers == w] for w in range(workers)]
    assert sorted(topic for share in shares for topic in feeds.topics_of(share, 12)) == sorted(topics)


def test_only_sources_that_are_fed_from_here_have_a_state():
    assert [(one.topic, one.feed, one.is_here) for one in service("web").states()] == [("web", "files", False)]


async def test_without_feeds_there_is_nothing_to_do():
    nothing = service()
    await asyncio.wait_for(nothing.run(), 5)
    assert nothing.states() == []


def test_a_writer_goes_on_where_the_last_one_was():
    writer = FeedWriter(None, "web", "shop.positions", "files", 1000)
    writer.recall(json.dumps({"feed": "files", "position": {"a": 1}, "rows": 7}).encode())
    assert (writer.position, writer.rows) == ({"a": 1}, 7)


def test_the_position_of_another_feed_is_of_no_use(caplog):
    writer = FeedWriter(None, "web", "shop.positions", "files", 1000)
    writer.recall(json.dumps({"feed": "sqlite:///shop.db orders by id", "position": {"a": 1}, "rows": 7}).encode())
    assert (writer.position, writer.rows) == (None, 7)
    assert "read from its beginning" in caplog.text


async def test_what_is_being_written_is_written_before_a_feed_ends():
    steps = []

    async def write():
        steps.append("begun")
        await asyncio.sleep(0.05)
        steps.append("committed")

    task = asyncio.create_task(_whole(write()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["begun", "committed"]


async def test_a_write_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr("aimass.feeds.service._GRACE_S", 0.05)
    task = asyncio.create_task(_whole(asyncio.sleep(3600)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('feed = "sqlit:///shop.db"', """feed: nothing reads 'sqlit'; did you mean "sqlite://"?"""),
        ('feed = "file:///var/log/app.log"', "feed: write the path alone: '/var/log/app.log'"),
        ('feed = "sqlite:///s.db"', "feed: a database needs a query"),
        ('feed = "sqlite:///"\ncursor = "id"\nquery = "' + QUERY + '"', "feed: names no file"),
        ('feed = "sqlite:///s.db"\ncursor = "id"\nquery = "select * from t"', "query: has no :cursor"),
        ('feed = "sqlite:///s.db"\ncursor = "id"\nquery = "select x::cursor order by 1"', "query: has no :cursor"),
        ('feed = "sqlite:///s.db"\ncursor = "id"\nquery = "select :cursor"', "query: has no order"),
        ('feed = "sqlite:///s.db"\nquery = "' + QUERY + '"', "feed: a database needs the column that grows"),
        ('feed = "a.log"\ncursor = "id"', "cursor: goes with HTTP or a database, not with files"),
        ('feed = "a.log"\nrate = 2', "rate: goes with HTTP, not with files"),
        ('feed = "push"\nevery = "1s"', "every: goes with files or HTTP or a database, not with what is pushed"),
        ('feed = "a.log"\nformat = "msgpack"', "format: files are read line by line, and msgpack has no lines"),
        ('feed = "a.log"\nevery = "0s"', "every: is too often: 50ms at the least"),
        ('every = "1s"', 'every: says how to feed, but there is no "feed"'),
    ],
)
def test_what_can_be_no_feed_is_said_with_its_line(source, said):
    with pytest.raises(ConfigurationError) as caught:
        parse(f'name = "shop"\n[[source]]\ntopic = "t"\n{source}')
    assert said in str(caught.value)
    assert "pipeline.toml:" in str(caught.value)


def test_a_feed_is_made_by_its_url():
    made = [make_feed(SourceDef(topic="t", feed=feed), {}) for feed in ("push", "a.log")]
    made += [make_feed(SourceDef(topic="t", feed="sqlite:///a.db", query=QUERY, cursor="id"), {})]
    assert [getattr(feed, "name", None) for feed in made] == [None, "files", "sqlite:///a.db orders by id"]
    assert make_feed(SourceDef(topic="t"), {}) is None


PAGE = (Path(__file__).parents[3] / "docs/reference/feeds.md").read_text("utf-8")


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.S))
def test_the_sources_of_the_page_are_valid(block):
    made = parse(f'name = "shop"\n{block}', file="feeds.md").sources
    assert all(source.feed for source in made)

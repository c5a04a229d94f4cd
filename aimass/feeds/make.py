"""The feed that a source names."""

from __future__ import annotations

from collections.abc import Mapping

from aimass.errors import ConfigurationError
from aimass.feeds.base import Feed
from aimass.feeds.files import FileFeed
from aimass.pipeline.definition import SourceDef
from aimass.pipeline.feeding import FILES, HTTP, PUSH, feed_problems, kind_of


def make_feed(source: SourceDef, environ: Mapping[str, str]) -> Feed | None:
    """Return the feed of a source; ``None`` when it has none, or is one that others push to.

    Parameters
    ----------
    source
        The source.
    environ
        Where secrets stand.

    Raises
    ------
    ConfigurationError
        When it can be no feed, or a secret is missing.

    Examples
    --------
    >>> make_feed(SourceDef(topic="web", feed="logs/*.log"), {}).name
    'files'
    >>> make_feed(SourceDef(topic="web", feed="postgres://db/shop"), {})
    Traceback (most recent call last):
        ...
    aimass.errors.ConfigurationError: the source 'web': feed: a database needs a query: query = "select * from orders \
where id > :cursor order by id"
    """
    if source.feed is None:
        return None
    problems = feed_problems(source)
    if problems:
        key, problem = problems[0]
        raise ConfigurationError(f"the source {source.topic!r}: {key}: {problem}")
    kind = kind_of(source.feed)
    if kind == PUSH:
        return None
    if kind == FILES:
        return FileFeed(source)
    if kind == HTTP:
        from aimass.feeds.http import HttpFeed  # only those who need its client pay for it

        return HttpFeed(source, environ)
    from aimass.feeds.databases import DatabaseFeed  # so it is with psycopg

    return DatabaseFeed(source, environ)

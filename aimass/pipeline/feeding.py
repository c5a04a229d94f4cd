"""What a source's feed is, and which keys go with it: checked before anything starts."""

from __future__ import annotations

import re
from dataclasses import fields
from urllib.parse import urlsplit

from aimass.pipeline.definition import SourceDef
from aimass.rules.suggest import closest

PUSH, FILES, HTTP, POSTGRESQL, SQLITE = "push", "files", "http", "postgresql", "sqlite"
#: What kind of feed the scheme of a URL means.
SCHEMES = {"http": HTTP, "https": HTTP, "postgresql": POSTGRESQL, "postgres": POSTGRESQL, "sqlite": SQLITE}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
#: Where a query has its cursor; ``x::cursor`` is a cast.
CURSOR = re.compile(r"(?<!:):cursor\b")
_DATABASES = (POSTGRESQL, SQLITE)
_KEYS = {
    "every": (FILES, HTTP, *_DATABASES),
    "query": _DATABASES,
    "start": _DATABASES,
    "cursor": (HTTP, *_DATABASES),
    "items": (HTTP,),
    "next": (HTTP,),
    "token": (HTTP,),
    "since": (HTTP,),
    "headers": (HTTP,),
    "rate": (HTTP,),
}
_NAMES = {PUSH: "what is pushed", FILES: "files", HTTP: "HTTP", POSTGRESQL: "a database", SQLITE: "a database"}
_LEAST_S = 0.05
_UNLINED = ("avro", "protobuf", "msgpack")


def kind_of(feed: str) -> str:
    """Return what kind of feed a source's ``feed`` means.

    Raises
    ------
    ValueError
        When it is a URL of a kind that there is no feed for.

    Examples
    --------
    >>> [kind_of(feed) for feed in ("logs/*.log", "https://api.example.com/v1/orders", "sqlite:///shop.db", "push")]
    ['files', 'http', 'sqlite', 'push']
    """
    found = _SCHEME.match(feed)
    if found is None:
        return PUSH if feed == PUSH else FILES
    scheme = found[1].lower()
    if scheme == "file":
        raise ValueError(f"write the path alone: {urlsplit(feed).path or '/var/log/app.log'!r}")
    if scheme not in SCHEMES:
        close = closest(scheme, list(SCHEMES))
        hint = f'; did you mean "{close}://"?' if close else ""
        raise ValueError(f"nothing reads {scheme!r}{hint}; there are: a path, {', '.join(f'{s}://' for s in SCHEMES)}")
    return SCHEMES[scheme]


def feed_problems(source: SourceDef) -> list[tuple[str, str]]:
    """Return what is wrong with a source's feed: the key, and the problem.

    Examples
    --------
    >>> feed_problems(SourceDef(topic="t", feed="logs/*.log", query="select 1"))
    [('query', 'goes with a database, not with files')]
    >>> feed_problems(SourceDef(topic="t", every=5.0))
    [('every', 'says how to feed, but there is no "feed" (what to read)')]
    """
    given = [one.name for one in fields(SourceDef) if one.name in _KEYS and getattr(source, one.name) != one.default]
    if source.feed is None:
        return [(key, 'says how to feed, but there is no "feed" (what to read)') for key in given]
    try:
        kind = kind_of(source.feed)
    except ValueError as exc:
        return [("feed", str(exc))]
    found = [
        (key, f"goes with {' or '.join(dict.fromkeys(_NAMES[one] for one in _KEYS[key]))}, not with {_NAMES[kind]}")
        for key in given
        if kind not in _KEYS[key]
    ]
    if source.every < _LEAST_S:
        found.append(("every", "is too often: 50ms at the least"))
    return found + _format_problems(source, kind) + (_database_problems(source, kind) if kind in _DATABASES else [])


def _format_problems(source: SourceDef, kind: str) -> list[tuple[str, str]]:
    if kind in _DATABASES and source.format != "json":
        return [("format", "rows of a database become JSON objects: leave it out")]
    if kind == FILES and source.format in _UNLINED:
        return [("format", f"files are read line by line, and {source.format} has no lines")]
    return []


def _database_problems(source: SourceDef, kind: str) -> list[tuple[str, str]]:
    found = []
    if source.query is None:
        said = 'a database needs a query: query = "select * from orders where id > :cursor order by id"'
        found.append(("feed", said))
    elif CURSOR.search(source.query) is None:
        found.append(("query", 'has no :cursor, so it would read all again and again: add "where id > :cursor"'))
    elif not re.search(r"\border\s+by\b", source.query, re.IGNORECASE):
        found.append(("query", 'has no order: add "order by" and the cursor'))
    if source.cursor is None:
        found.append(("feed", 'a database needs the column that grows: cursor = "id"'))
    if kind == SQLITE and not urlsplit(source.feed or "").path.strip("/"):
        found.append(("feed", "names no file: sqlite:///shop.db, or sqlite:////var/lib/shop.db"))
    return found

"""Reads tables that grow: a query that asks for what is above a cursor, again and again."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

from aimass.errors import ConfigurationError, WorldFault
from aimass.feeds.base import Portion, Row
from aimass.feeds.cells import place_of, to_json
from aimass.feeds.growing import Progress
from aimass.pipeline.definition import SourceDef
from aimass.pipeline.feeding import CURSOR

_ROWS, _BYTES = 1000, 1 << 20
#: How many rows of SQLite are read at once: it locks out writers while it reads.
_PAGE = 10_000
_FROM = re.compile(r"\bfrom\s+([\w.\"]+)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Page(NamedTuple):
    """Rows of a query's result, and whether they are the last of it."""

    names: list[str]
    rows: list[Any]
    is_last: bool


class DatabaseFeed:
    """Rows of a query, as JSON objects.

    Parameters
    ----------
    source
        Its ``feed``, ``query``, ``cursor`` and ``start``.
    environ
        Where `${NAME}` in the URL is looked up.
    sleep
        How to wait, for tests.

    Raises
    ------
    ConfigurationError
        When the environment lacks a variable of the URL.
    """

    def __init__(
        self, source: SourceDef, environ: Mapping[str, str], *, sleep: Callable[[float], Any] = asyncio.sleep
    ) -> None:
        self._url = filled(source.feed or "", environ)
        self._query, self._cursor = source.query or "", source.cursor or ""
        self._start, self._every, self._sleep = source.start, source.every, sleep
        self.name = name_of(self._url, self._query, self._cursor)

    async def portions(self, position: Any) -> AsyncIterator[Portion]:
        """Yield rows after a position, for ever."""
        progress = Progress(position, self._start, self._cursor)
        while True:
            async with aclosing(self._pass(progress)) as portions:
                async for portion in portions:
                    yield portion
            await self._sleep(self._every)

    async def _pass(self, progress: Progress) -> AsyncGenerator[Portion, None]:
        """Run the query once, and yield what is new."""
        rows: list[Row] = []
        size = 0
        async with aclosing(self._pages(progress)) as pages:
            async for page in pages:
                at = place_of(self._cursor, page.names)
                for row in page.rows:
                    value = to_json(page.names, row)
                    if size >= _BYTES or len(rows) >= _ROWS:
                        yield Portion(rows, progress.position())
                        rows, size = [], 0
                    if progress.take(row[at], value):
                        rows.append(Row(value, stream=self.name))
                        size += len(value)
                if page.is_last:
                    progress.finish()
        if rows:
            yield Portion(rows, progress.position())

    def _pages(self, progress: Progress) -> AsyncGenerator[Page, None]:
        is_sqlite = urlsplit(self._url).scheme == "sqlite"
        read = _sqlite_pages if is_sqlite else _postgresql_pages
        return read(self._url, self._query, progress)


def filled(url: str, environ: Mapping[str, str]) -> str:
    """Return a URL with its ``${NAME}`` replaced by what the environment says.

    Raises
    ------
    ConfigurationError
        When it says nothing.

    Examples
    --------
    >>> filled("postgresql://reader:${DB_PASSWORD}@db/shop", {"DB_PASSWORD": "s3cret"})
    'postgresql://reader:s3cret@db/shop'
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise ConfigurationError(f"the feed names ${{{found[1]}}}, which the environment does not have: set it")
        return environ[found[1]]

    return _VARIABLE.sub(value, url)


def name_of(url: str, query: str, cursor: str) -> str:
    """Return what names a position: the database, the table and the cursor; no password.

    Examples
    --------
    >>> name_of("postgresql://reader:s3cret@db/shop?sslmode=require", "select * from orders where …", "id")
    'postgresql://db/shop orders by id'
    """
    parts = urlsplit(url)
    table = _FROM.search(query)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path} {table[1] if table else 'query'} by {cursor}"


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def _lenient(loader: Any) -> Any:
    """Return a loader of times that leaves those as text that Python has no value for: ``infinity``, years B.C."""

    class Lenient(loader):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return Lenient


_LOADERS = {
    "date": _lenient(DateLoader),
    "timestamp": _lenient(TimestampLoader),
    "timestamptz": _lenient(TimestamptzLoader),
}


async def _postgresql_pages(url: str, query: str, progress: Progress) -> AsyncGenerator[Page, None]:
    """Stream the result of a query, 1,000 rows at a time."""
    wanted = CURSOR.sub("%(cursor)s", query.replace("%", "%%"))
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=10, application_name="aimass")
    except psycopg.Error as exc:
        raise _fault(exc, url) from exc
    try:
        for kind, loader in _LOADERS.items():
            connection.adapters.register_loader(kind, loader)
        await connection.set_read_only(True)
        async with connection.cursor(name="aimass") as cursor:
            await cursor.execute(wanted.encode(), {"cursor": progress.asked})
            names = [column.name for column in cursor.description or ()]
            while rows := await cursor.fetchmany(_ROWS):
                yield Page(names, rows, False)
            yield Page(names, [], True)
    except psycopg.Error as exc:
        raise _fault(exc, url) from exc
    finally:
        await connection.close()


def _fault(exc: psycopg.Error, url: str) -> ConfigurationError | WorldFault:
    """Return what an error of the database is to us: something that will pass, or that somebody must put right."""
    place = urlsplit(url)
    said = str(exc).strip().replace("\n", "; ")
    told = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}: {said}"
    state = exc.sqlstate or ""
    if isinstance(exc, psycopg.OperationalError) and not state:
        if re.search(r"authentication failed|no password supplied|FATAL:.*does not exist|pg_hba", said):
            return ConfigurationError(f"{told}. Check user, password and database in the feed's URL.")
        return WorldFault(told)
    if state.startswith("22") or state in ("42883", "42804"):
        return ConfigurationError(f'{told}. Does start fit the cursor? A time begins with start = "1970-01-01".')
    if state[:2] in ("28", "3D", "42", "25", "26", "0A"):
        return ConfigurationError(f"{told}. Check the feed's query, and what its user may read.")
    return WorldFault(told)


# -- SQLite -----------------------------------------------------------------------------------------------------------


async def _sqlite_pages(url: str, query: str, progress: Progress) -> AsyncGenerator[Page, None]:
    """Read the result of a query page by page, and ask anew for each."""
    path = sqlite_path(url)
    while True:
        size = _PAGE + len(progress.position()["seen"])  # rows that are seen again must not fill it
        page = await asyncio.to_thread(_sqlite_page, path, query, progress.asked, size)
        yield page
        if page.is_last:
            return
        progress.stop()


def _sqlite_page(path: Path, query: str, asked: Any, size: int) -> Page:
    if not path.exists():
        raise ConfigurationError(f"sqlite: there is no file {path}: check the path in the feed's URL")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)) as connection:
            connection.text_factory = _text
            cursor = connection.execute(query, {"cursor": asked})
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchmany(size)
            return Page(names, rows, len(rows) < size)
    except sqlite3.OperationalError as exc:
        if re.search("locked|busy|disk I/O|schema has changed", str(exc)):
            raise WorldFault(f"sqlite {path}: {exc}") from exc
        raise ConfigurationError(f"sqlite {path}: {exc}. Check the feed's query.") from exc
    except (sqlite3.DatabaseError, sqlite3.Warning) as exc:
        raise ConfigurationError(f"sqlite {path}: {exc}. Check the feed's URL and query.") from exc


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def sqlite_path(url: str) -> Path:
    """Return the file that an SQLite URL names: after three slashes relative to here, after four absolute.

    Examples
    --------
    >>> str(sqlite_path("sqlite:///shop.db")), str(sqlite_path("sqlite:////var/lib/shop.db"))
    ('shop.db', '/var/lib/shop.db')
    """
    return Path(url.partition("://")[2].removeprefix("/").partition("?")[0]).expanduser()

"""Polls an API of somebody else: its pages one by one, each record once, whatever the server does meanwhile.

::

    feed = "https://…"   ─▶ first page ─▶ its records, those that are new ─▶ portions, each with the position after it
        ▲                       └─ next page ─▶ …
        └──── every ── the end: the newest cursor and the hashes of its records are what the next poll knows
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import orjson

from aimass.errors import ConfigurationError, WorldFault
from aimass.feeds.base import Portion, Row
from aimass.feeds.http_asking import SLOW_S, Answer, Asker, Clocks, Limits, Setback, shown
from aimass.feeds.http_pages import at_path, leading_to, next_page, records_of
from aimass.feeds.http_seen import Seen, digest
from aimass.pipeline.definition import SourceDef

logger = logging.getLogger(__name__)
#: Statuses by which servers say that they do not know a page any more.
_EXPIRED = frozenset((400, 404, 410, 422))
_NAME = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_OURS = {"accept": "application/json, application/x-ndjson;q=0.9, */*;q=0.5", "user-agent": "aimass"}


class HttpFeed:
    """Polls an API of somebody else.

    Parameters
    ----------
    source
        Its section of the pipeline's file.
    environ
        Where ``${NAME}`` in `headers`, and in the query of the URL, is found.
    client
        Makes the requests; without it, one of its own, which heeds the proxies and certificates of the environment.
    clocks, limits
        For tests.

    Raises
    ------
    ConfigurationError
        When the section cannot work.

    Examples
    --------
    >>> source = SourceDef(topic="orders", feed="https://api.example.com/v1/orders?status=paid", cursor="id")
    >>> HttpFeed(source, {}).stream
    'https://api.example.com/v1/orders'
    """

    def __init__(
        self,
        source: SourceDef,
        environ: Mapping[str, str],
        client: httpx.AsyncClient | None = None,
        *,
        clocks: Clocks | None = None,
        limits: Limits | None = None,
    ) -> None:
        _check(source)
        self._source, self._client = source, client
        self._clocks, self._limits = clocks or Clocks(), limits or Limits()
        url = _url(source.feed or "", environ)
        self._auth = httpx.BasicAuth(url.username, url.password) if url.userinfo else None
        self._url = url.copy_with(username=None, password=None, fragment=None)
        self._headers = _headers(source, environ)
        self.stream = shown(url)
        written = (source.feed or "").partition("?")[2]
        self.name = f"http:{source.topic}:{self.stream}" + (f":{digest(written.encode()).hex()}" if written else "")

    async def portions(self, position: Any) -> AsyncIterator[Portion]:
        """Yield what comes after a position, for ever; see :class:`aimass.feeds.base.Feed`."""
        client = self._client or httpx.AsyncClient(timeout=httpx.Timeout(30.0, connect=10.0))
        rng, rate = random.Random(self.name), self._source.rate
        asker = Asker(client, self._headers, self._auth, rate, rng, leading_to, self._clocks, self._limits)
        written, seen = position, Seen(position)
        try:
            while True:
                begun = self._clocks.monotonic()
                async for portion in self._poll(seen, asker):
                    if portion.rows or portion.position != written:
                        written = portion.position
                        yield portion
                await self._clocks.sleep(max(0.0, begun + self._source.every - self._clocks.monotonic()))
        finally:
            if self._client is None:
                await client.aclose()

    # -- a poll --------------------------------------------------------------------------------------------------------

    async def _poll(self, seen: Seen, asker: Asker) -> AsyncIterator[Portion]:
        """Read all pages, or go on where the poll stood; the last portion is of the poll's end."""
        conditions = self._conditions(seen) if seen.poll is None else {}
        poll, way = seen.begin(), _Way()
        while True:
            try:
                page = await self._page(seen, asker, conditions if way.pages == 0 else {})
            except Setback as exc:
                await self._rest(exc, seen, way)
                continue
            if page is None:
                seen.give_up()
                return
            rows: list[Row] = []
            for row in self._rows(page.records, seen):
                rows.append(row)
                if len(rows) == self._limits.rows:
                    yield Portion(rows, seen.position())
                    rows = []
            following = await self._following(page.following, seen, way)
            if following is None:
                seen.finish(**self._validators(page.answer, seen, way))
                yield Portion(rows, seen.position())
                return
            poll.page = following
            if rows:  # a page without news is read again after a crash: cheaper than writing hashes for nothing
                yield Portion(rows, seen.position())

    async def _page(self, seen: Seen, asker: Asker, conditions: Mapping[str, str]) -> _Page | None:
        """Return the page that the poll stands at; ``None``: nothing has changed."""
        answer = await asker.ask(self._page_url(seen), conditions)
        if answer.status == 304:
            return None
        whole, records = records_of(answer, self._source.items)
        return _Page(answer, records, next_page(answer, whole, self._source.next, self._source.token))

    def _page_url(self, seen: Seen) -> httpx.URL:
        page, url = seen.poll.page if seen.poll else None, self._url
        if isinstance(page, str):
            return httpx.URL(page)
        if self._source.since and seen.cursor is not None:
            url = url.copy_set_param(self._source.since, str(seen.cursor))
        if page is not None and self._source.token:
            url = url.copy_set_param(self._source.token, str(page["token"]))
        return url

    def _rows(self, records: list[Any], seen: Seen) -> Iterator[Row]:
        """Yield those that are new; each is noted when it is asked for."""
        headers = (("aimass.url", self.stream.encode()),)
        for record in records:
            try:
                value = orjson.dumps(record)
            except orjson.JSONEncodeError as exc:
                raise WorldFault(f"a record of {self.stream} cannot be written as JSON: {exc}") from exc
            cursor = at_path(record, self._source.cursor) if self._source.cursor else None
            if seen.is_new(value, cursor):
                yield Row(value, headers=headers, stream=self.stream)

    async def _following(self, page: Any, seen: Seen, way: _Way) -> Any:
        """Return the page to read next; ``None`` where there is none, or the server leads around in a circle."""
        way.pages += 1
        if page is None:
            return None
        is_circle = repr(page) in way.visited
        way.visited.add(repr(page))
        if not is_circle and way.pages % self._limits.pages == 0:
            brought = seen.poll.brought if seen.poll else 0
            is_circle, way.brought = brought == way.brought, brought
            if not is_circle:
                await self._clocks.sleep(self._source.every)
        if is_circle:
            told = {"url": self.stream, "pages": way.pages}
            logger.error("a feed's pages go around in a circle: the poll ends; check `next`", extra=told)
        return None if is_circle else page

    async def _rest(self, setback: Setback, seen: Seen, way: _Way) -> None:
        """Wait until somebody may have done something; a page that is not known any more is found from the first."""
        told = {"url": self.stream, "why": str(setback), "again_in_s": SLOW_S}
        logger.error("a feed needs somebody to look at it", extra=told)
        await self._clocks.sleep(SLOW_S)
        if seen.poll is not None and seen.poll.page is not None and setback.status in _EXPIRED:
            seen.poll.begin_again(None)
            way.visited = {repr(None)}

    # -- unchanged answers ---------------------------------------------------------------------------------------------

    def _conditions(self, seen: Seen) -> dict[str, str]:
        """Return what asks for the first page only when it has changed."""
        known = {"if-none-match": seen.etag, "if-modified-since": seen.modified}
        return {name: value for name, value in known.items() if value}

    def _validators(self, answer: Answer, seen: Seen, way: _Way) -> dict[str, str | None]:
        """Return what the next poll may be conditional on.

        Nothing, where there are more pages, which may change while the first does not; and nothing where the next
        poll asks for another URL.
        """
        moves = self._source.since is not None and seen.poll is not None and seen.poll.newest != seen.cursor
        if way.pages != 1 or moves or seen.poll is None or seen.poll.page is not None:
            return {}
        return {"etag": answer.headers.get("etag"), "modified": answer.headers.get("last-modified")}


class _Page(NamedTuple):
    """A page: its records, and where the one after it is."""

    answer: Answer
    records: list[Any]
    following: Any


class _Way:
    """How a run of the feed goes through the pages of a poll."""

    def __init__(self) -> None:
        self.pages = self.brought = 0
        self.visited: set[str] = set()


# -- what the file says ------------------------------------------------------------------------------------------------


def _check(source: SourceDef) -> None:
    what = None
    if source.since and not source.cursor:
        what = "`since` is sent the newest cursor, but there is no `cursor`: name the field that grows"
    elif source.token and (not source.next or source.next == "link"):
        what = "`token` takes what stands at `next`, but there is no path there: set `next` to where the token stands"
    if what is not None:
        raise ConfigurationError(f"the HTTP feed of {source.topic!r}: {what}.")


def _url(text: str, environ: Mapping[str, str]) -> httpx.URL:
    before, mark, query = text.partition("?")
    query = _filled(query, environ, "feed", lambda value: quote(value, safe=""))
    try:
        url = httpx.URL(before + mark + query)
    except httpx.InvalidURL as exc:
        raise ConfigurationError(f"feed = {before!r} is no URL: {exc}. Correct it.") from exc
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError(f"feed = {before!r} is no URL of HTTP: it begins with https:// and names a host.")
    return url


def _headers(source: SourceDef, environ: Mapping[str, str]) -> dict[str, str]:
    headers = dict(_OURS)
    for name, value in source.headers:
        where = f"headers.{name}"
        text = str(value).lower() if isinstance(value, bool) else str(value)
        text = _filled(text, environ, where)
        if not (text.isascii() and text.isprintable()):
            raise ConfigurationError(f"{where} has a character that no header may have: it is ASCII, in one line.")
        headers[name.lower()] = text
    return headers


def _filled(text: str, environ: Mapping[str, str], where: str, written: Callable[[str], str] = str) -> str:
    def variable(found: re.Match[str]) -> str:
        value = environ.get(found[1], "").strip()
        if not value:
            raise ConfigurationError(f"{where} needs {found[0]}, which the environment does not set: set {found[1]}.")
        return written(value)

    return _NAME.sub(variable, text)

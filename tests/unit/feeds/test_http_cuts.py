"""Stopped after any portion and begun again from its position, an HTTP feed brings each record once, in order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aimass.feeds import http_seen
from aimass.feeds.http import HttpFeed
from aimass.feeds.http_asking import Limits
from aimass.pipeline.definition import SourceDef
from tests.unit.feeds.servers import EVERY, Time, read

URL = "https://api.example.com/v1/orders?status=paid"
PAGINGS = ("link", "path", "token")


@dataclass
class Api:
    """An API whose records grow in number while it is asked.

    Parameters
    ----------
    growth
        How many records are added after each request; none after the last of them.
    is_newest_first, size, paging
        How it pages.
    tie
        How many records have the same cursor.
    fails, forgets
        Requests, counted from zero, that are answered by 503; that find no later page any more.
    """

    growth: list[int]
    is_newest_first: bool
    size: int
    paging: str
    tie: int = 1
    fails: frozenset[int] = frozenset()
    forgets: frozenset[int] = frozenset()
    asked: int = 0
    count: int = 3
    later: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.later = list(self.growth)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer with a page of the records that there are now, then grow."""
        number, self.asked = self.asked, self.asked + 1
        page = int(request.url.params.get("page", "0"))
        if number in self.fails:
            return httpx.Response(503)
        if number in self.forgets and page:
            return httpx.Response(410)
        since = int(request.url.params.get("since", "0"))
        records = [{"id": n, "at": 1 + n // self.tie} for n in range(self.count)]
        found = [record for record in records if record["at"] >= since]
        found = found[::-1] if self.is_newest_first else found
        self.count += self.later.pop(0) if self.later else 0
        is_last = (page + 1) * self.size >= len(found)
        return self._page(request, found[page * self.size : (page + 1) * self.size], None if is_last else page + 1)

    def _page(self, request: httpx.Request, records: list[Any], following: int | None) -> httpx.Response:
        body: dict[str, Any] = {"data": records}
        if following is None:
            return httpx.Response(200, json=body)
        url = str(request.url.copy_set_param("page", following))
        if self.paging == "link":
            return httpx.Response(200, json=body, headers={"link": f'<{url}>; rel="next"'})
        return httpx.Response(200, json={**body, "next": url if self.paging == "path" else following})

    def feed(self, time: Time, **keys: Any) -> HttpFeed:
        """Return a feed of this API."""
        following = {"next": "link" if self.paging == "link" else "next"}
        token = {"token": "page"} if self.paging == "token" else {}
        source = SourceDef(topic="t", feed=URL, every=EVERY, items="data", rate=1e9, **following, **token, **keys)
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        return HttpFeed(source, {}, client, clocks=time.clocks, limits=Limits(rows=2))


async def cut_up(api: Api, cuts: list[tuple[int, bool]], **keys: Any) -> list[int]:
    """Return what reaches Kafka of a feed that is stopped so many portions after each start.

    With ``True``, the last of these portions is lost: it was brought and not written.
    """
    position: Any = None
    arrived: list[int] = []
    for most, is_lost in [*cuts, (None, False)]:
        last = position
        got = await read(api.feed(Time(polls=20), **keys), position, most)
        portions = got.portions[:-1] if is_lost else got.portions
        for portion in portions:
            arrived += [orjson.loads(row.value)["id"] for row in portion.rows]
            last = orjson.loads(orjson.dumps(portion.position))
        position = last
    return arrived


CUTS = st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=8)
GROWTH = st.lists(st.integers(0, 3), max_size=12)
APIS = st.builds(
    Api,
    growth=GROWTH,
    is_newest_first=st.booleans(),
    size=st.integers(1, 5),
    paging=st.sampled_from(PAGINGS),
    tie=st.integers(1, 4),
    fails=st.frozensets(st.integers(0, 20), max_size=4),
    forgets=st.frozensets(st.integers(0, 20), max_size=4),
)


@settings(max_examples=150, deadline=None)
@given(api=APIS, cuts=CUTS, has_cursor=st.booleans())
@example(api=Api([0, 2, 0], True, 2, "path"), cuts=[(1, False), (1, True)], has_cursor=True)
def test_each_record_comes_once_wherever_the_feed_is_cut(
    api: Api, cuts: list[tuple[int, bool]], has_cursor: bool
) -> None:
    arrived = asyncio.run(cut_up(api, cuts, **({"cursor": "at"} if has_cursor else {})))
    assert sorted(arrived) == list(range(api.count))


@settings(max_examples=150, deadline=None)
@given(api=APIS, cuts=CUTS)
def test_with_since_each_record_comes_once_and_in_order(api: Api, cuts: list[tuple[int, bool]]) -> None:
    api.is_newest_first = False
    arrived = asyncio.run(cut_up(api, cuts, cursor="at", since="since"))
    assert arrived == list(range(api.count))


@pytest.mark.parametrize("is_newest_first", [True, False])
def test_a_page_with_more_records_than_hashes_are_kept_comes_once(
    is_newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_seen, "BOUND", 10)
    api = Api([0, 3, 0, 2], is_newest_first, 1000, "link", count=60)
    arrived = asyncio.run(cut_up(api, [(9, False), (7, True), (1, False), (9, False)], cursor="at"))
    assert sorted(arrived) == list(range(65))
    if not is_newest_first:
        assert arrived == list(range(65))

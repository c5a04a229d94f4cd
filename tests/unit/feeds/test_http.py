"""HTTP feeds on servers that behave, and on those that do not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from aimass.errors import ConfigurationError, WorldFault
from aimass.feeds.http import HttpFeed
from aimass.feeds.http_asking import Limits
from aimass.pipeline.definition import SourceDef
from tests.unit.feeds.servers import (
    EVERY,
    Server,
    Time,
    breaks_off,
    drips,
    read,
    says,
    sends,
    serving,
    zipped,
)

ONE, TWO, THREE = {"id": 1}, {"id": 2}, {"id": 3}


def feed_of(server: Server, time: Time | None = None, limits: Limits | None = None, **keys: Any) -> HttpFeed:
    path = keys.pop("path", "/orders?status=paid")
    environ = keys.pop("environ", {})
    source = SourceDef(topic="orders", feed=server.url + path, every=EVERY, **{"rate": 1000.0, **keys})
    return HttpFeed(source, environ, clocks=(time or Time()).clocks, limits=limits)


# -- what comes --------------------------------------------------------------------------------------------------------


async def test_a_list_brings_a_row_for_each_of_its_records() -> None:
    async with serving(says([ONE, {"name": "ü", "id": 2}])) as server:
        got = await read(feed_of(server))
        assert [row.value for row in got.rows] == [b'{"id":1}', '{"name":"ü","id":2}'.encode()]
        assert {row.stream for row in got.rows} == {f"{server.url}/orders"}
        assert got.rows[0].headers == (("aimass.url", f"{server.url}/orders".encode()),)
        assert server.paths == ["/orders?status=paid"]


async def test_one_object_is_one_record_and_lines_are_records_each() -> None:
    async with serving(says(ONE)) as server:
        assert (await read(feed_of(server))).values == [ONE]
    async with serving(sends(b'{"id":1}\n\n{"id":2}\n', content_type="application/x-ndjson")) as server:
        assert (await read(feed_of(server))).values == [ONE, TWO]


async def test_an_answer_that_is_packed_is_unpacked() -> None:
    async with serving(zipped([ONE, TWO])) as server:
        assert (await read(feed_of(server))).values == [ONE, TWO]


async def test_a_long_answer_comes_in_portions_of_a_thousand_rows() -> None:
    async with serving(says([{"id": n} for n in range(2500)])) as server:
        got = await read(feed_of(server, cursor="id"))
        assert [len(portion.rows) for portion in got.portions] == [1000, 1000, 500]


# -- pages -------------------------------------------------------------------------------------------------------------


async def test_pages_are_followed_by_the_link_header() -> None:
    more = says([ONE], link='</orders?page=2>; rel="next", </orders?page=9>; rel="last"')
    async with serving(more, says([TWO])) as server:
        assert (await read(feed_of(server, next="link"))).values == [ONE, TWO]
        assert server.paths[1] == "/orders?page=2"


async def test_pages_are_followed_by_a_url_in_the_answer() -> None:
    async with serving(says({"data": [ONE], "paging": {"next": "?page=2"}}), says({"data": [TWO]})) as server:
        assert (await read(feed_of(server, items="data", next="paging.next"))).values == [ONE, TWO]
        assert server.paths[1] == "/orders?page=2"


async def test_pages_are_followed_by_a_token_even_one_with_a_slash() -> None:
    async with serving(says({"data": [ONE], "after": "/x+="}), says({"data": [TWO], "after": None})) as server:
        assert (await read(feed_of(server, items="data", next="after", token="cursor"))).values == [ONE, TWO]
        assert server.paths[1] == "/orders?status=paid&cursor=%2Fx%2B%3D"


async def test_a_token_without_a_place_to_go_says_what_to_set() -> None:
    async with serving(says({"data": [ONE], "after": "x7"})) as server:
        with pytest.raises(ConfigurationError, match="set `token`"):
            await read(feed_of(server, items="data", next="after"))


async def test_a_next_page_on_another_host_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    elsewhere = says({"data": [ONE], "next": "https://evil.example/orders"})
    async with serving(elsewhere, says({"data": [ONE]})) as server:
        feed = feed_of(server, time, items="data", next="next", headers=(("authorization", "hush"),))
        assert (await read(feed)).values == [ONE]
        assert any("leads to https://evil.example" in str(vars(record)) for record in caplog.records)
        assert time.waits == [60.0]


@pytest.mark.parametrize("steps", [1, 2])
async def test_pages_that_go_around_in_a_circle_end_the_poll(steps: int, caplog: pytest.LogCaptureFixture) -> None:
    circle = [says({"data": [{"id": n}], "next": f"/orders?page={n % steps}"}) for n in range(steps)]
    async with serving(*circle, *circle, *circle) as server:
        got = await read(feed_of(server, items="data", next="next"))
        assert got.values == [{"id": n} for n in range(steps)]
        assert len(server.asked) <= steps + 1
        assert "circle" in caplog.text


async def test_pages_without_end_that_bring_nothing_new_end_the_poll(caplog: pytest.LogCaptureFixture) -> None:
    pages = [says({"data": [ONE, TWO], "next": n}) for n in range(1, 100)]
    async with serving(*pages) as server:
        got = await read(feed_of(server, Time(polls=2), Limits(pages=20), items="data", next="next", token="page"))
        assert got.values == [ONE, TWO]
        assert len(server.asked) == 60, "twenty that bring something, twenty that do not; and the next poll"
        assert caplog.text.count("circle") == 1


async def test_more_pages_than_are_read_at_once_go_on_after_a_pause() -> None:
    pages = [says({"data": [{"id": n}], "next": n + 1 if n < 24 else None}) for n in range(25)]
    async with serving(*pages) as server:
        got = await read(feed_of(server, Time(polls=3), Limits(pages=10), items="data", next="next", token="page"))
        assert [one["id"] for one in got.values] == list(range(25))


async def test_rows_that_move_to_the_next_page_come_once() -> None:
    first = {"data": [{"id": 9}, {"id": 8}], "next": "/orders?page=2"}
    second = {"data": [{"id": 8}, {"id": 7}], "next": "/orders?page=3"}  # one was added at the top meanwhile
    async with serving(says(first), says(second), says({"data": [{"id": 6}]})) as server:
        for keys in ({}, {"cursor": "id"}):
            server.asked.clear()
            got = await read(feed_of(server, items="data", next="next", **keys))
            assert [one["id"] for one in got.values] == [9, 8, 7, 6]


async def test_a_page_that_is_not_known_any_more_is_found_from_the_first_and_nothing_comes_twice() -> None:
    time = Time()
    more = says({"data": [ONE], "next": "t1"})
    gone = says({"error": "token expired"}, status=410)
    async with serving(more, gone, more, says({"data": [ONE, TWO]})) as server:
        got = await read(feed_of(server, time, items="data", next="next", token="page"))
        assert got.values == [ONE, TWO]
        assert 60.0 in time.waits


# -- the next poll -----------------------------------------------------------------------------------------------------


async def test_an_answer_without_a_cursor_is_sent_when_it_changes_and_when_it_changes_back() -> None:
    async with serving(*[says({"temp": temp}) for temp in (20, 20, 21, 20)]) as server:
        assert [one["temp"] for one in (await read(feed_of(server, Time(polls=4)))).values] == [20, 21, 20]


async def test_a_cursor_brings_what_is_above_it_and_what_is_new_beside_it() -> None:
    first = [{"id": "a", "at": 5}, {"id": "b", "at": 6}]
    later = [{"id": "b", "at": 6}, {"id": "c", "at": 6}, {"id": "d", "at": 7}, {"id": "e", "at": 4}]
    async with serving(says(first), says(later)) as server:
        got = await read(feed_of(server, Time(polls=2), cursor="at", since="updated_after"))
        assert [one["id"] for one in got.values] == ["a", "b", "c", "d"]
        assert server.paths == ["/orders?status=paid", "/orders?status=paid&updated_after=6"]


async def test_the_newest_cursor_is_what_time_and_number_make_of_it_not_their_text() -> None:
    for old, new in (("9", "10"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"), (9, 10.5)):
        async with serving(says([{"at": new}, {"at": old}])) as server:
            assert (await read(feed_of(server, cursor="at"))).position["cursor"] == new


async def test_what_has_the_newest_cursor_is_known_though_a_poll_did_not_show_it() -> None:
    async with serving(says([{"id": "a", "at": 6}]), says([]), says([{"id": "a", "at": 6}])) as server:
        assert len((await read(feed_of(server, Time(polls=3), cursor="at"))).rows) == 1


async def test_records_without_the_cursor_come_once_too() -> None:
    async with serving(says([ONE, {"x": 1}]), says([ONE, {"x": 1}, TWO])) as server:
        assert (await read(feed_of(server, Time(polls=2), cursor="id"))).values == [ONE, {"x": 1}, TWO]


async def test_too_many_records_without_a_cursor_ask_for_one() -> None:
    async with serving(says([{"n": n} for n in range(10_001)])) as server:
        with pytest.raises(ConfigurationError, match="Name as `cursor`"):
            await read(feed_of(server))


async def test_what_has_not_changed_is_neither_sent_nor_read(caplog: pytest.LogCaptureFixture) -> None:
    modified = "Wed, 21 Oct 2026 07:28:00 GMT"
    steps = [says([ONE], etag='"v1"', last_modified=modified), sends(b"", status=304), says([ONE, TWO], etag='"v2"')]
    async with serving(*steps) as server:
        got = await read(feed_of(server, Time(polls=3)))
        assert got.values == [ONE, TWO]
        assert server.header("if-none-match") == [None, '"v1"', '"v1"']
        assert server.header("if-modified-since") == [None, modified, modified]
        assert len(got.portions) == 2
        server.asked.clear()
        again = await read(feed_of(server), got.position)
        assert server.header("if-none-match") == ['"v2"'], "the position knows it"
        assert again.portions == [] or again.rows == []


async def test_pages_after_an_unchanged_first_one_are_still_read() -> None:
    first = says({"data": [ONE], "next": "/orders?page=2"}, etag='"v1"')
    async with serving(first, says({"data": [TWO]}), first, says({"data": [TWO, THREE]})) as server:
        got = await read(feed_of(server, Time(polls=2), items="data", next="next"))
        assert got.values == [ONE, TWO, THREE]
        assert server.header("if-none-match") == [None] * 4


async def test_a_poll_without_news_writes_no_position() -> None:
    async with serving(says([ONE, TWO])) as server:
        assert len((await read(feed_of(server, Time(polls=5)))).portions) == 1


# -- servers that misbehave --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [says({}, status=500), says({}, status=503), breaks_off])
async def test_what_passes_is_tried_again(trouble: Any) -> None:
    time = Time()
    async with serving(trouble, trouble, says([ONE])) as server:
        assert (await read(feed_of(server, time))).values == [ONE]
        backoff = [wait for wait in time.waits if wait > 0.5]
        assert len(backoff) == 2
        assert 0.8 <= backoff[0] <= 1.2
        assert 1.6 <= backoff[1] <= 2.4


async def test_a_server_that_asks_to_wait_is_given_its_time() -> None:
    time = Time(at=0.0)
    date = says({}, status=429, retry_after="Thu, 01 Jan 1970 00:10:00 GMT")
    steps = [says({}, status=429, retry_after="30"), date, says({}, status=503, retry_after="86400"), says([ONE])]
    async with serving(*steps) as server:
        assert (await read(feed_of(server, time))).values == [ONE]
        assert [round(wait) for wait in time.waits if wait > 0.5] == [30, 570, 3600]


async def test_what_does_not_pass_is_a_fault_of_the_world() -> None:
    async with serving(says({"why": "broken"}, status=500)) as server:
        with pytest.raises(WorldFault, match=r"answered 500.*broken.*tried 8 times"):
            await read(feed_of(server))
        assert len(server.asked) == 8


async def test_a_server_that_is_not_there_is_a_fault_of_the_world() -> None:
    async with serving(says([])) as server:
        pass
    with pytest.raises(WorldFault, match="did not answer"):
        await read(feed_of(server))


async def test_a_body_that_drips_does_not_hold_the_feed_for_ever() -> None:
    async with serving(drips, says([ONE])) as server:
        assert (await read(feed_of(server, limits=Limits(patience_s=0.2)))).values == [ONE]


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "credentials are missing or wrong"), (403, "may not read"), (404, "check the URL")]
)
async def test_what_needs_a_human_says_what_to_do_and_is_tried_slowly(
    status: int, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    async with serving(says({}, status=status), says({}, status=status), says([ONE])) as server:
        assert (await read(feed_of(server, time))).values == [ONE]
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert [advice in str(vars(record)["why"]) for record in errors] == [True, True]
        assert [wait for wait in time.waits if wait > 0.5] == [60.0, 60.0]


async def test_what_is_no_json_is_shown() -> None:
    async with serving(sends(b"<html>Sign in</html>")) as server:
        with pytest.raises(WorldFault, match=r"not JSON.*<html>Sign in"):
            await read(feed_of(server))
    async with serving(sends(b'{"id":1}\n{"id":', content_type="application/x-ndjson")) as server:
        with pytest.raises(WorldFault, match="line 2 of"):
            await read(feed_of(server))


async def test_an_answer_without_the_list_says_what_it_has(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(says({"results": [ONE]}), says({"data": [ONE]})) as server:
        assert (await read(feed_of(server, items="data"))).values == [ONE]
        (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert "its keys are results" in vars(error)["why"]


@pytest.mark.parametrize("step", [sends(b"[" + b" " * 3000 + b"]"), zipped([0] * 2000)])
async def test_an_answer_that_is_too_large_is_not_read(step: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(step, says([ONE])) as server:
        assert (await read(feed_of(server, limits=Limits(largest=2000)))).values == [ONE]
        (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert "more than 2,000 bytes" in vars(error)["why"]


async def test_a_redirect_is_followed_on_the_same_host_only(caplog: pytest.LogCaptureFixture) -> None:
    secret = (("authorization", "Bearer hush"),)
    async with serving(says([TWO])) as other, serving() as server:
        away = says({}, status=302, location=f"{other.url}/stolen")
        server.steps = [says({}, status=307, location="/v2"), says([ONE]), away, says([ONE, THREE])]
        got = await read(feed_of(server, Time(polls=2), headers=secret))
        assert got.values == [ONE, THREE]
        assert server.paths[:2] == ["/orders?status=paid", "/v2"]
        assert server.header("authorization") == ["Bearer hush"] * 4
        assert other.asked == []
        assert any("must not go" in str(vars(record).get("why")) for record in caplog.records)


async def test_redirects_without_end_are_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    around = says({}, status=302, location="/around")
    async with serving(*[around] * 6, says([ONE])) as server:
        assert (await read(feed_of(server))).values == [ONE]
        assert any("redirects once more" in str(vars(record).get("why")) for record in caplog.records)


async def test_requests_are_spaced() -> None:
    time = Time()
    pages = [says({"data": [], "next": n}) for n in range(1, 4)]
    async with serving(*pages, says({"data": []})) as server:
        await read(feed_of(server, time, rate=2.0, items="data", next="next", token="page"))
        assert time.waits == [0.5, 0.5, 0.5]


# -- what the file says ------------------------------------------------------------------------------------------------


async def test_headers_and_the_query_are_filled_from_the_environment() -> None:
    keys = {"headers": (("Authorization", "Bearer ${TOKEN}"), ("X-Page", 5.0)), "path": "/orders?key=${KEY}"}
    async with serving(says([ONE])) as server:
        got = await read(feed_of(server, environ={"TOKEN": "abc\n", "KEY": "a&b"}, **keys))
        assert server.header("authorization") == ["Bearer abc"]
        assert server.paths == ["/orders?key=a%26b"]
        assert "a%26b" not in str(got)
        assert got.rows[0].stream == f"{server.url}/orders"


async def test_a_name_and_a_password_in_the_url_are_sent_and_never_shown() -> None:
    async with serving(says([ONE])) as server:
        server.url = server.url.replace("127", "me:hush@127")
        feed = feed_of(server)
        got = await read(feed)
        assert server.header("authorization") == ["Basic bWU6aHVzaA=="]
        assert "hush" not in str(got) + feed.name + feed.stream


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"headers": (("authorization", "Bearer ${TOKEN}"),)}, r"needs \$\{TOKEN\}.*set TOKEN"),
        ({"headers": (("authorization", "ü"),)}, "ASCII"),
        ({"since": "after"}, "no `cursor`"),
        ({"token": "page"}, "set `next`"),
        ({"feed": "https:///x"}, "names a host"),
    ],
)
def test_a_section_that_cannot_work_says_what_to_do(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        HttpFeed(SourceDef(topic="t", **{"feed": "https://api.example.com/", **keys}), {})


def test_a_feed_is_named_by_what_it_reads() -> None:
    def name(topic: str, feed: str) -> str:
        return HttpFeed(SourceDef(topic=topic, feed=feed), {}).name

    urls = ["https://a.example/x", "https://a.example/x?a=1", "https://a.example/x?a=2", "https://a.example/y"]
    assert len({name(topic, url) for topic in ("t", "u") for url in urls}) == 8
    assert name("t", urls[1]) == name("t", urls[1])

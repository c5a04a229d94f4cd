"""Tables of SQLite: every row once, whatever ties and cuts there are; and what is said when something is wrong."""

import asyncio
import json
import sqlite3
from contextlib import aclosing, closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimass.errors import ConfigurationError
from aimass.feeds.databases import DatabaseFeed
from aimass.feeds.growing import Progress
from aimass.pipeline.definition import SourceDef

RISING = "select * from orders where id > :cursor order by id"


class Enough(Exception):
    """The feed has nothing more for now."""


async def enough(seconds):
    raise Enough


def feed(path, query=RISING, cursor="id", **more):
    return DatabaseFeed(
        SourceDef(topic="t", feed=f"sqlite:///{path}", query=query, cursor=cursor, **more), {}, sleep=enough
    )


async def read(feed, position=None, most=None):
    """Return the rows that there are, and the position after them."""
    rows = []
    with suppress(Enough):
        async with aclosing(feed.portions(position)) as portions:
            async for portion in portions:
                assert len(portion.rows) <= 1000
                rows += [json.loads(row.value) for row in portion.rows]
                position = json.loads(json.dumps(portion.position))
                if most is not None and len(rows) >= most:
                    break
    return rows, position


@pytest.fixture
def database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("create table orders (id integer primary key, at text, price real, photo blob)")
        connection.commit()
        yield connection


def insert(database, ids, at="2026-01-01"):
    database.executemany("insert into orders values (?, ?, ?, ?)", [(one, at, one / 4, None) for one in ids])
    database.commit()


async def test_rows_come_once_and_then_only_new_ones(database, tmp_path):
    insert(database, range(1, 2501))
    orders = feed(tmp_path / "shop.db")
    rows, position = await read(orders)
    assert [row["id"] for row in rows] == list(range(1, 2501))
    assert await read(orders, position) == ([], position)
    insert(database, [2501])
    assert [row["id"] for row in (await read(orders, position))[0]] == [2501]


async def test_a_pass_of_many_pages_leaves_nothing_out(database, tmp_path):
    insert(database, range(1, 25_001))
    rows, _ = await read(feed(tmp_path / "shop.db"))
    assert [row["id"] for row in rows] == list(range(1, 25_001))


async def test_more_ties_than_a_page_holds_come_once(database, tmp_path):
    insert(database, range(1, 23_001), at="2026-01-01")
    insert(database, range(23_001, 23_004), at="2026-01-02")
    query = "select * from orders where at > :cursor order by at"
    rows, _ = await read(feed(tmp_path / "shop.db", query, "at", start=""))
    assert sorted(row["id"] for row in rows) == list(range(1, 23_004))


async def test_ties_that_come_late_are_found_with_at_least(database, tmp_path):
    query = "select * from orders where at >= :cursor order by at"
    orders = feed(tmp_path / "shop.db", query, "at", start="")
    insert(database, [1, 2])
    rows, position = await read(orders)
    insert(database, [3])  # of the same time
    more, position = await read(orders, position)
    assert [row["id"] for row in rows + more] == [1, 2, 3]
    assert (await read(orders, position))[0] == []


@pytest.mark.parametrize("comparison", [">", ">="])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(ties=st.lists(st.integers(1, 1500), min_size=1, max_size=4), stops=st.lists(st.integers(1, 1200), max_size=4))
def test_wherever_one_stops_each_row_comes_once(tmp_path_factory, comparison, ties, stops):
    path = tmp_path_factory.mktemp("ties") / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table orders (id integer, at integer)")
        times = [at for at, count in enumerate(ties, 1) for _ in range(count)]
        connection.executemany("insert into orders values (?, ?)", list(enumerate(times)))
        connection.commit()
    orders = feed(path, f"select * from orders where at {comparison} :cursor order by at", "at")

    async def all_of_it():
        found, position = [], None
        for most in [*stops, None]:
            rows, position = await read(orders, position, most)
            found += rows
        return [row["id"] for row in found]

    assert sorted(asyncio.run(all_of_it())) == list(range(len(times)))


async def test_types_are_what_json_has_for_them(database, tmp_path):
    database.execute("insert into orders values (1, 'é', 1e400, x'00ff')")
    database.commit()
    rows, _ = await read(feed(tmp_path / "shop.db"))
    assert rows == [{"id": 1, "at": "é", "price": "Infinity", "photo": "AP8="}]


@pytest.mark.parametrize(
    ("query", "cursor", "said"),
    [
        ("select * from orders where id > :cursor order by id desc", "id", 'add "order by id"'),
        ("select * from order where id > :cursor order by id", "id", "syntax error. Check the feed's query."),
        ("select * from odrers where id > :cursor order by id", "id", "no such table: odrers"),
        (RISING, "idd", "no column of the query is named 'idd'; did you mean \"id\"?"),
        ("select id, id from orders where id > :cursor order by id", "id", "two columns of the query are named 'id'"),
        ("select photo as p from orders where id > :cursor order by id", "p", '"and p is not null"'),
    ],
)
async def test_what_can_never_work_says_what_to_do(database, tmp_path, query, cursor, said):
    insert(database, [1, 2])
    with pytest.raises(ConfigurationError) as caught:
        await read(feed(tmp_path / "shop.db", query, cursor))
    assert said in str(caught.value)


async def test_a_missing_file_is_not_made(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no file"):
        await read(feed(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()


async def test_a_reader_that_is_slow_locks_no_writer_out(database, tmp_path):
    insert(database, range(1, 3001))
    async with aclosing(feed(tmp_path / "shop.db").portions(None)) as portions:
        await anext(portions)
        database.execute("pragma busy_timeout = 0")
        insert(database, [3001])
        assert database.execute("select max(id) from orders").fetchone() == (3001,)


def test_a_secret_of_the_url_that_is_not_there_is_named():
    source = SourceDef(topic="t", feed="postgresql://reader:${DB_PASSWORD}@db/shop", query=RISING, cursor="id")
    with pytest.raises(ConfigurationError, match=r"\$\{DB_PASSWORD\}, which the environment does not have"):
        DatabaseFeed(source, {})


def test_rows_that_are_alike_in_everything_are_as_many_as_there_are():
    progress = Progress(None, 0, "at")
    assert [progress.take(1, b"same"), progress.take(1, b"same")] == [True, True]
    again = Progress(progress.position(), 0, "at")
    assert [again.take(1, b"same") for _ in range(3)] == [False, False, True]


def test_too_many_ties_are_refused(monkeypatch):
    monkeypatch.setattr("aimass.feeds.growing.MOST_TIES", 3)
    progress = Progress(None, 0, "at")
    for number in range(3):
        progress.take(1, b"%d" % number)
    with pytest.raises(ConfigurationError, match="choose a cursor that tells rows apart"):
        progress.take(1, b"3")

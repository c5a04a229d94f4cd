"""Tables of a real PostgreSQL: ties, resuming, types, a server that goes away; skipped where there is none."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import aclosing, closing, suppress
from pathlib import Path

import psycopg
import pytest

from aimass.errors import ConfigurationError, WorldFault
from aimass.feeds.databases import DatabaseFeed
from aimass.pipeline.definition import SourceDef

ORDERS = "select * from orders where id > :cursor order by id"
_USER = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root


class Server:
    """A PostgreSQL of the tests' own, on a free port of loopback."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.data = programs, folder / "data"
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            self.port = probe.getsockname()[1]
        password = folder / "password"
        password.write_text("s3cret")
        if _USER:
            shutil.chown(folder, _USER)
            shutil.chown(password, _USER)
        self._run("initdb", "-D", self.data, "-U", "owner", "-A", "scram-sha-256", f"--pwfile={password}")

    def _run(self, program, *arguments):
        command = [str(one) for one in (self.programs / program, *arguments)]
        options = {"user": _USER, "group": _USER, "extra_groups": []} if _USER else {}
        ended = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", timeout=60, check=False, **options
        )
        assert ended.returncode == 0, ended.stderr.decode()

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-D", self.data, "-w", "-o", options, "-l", self.data / "log", "start")

    def stop(self):
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def url(self, user="owner:s3cret", name="postgres"):
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"

    def do(self, *statements):
        with psycopg.connect(self.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(scope="session")
def server():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    program = str(found[-1]) if found else shutil.which("pg_ctl")
    if program is None:
        pytest.skip("there is no PostgreSQL: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="aimass-postgresql-", dir="/tmp"))  # where its user may go
    server = Server(Path(program).parent, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def orders(server):
    server.do(
        "drop table if exists orders", "create table orders (id bigserial, at timestamptz default now(), text text)"
    )
    return server


class Enough(Exception):
    """The feed has nothing more for now."""


async def enough(seconds):
    raise Enough


def feed(server, query=ORDERS, cursor="id", url=None, **more):
    source = SourceDef(topic="t", feed=url or server.url(), query=query, cursor=cursor, **more)
    return DatabaseFeed(source, {}, sleep=enough)


async def read(feed, position=None, portions=None):
    rows, count = [], 0
    with suppress(Enough):
        async with aclosing(feed.portions(position)) as found:
            async for portion in found:
                rows += [json.loads(row.value) for row in portion.rows]
                position, count = json.loads(json.dumps(portion.position)), count + 1
                if count == portions:
                    break
    return rows, position


async def test_rows_come_once_and_then_only_new_ones(orders):
    orders.do("insert into orders (text) select 'a 50% off' from generate_series(1, 2500)")
    rows, position = await read(feed(orders))
    assert [row["id"] for row in rows] == list(range(1, 2501))
    orders.do("insert into orders (text) values ('b')")
    assert [row["id"] for row in (await read(feed(orders), position))[0]] == [2501]


@pytest.mark.parametrize("comparison", [">", ">="])
async def test_rows_of_one_time_come_once_wherever_one_stops(orders, comparison):
    query = f"select id, at from orders where at {comparison} :cursor and text not like '%%x' order by at"
    orders.do(
        "insert into orders (at, text) "
        "select '2026-01-01 00:00:00.123456+02'::timestamptz + (n / 1700) * interval '1us', '' "
        "from generate_series(0, 4999) n"
    )
    found, position = [], None
    for _ in range(10):  # stopped after each portion: within ties, and between
        rows, position = await read(feed(orders, query, "at", start="1970-01-01"), position, 1)
        found += [row["id"] for row in rows]
    assert sorted(found) == list(range(1, 5001))


async def test_types_are_what_json_has_for_them(server):
    query = """select 1::int8 as id, 12.50::numeric as price, 0.1000000000000000000001::numeric as exact,
        '2026-01-02 03:04:05+00'::timestamptz as at, '2026-01-02'::date as day, 'infinity'::timestamp as never,
        '\\x00ff'::bytea as photo, '1b4e28ba-2fa1-11d2-883f-0016d3cca427'::uuid as who, null::int as nothing,
        '{"a": [1, null]}'::jsonb as more, array[1.5, 2]::numeric[] as list, interval '90 seconds' as took,
        'nan'::float8 as odd, true as yes, '10.0.0.1'::inet as host where 1 > :cursor order by 1"""
    rows, _ = await read(feed(server, query))
    assert rows == [
        {
            "id": 1,
            "price": 12.5,
            "exact": "0.1000000000000000000001",
            "at": "2026-01-02T03:04:05+00:00",
            "day": "2026-01-02",
            "never": "infinity",
            "photo": "AP8=",
            "who": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "nothing": None,
            "more": {"a": [1, None]},
            "list": [1.5, 2],
            "took": 90.0,
            "odd": "NaN",
            "yes": True,
            "host": "10.0.0.1",
        }
    ]


@pytest.mark.parametrize("kind", ["numeric", "float8", "int4", "text", "uuid", "date"])
async def test_a_cursor_may_be_of_any_type_that_has_an_order(server, kind):
    values = {
        "text": ["a", "b"],
        "uuid": ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"],
        "date": ["2026-01-01", "2026-01-02"],
    }.get(kind, ["1", "2"])
    first = {"text": "", "uuid": "00000000-0000-0000-0000-000000000000", "date": "1970-01-01"}.get(kind, 0)
    server.do(
        "drop table if exists kinds", f"create table kinds (id {kind})", f"insert into kinds values ('{values[0]}')"
    )
    kinds = feed(server, "select * from kinds where id > :cursor order by id", start=first)
    rows, position = await read(kinds)
    server.do(f"insert into kinds values ('{values[1]}')")
    more, _ = await read(kinds, position)
    assert [str(row["id"]).removesuffix(".0") for row in rows + more] == values


async def test_a_server_that_goes_away_in_the_middle_costs_and_doubles_nothing(orders):
    orders.do("insert into orders (text) select repeat('x', 200) from generate_series(1, 30000)")
    found, position = [], None

    async def stopped_in_the_middle():
        nonlocal position
        async with aclosing(feed(orders).portions(None)) as portions:
            async for portion in portions:
                found.extend(json.loads(row.value)["id"] for row in portion.rows)
                position = portion.position
                if len(found) == 3000:
                    await asyncio.to_thread(orders.stop)

    with pytest.raises(WorldFault):
        await stopped_in_the_middle()
    with pytest.raises(WorldFault):
        await read(feed(orders), position)
    await asyncio.to_thread(orders.start)
    rows, _ = await read(feed(orders), position)
    assert found + [row["id"] for row in rows] == list(range(1, 30_001))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "owner:wrong"}, "Check user, password and database"),
        ({"query": "select * from odrers where id > :cursor order by id"}, "Check the feed's query"),
        ({"query": "select * from orders where at > :cursor order by at"}, 'start = "1970-01-01"'),
        ({"query": "delete from orders where id > :cursor"}, "Check the feed's query"),
        ({"query": "select * from orders where id > :cursor order by id desc"}, 'add "order by id"'),
    ],
)
async def test_what_can_never_work_says_what_to_do(orders, changes, said):
    orders.do("insert into orders (text) values ('a'), ('b')")
    if "url" in changes:
        changes = {"url": orders.url(changes["url"])}
    with pytest.raises(ConfigurationError) as caught:
        await read(feed(orders, **changes))
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_a_database_that_is_not_there_is_named(server):
    with pytest.raises(ConfigurationError, match="Check user, password and database"):
        await read(feed(server, url=server.url(name="shpo")))


async def test_the_query_cannot_change_anything(orders):
    query = "with gone as (delete from orders returning id) select * from gone where id > :cursor order by id"
    orders.do("insert into orders (text) values ('a')")
    with pytest.raises(ConfigurationError):
        await read(feed(orders, query))
    assert len((await read(feed(orders)))[0]) == 1

"""Servers that misbehave, on loopback; and time that passes as fast as it is waited for."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from aimass.feeds.base import Portion, Row
from aimass.feeds.http import HttpFeed
from aimass.feeds.http_asking import Clocks

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: `every` of feeds in tests: who waits so long has ended a poll.
EVERY = 1e6
JSON = {"content-type": "application/json"}


class Enough(Exception):
    """Ends a feed whose polls are all done."""


@dataclass
class Time:
    """Time that passes when somebody waits."""

    polls: int = 1
    at: float = 1.7e9
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        if seconds > EVERY / 2:
            self.polls -= 1
            if self.polls <= 0:
                raise Enough
        else:
            self.waits.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.at, lambda: self.at, self.sleep)


@dataclass
class Read:
    """What a feed has brought, and where it then stood."""

    rows: list[Row]
    portions: list[Portion]
    position: Any

    @property
    def values(self) -> list[Any]:
        return [orjson.loads(row.value) for row in self.rows]


async def read(feed: HttpFeed, position: Any = None, most: int | None = None) -> Read:
    """Return what a feed brings until its polls are done, or until it has brought so many portions."""
    got = Read([], [], position)
    portions = feed.portions(position)
    try:
        async for portion in portions:
            got.portions.append(portion)
            got.rows += portion.rows
            got.position = orjson.loads(orjson.dumps(portion.position))
            if len(got.portions) == most:
                break
    except Enough:
        pass
    finally:
        await portions.aclose()
    return got


@dataclass
class Server:
    """A server that answers by steps, one a request; by the last one for ever."""

    steps: Sequence[Step]
    url: str = ""
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        step = self.steps[min(len(self.asked), len(self.steps) - 1)]
        self.asked.append((request.path_qs, dict(request.headers)))
        return await step(request)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def header(self, name: str) -> list[str | None]:
        """Return what each request had as a header."""
        return [{key.lower(): value for key, value in headers.items()}.get(name) for _, headers in self.asked]


@asynccontextmanager
async def serving(*steps: Step) -> AsyncIterator[Server]:
    """Yield a server that answers by steps."""
    server = Server(steps)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


# -- steps -------------------------------------------------------------------------------------------------------------


def says(data: Any, status: int = 200, **headers: str) -> Step:
    """Answer with JSON; headers are named with underscores."""

    async def step(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=orjson.dumps(data), status=status, headers={**JSON, **named})

    return step


def sends(body: bytes, status: int = 200, **headers: str) -> Step:
    """Answer with bytes."""

    async def step(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, status=status, headers={**JSON, **named})

    return step


def zipped(data: Any) -> Step:
    """Answer with JSON, packed."""
    return sends(gzip.compress(orjson.dumps(data)), content_encoding="gzip")


async def breaks_off(request: web.Request) -> web.StreamResponse:
    """Send half a body, then nothing but a reset."""
    response = web.StreamResponse(headers={**JSON, "content-length": "1000"})
    await response.prepare(request)
    await response.write(b'[{"id": 1}, {"id"')
    assert request.transport is not None
    request.transport.abort()
    return response


async def drips(request: web.Request) -> web.StreamResponse:
    """Send a body byte by byte, for a long time."""
    response = web.StreamResponse(headers=JSON)
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b" ")
        await asyncio.sleep(0.02)
    return response

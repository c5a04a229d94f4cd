"""An endpoint that others push events to: each request is in Kafka, whole, before it is answered with 200.

::

    POST /push/<topic>    one event, or many: JSON, lines, CloudEvents, or bytes as they came
    GET  /push            the topics, and how to push to them
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any

import orjson
from aiohttp import web

from aimass.errors import ClientError, ConfigurationError, WorldFault
from aimass.feeds.push_bodies import Bounds, Room, body_of
from aimass.feeds.push_kafka import Event, KafkaWriter, Offsets, Writer
from aimass.feeds.push_reading import Unacceptable, read
from aimass.settings import Settings

logger = logging.getLogger(__name__)
_SHOWN_OFFSETS = 100
_GRACE_S = 10.0
#: Bodies are unpacked by us; ends are waited for by us, so that what lingers is soon let go.
_RUNNER: dict[str, Any] = {"auto_decompress": False, "shutdown_timeout": 1.0, "lingering_time": 2.0}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PushServer:
    """Takes events by HTTP and answers when Kafka has them.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    topics
        The topics that may be pushed to: those of its sources with ``feed = "push"``.
    settings
        Which Kafka; where to listen (`push_host`, `push_port`; port 0: any that is free), and `push_token`.
    writer
        Writes to Kafka; another one in tests.
    bounds
        What may be under way.

    Examples
    --------
    >>> server = PushServer("shop", ["orders"], Settings(bootstrap_servers="localhost:9092", push_port=8099))
    >>> server.example("orders")
    "curl -H 'Content-Type: application/json' -d '{}' 'http://127.0.0.1:8099/push/orders?key=k1'"
    """

    def __init__(
        self,
        pipeline: str,
        topics: Sequence[str],
        settings: Settings,
        *,
        writer: Writer | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._pipeline, self._topics, self._settings = pipeline, tuple(topics), settings
        self._writer, self._room = writer, Room(bounds or Bounds())
        self._requests, self._stopping, self._port = 0, False, settings.push_port
        self._idle = asyncio.Event()
        app = web.Application(middlewares=[self._answered])
        app.router.add_get("/push", self._list)
        app.router.add_post("/push/{topic}", self._push)
        self._runner = web.AppRunner(app, access_log=None, **_RUNNER)

    async def run(self) -> None:
        """Serve until cancelled; then end what is under way.

        Raises
        ------
        ConfigurationError
            When the port is taken.
        """
        try:
            await self.start()
            await asyncio.Event().wait()
        finally:
            await self.stop()

    async def start(self) -> str:
        """Begin to serve and return the address.

        Raises
        ------
        ConfigurationError
            When the port is taken.
        """
        host, port = self._settings.push_host, self._settings.push_port
        if self._writer is None:
            self._writer = KafkaWriter(self._settings, self._pipeline)
        if not self._settings.push_token and not _is_loopback(host):
            logger.warning("anybody who reaches this port may push: set AIMASS_PUSH_TOKEN", extra={"host": host})
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as exc:
            raise ConfigurationError(
                f"nothing can be pushed to {host}:{port}: {exc.strerror or exc}. "
                "Set AIMASS_PUSH_PORT and AIMASS_PUSH_HOST."
            ) from exc
        self._port = self._runner.addresses[0][1]
        logger.info("push server started", extra={"url": self.url, "topics": list(self._topics)})
        return self.url

    async def stop(self) -> None:
        """Refuse what is new, end what is under way, and close."""
        self._stopping = True
        if self._requests:
            self._idle.clear()
            try:
                await asyncio.wait_for(self._idle.wait(), _GRACE_S)
            except TimeoutError:
                logger.warning("requests were cut off", extra={"requests": self._requests})
        await self._runner.cleanup()
        if self._writer is not None:
            await self._writer.close()

    @property
    def url(self) -> str:
        """Its address, for people."""
        host = self._settings.push_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    def example(self, topic: str) -> str:
        """Return a command that pushes an event to a topic."""
        token = '-H "Authorization: Bearer $AIMASS_PUSH_TOKEN" ' if self._settings.push_token else ""
        return f"curl {token}-H 'Content-Type: application/json' -d '{{}}' '{self.url}/push/{topic}?key=k1'"

    # -- requests ------------------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.StreamResponse:
        topics = [{"topic": topic, "example": self.example(topic)} for topic in self._topics]
        return _json({"pipeline": self._pipeline, "topics": topics})

    async def _push(self, request: web.Request) -> web.StreamResponse:
        topic = request.match_info["topic"]
        if topic not in self._topics:
            what = f'no source with feed = "push" has the topic {topic!r}'
            raise Unacceptable(404, what, "path", f"push to one of: {', '.join(self._topics)}")
        with self._room.share() as share:
            body = await body_of(request, share)
            headers = {name.lower(): value for name, value in request.headers.items()}
            events = read(body, headers, request.query.get("key") or request.headers.get("Aimass-Key"))
            share.add(records=len(events))
            offsets = await self._written(topic, events)
        return _json({"accepted": len(events), "offsets": offsets[:_SHOWN_OFFSETS]})

    async def _written(self, topic: str, events: Sequence[Event]) -> Offsets:
        assert self._writer is not None
        if not events:
            return []
        try:
            return await self._writer.write(topic, events, self._room.bounds.wait_s)
        except ClientError as exc:
            raise Unacceptable(413, str(exc), "body", "send less at once") from exc
        except WorldFault as exc:
            todo = "send it again: it may have been written all the same, but never a part of it"
            raise Unacceptable(503, str(exc), "Kafka", todo, wait_s=5) from exc

    # -- answers -------------------------------------------------------------------------------------------------------

    @web.middleware
    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, with what is wrong where something is."""
        self._requests += 1
        try:
            self._admit(request)
            return await handler(request)
        except Unacceptable as exc:
            return _error(exc)
        except web.HTTPException as exc:
            todo = "POST to /push/<topic>, or GET /push"
            return _error(Unacceptable(exc.status, exc.reason, f"{request.method} {request.path}", todo))
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    def _admit(self, request: web.Request) -> None:
        if self._stopping:
            raise Unacceptable(503, "the server stops", "server", "send it again later", wait_s=5)
        token = self._settings.push_token
        if token is None:
            if "Origin" in request.headers:  # else any page that is open in a browser here could push
                todo = "set AIMASS_PUSH_TOKEN and send it"
                raise Unacceptable(403, "a web page may not push without a token", "header Origin", todo)
            return
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            todo = "send the header `Authorization: Bearer …` with what AIMASS_PUSH_TOKEN is"
            raise Unacceptable(401, "no token, or a wrong one", "header Authorization", todo)


def _error(exc: Unacceptable) -> web.Response:
    response = _json({"error": exc.what, "where": exc.where, "what to do": exc.todo}, exc.status)
    if exc.wait_s is not None:
        response.headers["Retry-After"] = str(exc.wait_s)
    if exc.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

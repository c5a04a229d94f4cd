"""A worker's web page for machines: ``/metrics`` for Prometheus, ``/health`` for whoever restarts it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import orjson
from aiohttp import web
from prometheus_client import exposition

from aimass.errors import ConfigurationError
from aimass.runtime.engine import Engine, health
from aimass.runtime.metrics import Metrics

logger = logging.getLogger(__name__)
_TRIES = 50


class WorkerWeb:
    """Serves ``/metrics`` and ``/health`` on loopback, at a port or the next free one.

    Parameters
    ----------
    port
        The first port to try.
    refresh
        Called before the metrics are read.
    """

    def __init__(self, engines: Sequence[Engine], metrics: Metrics, port: int, refresh: Callable[[], None]) -> None:
        self._engines = engines
        self._metrics = metrics
        self._port = port
        self._refresh = refresh
        app = web.Application()
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/health", self._serve_health)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> str:
        """Start serving and return the address.

        Raises
        ------
        ConfigurationError
            When no port is free.
        """
        await self._runner.setup()
        for port in range(self._port, self._port + _TRIES):
            try:
                await web.TCPSite(self._runner, "127.0.0.1", port).start()
            except OSError:
                continue
            return f"http://127.0.0.1:{port}"
        raise ConfigurationError(f"ports {self._port} to {self._port + _TRIES - 1} are all taken: set AIMASS_WEB_PORT")

    async def stop(self) -> None:
        """Stop serving."""
        await self._runner.cleanup()

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        self._refresh()
        body = exposition.generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": exposition.CONTENT_TYPE_LATEST})

    async def _serve_health(self, request: web.Request) -> web.Response:
        found = health(self._engines, time.monotonic())
        wanted = request.query.get("check", "live")
        is_well = found.is_ready if wanted == "ready" else found.is_live
        body = {"live": found.is_live, "ready": found.is_ready, "problems": found.problems}
        return web.Response(body=orjson.dumps(body), status=200 if is_well else 503, content_type="application/json")

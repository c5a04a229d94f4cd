"""Asks third-party APIs: not too often, again when it may pass, and never for more than fits."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from aimass.delivery.answers import retry_after
from aimass.errors import WorldFault

logger = logging.getLogger(__name__)
#: The largest answer that is read, in bytes, once unpacked.
LARGEST = 32 << 20
#: How long one answer may take, in seconds, however steadily it drips.
PATIENCE_S = 300.0
#: How often a request is tried before the feed begins again.
TRIES = 8
#: How many pages are read without a pause.
MOST_PAGES = 1_000
#: How many rows a portion has at the most.
MOST_ROWS = 1_000
#: How long to wait after an answer that will not change by itself, in seconds.
SLOW_S = 60.0
_BACKOFF_S, _LONGEST_BACKOFF_S, _LONGEST_ASKED_S = 1.0, 120.0, 3600.0
_PASSING = frozenset((408, 425, 429, *range(500, 600)))
_MOVED = frozenset((301, 302, 303, 307, 308))
_HOPS = 5
_SHOWN = 200
_ADVICE = {
    401: "the credentials are missing or wrong: check `headers` and the variables of the environment that they name",
    403: "these credentials may not read this: have them allowed, or check `headers`",
    404: "nothing is there: check the URL in `feed`",
    410: "it is gone for good: find its new URL for `feed`",
}


class Setback(Exception):
    """What went wrong with a request or an answer; it never leaves a feed.

    Parameters
    ----------
    is_lasting
        Whether somebody must do something: it is tried again slowly.
    status
        The HTTP status, when that is why.
    wait_s
        How long the server asks to wait.
    """

    def __init__(
        self, message: str, *, is_lasting: bool = False, status: int | None = None, wait_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.is_lasting, self.status, self.wait_s = is_lasting, status, wait_s


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; ``url`` is where, after all redirects.

    Examples
    --------
    >>> Answer(200, httpx.URL("https://api.example.com/orders?key=hush"), {}, b"[]").shown
    'https://api.example.com/orders'
    """

    status: int
    url: httpx.URL
    headers: Mapping[str, str]
    body: bytes

    @property
    def shown(self) -> str:
        """Its URL as people may see it: without a query, which may hold secrets."""
        return shown(self.url)


def shown(url: httpx.URL) -> str:
    """Return a URL as people may see it.

    Examples
    --------
    >>> shown(httpx.URL("https://me:hush@api.example.com/orders?key=hush#top"))
    'https://api.example.com/orders'
    """
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


@dataclass(frozen=True, slots=True)
class Clocks:
    """The time since whenever and since 1970, in seconds, and how to wait; others in tests."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Any] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an answer may be and how long it may take, how often it is tried; pages at once, rows in a portion."""

    largest: int = LARGEST
    patience_s: float = PATIENCE_S
    tries: int = TRIES
    pages: int = MOST_PAGES
    rows: int = MOST_ROWS


@dataclass(slots=True)
class Asker:
    """Asks one server.

    Parameters
    ----------
    client
        Makes the requests.
    headers, auth
        What each request bears.
    rate
        Requests a second at the most.
    rng
        What jitter comes from.
    leading
        Says where a redirect leads to, and refuses some.
    """

    client: httpx.AsyncClient
    headers: Mapping[str, str]
    auth: httpx.Auth | None
    rate: float
    rng: random.Random
    leading: Callable[[httpx.URL, str], httpx.URL]
    clocks: Clocks = field(default_factory=Clocks)
    limits: Limits = field(default_factory=Limits)
    _next: float = 0.0

    async def ask(self, url: httpx.URL, conditions: Mapping[str, str]) -> Answer:
        """Return the answer of a server, 2xx or 304; what may pass is tried again.

        Parameters
        ----------
        url
            What to ask for.
        conditions
            Headers of this request alone; only with them, 304 is an answer.

        Raises
        ------
        Setback
            When the answer will not change by itself.
        WorldFault
            When it did not pass.
        """
        for tries in range(1, self.limits.tries + 1):
            try:
                return await self._follow(url, conditions)
            except Setback as exc:
                if exc.is_lasting:
                    raise
                if tries == self.limits.tries:
                    raise WorldFault(f"{exc}; tried {tries} times") from exc
                backoff = min(_BACKOFF_S * 2 ** (tries - 1), _LONGEST_BACKOFF_S) * self.rng.uniform(0.8, 1.2)
                wait_s = max(backoff, exc.wait_s or 0.0)
                logger.warning("a feed's request failed", extra={"why": str(exc), "again_in_s": round(wait_s, 1)})
                await self.clocks.sleep(wait_s)
        raise AssertionError("at least one try")

    async def _follow(self, url: httpx.URL, conditions: Mapping[str, str]) -> Answer:
        for _ in range(_HOPS + 1):
            answer = await self._once(url, conditions)
            if 200 <= answer.status < 300 or (answer.status == 304 and conditions):
                return answer
            target = answer.headers.get("location")
            if answer.status not in _MOVED or not target:
                raise self._judged(answer)
            url = self.leading(url, target)
        message = f"{shown(url)} redirects once more after {_HOPS} times: check the URL in `feed`"
        raise Setback(message, is_lasting=True)

    async def _once(self, url: httpx.URL, conditions: Mapping[str, str]) -> Answer:
        await self._turn()
        request = self.client.build_request("GET", url, headers={**self.headers, **conditions})
        try:
            async with asyncio.timeout(self.limits.patience_s):
                response = await self.client.send(request, stream=True, auth=self.auth, follow_redirects=False)
                try:
                    return Answer(response.status_code, url, response.headers, await self._body(response))
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise Setback(f"{shown(url)} did not answer in time ({type(exc).__name__})") from exc
        except (httpx.TransportError, httpx.DecodingError) as exc:
            raise Setback(f"{shown(url)} did not answer: {type(exc).__name__}: {exc}") from exc

    async def _body(self, response: httpx.Response) -> bytes:
        """Return the body, or of an error its beginning."""
        is_error = not 200 <= response.status_code < 300
        most = min(self.limits.largest, _SHOWN) if is_error else self.limits.largest
        parts, size = [], 0
        async for part in response.aiter_bytes():
            parts.append(part)
            size += len(part)
            if size > most:
                if is_error:
                    break
                raise Setback(
                    f"the answer of {shown(response.url)} has more than {most:,} bytes: ask for smaller pages by the "
                    "query in `feed` (`limit`, `per_page` or as it is called there), and name `next`.",
                    is_lasting=True,
                )
        return b"".join(parts)

    async def _turn(self) -> None:
        """Wait until the next request may be made."""
        now = self.clocks.monotonic()
        self._next = max(self._next, now)
        wait_s = self._next - now
        self._next += 1 / self.rate
        if wait_s > 0:
            await self.clocks.sleep(wait_s)

    def _judged(self, answer: Answer) -> Setback:
        status, said = answer.status, answer.body[:_SHOWN].decode("utf-8", "replace").strip()
        message = f"{answer.shown} answered {status}{': ' + repr(said) if said else ''}"
        if status in _PASSING:
            asked = retry_after(answer.headers.get("retry-after", ""), self.clocks.now())
            wait_s = None if asked is None else min(asked, _LONGEST_ASKED_S)
            return Setback(message, status=status, wait_s=wait_s)
        advice = _ADVICE.get(status, "check the URL in `feed`, and `headers`")
        return Setback(f"{message}; {advice}", is_lasting=True, status=status)

"""One attempt: over HTTP or mail, within its time, to the address that was looked at; what came back is not trusted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from aimass.delivery.guard import Refused, Resolver, look, resolve
from aimass.delivery.payloads import Request, mail, requests
from aimass.delivery.receivers import Receiver, Secrets
from aimass.records import Notification

_PASSING = frozenset((408, 425, 429, *range(500, 600)))
_MOST_BYTES = 65_536
_LONGEST_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt.

    Parameters
    ----------
    outcome
        ``sent``, ``retrying`` (it may pass), ``failed`` (it will not), ``refused`` (the guard) or ``gone`` (410).
    status, error
        The HTTP status, and what went wrong.
    retry_after_s
        How long the receiver asks to wait.
    """

    outcome: str
    status: int | None = None
    error: str = ""
    retry_after_s: float | None = None


class Channels:
    """Makes attempts; keeps connections open between them.

    Parameters
    ----------
    resolver
        How hosts are resolved.
    """

    def __init__(self, resolver: Resolver = resolve) -> None:
        self._resolver = resolver
        self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=None)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def attempt(
        self, receiver: Receiver, secrets: Secrets, one: Notification, *, now: float, attempt: int
    ) -> Answer:
        """Tell a receiver, once."""
        try:
            async with asyncio.timeout(receiver.timeout):
                if receiver.kind == "email":
                    return await self._mail(receiver, secrets, one, attempt)
                for request in requests(receiver, secrets, one, now, attempt):
                    answer = await self._post(receiver, request, now)
                    if answer.outcome != "sent":
                        return answer
                return answer if one.alerts or receiver.kind != "pagerduty" else Answer("sent")
        except TimeoutError:
            return Answer("retrying", error=f"no answer within {receiver.timeout:g} s")
        except Refused as exc:
            return Answer("refused", error=str(exc))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            return Answer("retrying", error=f"{type(exc).__name__}: {exc}"[:500])

    async def _post(self, receiver: Receiver, request: Request, now: float) -> Answer:
        target = await look(request.url, allow_internal=receiver.allow_internal, resolver=self._resolver)
        parts = urlsplit(request.url)
        host = f"[{target.address}]" if ":" in target.address else target.address
        url = urlunsplit((parts.scheme, f"{host}:{target.port}", parts.path or "/", parts.query, ""))
        named = parts.netloc.rpartition("@")[2]
        extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
        made = self._client.build_request(
            "POST", url, content=request.body, headers={**request.headers, "host": named}, extensions=extensions
        )
        response = await self._client.send(made, stream=True)
        try:
            text = await _beginning(response)
        finally:
            await response.aclose()
        return _answer(response, text, now)

    async def _mail(self, receiver: Receiver, secrets: Secrets, one: Notification, attempt: int) -> Answer:
        import aiosmtplib

        host, _, port = (receiver.server or "").rpartition(":")
        target = await look(f"http://{host}:{port}", allow_internal=receiver.allow_internal, resolver=self._resolver)
        try:
            await aiosmtplib.send(
                mail(receiver, one, attempt),
                hostname=target.address,
                port=target.port,
                username=secrets.user or None,
                password=secrets.password or None,
                timeout=receiver.timeout,
            )
        except aiosmtplib.SMTPResponseException as exc:
            passes = 400 <= exc.code < 500
            return Answer("retrying" if passes else "failed", exc.code, f"{exc.code} {exc.message}"[:500])
        except aiosmtplib.SMTPException as exc:
            return Answer("retrying", error=f"{type(exc).__name__}: {exc}"[:500])
        return Answer("sent")


async def _beginning(response: httpx.Response) -> bytes:
    """Read the beginning of a body; a receiver that sends much more is not listened to."""
    found = b""
    async for part in response.aiter_raw():
        found += part
        if len(found) >= _MOST_BYTES:
            break
    return found[:_MOST_BYTES]


def _answer(response: httpx.Response, text: bytes, now: float) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        return Answer("sent", status)
    said = text[:200].decode("utf-8", "replace").strip()
    error = f"{status} {response.reason_phrase}{': ' + said if said else ''}"
    if status == 410:
        return Answer("gone", status, f"{error}; told nothing more until it is redelivered or the worker restarts")
    if 300 <= status < 400:
        return Answer("failed", status, f"{error}; redirects are not followed: correct the url")
    if status in _PASSING:
        return Answer("retrying", status, error, retry_after(response.headers.get("retry-after", ""), now))
    return Answer("failed", status, error)


def retry_after(value: str, now: float) -> float | None:
    """Return how long a ``Retry-After`` header asks to wait, in seconds, up to a day.

    Examples
    --------
    >>> retry_after("120", 0.0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 10.0), retry_after("soon", 0.0)
    (120.0, 50.0, None)
    """
    if value.isdecimal():
        return min(float(value[:9]), _LONGEST_S)
    try:
        at: Any = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    return float(min(max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds()), _LONGEST_S))

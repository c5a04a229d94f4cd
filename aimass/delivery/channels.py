"""One attempt, within its time, to an address that was looked at; what comes back is judged, and not trusted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit, urlunsplit

import httpx

from aimass.delivery.answers import Answer, judge, together
from aimass.delivery.guard import Refused, Resolver, Target, look, resolve
from aimass.delivery.mailing import send_mail
from aimass.delivery.payloads import Request, mail, requests
from aimass.delivery.receivers import Receiver, Secrets
from aimass.errors import ConfigurationError
from aimass.records import Notification

_MOST_BYTES = 65_536
#: How long the body of an answer may take, once its status is known.
_BODY_S = 1.0
_AT_ONCE = 8
_UNMADE = (ValueError, TypeError, OverflowError, httpx.InvalidURL, httpx.LocalProtocolError)


def trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom to trust: ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` where they are set, else the public authorities.

    Raises
    ------
    ConfigurationError
        When there are no certificates there.
    """
    file, directory = environ.get("SSL_CERT_FILE") or None, environ.get("SSL_CERT_DIR") or None
    if file is None and directory is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=file, capath=directory)
    except OSError as exc:
        raise ConfigurationError(f"SSL_CERT_FILE or SSL_CERT_DIR holds no certificates: {exc}") from exc


class Channels:
    """Makes attempts; keeps the connections of each receiver open between them, and shares none between receivers.

    Parameters
    ----------
    resolver
        How hosts are resolved.
    context
        Whom to trust.
    """

    def __init__(self, resolver: Resolver = resolve, context: ssl.SSLContext | None = None) -> None:
        self._resolver, self._context = resolver, context or trust(os.environ)
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def close(self) -> None:
        """Close all connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def attempt(
        self, receiver: Receiver, secrets: Secrets, one: Notification, *, now: float, attempt: int
    ) -> Answer:
        """Tell a receiver, once."""
        try:
            if receiver.kind == "email":
                async with asyncio.timeout(receiver.timeout):
                    return await self._mail(receiver, secrets, one, attempt)
            made = requests(receiver, secrets, one, now, attempt)
        except TimeoutError:
            return _too_slow(receiver)
        except Refused as exc:
            return Answer("refused", error=str(exc))
        except OSError as exc:
            return Answer("retrying", error=_said(exc))
        except _UNMADE as exc:
            return _unmade(exc)
        return await self._all(receiver, made, now)

    async def _all(self, receiver: Receiver, made: Sequence[Request], now: float) -> Answer:
        """Make all requests, a few at once: what one of them is answered does not stop the others."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def tell(request: Request) -> Answer:
            async with gate:
                return await self._one(receiver, request, now)

        return together(await asyncio.gather(*map(tell, made)))

    async def _one(self, receiver: Receiver, request: Request, now: float) -> Answer:
        try:
            async with asyncio.timeout(receiver.timeout):
                response = await self._post(receiver, request)
        except TimeoutError:
            return _too_slow(receiver)
        except Refused as exc:
            return Answer("refused", error=str(exc))
        except _UNMADE as exc:
            return Answer("retrying", error=_said(exc)) if isinstance(exc, OSError) else _unmade(exc)
        except (httpx.HTTPError, OSError) as exc:
            return Answer("retrying", error=_said(exc))
        return judge(response.status_code, response.reason_phrase, response.headers, await _beginning(response), now)

    async def _post(self, receiver: Receiver, request: Request) -> httpx.Response:
        """Send a request to the first of the checked addresses that takes a connection."""
        target = await look(request.url, allow_internal=receiver.allow_internal, resolver=self._resolver)
        share = receiver.timeout / len(target.addresses)
        for address in target.addresses[:-1]:
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._send(receiver, request, target, address, share)
        return await self._send(receiver, request, target, target.addresses[-1], share)

    async def _send(
        self, receiver: Receiver, request: Request, target: Target, address: str, connect_s: float
    ) -> httpx.Response:
        parts = urlsplit(request.url)
        host = f"[{address}]" if ":" in address else address
        client = self._client(receiver.name)
        made = client.build_request(
            "POST",
            urlunsplit((parts.scheme, f"{host}:{target.port}", parts.path or "/", parts.query, "")),
            content=request.body,
            headers={**request.headers, "host": parts.netloc.rpartition("@")[2]},
            extensions={"sni_hostname": target.host} if target.scheme == "https" else {},
            timeout=httpx.Timeout(None, connect=connect_s),
        )
        return await client.send(made, stream=True)

    def _client(self, name: str) -> httpx.AsyncClient:
        """Return a receiver's own client: a connection to an address is trusted for the name it was opened for."""
        if name not in self._clients:
            no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
            self._clients[name] = httpx.AsyncClient(
                verify=self._context, trust_env=False, follow_redirects=False, cookies=no_cookies
            )
        return self._clients[name]

    async def _mail(self, receiver: Receiver, secrets: Secrets, one: Notification, attempt: int) -> Answer:
        server = receiver.server or ""
        if not server.rpartition(":")[2].isdecimal():
            return Answer("failed", error=f'server = "{server}" has no port: write "mail.example.org:587"')
        target = await look(f"http://{server}", allow_internal=receiver.allow_internal, resolver=self._resolver)
        return await send_mail(mail(receiver, one, attempt), receiver, secrets, target, self._context)


async def _beginning(response: httpx.Response) -> bytes:
    """Return the beginning of a body, whatever befalls it; who sends much more, or slowly, is not listened to."""
    found = b""
    with contextlib.suppress(httpx.HTTPError, OSError):
        try:
            async with asyncio.timeout(_BODY_S):
                async for part in response.aiter_raw():
                    found += part
                    if len(found) >= _MOST_BYTES:
                        break
        finally:
            await response.aclose()
    return found[:_MOST_BYTES]


def _said(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"[:500]


def _too_slow(receiver: Receiver) -> Answer:
    return Answer("retrying", error=f"no answer within {receiver.timeout:g} s")


def _unmade(exc: Exception) -> Answer:
    return Answer("failed", error=f"cannot be sent: {_said(exc)}")

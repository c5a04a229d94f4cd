"""Asks a schema registry for what values need, before a stage sees them: Confluent's API."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError

from aimass.delivery.channels import trust
from aimass.errors import ConfigurationError, WorldFault
from aimass.formats.avro import AvroSchema
from aimass.formats.book import SchemaBook
from aimass.formats.protobuf import ProtobufTypes

#: The environment variable that holds ``user:password``, or a token.
AUTH = "AIMASS_REGISTRY_AUTH"
_TIMEOUT_S = 10.0
_PAUSES_S = (0.2, 1.0)
_AT_ONCE = 8
_MOST_REFERENCES = 256
_LATER = (408, 425, 429)


class _Unknown(Exception):
    """The registry is asked for what it does not have."""


class Registry:
    """A schema registry; asks for each id once, since what it says of an id never changes.

    Parameters
    ----------
    url
        Where it is.
    environ
        The environment: `AUTH` and, for the authorities that it trusts, ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.
    sleep
        How to wait; for tests.
    timeout_s
        How long an answer may take.

    Raises
    ------
    ConfigurationError
        When the URL is none.

    Examples
    --------
    >>> Registry("registry:8081", {})
    Traceback (most recent call last):
        ...
    aimass.errors.ConfigurationError: registry 'registry:8081': write it as http://… or https://…
    """

    def __init__(
        self,
        url: str,
        environ: Mapping[str, str],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._url, self._environ = _checked(url), environ
        self._sleep, self._timeout_s = sleep, timeout_s
        self._client: httpx.AsyncClient | None = None

    async def learn(self, book: SchemaBook, values: Iterable[bytes | None]) -> None:
        """Write into the book what it needs to decode these values, or why that cannot be had.

        Raises
        ------
        WorldFault
            When the registry does not answer, or not as a registry does.
        """
        ids = {id for id in map(book.needs, values) if id is not None}
        if not ids:
            return
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(id: int) -> None:
            async with gate:
                await self._learn(book, id)

        done = await asyncio.gather(*map(one, sorted(ids)), return_exceptions=True)
        for fault in done:
            if fault is not None:
                raise fault

    async def close(self) -> None:
        """Close its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _learn(self, book: SchemaBook, id: int) -> None:
        try:
            said = await self._ask(f"/schemas/ids/{id}")
            kind = said.get("schemaType", "AVRO")
            if kind == "AVRO":
                book.put(id, AvroSchema(_text(said), [_text(one) for _, one in await self._references(said, "")]))
            elif kind == "PROTOBUF":
                book.put(id, await self._protobuf(id))
            else:
                book.put_missing(id, f"is of kind {kind}, and only AVRO and PROTOBUF can be read")
        except _Unknown as exc:
            book.put_missing(id, f"the registry does not know it: {exc}")
        except ValueError as exc:
            book.put_missing(id, str(exc))

    async def _protobuf(self, id: int) -> ProtobufTypes:
        said = await self._ask(f"/schemas/ids/{id}?format=serialized")
        main = _file(said, f"schema-{id}.proto")
        others = [_file(one, name) for name, one in await self._references(said, "?format=serialized")]
        return ProtobufTypes([*others, main], main.name)

    async def _references(self, said: Mapping[str, Any], query: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the schemas that one refers to, by the names it has for them, each after those it refers to."""
        found: dict[tuple[str, int], tuple[str, Mapping[str, Any]]] = {}

        async def follow(one: Mapping[str, Any], seen: frozenset[tuple[str, int]]) -> None:
            for name, subject, version in map(_reference, one.get("references") or ()):
                place = (subject, version)
                if place in found or place in seen:
                    continue
                if len(found) + len(seen) >= _MOST_REFERENCES:
                    raise ValueError(f"refers to more than {_MOST_REFERENCES} schemas")
                answer = await self._ask(f"/subjects/{quote(subject, safe='')}/versions/{version}{query}")
                await follow(answer, seen | {place})
                found[place] = (name, answer)

        await follow(said, frozenset())
        return list(found.values())

    async def _ask(self, path: str) -> dict[str, Any]:
        """Return what the registry answers, an object; a few times when it fails."""
        for pause in (*_PAUSES_S, None):
            try:
                response = await self._get(path)
                if response.status_code < 500 and response.status_code not in _LATER:
                    return self._judged(path, response)
                why = f"{response.status_code} {response.reason_phrase}"
            except (httpx.HTTPError, OSError) as exc:
                why = str(exc) or type(exc).__name__
            if pause is not None:
                await self._sleep(pause)
        raise WorldFault(f"the schema registry at {self._url} fails: {why}")

    async def _get(self, path: str) -> httpx.Response:
        if self._client is None:
            self._client = httpx.AsyncClient(
                headers={"accept": "application/vnd.schemaregistry.v1+json, application/json", **_auth(self._environ)},
                timeout=self._timeout_s,
                verify=trust(self._environ),
                trust_env=False,
            )
        try:
            async with asyncio.timeout(self._timeout_s):  # httpx's is between bytes
                return await self._client.get(self._url + path)
        except TimeoutError as exc:
            raise TimeoutError(f"no answer within {self._timeout_s:g} s") from exc

    def _judged(self, path: str, response: httpx.Response) -> dict[str, Any]:
        status = response.status_code
        try:
            said = response.json()
        except ValueError:
            said = None
        if status == 200 and isinstance(said, dict):
            return said
        if status == 404 and isinstance(said, dict) and said.get("error_code", 404) != 404:
            raise _Unknown(str(said.get("message", "not found"))[:200])
        if status in (401, 403):
            raise WorldFault(f"the schema registry at {self._url} answers {status}: is {AUTH} set, and right?")
        raise WorldFault(f"{self._url}{path} answers {status}, not as a schema registry does: is `registry` its URL?")


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise ConfigurationError(f"registry {url!r}: write it as http://… or https://…")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(f"registry: a plain URL, without user or query; put `user:password` into {AUTH}")
    return url.rstrip("/")


def _auth(environ: Mapping[str, str]) -> dict[str, str]:
    secret = environ.get(AUTH, "")
    if not secret:
        return {}
    if not secret.isprintable() or not secret.isascii():
        raise ConfigurationError(f"{AUTH} holds characters that no header can hold")
    if ":" in secret:
        return {"authorization": "Basic " + base64.b64encode(secret.encode()).decode("ascii")}
    return {"authorization": f"Bearer {secret}"}


def _text(said: Mapping[str, Any]) -> str:
    text = said.get("schema")
    if not isinstance(text, str):
        raise ValueError("the registry's answer holds no schema")
    return text


def _file(said: Mapping[str, Any], name: str) -> FileDescriptorProto:
    """Return a file's descriptor, under the name that others import it by."""
    text = _text(said)
    try:
        file = FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (ValueError, DecodeError) as exc:
        raise ValueError(
            "the registry has no serialized descriptors (`?format=serialized`): give a file as `schema` instead"
        ) from exc
    file.name = name
    return file


def _reference(one: Any) -> tuple[str, str, int]:
    try:
        return str(one["name"]), str(one["subject"]), int(one["version"])
    except (KeyError, TypeError, ValueError) as exc:
        raise ValueError(f"a reference that is none: {str(one)[:80]}") from exc

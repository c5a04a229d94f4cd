"""Reads the answers of third-party APIs: their records, and where the next page is."""

from __future__ import annotations

import re
from typing import Any

import httpx
import orjson

from aimass.errors import ConfigurationError, WorldFault
from aimass.feeds.http_asking import Answer, Setback
from aimass.models.features import MISSING, getter

_LINES = ("ndjson", "jsonl", "jsonlines", "json-lines", "x-json-stream", "json-seq")
_SHOWN = 200
_LINK = re.compile(r'<([^>]*)>((?:[^,"]|"[^"]*")*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))', re.IGNORECASE)


def records_of(answer: Answer, items: str | None) -> tuple[Any, list[Any]]:
    """Return what an answer says, and its records.

    Raises
    ------
    WorldFault
        When it is no JSON.
    Setback
        When there are no records where they should be.

    Examples
    --------
    >>> answer = Answer(200, httpx.URL("https://api.example.com/orders"), {}, b'{"data": [{"id": 1}], "next": "/p2"}')
    >>> records_of(answer, "data")
    ({'data': [{'id': 1}], 'next': '/p2'}, [{'id': 1}])
    """
    if answer.status == 204:
        return None, []
    if any(word in answer.headers.get("content-type", "").lower() for word in _LINES):
        return None, [_parsed(line, answer, at) for at, line in enumerate(answer.body.split(b"\n"), 1) if line.strip()]
    whole = _parsed(answer.body, answer)
    found = whole if items is None else at_path(whole, items)
    if isinstance(found, dict):
        return whole, [found]
    if isinstance(found, list):
        return whole, found
    if found is None and items is not None:
        return whole, []
    raise Setback(_no_records(answer, items, whole), is_lasting=True)


def at_path(data: Any, path: str) -> Any:
    """Return what stands at a path of an object, else `MISSING`."""
    return getter(path)(data) if isinstance(data, dict) else MISSING


def _parsed(text: bytes, answer: Answer, line: int | None = None) -> Any:
    try:
        return orjson.loads(text.strip(b"\x1e \t\r\n"))  # json-seq begins each record with 0x1e
    except orjson.JSONDecodeError as exc:
        where = "" if line is None else f"line {line} of "
        begins = text[:_SHOWN].decode("utf-8", "replace")
        raise WorldFault(
            f"{where}the answer of {answer.shown} is not JSON ({exc.msg}); it begins: {begins!r}. "
            "When it stays so, correct the URL in `feed`, or ask for JSON by `headers`."
        ) from exc


def _no_records(answer: Answer, items: str | None, whole: Any) -> str:
    if items is None:
        return f"the answer of {answer.shown} is neither a list nor an object: {str(whole)[:_SHOWN]!r}"
    has = f"its keys are {', '.join(list(whole)[:20])}" if isinstance(whole, dict) else "it is no object"
    begins = answer.body[:_SHOWN].decode("utf-8", "replace")
    return f"no list stands at {items!r} in the answer of {answer.shown}; {has}. Correct `items`. It begins: {begins!r}"


def next_page(answer: Answer, whole: Any, next: str | None, token: str | None) -> Any:
    """Return where the next page is: a URL, ``{"token": …}``, or ``None``.

    Raises
    ------
    Setback
        When it leads to another host: what is secret in `headers` would go there.
    ConfigurationError
        When it is named by a token and nothing says where that goes.

    Examples
    --------
    >>> url = httpx.URL("https://api.example.com/orders?status=paid")
    >>> next_page(Answer(200, url, {"link": '<?page=2>; rel="next"'}, b""), None, "link", None)
    'https://api.example.com/orders?page=2'
    >>> next_page(Answer(200, url, {}, b""), {"after": "x7"}, "after", "cursor")
    {'token': 'x7'}
    """
    if next is None:
        return None
    found = linked(answer.headers.get("link", "")) if next == "link" else at_path(whole, next)
    if found is MISSING or found is None or found is False or found == "":
        return None
    if isinstance(found, str) and (next == "link" or _is_url(found, token)):
        return str(leading_to(answer.url, found))
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise ConfigurationError(
            f"the value at next = {next!r} is {str(found)[:40]}: neither a URL nor a token. Correct `next`."
        )
    if token is None:
        raise ConfigurationError(
            f"the value at next = {next!r} is {str(found)[:40]!r}, which is no URL: "
            "set `token` to the query parameter that takes it."
        )
    return {"token": found}


def _is_url(text: str, token: str | None) -> bool:
    """Return whether a text names a page; where tokens are expected, one may well begin with a slash."""
    return text.startswith(("http://", "https://")) or (token is None and text.startswith(("/", "?")))


def linked(header: str) -> str | None:
    """Return the target that a ``Link`` header (RFC 8288) calls the next.

    Examples
    --------
    >>> linked('<https://a.example/?p=1,2>; rel="prev", </p3>; title="a, b"; rel="last next"')
    '/p3'
    """
    for target, parameters in _LINK.findall(header):
        rel = _REL.search(parameters)
        if rel and "next" in (rel[1] or rel[2]).lower().split():
            return str(target)
    return None


def leading_to(url: httpx.URL, target: str) -> httpx.URL:
    """Return where a link of a page leads to; a server behind a proxy may well say ``http`` where we ask by ``https``.

    Raises
    ------
    Setback
        When that is another host.

    Examples
    --------
    >>> str(leading_to(httpx.URL("https://api.example.com/a/b"), "http://api.example.com/c"))
    'https://api.example.com/c'
    """
    try:
        found = url.join(target).copy_with(username=None, password=None)
    except (httpx.InvalidURL, ValueError) as exc:
        raise Setback(f"{target[:_SHOWN]!r} is no URL: {exc}", is_lasting=True) from exc
    if found.host == url.host and found.scheme == "http" and url.scheme == "https" and found.port is None:
        found = found.copy_with(scheme="https", port=url.port)
    is_safer = found.scheme == "https" and url.scheme == "http" and found.port is None and url.port is None
    if found.host != url.host or not (is_safer or (found.scheme, found.port) == (url.scheme, url.port)):
        raise Setback(
            f"{url.host} leads to {found.scheme}://{found.netloc.decode()}, where what is secret in `headers` must not "
            "go: when you trust it, put its URL into `feed`.",
            is_lasting=True,
        )
    return found

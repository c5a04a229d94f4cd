"""Reads what is pushed: JSON, lines of JSON, CloudEvents, or anything else as it came."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
import orjson

from aimass.feeds.push_kafka import Event

#: The header of Kafka that says which event this is, however often it is sent.
DEDUPE = "aimass.dedupe"
#: How many events a request has at the most.
MOST_EVENTS = 20_000
_CLOUD, _CLOUDS = "application/cloudevents+json", "application/cloudevents-batch+json"
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
_FORMS = ("application/x-www-form-urlencoded", "multipart/")
_ATTRIBUTE = re.compile(r"[a-z0-9]+")
_NEEDED = ("specversion", "id", "source", "type")
_BYTE = re.compile(r"\(byte (\d+)\)")
_SPACE = b" \t\r\n"


class Unacceptable(Exception):
    """What is wrong with a request; it never leaves the server.

    Parameters
    ----------
    status
        What is answered.
    what, where, todo
        What is wrong, where, and what to do.
    wait_s
        After how many seconds it may be sent again.
    """

    def __init__(self, status: int, what: str, where: str, todo: str, wait_s: int | None = None) -> None:
        super().__init__(what)
        self.status, self.what, self.where, self.todo, self.wait_s = status, what, where, todo, wait_s


def read(body: bytes, headers: Mapping[str, str], key: str | None = None) -> list[Event]:
    """Return the events of a request.

    Parameters
    ----------
    headers
        The request's, by names in lower case.
    key
        What the request says of all its events; before what a CloudEvent says of itself.

    Raises
    ------
    Unacceptable
        When one of them cannot be taken: then none is.

    Examples
    --------
    >>> read(b'[{"a": 1}, {"a": 2}]', {"content-type": "application/json"}, "p1")[1]
    Event(value=b'{"a": 2}', key=b'p1', headers=())
    """
    kind, _, parameters = headers.get("content-type", "application/octet-stream").lower().partition(";")
    kind = kind.strip()
    named = None if key is None else _bytes(key)
    _check_kind(kind, parameters)
    if not body.strip(_SPACE) and kind not in _LINES:
        raise Unacceptable(400, "an empty body", "body", "send an event")
    if kind == _CLOUD:
        return [_cloud_event(body, "body", named)]
    if kind == _CLOUDS:
        return [_cloud_event(part, f"element {at}", named) for at, part in enumerate(_elements(body))]
    if "ce-specversion" in headers:
        return [_binary(body, headers, named)]
    return _plain(body, kind, headers.get("idempotency-key"), named)


def _check_kind(kind: str, parameters: str) -> None:
    if kind.startswith(_FORMS):
        todo = "add the header `Content-Type: application/json` (curl: -H), or whatever the body is"
        raise Unacceptable(415, f"a form ({kind}) is no event", "header Content-Type", todo)
    is_text = kind in _LINES or _is_json(kind)
    if is_text and "charset=" in parameters and "utf-8" not in parameters and "utf8" not in parameters:
        raise Unacceptable(415, f"JSON is UTF-8, not {parameters.strip()}", "header Content-Type", "send UTF-8")


def _is_json(kind: str) -> bool:
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def _plain(body: bytes, kind: str, id: str | None, key: bytes | None) -> list[Event]:
    """Return the events of a request that are no CloudEvents."""
    if kind in _LINES:
        lines = [(f"line {at}", line) for at, line in enumerate(body.split(b"\n"), 1) if line.strip(_SPACE)]
    elif not _is_json(kind):
        return [Event(body, key, (("content-type", _bytes(kind)), *_dedupe(id)))]
    elif body.lstrip(_SPACE).startswith(b"["):
        lines = [(f"element {at}", part) for at, part in enumerate(_elements(body))]
    else:
        return [Event(_object(body, "body"), key, _dedupe(id))]
    _few(lines)
    return [
        Event(_object(text, where), key, _dedupe(None if id is None else f"{id}/{at}"))
        for at, (where, text) in enumerate(lines)
    ]


def _dedupe(id: str | None) -> tuple[tuple[str, bytes], ...]:
    return () if id is None else ((DEDUPE, _bytes(id)),)


def _bytes(text: str) -> bytes:
    """Return what came in a header as it came, even when it was no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _few(parts: Sequence[Any]) -> None:
    if len(parts) > MOST_EVENTS:
        raise Unacceptable(413, f"{len(parts):,} events", "body", f"send at most {MOST_EVENTS:,} in one request")


def _object(text: bytes, where: str) -> bytes:
    """Return an object's own JSON."""
    found = _parsed(text, where)
    if not isinstance(found, dict):
        what = f"not a JSON object but {type(found).__name__}"
        raise Unacceptable(400, what, where, "send an object for each event")
    return text.strip(_SPACE)


def _parsed(text: bytes, where: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        what = f"not JSON: {exc.msg} at byte {exc.pos}"
        raise Unacceptable(400, what, where, "correct it and send the whole request again") from exc


def _elements(body: bytes) -> Sequence[bytes]:
    """Return each element of a JSON array, as it came."""
    try:
        parts = msgspec.json.decode(body, type=list[msgspec.Raw])
    except RecursionError as exc:
        raise Unacceptable(400, "nested too deep", "body", "send flatter events") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        at = _BYTE.search(str(exc))
        where = f"element {_element_at(body[: int(at[1])] if at else body)}"
        raise Unacceptable(400, f"not JSON: {exc}", where, "correct it and send the whole request again") from exc
    _few(parts)
    return [bytes(part) for part in parts]


def _element_at(before: bytes) -> int:
    """Return the element of an array that a text breaks off in.

    Examples
    --------
    >>> _element_at(b'[{"a": [1, 2]}, "x, [", {"b"')
    2
    """
    depth = count = 0
    for i, part in enumerate(before.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')):
        if i % 2 == 0:
            for byte in part:
                depth += (byte in b"[{") - (byte in b"]}")
                count += depth == 1 and byte == ord(",")
    return count


# -- CloudEvents -------------------------------------------------------------------------------------------------------


def _cloud_event(text: bytes, where: str, key: bytes | None) -> Event:
    """Return a CloudEvent that came as JSON: its data, as it came, and its attributes as headers."""
    try:
        parts = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeDecodeError) as exc:
        raise Unacceptable(400, f"no CloudEvent: {exc}", where, "send a JSON object with `specversion`") from exc
    data, packed = parts.pop("data", None), parts.pop("data_base64", None)
    read = {name: _attribute(name, _parsed(bytes(raw), f"{where}, {name}"), where) for name, raw in parts.items()}
    attributes = {name: value for name, value in read.items() if value is not None}
    return _made(_data(data, packed, attributes, where), attributes, where, key)


def _attribute(name: str, value: Any, where: str) -> str | None:
    if not _ATTRIBUTE.fullmatch(name):
        what = f"{name[:60]!r} is no name of an attribute"
        raise Unacceptable(400, what, where, "names have small letters and digits only")
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    raise Unacceptable(400, f"the attribute {name!r} is no text, number or truth", where, "put it into `data`")


def _data(data: Any, packed: Any, attributes: Mapping[str, str], where: str) -> bytes:
    if packed is not None:
        try:
            return msgspec.json.decode(bytes(packed), type=bytes)
        except msgspec.DecodeError as exc:
            raise Unacceptable(400, f"no base64: {exc}", f"{where}, data_base64", "encode it again") from exc
    if data is None:
        raise Unacceptable(400, "a CloudEvent without data", where, "put the event into `data` or `data_base64`")
    value = _parsed(bytes(data), f"{where}, data")
    kind = attributes.get("datacontenttype", "application/json").lower().partition(";")[0].strip()
    return value.encode() if isinstance(value, str) and not _is_json(kind) else bytes(data).strip(_SPACE)


def _binary(body: bytes, headers: Mapping[str, str], key: bytes | None) -> Event:
    """Return a CloudEvent whose attributes are headers; their values are percent-encoded."""
    named = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    attributes = {name: value for name, value in named.items() if _attribute(name, value, f"header ce-{name}")}
    kind = headers.get("content-type")
    if kind is not None:
        attributes["datacontenttype"] = kind
        if _is_json(kind.lower().partition(";")[0].strip()):
            _parsed(body, "body")
    return _made(body, attributes, "headers", key)


def _made(value: bytes, attributes: Mapping[str, str], where: str, key: bytes | None) -> Event:
    missing = [name for name in _NEEDED if not attributes.get(name)]
    if missing:
        raise Unacceptable(400, f"a CloudEvent without {', '.join(missing)}", where, "add what is missing")
    if attributes["specversion"] != "1.0":
        what = f"CloudEvents {attributes['specversion'][:20]!r}"
        raise Unacceptable(400, what, f"{where}, specversion", "send version 1.0")
    if key is None and "partitionkey" in attributes:
        key = _bytes(attributes["partitionkey"])
    kind = attributes.get("datacontenttype")
    told = [(f"ce_{name}", _bytes(text)) for name, text in attributes.items() if name != "datacontenttype"]
    content = [] if kind is None else [("content-type", _bytes(kind))]
    return Event(value, key, (*told, *content, *_dedupe(f"{attributes['source']} {attributes['id']}")))

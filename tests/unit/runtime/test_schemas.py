"""Does a registry teach the book what values need, and does its silence stop the partition rather than lose events?"""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from aimass.errors import BadEvent, ConfigurationError, WorldFault
from aimass.formats.avro import Avro
from aimass.formats.book import SchemaBook
from aimass.formats.protobuf import Protobuf
from aimass.runtime.schemas import AUTH, Registry
from tests.unit.formats.messages import file, message

NUMBER = '{"type": "record", "name": "N", "fields": [{"name": "a", "type": "int"}]}'
NOT_FOUND = {"error_code": 40403, "message": "Schema 9 not found"}


def frame(id, body=b"\x0e"):
    return b"\x00" + id.to_bytes(4, "big") + body


class Played:
    """A registry that answers with what it is given by path, one after the other; the last again and again."""

    def __init__(self, **answers):
        self.answers = {"/" + path.replace("__", "/"): list(said) for path, said in answers.items()}
        self.asked, self.headers, self.at_once, self.most = [], [], 0, 0

    async def answer(self, request):
        self.asked.append(request.path_qs)
        self.headers.append(request.headers)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            said = self.answers.get(request.path_qs) or self.answers.get(request.path)
            if said is None:
                return web.json_response({"error_code": 404, "message": "HTTP 404 Not Found"}, status=404)
            status, body = said.pop(0) if len(said) > 1 else said[0]
            if status == "slow":
                await asyncio.sleep(body)
                return web.json_response({"schema": NUMBER})
            if status == "hang up":
                request.transport.close()
                return web.Response()
            text = body if isinstance(body, str) else json.dumps(body)
            return web.Response(text=text, status=status, content_type="application/vnd.schemaregistry.v1+json")
        finally:
            self.at_once -= 1


@asynccontextmanager
async def played(environ=None, timeout_s=5.0, base="", **answers):
    """Yield a played registry, what asks it, and the pauses that were made."""
    one, pauses = Played(**answers), []

    async def rest(seconds):
        pauses.append(seconds)

    app = web.Application()
    app.router.add_get("/{path:.*}", one.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    registry = Registry(f"http://127.0.0.1:{port}{base}", environ or {}, sleep=rest, timeout_s=timeout_s)
    try:
        yield one, registry, pauses
    finally:
        await registry.close()
        await runner.cleanup()


async def learned(id, **answers):
    """Return a book that learned one id."""
    book = SchemaBook()
    async with played(**answers) as (_, registry, _):
        await registry.learn(book, [frame(id)])
    return book


async def fault(**answers):
    with pytest.raises(WorldFault) as caught:
        await learned(7, **answers)
    return str(caught.value)


def refusal(book, value, format=Avro):
    with pytest.raises(BadEvent) as caught:
        format(book=book).decode(value)
    return str(caught.value)


async def test_each_id_is_asked_for_once():
    book = SchemaBook()
    async with played(schemas__ids__7=[(200, {"schema": NUMBER})]) as (one, registry, _):
        for _ in range(2):
            await registry.learn(book, [frame(7), None, b"{}", b"", frame(7)])
    assert one.asked == ["/schemas/ids/7"]
    assert Avro(book=book).decode(frame(7)) == {"a": 7}


async def test_nothing_is_asked_when_nothing_is_needed():
    async with played() as (one, registry, _):
        await registry.learn(SchemaBook(), [b"{}", None])
    assert one.asked == []


async def test_many_are_asked_for_at_once_but_not_too_many():
    answers = {f"schemas__ids__{id}": [("slow", 0.05)] for id in range(30)}
    book = SchemaBook()
    async with played(**answers) as (one, registry, _):
        await registry.learn(book, map(frame, range(30)))
    assert 1 < one.most <= 8
    assert all(Avro(book=book).decode(frame(id)) == {"a": 7} for id in range(30))


async def test_a_registry_may_stand_below_a_path():
    book = SchemaBook()
    async with played(base="/apis/v7/", apis__v7__schemas__ids__7=[(200, {"schema": NUMBER})]) as (_, registry, _):
        await registry.learn(book, [frame(7)])
    assert book.needs(frame(7)) is None


async def test_what_the_registry_does_not_know_is_a_bad_event():
    book = await learned(9, schemas__ids__9=[(404, NOT_FOUND)])
    assert refusal(book, frame(9)) == "schema 9: the registry does not know it: Schema 9 not found"


async def test_one_that_is_missing_does_not_keep_others_from_being_learned():
    book = SchemaBook()
    answers = {"schemas__ids__7": [(200, {"schema": NUMBER})], "schemas__ids__9": [(404, NOT_FOUND)]}
    async with played(**answers) as (_, registry, _):
        await registry.learn(book, [frame(9), frame(7)])
    assert Avro(book=book).decode(frame(7)) == {"a": 7}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"schema": "{}", "schemaType": "JSON"}, "is of kind JSON, and only AVRO and PROTOBUF can be read"),
        ({"schema": "{"}, "no Avro schema"),
        ({}, "the registry's answer holds no schema"),
        ({"schema": NUMBER, "references": [7]}, "a reference that is none: 7"),
    ],
)
async def test_a_schema_that_cannot_be_read_is_a_bad_event(said, why):
    assert why in refusal(await learned(7, schemas__ids__7=[(200, said)]), frame(7))


async def test_a_registry_that_fails_is_asked_again():
    failing = [(500, "oops"), (429, "later"), (200, {"schema": NUMBER})]
    book = SchemaBook()
    async with played(schemas__ids__7=failing) as (one, registry, pauses):
        await registry.learn(book, [frame(7)])
    assert (len(one.asked), pauses) == (3, [0.2, 1.0])
    assert Avro(book=book).decode(frame(7)) == {"a": 7}


async def test_a_connection_that_breaks_is_made_again():
    book = await learned(7, schemas__ids__7=[("hang up", None), (200, {"schema": NUMBER})])
    assert Avro(book=book).decode(frame(7)) == {"a": 7}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((500, "oops"), "fails: 500 Internal Server Error"),
        ((200, "<html>"), "answers 200, not as a schema registry does: is `registry` its URL?"),
        ((200, "[]"), "answers 200, not as a schema registry does"),
        ((404, "<html>"), "answers 404, not as a schema registry does"),
        ((302, ""), "answers 302, not as a schema registry does"),
        ((401, {"error_code": 401}), f"answers 401: is {AUTH} set, and right?"),
        ((403, ""), f"answers 403: is {AUTH} set, and right?"),
    ],
)
async def test_any_other_answer_is_a_fault_of_the_world(answer, why):
    assert why in await fault(schemas__ids__7=[answer])


async def test_a_path_that_no_registry_has_is_not_an_unknown_schema():
    assert "/schemas/ids/7 answers 404, not as a schema registry does" in await fault()


async def test_a_fault_leaves_the_book_as_it_was_for_what_failed_and_keeps_the_rest():
    book = SchemaBook()
    answers = {"schemas__ids__7": [(200, {"schema": NUMBER})], "schemas__ids__8": [(500, "")]}
    async with played(**answers) as (_, registry, _):
        with pytest.raises(WorldFault):
            await registry.learn(book, [frame(8), frame(7)])
    assert (book.needs(frame(8)), book.needs(frame(7))) == (8, None)


async def test_a_slow_registry_is_a_fault():
    assert "no answer within 0.1 s" in await fault(timeout_s=0.1, schemas__ids__7=[("slow", 0.5)])


async def test_no_registry_at_all_is_a_fault():
    async with played() as (_, registry, _):
        pass
    with pytest.raises(WorldFault, match=r"the schema registry at http://127\.0\.0\.1:\d+ fails: "):
        await registry.learn(SchemaBook(), [frame(7)])
    await registry.close()


@pytest.mark.parametrize(
    ("secret", "header"),
    [
        ("ann:p:w", "Basic " + base64.b64encode(b"ann:p:w").decode()),
        ("token", "Bearer token"),
        ("", None),
    ],
)
async def test_it_presents_itself_as_the_environment_says(secret, header):
    async with played({AUTH: secret}, schemas__ids__7=[(200, {"schema": NUMBER})]) as (one, registry, _):
        await registry.learn(SchemaBook(), [frame(7)])
    assert one.headers[0].get("authorization") == header


@pytest.mark.parametrize("secret", ["a\nb", "clé"])
async def test_a_secret_that_no_header_can_hold_is_not_told(secret):
    async with played({AUTH: secret}) as (_, registry, _):
        with pytest.raises(ConfigurationError) as caught:
            await registry.learn(SchemaBook(), [frame(7)])
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "registry:8081", "ftp://a", "http://", "http://a:x", "http://ann:pw@a", "http://a?x"]
)
def test_a_url_that_is_none_is_refused_and_its_password_not_told(url):
    with pytest.raises(ConfigurationError) as caught:
        Registry(url, {})
    assert "pw" not in str(caught.value)


def reference(name, subject, version=1):
    return {"name": name, "subject": subject, "version": version}


async def test_types_that_other_subjects_define_are_asked_for():
    outer = '{"type": "record", "name": "O", "fields": [{"name": "m", "type": "M"}, {"name": "n", "type": "N"}]}'
    middle = '{"type": "record", "name": "M", "fields": [{"name": "n", "type": "N"}]}'
    answers = {
        "schemas__ids__7": [(200, {"schema": outer, "references": [reference("M", "m m/2"), reference("N", "n", 3)]})],
        "subjects__m m__2__versions__1": [(200, {"schema": middle, "references": [reference("N", "n", 3)]})],
        "subjects__n__versions__3": [(200, {"schema": NUMBER})],
    }
    book = SchemaBook()
    async with played(**answers) as (one, registry, _):
        await registry.learn(book, [frame(7)])
    assert Avro(book=book).decode(frame(7, b"\x0e\x10")) == {"m": {"n": {"a": 7}}, "n": {"a": 8}}
    assert "/subjects/m%20m%2F2/versions/1" in one.asked


async def test_references_that_lead_in_a_circle_are_a_bad_event():
    answers = {
        "schemas__ids__7": [(200, {"schema": NUMBER, "references": [reference("A", "a")]})],
        "subjects__a__versions__1": [(200, {"schema": '"B"', "references": [reference("B", "b")]})],
        "subjects__b__versions__1": [(200, {"schema": '"A"', "references": [reference("A", "a")]})],
    }
    assert "no Avro schema" in refusal(await learned(7, **answers), frame(7))


async def test_a_reference_that_is_not_there_is_a_bad_event():
    answers = {
        "schemas__ids__7": [(200, {"schema": NUMBER, "references": [reference("A", "a")]})],
        "subjects__a__versions__1": [(404, {"error_code": 40401, "message": "Subject 'a' not found."})],
    }
    assert "does not know it: Subject 'a' not found." in refusal(await learned(7, **answers), frame(7))


def serialized(one, **more):
    one.ClearField("name")
    return {"schemaType": "PROTOBUF", "schema": base64.b64encode(one.SerializeToString()).decode(), **more}


def protobuf_answers():
    inner = file(package="a")
    message(inner, "In", x="int64")
    middle = file(package="b", imports=["in.proto"])
    message(middle, "Mid", one=".a.In")
    outer = file(package="c", imports=["mid.proto", "in.proto", "google/protobuf/timestamp.proto"])
    message(outer, "Other")
    message(outer, "Out", mid=".b.Mid", one=".a.In", at=".google.protobuf.Timestamp")
    refers = [reference("mid.proto", "mid"), reference("in.proto", "in", 2)]
    return {
        "schemas__ids__7": [(200, {"schemaType": "PROTOBUF", "schema": 'syntax = "proto3"; …', "references": refers})],
        "schemas__ids__7?format=serialized": [(200, serialized(outer, references=refers))],
        "subjects__mid__versions__1?format=serialized": [
            (200, serialized(middle, references=[reference("in.proto", "in", 2)]))
        ],
        "subjects__in__versions__2?format=serialized": [(200, serialized(inner))],
    }


async def test_protobuf_is_asked_for_as_descriptors_with_what_it_imports():
    book = await learned(7, **protobuf_answers())
    value = frame(7, b"\x02\x02" + b"\x0a\x04\x0a\x02\x08\x05" + b"\x1a\x02\x08\x01")
    assert Protobuf(book=book).decode(value) == {"mid": {"one": {"x": 5}}, "at": "1970-01-01T00:00:01Z"}


async def test_a_registry_without_descriptors_says_what_to_do():
    answers = protobuf_answers()
    del answers["schemas__ids__7?format=serialized"]
    book = await learned(7, **answers)
    assert refusal(book, frame(7), Protobuf).endswith("give a file as `schema` instead")


async def test_an_import_that_is_not_referred_to_is_a_bad_event_that_names_it():
    answers = protobuf_answers()
    status, said = answers["schemas__ids__7?format=serialized"][0]
    answers["schemas__ids__7?format=serialized"] = [(status, said | {"references": []})]
    assert "b.Mid" in refusal(await learned(7, **answers), frame(7), Protobuf)

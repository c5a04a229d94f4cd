"""One attempt against receivers that work, fail, hang, drip, redirect and lie."""

import asyncio
import base64
import json
import time

import pytest
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook

from aimass.delivery.channels import Channels
from aimass.delivery.receivers import Secrets
from tests.unit.delivery.servers import notification, receiver, said, told, web

NO_SECRETS = Secrets()
OLD, NEW = b"o" * 32, b"n" * 32


async def attempt(to, one=None, secrets=NO_SECRETS, attempt=1, **more):
    channels = Channels(**more)
    try:
        return await channels.attempt(to, secrets, one or notification(), now=1.7e9, attempt=attempt)
    finally:
        await channels.close()


async def test_a_webhook_verifies_with_another_implementation_while_its_secret_is_replaced():
    async with web(said(204)) as (server, url):
        channels = Channels()
        await channels.attempt(receiver(url), Secrets((NEW, OLD)), notification(), now=time.time(), attempt=3)
        await channels.close()
    line, headers, body = server.got[0]
    assert line == "POST /hook?x=1 HTTP/1.1"
    assert headers["aimass-attempt"] == "3"
    for secret in (OLD, NEW):
        event = Webhook(base64.b64encode(secret).decode()).verify(body, headers)
        assert event == json.loads(body)
    assert {name: event[name] for name in ("specversion", "id", "type", "subject")} == {
        "specversion": "1.0",
        "id": "n1",
        "type": "aimass.alert.firing",
        "subject": "rule=many",
    }
    assert event["data"]["alerts"][0]["key"] == "c7"


async def drip(writer):
    writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n")
    for _ in range(50):
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.1)


async def hang(writer):
    await asyncio.sleep(5)


async def hang_up(writer):
    writer.close()


async def flood(writer):
    writer.write(b"HTTP/1.1 503 X\r\ncontent-length: 99999999\r\n\r\n" + b"x" * 200_000)
    await writer.drain()
    await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("answer", "outcome", "error"),
    [
        (said(200, "thanks"), "sent", ""),
        (said(500, "oops"), "retrying", "500 X: oops"),
        (said(408), "retrying", "408"),
        (said(400, "bad"), "failed", "400 X: bad"),
        (said(301, location="http://127.0.0.1/else"), "failed", "redirects are not followed"),
        (said(410), "gone", "told nothing more"),
        (hang, "retrying", "no answer within 0.3 s"),
        (drip, "retrying", "no answer within 0.3 s"),
        (hang_up, "retrying", "RemoteProtocolError"),
        (flood, "retrying", "503"),
        (b"HTTP/1.1 200 X\r\ncontent-length: -5\r\n\r\n", "retrying", "RemoteProtocolError"),
        (b"no HTTP at all\r\n\r\n", "retrying", "RemoteProtocolError"),
    ],
)
async def test_what_comes_of_an_attempt(answer, outcome, error):
    async with web(answer) as (server, url):
        found = await attempt(receiver(url, timeout=0.3))
    assert found.outcome == outcome
    assert error in found.error
    assert len(server.got) == 1


async def test_a_receiver_may_say_when_to_come_again():
    async with web(said(429, retry_after="120")) as (_, url):
        assert (await attempt(receiver(url))).retry_after_s == 120.0


async def test_nobody_at_home_may_pass():
    async with web(said(200)) as (_, url):
        pass
    assert (await attempt(receiver(url))).outcome == "retrying"


async def test_what_is_inside_is_refused_unless_it_is_allowed():
    async with web(said(200)) as (server, url):
        found = await attempt(receiver(url, allow_internal=False))
    assert (found.outcome, server.got) == ("refused", [])
    assert "allow_internal" in found.error


async def test_the_address_that_was_looked_at_is_the_one_that_is_called():
    seen = []

    async def resolver(host, port):
        seen.append(host)
        return ["127.0.0.1"]

    async with web(said(200)) as (server, url):
        named = url.replace("127.0.0.1", "hooks.example")
        assert (await attempt(receiver(named), resolver=resolver)).outcome == "sent"
    assert seen == ["hooks.example"], "once: what it resolves to later does not matter"
    assert server.got[0][1]["host"].startswith("hooks.example:")


async def test_slack_gets_text_that_is_no_markup():
    async with web(said(200, "ok")) as (server, url):
        await attempt(receiver(url, kind="slack"))
    body = json.loads(server.got[0][2])
    assert body["text"] == "critical: many of c7"
    assert "31 &lt;in&gt; a minute" in body["blocks"][1]["text"]["text"]


@pytest.mark.parametrize(
    ("state", "action"), [("firing", "trigger"), ("acknowledged", "acknowledge"), ("resolved", "resolve")]
)
async def test_pagerduty_gets_an_event_for_each_alert(state, action):
    alerts = [told(alert="a", state=state), told(alert="b", state=state)]
    async with web(said(202)) as (server, url):
        await attempt(receiver(url, kind="pagerduty"), notification(alerts=alerts), Secrets(key="R1"))
    events = [json.loads(body) for _, _, body in server.got]
    assert [(one["event_action"], one["dedup_key"], one["routing_key"]) for one in events] == [
        (action, "aimass-a", "R1"),
        (action, "aimass-b", "R1"),
    ]


async def test_alertmanager_gets_labels_and_times():
    async with web(said(200)) as (server, url):
        alerts = [told(), told(key="c8", state="resolved", until=1.7e9 + 60)]
        await attempt(receiver(url.replace("/hook?x=1", ""), kind="alertmanager"), notification(alerts=alerts))
    line, _, body = server.got[0]
    assert line.startswith("POST /api/v2/alerts ")
    active, over = json.loads(body)
    assert active["labels"] == {"alertname": "many", "key": "c7", "severity": "critical", "pipeline": "shop"}
    assert active["endsAt"] > active["startsAt"]
    assert over["endsAt"] == "2023-11-14T22:14:20.000Z"


class Inbox:
    def __init__(self):
        self.got = []

    async def handle_DATA(self, server, session, envelope):
        self.got.append(envelope)
        return "250 OK"


async def test_a_mail_arrives_and_bears_the_notifications_id():
    inbox = Inbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(inbox), "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        one = notification(title="critical: many\r\nBcc: everyone@example.org")
        to = receiver(kind="email", to=("ops@example.org",), sender="aimass@example.org", server=f"127.0.0.1:{port}")
        assert (await attempt(to, one)).outcome == "sent"
    finally:
        server.close()
    (envelope,) = inbox.got
    text = envelope.content.decode()
    assert envelope.rcpt_tos == ["ops@example.org"], "a title cannot add a reader"
    assert "Message-ID: <n1@aimass>" in text

"""One attempt against receivers that work, fail, hang, drip, redirect and lie."""

import asyncio
import base64
import dataclasses
import json
import time
from contextlib import asynccontextmanager
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from standardwebhooks import Webhook

from aimass.delivery.channels import Channels, trust
from aimass.delivery.guard import Target
from aimass.delivery.mailing import send_mail
from aimass.delivery.receivers import Secrets
from aimass.errors import ConfigurationError
from tests.unit.delivery.servers import AUTHORITY, as_a_test, notification, receiver, said, told, web

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


async def lie(writer):
    writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\nok")
    writer.close()


async def drip_busy(writer):
    await drip(writer, b"503")


async def drip(writer, status=b"200"):
    writer.write(b"HTTP/1.1 " + status + b" X\r\ncontent-length: 100\r\n\r\n")
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
        (drip, "sent", ""),
        (lie, "sent", ""),
        (drip_busy, "retrying", "503 X: ."),
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
        await attempt(receiver(url, kind="slack"), notification(title="<!channel> many of c7"))
    body = json.loads(server.got[0][2])
    assert body["text"] == "&lt;!channel&gt; many of c7"
    assert "31 &lt;in&gt; a minute" in body["blocks"][1]["text"]["text"]


@pytest.mark.parametrize(
    ("state", "action"),
    [("firing", "trigger"), ("acknowledged", "acknowledge"), ("snoozed", "acknowledge"), ("resolved", "resolve")],
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


async def test_one_alert_that_pagerduty_turns_down_does_not_hold_back_the_others():
    alerts = [told(alert=str(i)) for i in range(20)]
    async with web(said(400, "bad"), said(202)) as (server, url):
        found = await attempt(receiver(url, kind="pagerduty"), notification(alerts=alerts), Secrets(key="R1"))
    assert {json.loads(body)["dedup_key"] for _, _, body in server.got} == {f"aimass-{i}" for i in range(20)}
    assert (found.outcome, found.error) == ("failed", "1 of 20 failed: 400 X: bad")


async def told_to_alertmanager(alert, now):
    async with web(said(200)) as (server, url):
        to = receiver(url.replace("/hook?x=1", ""), kind="alertmanager")
        channels = Channels()
        await channels.attempt(to, NO_SECRETS, notification(alerts=[alert]), now=now, attempt=1)
        await channels.close()
    line, _, body = server.got[0]
    assert line.startswith("POST /api/v2/alerts ")
    return json.loads(body)


async def test_alertmanager_gets_an_alert_that_is_active_from_when_it_is_told_however_late():
    week = 7 * 86_400
    *_, active = await told_to_alertmanager(told(), 1.7e9 + week)
    assert active["labels"] == {"alertname": "many", "key": "c7", "severity": "critical", "pipeline": "shop"}
    assert active["startsAt"] == "2023-11-14T22:13:20.000Z"
    assert active["endsAt"] == "2023-11-22T22:13:20.000Z"


async def test_an_alert_that_became_worse_is_no_second_one_for_alertmanager():
    before = await told_to_alertmanager(told(severity="warning"), 1.7e9)
    after = await told_to_alertmanager(told(severity="critical"), 1.7e9 + 60)
    assert [one["labels"]["severity"] for one in before] == ["info", "warning"]
    is_over = {one["labels"]["severity"]: one["endsAt"] <= "2023-11-14T22:14:20.000Z" for one in after}
    assert is_over == {"info": True, "warning": True, "critical": False}


async def test_what_is_over_never_ends_in_the_future_nor_before_it_began():
    for one in await told_to_alertmanager(told(state="resolved", until=1.7e9 + 600), 1.7e9 + 60):
        assert one["endsAt"] == "2023-11-14T22:14:20.000Z"
    for one in await told_to_alertmanager(told(since=1.8e9), 1.7e9):
        assert one["startsAt"] <= one["endsAt"]


@pytest.mark.parametrize("kind", ["webhook", "slack", "pagerduty", "alertmanager"])
async def test_odd_values_are_sent_as_they_can_be(kind):
    alerts = [told(evidence={"n": 2**70, "x": float("nan")}, since=float("nan")), told(since=1e18)]
    async with web(said(200)) as (_, url):
        assert (await attempt(receiver(url, kind=kind), notification(alerts=alerts))).outcome == "sent"


@pytest.mark.parametrize("id", ["naïve", "a\nb"])
async def test_what_cannot_be_made_has_failed_and_says_why(id):
    async with web(said(200)) as (_, url):
        found = await attempt(receiver(url), notification(id), Secrets((NEW,)))
    assert found.outcome == "failed"
    assert "cannot be sent" in found.error


async def here(host, port):
    return ["127.0.0.1"]


async def test_a_connection_is_not_shared_with_a_receiver_of_another_name():
    trusted = trust({"SSL_CERT_FILE": str(AUTHORITY)})
    async with web(said(200, set_cookie="who=a"), tls=as_a_test()) as (server, url):
        channels = Channels(here, trusted)
        outcomes = []
        for name in ("a.test", "b.test", "a.test"):
            to = receiver(url.replace("127.0.0.1", name), name=name)
            outcomes.append(await channels.attempt(to, NO_SECRETS, notification(), now=1.7e9, attempt=1))
        await channels.close()
    assert [one.outcome for one in outcomes] == ["sent", "retrying", "sent"]
    assert "b.test" in outcomes[1].error
    assert [headers.get("cookie") for _, headers, _ in server.got] == [None, None]


def test_certificates_that_are_not_there_are_told_at_once():
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        trust({"SSL_CERT_FILE": "/no/such/file"})


async def test_another_address_is_tried_when_the_first_takes_no_connection():
    async def two(host, port):
        return ["127.0.0.2", "127.0.0.1"]

    async with web(said(200)) as (server, url):
        named = url.replace("127.0.0.1", "two.example")
        assert (await attempt(receiver(named), resolver=two)).outcome == "sent"
    assert len(server.got) == 1


class Inbox:
    def __init__(self, refuse=()):
        self.got, self.refuse, self.secret = [], dict(refuse), []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return f"{self.refuse[address]} no such reader"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.got.append(envelope)
        self.secret.append(session.ssl is not None)
        return "250 OK"


@asynccontextmanager
async def inbox(refuse=(), tls=None):
    """Yield a mail server and its port."""
    box = Inbox(refuse)

    def authenticated(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"sesame")

    def made():
        return SMTP(box, tls_context=tls, authenticator=authenticated, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    try:
        yield box, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def mail_to(*readers, server, **more):
    return receiver(
        kind="email", to=readers or ("ops@example.org",), sender="aimass@example.org", server=server, **more
    )


async def test_a_mail_arrives_and_bears_the_notifications_id():
    async with inbox() as (box, port):
        one = notification(title="critical: many\r\nBcc: everyone@example.org")
        assert (await attempt(mail_to(server=f"127.0.0.1:{port}"), one)).outcome == "sent"
    (envelope,) = box.got
    text = envelope.content.decode()
    assert envelope.rcpt_tos == ["ops@example.org"], "a title cannot add a reader"
    assert "Message-ID: <n1@aimass>" in text
    assert "Date: Tue, 14 Nov 2023 22:13:20 +0000" in text


async def test_a_mail_servers_certificate_is_checked_against_its_name():
    trusted = trust({"SSL_CERT_FILE": str(AUTHORITY)})
    async with inbox(tls=as_a_test()) as (box, port):
        found = await attempt(mail_to(server=f"a.test:{port}"), resolver=here, context=trusted)
        other = await attempt(mail_to(server=f"b.test:{port}"), resolver=here, context=trusted)
    assert (found.outcome, box.secret) == ("sent", [True])
    assert other.outcome == "retrying"


@pytest.mark.parametrize(
    ("refuse", "outcome", "error"),
    [
        ({"a@x": 550}, "sent", "but not to a@x: 550"),
        ({"a@x": 550, "b@x": 553}, "failed", "a@x: 550"),
        ({"a@x": 550, "b@x": 451}, "retrying", "b@x: 451"),
    ],
)
async def test_readers_that_a_mail_server_refuses_are_told_of(refuse, outcome, error):
    async with inbox(refuse) as (_, port):
        found = await attempt(mail_to("a@x", "b@x", server=f"127.0.0.1:{port}"))
    assert found.outcome == outcome
    assert error in found.error


async def test_a_password_goes_in_the_clear_only_to_where_it_is_allowed():
    target = Target("http", "mail.example", 25, ("203.0.113.7",))
    secrets = Secrets(user="u", password="sesame")
    async with inbox() as (box, port):
        allowed = await attempt(mail_to(server=f"127.0.0.1:{port}"), secrets=secrets)
        assert allowed.outcome == "sent"
        near = dataclasses.replace(target, port=port, addresses=("127.0.0.1",))
        one = EmailMessage()
        one["From"], one["To"] = "a@example.org", "b@example.org"
        to = mail_to(server="x", allow_internal=False)
        assert (await send_mail(one, to, secrets, near, trust({}))).outcome == "sent", "loopback"
        far = dataclasses.replace(near, addresses=("127.0.0.1", "203.0.113.7"))
        refused = await send_mail(one, to, secrets, far, trust({}))
    assert refused.outcome != "sent"
    assert "STARTTLS" in refused.error
    assert len(box.got) == 2


async def test_a_mail_server_without_a_port_is_told_of():
    found = await attempt(mail_to(server="mail.example"))
    assert (found.outcome, 'has no port: write "mail.example.org:587"' in found.error) == ("failed", True)

"""What each kind of receiver is sent: the body, the headers that are its own, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Any

import msgspec

from aimass.codec import encode
from aimass.delivery import signing
from aimass.delivery.receivers import Receiver, Secrets
from aimass.records import SEVERITIES, Notification, Told

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
#: How long Alertmanager takes an alert for active after it was told: news and repeats come much sooner.
_ACTIVE_S = 86_400.0
_LAST_S = 253_402_300_799.0
_COLOURS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_SLACK_MOST = 20


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to be made."""

    url: str
    body: bytes
    headers: dict[str, str]


def when(time: float) -> str:
    """Return a time as RFC 3339; one that no calendar has, as the nearest that it has.

    Examples
    --------
    >>> when(1700000000.25), when(1e18), when(float("nan"))
    ('2023-11-14T22:13:20.250Z', '9999-12-31T23:59:59.000Z', '1970-01-01T00:00:00.000Z')
    """
    return (
        datetime.fromtimestamp(min(max(0.0, time), _LAST_S), UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def requests(receiver: Receiver, secrets: Secrets, one: Notification, now: float, attempt: int) -> list[Request]:
    """Return the requests that tell a receiver: one, but for PagerDuty, which takes an alert at a time.

    Parameters
    ----------
    receiver, secrets
        Who, and what it needs.
    one
        What it is to be told.
    now
        The time, for the signature and for how long Alertmanager takes an alert for active.
    attempt
        Counts from 1; it goes along as ``aimass-attempt``.
    """
    url = receiver.url or PAGERDUTY
    common = {"content-type": "application/json", "user-agent": "aimass", "aimass-attempt": str(attempt)}
    if receiver.kind == "pagerduty":
        bodies: Sequence[Any] = [_pagerduty(secrets.key, one, told) for told in one.alerts]
        return [Request(url, encode(body), common) for body in bodies]
    if receiver.kind == "slack":
        return [Request(url, encode(_slack(one)), common)]
    if receiver.kind == "alertmanager":
        body = encode([state for told in one.alerts for state in _alertmanager(one, told, now)])
        return [Request(f"{url.rstrip('/')}/api/v2/alerts", body, common)]
    body = encode(_cloud_event(one))
    signed = signing.headers(one.id, now, body, secrets.signing)
    return [Request(url, body, {**common, "content-type": "application/cloudevents+json", **signed})]


def _cloud_event(one: Notification) -> dict[str, Any]:
    """Return a notification as a CloudEvent (1.0, structured JSON)."""
    data = {
        "pipeline": one.pipeline,
        "kind": one.kind,
        "group": one.group,
        "severity": one.severity,
        "title": one.title,
        "alerts": [{**msgspec.to_builtins(told), "since": when(told.since)} for told in one.alerts],
        "more": one.more,
    }
    return {
        "specversion": "1.0",
        "id": one.id,
        "source": f"/aimass/{one.pipeline}",
        "type": f"aimass.alert.{one.kind}",
        "subject": one.group,
        "time": when(one.time),
        "datacontenttype": "application/json",
        "data": data,
    }


def _slack(one: Notification) -> dict[str, Any]:
    lines = [
        f"{_COLOURS.get(told.severity, '')} *{_plain(told.rule)}* of {_plain(told.key)}: {_plain(told.cause)}"
        for told in one.alerts
    ]
    left = len(one.alerts) - _SLACK_MOST + one.more if len(one.alerts) > _SLACK_MOST else one.more
    said = "\n".join([*lines[:_SLACK_MOST], *([f"and {left} more"] if left else [])])[:2900]
    header = {"type": "header", "text": {"type": "plain_text", "text": f"{one.kind}: {one.title}"[:150]}}
    section = {"type": "section", "text": {"type": "mrkdwn", "text": said or _plain(one.title)}}
    foot = {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": f"{_plain(one.pipeline)} · {when(one.time)} · {one.id}"}],
    }
    return {"text": _plain(one.title), "blocks": [header, section, foot]}


def _plain(text: str) -> str:
    """Return a text that Slack takes for nothing else: no mention, no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _pagerduty(key: str, one: Notification, told: Told) -> dict[str, Any]:
    """Return an event of PagerDuty's Events API v2."""
    actions = {"resolved": "resolve", "acknowledged": "acknowledge", "snoozed": "acknowledge"}
    return {
        "routing_key": key,
        "event_action": actions.get(told.state, "trigger"),
        "dedup_key": f"aimass-{told.alert}"[:255],
        "payload": {
            "summary": f"{told.rule} of {told.key}: {told.cause}"[:1024],
            "source": told.key or one.pipeline,
            "severity": told.severity,
            "timestamp": when(one.time),
            "component": one.pipeline,
            "group": one.group,
            "class": told.rule,
            "custom_details": {**told.evidence, "notification": one.id},
        },
    }


def _alertmanager(one: Notification, told: Told, now: float) -> list[dict[str, Any]]:
    """Return an alert of Alertmanager's API v2, after what it was before it became worse, which is over.

    Labels identify an alert there, and routes need the severity to be one. Times are as of now: an alert that is told
    late is active from now on, and one that is over is never so in the future.
    """
    over = min(now, told.until if told.until is not None else one.time)
    ends = over if told.state == "resolved" else now + _ACTIVE_S
    lesser = SEVERITIES[: SEVERITIES.index(told.severity)] if told.severity in SEVERITIES else ()

    def state(severity: str, end: float) -> dict[str, Any]:
        return {
            "labels": {"alertname": told.rule, "key": told.key, "severity": severity, "pipeline": one.pipeline},
            "annotations": {"summary": told.cause, "notification": one.id},
            "startsAt": when(min(told.since, end)),
            "endsAt": when(end),
        }

    return [*(state(severity, min(ends, now)) for severity in lesser), state(told.severity, ends)]


def mail(receiver: Receiver, one: Notification, attempt: int) -> EmailMessage:
    """Return a notification as a mail, in plain text and as HTML; its Message-ID is the notification's."""
    message = EmailMessage()
    message["From"], message["To"] = receiver.sender or "", ", ".join(receiver.to)
    message["Subject"] = _line(f"[{one.pipeline}] {one.kind}: {one.title}")[:200]
    message["Message-ID"] = f"<{one.id}@aimass>"
    message["Date"] = format_datetime(datetime.fromisoformat(when(one.time)))
    message["X-Aimass-Attempt"] = str(attempt)
    rows = [(told.severity, told.state, told.rule, told.key, told.cause, when(told.since)) for told in one.alerts]
    more = f"\nand {one.more} more" if one.more else ""
    message.set_content("\n".join(" · ".join(row) for row in rows) + more + f"\n\n{one.id}\n")
    cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    head = "".join(f"<th align=left>{name}</th>" for name in ("severity", "state", "rule", "key", "cause", "since"))
    page = f"<h3>{escape(one.title)}</h3><table cellpadding=4><tr>{head}</tr>{cells}</table><p>{escape(more)}</p>"
    message.add_alternative(page, subtype="html")
    return message


def _line(text: str) -> str:
    """Return a text without what would begin another header."""
    return " ".join(text.split())

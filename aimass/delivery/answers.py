"""What came of an attempt: whether it was taken, may pass, or never will."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_PASSING = frozenset((408, 425, 429, *range(500, 600)))
_LONGEST_S = 86_400.0
_WORST = ("retrying", "gone", "refused", "failed", "sent")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt.

    Parameters
    ----------
    outcome
        ``sent``, ``retrying`` (it may pass), ``failed`` (it will not), ``refused`` (the guard) or ``gone`` (410).
    status, error
        The HTTP status, and what went wrong; what went partly wrong, where it was sent.
    retry_after_s
        How long the receiver asks to wait.

    Examples
    --------
    >>> judge(503, "Busy", {"retry-after": "7"}, b"later", 0.0)
    Answer(outcome='retrying', status=503, error='503 Busy: later', retry_after_s=7.0)
    """

    outcome: str
    status: int | None = None
    error: str = ""
    retry_after_s: float | None = None


def judge(status: int, reason: str, headers: Mapping[str, str], text: bytes, now: float) -> Answer:
    """Return what an HTTP answer means; of one that is 2xx, nothing but the status counts."""
    if 200 <= status < 300:
        return Answer("sent", status)
    said = text[:200].decode("utf-8", "replace").strip()
    error = f"{status} {reason}{': ' + said if said else ''}"
    if status == 410:
        return Answer("gone", status, f"{error}; told nothing more until it is redelivered or the worker restarts")
    if 300 <= status < 400:
        return Answer("failed", status, f"{error}; redirects are not followed: correct the url")
    if status in _PASSING:
        return Answer("retrying", status, error, retry_after(headers.get("retry-after", ""), now))
    return Answer("failed", status, error)


def together(answers: Sequence[Answer]) -> Answer:
    """Return what came of an attempt that is several requests: what may pass is tried again, all of it.

    Examples
    --------
    >>> together([Answer("sent", 202), Answer("failed", 400, "400 Bad")])
    Answer(outcome='failed', status=400, error='1 of 2 failed: 400 Bad', retry_after_s=None)
    """
    if not answers:
        return Answer("failed", error="there is no alert in it, and this receiver takes nothing else")
    worst = min(answers, key=lambda one: _WORST.index(one.outcome))
    if len(answers) == 1 or worst.outcome == "sent":
        return worst
    wait = max((one.retry_after_s for one in answers if one.retry_after_s is not None), default=None)
    many = Counter(one.outcome for one in answers)[worst.outcome]
    return Answer(worst.outcome, worst.status, f"{many} of {len(answers)} {worst.outcome}: {worst.error}", wait)


def retry_after(value: str, now: float) -> float | None:
    """Return how long a ``Retry-After`` header asks to wait, in seconds, up to a day.

    Examples
    --------
    >>> retry_after("120", 0.0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 10.0), retry_after("soon", 0.0)
    (120.0, 50.0, None)
    """
    if value.isascii() and value.isdecimal():
        return min(float(value[:9]), _LONGEST_S)
    try:
        at: Any = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    return float(min(max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds()), _LONGEST_S))

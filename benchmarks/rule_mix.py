"""Rules and events to measure with, drawn from a seed: conditions in three spellings, windows, memory and patterns.

An event is a payment, a login or the like, of 15 fields that are always there, since languages differ in what they make
of a missing one. A clause is true of some to half of all events, a rule of few: people are to read the alerts.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from aimass.codec import encode
from aimass.records import Prediction, Source
from aimass.rules.document import Rule
from aimass.rules.read import condition

TYPES = ("view", "payment", "login", "login-failed", "transfer", "refund")
COUNTRIES = ("NL", "BE", "DE", "FR", "GB", "US", "BR", "CN")
CATEGORIES = ("food", "travel", "games", "fashion", "fuel", "other")
CHANNELS = ("web", "app", "shop")
_MERCHANTS, _DEVICES = 300, 2_000
_STEP_S = 0.01
_WINDOWS = ("1m", "5m", "10m", "1h", "1d")


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition as aimass, zen and CEL spell it."""

    ours: str
    zen: str
    cel: str


def joined(clauses: list[Clause]) -> Clause:
    """Return the clause that is true where all are.

    Examples
    --------
    >>> joined([Clause("a", "a", "a"), Clause("b", "b", "b")]).cel
    'a && b'
    """
    return Clause(
        " and ".join(one.ours for one in clauses),
        " and ".join(one.zen for one in clauses),
        " && ".join(one.cel for one in clauses),
    )


def _plain(text: str) -> Clause:
    return Clause(text, text, text)


def _among(field: str, values: list[str], *, is_in: bool) -> Clause:
    quoted = ", ".join(f'"{one}"' for one in values)
    inside = f"{field} in [{quoted}]"
    if is_in:
        return Clause(f"{field} in ({quoted})", inside, inside)
    return Clause(f"{field} not in ({quoted})", f"not ({inside})", f"!({inside})")


def clause(rng: random.Random) -> Clause:
    """Return a clause about one event."""
    kind = rng.randrange(11)
    if kind == 0:
        return _plain(f"amount > {rng.uniform(100, 900):.2f}")
    if kind == 1:
        return _plain(f"risk >= {rng.uniform(0.7, 0.99):.3f}")
    if kind == 2:
        return _plain(f'type == "{rng.choice(TYPES)}"')
    if kind == 3:
        return _plain(f'merchant == "m{rng.randrange(_MERCHANTS)}"')
    if kind == 4:
        return _among("country", rng.sample(COUNTRIES, rng.randrange(2, 4)), is_in=True)
    if kind == 5:
        return _among("category", rng.sample(CATEGORIES, 3), is_in=False)
    if kind == 6:
        return _plain(f"account.age_days < {rng.randrange(5, 400)}")
    if kind == 7:
        return _plain(f"attempts >= {rng.randrange(2, 6)}")
    if kind == 8:
        times = rng.uniform(2, 8)
        return _plain(f"amount > {times:.1f} * usual_amount")
    if kind == 9:
        start = f"10.{rng.randrange(8)}."
        return Clause(f'starts(ip, "{start}")', f'startsWith(ip, "{start}")', f'ip.startsWith("{start}")')
    either = f'channel == "{rng.choice(CHANNELS)}" or items > {rng.randrange(4, 9)}'
    return Clause(f"({either})", f"({either})", "(" + either.replace(" or ", " || ") + ")")


def stateless(rng: random.Random) -> Clause:
    """Return a rule of two to four clauses about one event; one of them is seldom true."""
    seldom = rng.choice((f'merchant == "m{rng.randrange(20, _MERCHANTS)}"', f"amount > {rng.uniform(900, 3000):.2f}"))
    return joined([_plain(seldom), *(clause(rng) for _ in range(rng.randrange(1, 4)))])


def stateful(rng: random.Random) -> str:
    """Return a rule that remembers: half of them windows, a third other memory, the rest patterns."""
    draw, window = rng.random(), rng.choice(_WINDOWS)
    if draw < 0.5:
        return rng.choice(
            (
                f'count(type == "{rng.choice(TYPES)}", {window}) >= {rng.randrange(200, 400)}',
                f"sum(amount, {window}) > {rng.randrange(60_000, 90_000)}",
                f'type == "payment" and amount > {rng.randrange(30, 60)} * avg(amount, {window})',
                f"distinct({rng.choice(('merchant', 'device', 'country'))}, {window}) > {rng.randrange(60, 64)}",
                f"count({window}) >= 20 and amount > 0.{rng.randrange(90, 99)} * sum(amount, {window})",
            )
        )
    if draw < 0.83:
        return rng.choice(
            (
                f"new({rng.choice(('country', 'device', 'merchant'))}) and amount > {rng.randrange(3000, 9000)}",
                f"abs(deviation(amount)) > {rng.randrange(30, 60)}",
                f'streak(type == "login-failed") >= {rng.randrange(4, 7)}',
                f"changed(country) and amount > {rng.randrange(3000, 9000)}",
                f"country != usual(country) and amount > {rng.randrange(3000, 9000)}",
                f"elapsed() < 0.05 and amount > last(amount) + {rng.randrange(3000, 9000)}",
            )
        )
    first = f'type == "{rng.choice(TYPES)}" and attempts >= 4 and risk > {rng.uniform(0.8, 0.95):.2f}'
    if rng.random() < 0.3:
        return f'a: {first} then not type == "payment" within {rng.choice(("1m", "5m"))}'
    second = f"amount > {rng.randrange(300, 900)} and b.ip != a.ip"
    return f'a: {first} then b: type == "{rng.choice(TYPES)}" and {second} within {rng.choice(("1m", "5m"))}'


def clauses(count: int, seed: int = 1) -> list[Clause]:
    """Return rules about one event."""
    rng = random.Random(seed)
    return [stateless(rng) for _ in range(count)]


def mix(count: int, seed: int = 1) -> list[Rule]:
    """Return rules: two thirds about one event, a third that remember.

    Examples
    --------
    >>> len(mix(10)), mix(10) == mix(10)
    (10, True)
    """
    rng = random.Random(seed)
    return [rule(f"r{i}", stateful(rng) if i % 3 == 2 else stateless(rng).ours) for i in range(count)]


def rule(name: str, text: str) -> Rule:
    """Return a rule that asks what a text says."""
    return Rule(name, condition(text), text)


def _event(rng: random.Random) -> dict[str, Any]:
    return {
        "type": rng.choice(TYPES),
        "amount": round(rng.lognormvariate(3.5, 1.2), 2),
        "usual_amount": round(rng.lognormvariate(3.5, 0.5), 2),
        "currency": rng.choice(("EUR", "USD", "GBP")),
        "country": rng.choices(COUNTRIES, (30, 10, 10, 8, 4, 2, 1, 1))[0],
        "merchant": f"m{min(int(rng.paretovariate(0.7)), _MERCHANTS) - 1}",
        "category": rng.choice(CATEGORIES),
        "device": f"d{rng.randrange(_DEVICES)}",
        "ip": f"10.{rng.randrange(8)}.{rng.randrange(256)}.{rng.randrange(256)}",
        "channel": rng.choice(CHANNELS),
        "items": min(int(rng.expovariate(0.5)) + 1, 12),
        "attempts": min(int(rng.expovariate(1.0)) + 1, 8),
        "vip": rng.random() < 0.05,
        "risk": round(rng.betavariate(1, 4), 4),
        "account": {"age_days": rng.randrange(1, 3000), "tier": rng.choice(("basic", "gold"))},
    }


def events(count: int, keys: int, seed: int = 2) -> tuple[list[bytes], list[bytes]]:
    """Return predictions as they stand on their topic, and the JSON of their events alone."""
    rng = random.Random(seed)
    made, plain = [], []
    for i in range(count):
        data = orjson.dumps(_event(rng))
        source = Source("payments", 0, i)
        key, time = f"k{rng.randrange(keys)}", 1.7e9 + i * _STEP_S
        made.append(encode(Prediction(source.id, key, time, "bench", source, {}, {}, msgspec.Raw(data))))
        plain.append(data)
    return made, plain

"""Card payments, simulated: customers with habits, and frauds among them that are known. Everything comes from a seed.

A *customer* has a home city, hours, a usual amount (log-normal), favourite merchants (others by Zipf's law) and one to
three devices. A day brings payments in shops, and visits online: a login, payments, now and then a transfer. Honest
customers also do what looks like fraud: they mistype passwords, forget and change them, buy a telephone, travel (yet
are never in two places at once), go on a spree, buy presents online, pay for games in small coin, pay many bills in one
evening, pay far more than usual, are refused for lack of funds and try again, and browse through a server abroad.

*Frauds* are put into the lives of customers drawn at random, one at most for each:

- ``card-testing``: 8 to 25 payments of a few euros at as many merchants, seven in ten refused; one burst in five is
  slow, 5 to 20 minutes apart; half end with one large payment.
- ``takeover``: up to five failed logins, a login from a device never seen, mostly a new password, and one to three
  transfers of 400 to 4,000 to accounts never paid before.
- ``cloned-card``: one to four payments in shops of a city far away, within hours of the customer's own.
- ``spree``: 8 to 20 approved payments online of 40 to 400 within 20 minutes, at many merchants.
- ``mule``: money comes in, and leaves within the hour to 5 to 18 accounts never paid before.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KINDS = ("card-testing", "takeover", "cloned-card", "spree", "mule")
DAYS = 14
BEGIN = 1_700_438_400.0  # a Monday
_DAY, _HOUR = 86_400.0, 3_600.0
_EVENTS_A_CUSTOMER = 53.3  # as it comes out, over all days
_MERCHANTS = 3_000
_CITIES = {
    "amsterdam": ("NL", 52.37, 4.90),
    "rotterdam": ("NL", 51.92, 4.48),
    "groningen": ("NL", 53.22, 6.57),
    "brussels": ("BE", 50.85, 4.35),
    "berlin": ("DE", 52.52, 13.40),
    "paris": ("FR", 48.86, 2.35),
    "lisbon": ("PT", 38.72, -9.14),
    "rome": ("IT", 41.90, 12.50),
    "new-york": ("US", 40.71, -74.01),
    "bangkok": ("TH", 13.76, 100.50),
    "sao-paulo": ("BR", -23.55, -46.63),
}
_HOMES = ("amsterdam", "rotterdam", "groningen", "brussels")
_HOURS_ON_THE_WAY = {"brussels": 4, "berlin": 7, "paris": 5, "lisbon": 8, "rome": 7}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, and the fraud that it belongs to: its kind and number, or ``None``."""

    time: float
    key: str
    data: dict[str, Any]
    fraud: tuple[str, int] | None = None


class Customer:
    """Somebody with habits.

    Parameters
    ----------
    number
        Which one.
    rng
        Of all that this customer does.
    """

    def __init__(self, number: int, rng: random.Random) -> None:
        self.number, self.rng = number, rng
        self.life: list[Happening] = []
        self.key = f"c{self.number}"
        self.home = rng.choice(_HOMES)
        self.hour, self.usual = rng.gauss(14, 3), rng.lognormvariate(3.1, 0.4)
        self.merchants = [_merchant(rng) for _ in range(12)]
        self.devices = [f"{self.key}-d{i}" for i in range(rng.choice((1, 1, 2, 3)))]
        self.payees = [f"a{rng.randrange(50_000)}" for _ in range(rng.randrange(3, 9))]
        self.trip = self._trip()

    def _trip(self) -> tuple[float, float, str, float] | None:
        if self.rng.random() >= 0.12:
            return None
        start, place = self.rng.uniform(1, DAYS - 4), self.rng.choice([one for one in _CITIES if one not in _HOMES])
        way = _HOURS_ON_THE_WAY.get(place, 16) * _HOUR
        return BEGIN + start * _DAY, BEGIN + (start + self.rng.uniform(1, 4)) * _DAY, place, way

    def city(self, time: float) -> str | None:
        """Return where the customer is; ``None`` on the way."""
        if self.trip is None:
            return self.home
        start, end, place, way = self.trip
        if start - way < time < start or end < time < end + way:
            return None
        return place if start <= time <= end else self.home

    def moment(self, day: int) -> float:
        """Return a moment of a day, at the customer's hours."""
        return BEGIN + day * _DAY + min(max(self.rng.gauss(self.hour, 3.5), 0.0), 23.9) * _HOUR

    def amount(self) -> float:
        """Return what a payment is of: one in 150 is far more than usual."""
        many = self.rng.uniform(8, 30) if self.rng.random() < 1 / 150 else 1.0
        return round(self.usual * many * self.rng.lognormvariate(0, 0.7), 2)

    def does(self, time: float, kind: str, fraud: tuple[str, int] | None = None, **data: Any) -> None:
        """Add an event."""
        self.life.append(Happening(time, self.key, {"type": kind, **data}, fraud))

    def pays(
        self,
        time: float,
        amount: float,
        merchant: str,
        city: str | None = None,
        *,
        refused: float = 0.02,
        fraud: tuple[str, int] | None = None,
        **more: Any,
    ) -> bool:
        """Add a payment, in a shop of a city or else online; return whether it was approved."""
        rng = self.rng
        is_approved = rng.random() >= refused
        where: dict[str, Any] = {"channel": "web", "country": more.pop("country", _CITIES[self.home][0])}
        if city is not None:
            country, lat, lon = _CITIES[city]
            place = {"lat": round(lat + rng.uniform(-0.1, 0.1), 4), "lon": round(lon + rng.uniform(-0.1, 0.1), 4)}
            where = {"channel": "shop", "country": country, "place": place}
        status = "approved" if is_approved else "refused"
        self.does(time, "payment", fraud, amount=amount, merchant=merchant, status=status, **where, **more)
        return is_approved

    def lives(self) -> None:
        """Live all days."""
        for day in range(DAYS):
            for _ in range(_poisson(self.rng, 1.6)):
                self._shops(self.moment(day))
            for _ in range(_poisson(self.rng, 1.0)):
                self._visits(self.moment(day))
            if self.rng.random() < 0.006:
                self._spree(self.moment(day))
            if self.rng.random() < 0.004:
                self._binge(self.moment(day))
        if self.rng.random() < 0.4:
            self._bills(self.moment(self.rng.randrange(DAYS)))

    def _chosen(self) -> str:
        return self.rng.choice(self.merchants) if self.rng.random() < 0.8 else _merchant(self.rng)

    def _shops(self, time: float) -> None:
        city = self.city(time)
        if city is None:
            return
        amount, merchant = self.amount(), self._chosen()
        if not self.pays(time, amount, merchant, city):
            for n in range(self.rng.randrange(4)):  # tries again
                self.pays(time + 20.0 * (n + 1), amount, merchant, city, refused=0.8)

    def _visits(self, time: float) -> None:
        rng, device = self.rng, self.rng.choice(self.devices)
        country = rng.choice(("US", "DE", "GB")) if rng.random() < 0.01 else _CITIES[self.home][0]
        draw = rng.random()
        failures = 0 if draw < 0.9 else rng.randrange(1, 3) if draw < 0.993 else rng.randrange(4, 7)
        if rng.random() < 0.006:  # a new telephone
            device = f"{self.key}-d{len(self.devices)}"
            self.devices.append(device)
            failures += rng.random() < 0.3
        time = self._logs_in(time, device, country, failures)
        if failures > 3 or rng.random() < 0.004:
            time += rng.uniform(30, 200)
            self.does(time, "password", device=device, country=country)
        for _ in range(_poisson(rng, 0.5)):
            time += rng.uniform(30, 400)
            self.pays(time, self.amount(), self._chosen(), country=country, device=device)
        if rng.random() < 0.25:
            time += rng.uniform(30, 400)
            payee = rng.choice(self.payees) if rng.random() < 0.85 else f"a{rng.randrange(50_000)}"
            amount = round(rng.lognormvariate(4.2, 1.0), 2)
            self.does(time, "transfer", to=payee, amount=amount, device=device, country=country)

    def _logs_in(self, time: float, device: str, country: str, failures: int) -> float:
        for _ in range(failures):
            self.does(time, "login-failed", device=device, country=country)
            time += self.rng.uniform(4, 30)
        self.does(time, "login", device=device, country=country)
        return time

    def _spree(self, time: float) -> None:
        city = self.city(time)
        if city is None:
            return
        for _ in range(self.rng.randrange(4, 11)):
            self.pays(time, self.amount(), _merchant(self.rng), city)
            time += self.rng.uniform(180, 900)

    def _binge(self, time: float) -> None:
        """Buy many things online: presents, at many merchants; or lives in a game, for little, at one or two."""
        rng = self.rng
        is_game = rng.random() < 0.5
        shops = [_any(rng) for _ in range(rng.randrange(1, 3) if is_game else rng.randrange(3, 9))]
        for _ in range(rng.randrange(5, 15) if is_game else rng.randrange(3, 10)):
            amount = round(rng.uniform(0.5, 5), 2) if is_game else self.amount()
            self.pays(time, amount, rng.choice(shops), refused=0.1)
            time += rng.uniform(20, 400)

    def _bills(self, time: float) -> None:
        device = self.rng.choice(self.devices)
        time = self._logs_in(time, device, _CITIES[self.home][0], 0)
        if self.rng.random() < 0.3:  # on pay day
            self.does(time - 900.0, "incoming", amount=round(self.rng.uniform(1500, 4000), 2), source="salary")
        for payee in self.payees[: self.rng.randrange(2, 9)]:
            time += self.rng.uniform(30, 200)
            amount = round(self.rng.lognormvariate(4.2, 0.8), 2)
            self.does(time, "transfer", to=payee, amount=amount, device=device, country=_CITIES[self.home][0])


# -- frauds ------------------------------------------------------------------------------------------------------------


def _card_testing(one: Customer, time: float, mark: tuple[str, int]) -> None:
    rng = one.rng
    is_slow = rng.random() < 0.2
    for _ in range(rng.randrange(8, 26)):
        one.pays(time, round(rng.uniform(0.5, 4), 2), _any(rng), refused=0.7, country="NL", fraud=mark)
        time += rng.uniform(300, 1200) if is_slow else rng.uniform(5, 40)
    if rng.random() < 0.5:
        one.pays(time + 300.0, round(rng.uniform(300, 900), 2), _any(rng), country="NL", fraud=mark)


def _takeover(one: Customer, time: float, mark: tuple[str, int]) -> None:
    rng = one.rng
    phone = {"device": f"{one.key}-x", "country": rng.choice(("NL", "NL", "BE", "DE", "RO"))}
    for _ in range(rng.choice((0, 0, 1, 2, 3, 4, 5))):
        one.does(time, "login-failed", mark, **phone)
        time += rng.uniform(5, 60)
    one.does(time, "login", mark, **phone)
    if rng.random() < 0.8:
        time += rng.uniform(20, 300)
        one.does(time, "password", mark, **phone)
    for n in range(rng.randrange(1, 4)):
        time += rng.uniform(30, 900)
        amount = round(rng.uniform(400, 4_000), 2)
        one.does(time, "transfer", mark, to=f"x{one.number}-{n}", amount=amount, **phone)


def _cloned_card(one: Customer, time: float, mark: tuple[str, int]) -> None:
    rng, place = one.rng, one.rng.choice([name for name in _CITIES if name not in _HOMES and name != "paris"])
    one.pays(time - rng.uniform(0.3, 4) * _HOUR, one.amount(), one.merchants[0], one.home)
    for _ in range(rng.randrange(1, 5)):
        one.pays(time, round(rng.uniform(60, 700), 2), _any(rng), place, refused=0.1, fraud=mark)
        time += rng.uniform(120, 1500)


def _stolen_spree(one: Customer, time: float, mark: tuple[str, int]) -> None:
    rng, count = one.rng, one.rng.randrange(8, 21)
    for _ in range(count):
        one.pays(time, round(rng.uniform(40, 400), 2), _any(rng), refused=0.1, country="NL", fraud=mark)
        time += rng.uniform(0.4, 1.0) * 1200 / count


def _mule(one: Customer, time: float, mark: tuple[str, int]) -> None:
    rng, count = one.rng, one.rng.randrange(5, 19)
    comes = round(rng.uniform(2_000, 9_000), 2)
    one.does(time, "incoming", mark, amount=comes, source="transfer")
    phone = {"device": one.devices[0], "country": _CITIES[one.home][0]}
    for n in range(count):
        time += rng.uniform(0.4, 1.0) * 3_300 / count
        one.does(time, "transfer", mark, to=f"y{one.number}-{n}", amount=round(0.95 * comes / count, 2), **phone)


_FRAUDS: dict[str, Callable[[Customer, float, tuple[str, int]], None]] = dict(
    zip(KINDS, (_card_testing, _takeover, _cloned_card, _stolen_spree, _mule), strict=True)
)


def simulate(events: int, seed: int, frauds: int = 40) -> list[Happening]:
    """Return about so many events in the order of time, with so many frauds of each kind.

    Examples
    --------
    >>> log = simulate(2_000, seed=1, frauds=2)
    >>> len({one.fraud for one in log if one.fraud}), log == simulate(2_000, seed=1, frauds=2)
    (10, True)
    """
    count = max(frauds * len(KINDS) + 1, round(events / _EVENTS_A_CUSTOMER))
    everybody = [Customer(i, random.Random(f"{seed}-{i}")) for i in range(count)]
    for one in everybody:
        one.lives()
    rng = random.Random(f"{seed}")
    victims = rng.sample([one for one in everybody if one.trip is None], frauds * len(KINDS))
    for i, one in enumerate(victims):
        kind = KINDS[i % len(KINDS)]
        _FRAUDS[kind](one, BEGIN + rng.uniform(4, DAYS - 1) * _DAY, (kind, i // len(KINDS)))
    return sorted((event for one in everybody for event in one.life), key=lambda event: (event.time, event.key))


def _any(rng: random.Random) -> str:
    return f"m{rng.randrange(_MERCHANTS)}"


def _merchant(rng: random.Random) -> str:
    """Return a merchant by Zipf's law, roughly."""
    return f"m{min(int(rng.paretovariate(0.6)), _MERCHANTS) - 1}"


def _poisson(rng: random.Random, mean: float) -> int:
    """Return how many of something that comes by itself there are (Knuth, 1969)."""
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count += 1
        left += rng.expovariate(1.0)
    return count

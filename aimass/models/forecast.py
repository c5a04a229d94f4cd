"""Forecasts of a series some events ahead: each value is the label of an event before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aimass.models import members as kinds
from aimass.models.answers import Answers, joined
from aimass.models.ensemble import LATER, PREDICT, Ensemble, Part
from aimass.models.kernel import Bools, Floats, Ints, kernel
from aimass.models.members.base import ArrayMember, kind_of, pack, unpack

_OWN = 5  # columns of the series itself: now, one and two events ago, a fading mean, a season before the target
_LEVEL, _TREND, _SEEN = range(3)
_ALPHA, _BETA, _GAMMA = 0.2, 0.02, 0.1
_MEAN = 0.1


@kernel
def _run_seasonal(y: Floats, learn: Bools, ahead: int, head: Floats, season: Floats, p: Floats) -> None:
    period = len(season)
    for i in range(len(y)):
        n = int(head[_SEEN])
        p[i, 0] = np.nan
        if n >= max(period, 2):
            p[i, 0] = head[_LEVEL] + ahead * head[_TREND] + season[(n - 1 + ahead) % period]
        if not (learn[i] and y[i] == y[i]):
            continue
        k = n % period
        if n == 0:
            head[_LEVEL] = y[i]
        elif n < period:
            season[k] = y[i] - head[_LEVEL]
        else:
            before = head[_LEVEL]
            head[_LEVEL] = _ALPHA * (y[i] - season[k]) + (1.0 - _ALPHA) * (before + head[_TREND])
            head[_TREND] += _BETA * (head[_LEVEL] - before - head[_TREND])
            season[k] += _GAMMA * (y[i] - head[_LEVEL] - season[k]) if period > 1 else 0.0
        head[_SEEN] += 1.0


class HoltWinters(ArrayMember):
    """Level, trend and season by exponential smoothing: Holt (1957) and Winters (1960), additive.

    It learns the series from its labels alone: each is the newest value, and it predicts that ``ahead`` of it.

    Examples
    --------
    >>> y = np.tile([1.0, 5.0, 9.0], 60)
    >>> p = HoltWinters(season=3, ahead=2).run(np.zeros((180, 1)), y, np.full(180, True))
    >>> y[[176, 177]], p[[175, 176], 0].round(1)
    (array([9., 1.]), array([9., 1.]))
    """

    kind = "holt-winters"
    names = ("head", "season")
    cost_us = 0.2

    def __init__(self, width: int = 8, classes: int = 1, season: int = 1, ahead: int = 1) -> None:
        super().__init__(width, 1, season=season, ahead=ahead)
        self._season, self._ahead = season, ahead
        self.reset()

    def reset(self) -> None:
        """Forget all that was learned."""
        self.head, self.season = np.zeros(3), np.zeros(self._season)

    def quicken(self, factor: float) -> None:
        """Nothing to do: it forgets within tens of events."""

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows: none of their columns matters."""
        self.width = width

    def reasons(self, x: Floats) -> Floats | None:
        """Return nothing: it looks at no column."""
        return None

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict, then learn; see `Member`."""
        p = np.empty((len(y), 1))
        _run_seasonal(np.ascontiguousarray(y), learn, self._ahead, self.head, self.season, p)
        return p


def _decoded(raw: bytes) -> kinds.Member:
    return HoltWinters.decode(raw) if kind_of(raw)[0] == HoltWinters.kind else kinds.decode(raw)


class Forecaster:
    """Predicts a series ``ahead`` events from now; its labels come by themselves.

    Parameters
    ----------
    ahead
        How many events ahead, 1 to 1024.
    season
        How many events a season has; 1: there is none.
    settings
        As of an `Ensemble`.

    Notes
    -----
    State: that of an ensemble, the last ``ahead`` events and the last season. Events are taken ``ahead`` at a time at
    most, as each value is a label of the answers so far back: short horizons cost more.

    Examples
    --------
    >>> y = np.tile([1.0, 5.0, 9.0, 5.0], 100)
    >>> answers = Forecaster(ahead=3, season=4).run(np.zeros((400, 1)), y, np.zeros(400, np.int64))
    >>> bool(np.abs(answers.p[380:-3, 0] - y[383:]).max() < 0.5)
    True
    """

    def __init__(self, ahead: int = 1, season: int = 1, **settings: float | str | None) -> None:
        self.ahead, self.season, self.count = ahead, season, 0
        self.ensemble = Ensemble(self._parts, _decoded, classes=0, lags=_OWN, **settings)  # type: ignore[arg-type]
        self.ensemble.shows_lags = True
        self._past = np.full(max(season, 3), np.nan)  # the last values, each at its event's number modulo the length
        self._mean = np.full(1, np.nan)
        self._x, self._kept = np.empty((0, _OWN)), np.empty((0, 0))

    def _parts(self, width: int, classes: int) -> list[Part]:
        seasonal = HoltWinters(width, season=self.season, ahead=self.ahead)
        return [
            Part("no_change", kinds.NoChange(width, 1), is_baseline=True),
            Part("holt_winters", seasonal, is_baseline=True),
            Part("newton", kinds.NewtonRegressor(width)),
            Part("linear_change", kinds.LinearRegressor(width), of_change=True),
            Part("newton_change", kinds.NewtonRegressor(width), of_change=True),
        ]

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None = None) -> Answers:
        """Take the next events: learn their values, and predict those that come ``ahead`` of them.

        Parameters
        ----------
        x
            Events × features, beside the series itself; NaN where one is absent.
        y
            The value of the series at each event; NaN where it is missing.
        ops, votes
            Not looked at.
        """
        found = [self._piece(x[a : a + self.ahead], y[a : a + self.ahead], a) for a in range(0, len(y), self.ahead)]
        return joined(found, self.ensemble.names, 1)

    def predict(self, x: Floats, ops: Ints) -> Answers:
        """Answer events, each as if it came next without a value, and learn nothing of any: see `Ensemble.predict`."""
        before = self._past.copy(), self._mean.copy(), self.count
        own = self._own(np.full(1, np.nan))
        self._past, self._mean, self.count = before
        return self.ensemble.predict(np.column_stack([np.repeat(own, len(x), axis=0), x]), np.zeros_like(ops))

    def _piece(self, x: Floats, y: Floats, at: int) -> Answers:
        now = np.concatenate([self._own(y), x], axis=1)
        due = max(len(self._x) + len(y) - self.ahead, 0)
        first = len(y) - due
        rows, values, ops, kept = [], [], [], []
        for i in range(len(y)):
            if i >= first:
                rows.append(_fit(self._x[i - first], now.shape[1]))
                kept.append(self._kept[i - first])
                values.append(y[i])
                ops.append(LATER)
            rows.append(now[i])
            kept.append(np.empty(0))
            values.append(np.nan)
            ops.append(PREDICT)
        width = max(map(len, kept))
        said = self.ensemble.run(
            np.array(rows), np.array(values), np.array(ops), np.array([_fit(one, width) for one in kept])
        )
        own = np.array(ops) == PREDICT
        event = np.cumsum(own) - own
        told = [replace(one, row=at + int(event[one.row])) for one in said.happenings]
        answers = Answers(said.p[own], said.low[own], said.high[own], said.kept[own], said.members, told)
        self._x = _stack(self._x[due:], now)
        self._kept = _stack(self._kept[due:], answers.kept)
        return answers

    def _own(self, y: Floats) -> Floats:
        """Return the columns of the series itself, and remember its values."""
        rows, size = np.full((len(y), _OWN), np.nan), len(self._past)
        for i, value in enumerate(y.tolist()):
            at = self.count + i
            self._past[at % size] = value
            if value == value:
                self._mean[0] = value if np.isnan(self._mean[0]) else self._mean[0] + _MEAN * (value - self._mean[0])
            back = (-self.ahead) % self.season  # events since the newest value that is whole seasons before the target
            rows[i] = (
                value,
                self._past[(at - 1) % size],
                self._past[(at - 2) % size],
                self._mean[0],
                (self._past[(at - back) % size]),
            )
        self.count += len(y)
        return rows

    def encode(self) -> bytes:
        """Return its state."""
        settings = {"ahead": self.ahead, "season": self.season, "count": self.count}
        arrays = [self._past, self._mean, self._x, self._kept, np.frombuffer(self.ensemble.encode(), np.uint8)]
        return pack("forecaster", 1, settings, arrays)

    def load(self, raw: bytes) -> Forecaster:
        """Take the state that a forecaster of the same making encoded; return itself."""
        settings, arrays = unpack(raw, "forecaster", 1)
        self.count = settings["count"]
        self._past, self._mean, self._x, self._kept = arrays[:4]
        self.ensemble.load(arrays[4].tobytes())
        return self


def _fit(row: Floats, width: int) -> Floats:
    wide = np.full(width, np.nan)
    wide[: len(row)] = row
    return wide


def _stack(above: Floats, below: Floats) -> Floats:
    width = max(above.shape[1], below.shape[1])
    return np.array([_fit(row, width) for part in (above, below) for row in part]).reshape(-1, width)

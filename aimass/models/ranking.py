"""How likely a key takes to an item: what ranking and recommending begin with."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aimass.models.ensemble import PREDICT
from aimass.models.kernel import Bools, Floats, Ints, kernel
from aimass.models.members.base import ArrayMember
from aimass.models.members.numerics import exp

Singles = npt.NDArray[np.float32]
_FACTORS = 8
_WIDTH = 2 * (1 + _FACTORS)  # a bias and factors, then the squares of their gradients
_RATE, _DECAY = 0.15, 1e-4


@kernel
def _slot(value: float, size: int, salt: int) -> int:
    """Return a place in a table for a whole number, by the mixer of SplitMix64."""
    z = np.uint64(np.int64(value)) + np.uint64(salt)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return int(z % np.uint64(size))


@kernel
def _begin(row: Singles, slot: int) -> None:
    """Give a row that is new small factors, each its own: equal ones would never come to differ."""
    if row[1 + _FACTORS] == 0.0:
        row[1 + _FACTORS] = 1e-6
        for j in range(_FACTORS):
            row[1 + j] = 0.1 if (slot * 2654435761 >> (7 + j)) % 2 == 0 else -0.1


@kernel
def _step(row: Singles, j: int, gradient: float) -> None:
    g = gradient + _DECAY * row[j]
    row[1 + _FACTORS + j] += g * g
    row[j] -= _RATE * g / math.sqrt(row[1 + _FACTORS + j] + 1e-2)


@kernel
def _chance(key: Singles, item: Singles, head: Floats) -> float:
    margin = head[0] + key[0] + item[0]
    for j in range(1, 1 + _FACTORS):
        margin += key[j] * item[j]
    return 1.0 / (1.0 + exp(-margin))


@kernel
def _predict(x: Floats, keys: Singles, items: Singles, head: Floats, out: Floats) -> None:
    for i in range(len(x)):
        out[i] = math.nan
        if abs(x[i, 0]) < 9e15 and abs(x[i, 1]) < 9e15:
            a, b = _slot(x[i, 0], len(keys), 1), _slot(x[i, 1], len(items), 2)
            key, item = keys[a].copy(), items[b].copy()
            _begin(key, a)
            _begin(item, b)
            out[i] = _chance(key, item, head)


@kernel
def _run(x: Floats, y: Floats, learn: Bools, keys: Singles, items: Singles, head: Floats, out: Floats) -> None:
    for i in range(len(x)):
        if not (abs(x[i, 0]) < 9e15 and abs(x[i, 1]) < 9e15):
            out[i] = math.nan
            continue
        a, b = _slot(x[i, 0], len(keys), 1), _slot(x[i, 1], len(items), 2)
        key, item = keys[a], items[b]
        _begin(key, a)
        _begin(item, b)
        out[i] = _chance(key, item, head)
        if learn[i] and y[i] == y[i]:
            error = out[i] - min(max(y[i], 0.0), 1.0)
            head[1] += error * error
            head[0] -= _RATE * error / math.sqrt(head[1] + 1.0)
            _step(key, 0, error)
            _step(item, 0, error)
            for j in range(1, 1 + _FACTORS):
                k, t = float(key[j]), float(item[j])
                _step(key, j, error * t)
                _step(item, j, error * k)


class Ranker(ArrayMember):
    """Logistic matrix factorisation, learned a pair at a time; keys and items share places by hash.

    Parameters
    ----------
    width, classes
        Not looked at: rows hold a key and an item.
    keys, items
        Places for each: about the number of those that matter.

    Notes
    -----
    Biases and eight factors by AdaGrad (Koren, Bell and Volinsky, "Matrix factorization techniques for recommender
    systems", 2009; Johnson, "Logistic matrix factorization", 2014). State: 72 bytes a place.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.integers(0, 20, (6000, 2)).astype(float)
    >>> likes = ((x[:, 0] + x[:, 1]) % 2 == 0).astype(float)
    >>> p = Ranker().run(x, likes, np.ones(6000, np.int64))
    >>> bool(((p[4000:] > 0.5) == likes[4000:]).mean() > 0.9)
    True
    """

    kind = "ranker"
    names = ("keys", "items", "head")

    def __init__(self, width: int = 2, classes: int = 2, keys: int = 4096, items: int = 4096) -> None:
        super().__init__(width, classes, keys=keys, items=items)
        self.keys = np.zeros((keys, _WIDTH), np.float32)
        self.items = np.zeros((items, _WIDTH), np.float32)
        self.head = np.zeros(2)

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        return 0.3

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None = None) -> Floats:
        """Return the probability that each key takes to each item, then learn whether it did.

        Parameters
        ----------
        x
            Events × 2: a key and an item, as whole numbers below 2**53 (hashes); NaN: nothing to say.
        y
            Whether it did, 0 to 1; NaN where that is not known.
        ops
            As of an `Ensemble`.
        votes
            Not looked at.
        """
        out = np.empty(len(x))
        learn = (ops & 3) > PREDICT
        _run(np.ascontiguousarray(x[:, :2]), np.ascontiguousarray(y), learn, self.keys, self.items, self.head, out)
        return out

    def predict(self, x: Floats) -> Floats:
        """Return the same of pairs of which nothing is to be learned: no place is taken by any."""
        out = np.empty(len(x))
        _predict(np.ascontiguousarray(x[:, :2]), self.keys, self.items, self.head, out)
        return out

"""Champion and challengers on identical events, and whether one is better: a test to look at at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aimass.errors import SnapshotVersionMismatch
from aimass.models.answers import Answers, Evaluated, joined
from aimass.models.ensemble import PREDICT, STEP, Ensemble
from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.members.base import pack, unpack
from aimass.models.members.numerics import exp, log
from aimass.models.monitor import Drifted

_BETS = np.array([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625])
_RICHEST = 600.0


@kernel
def _bet(gains: Floats, bets: Floats, wealth: Floats) -> None:
    for i in range(len(gains)):
        if gains[i] == gains[i]:
            gain = min(max(gains[i], -1.0), 1.0)
            for j in range(len(bets)):
                wealth[j] = min(wealth[j] + log(1.0 + bets[j] * gain), _RICHEST)


@kernel
def _mean(wealth: Floats) -> float:
    total = 0.0
    for j in range(len(wealth)):
        total += exp(wealth[j])
    return total / len(wealth)


class Evidence:
    """That a challenger loses less than the champion, as an e-value: money made by betting on it.

    If it is no better, in the mean of each event given those before, the e-value ever reaches 1 / alpha with a
    probability of at most alpha, whenever one looks and stops (Ville's inequality).

    Notes
    -----
    Equal sums are staked on eight fixed shares of the wealth (Waudby-Smith and Ramdas, "Estimating means of bounded
    random variables by betting", JRSS B 2024). State: 8 numbers.

    Examples
    --------
    >>> evidence = Evidence()
    >>> evidence.update(np.full(200, 0.3), np.full(200, 0.2))
    >>> evidence.value > 100.0
    True
    """

    def __init__(self) -> None:
        self.wealth = np.zeros(len(_BETS))

    def update(self, champion: Floats, challenger: Floats) -> None:
        """Take the losses of both on the same events, 0 to 1; NaN: not to be compared."""
        _bet(np.ascontiguousarray(champion - challenger, np.float64), _BETS, self.wealth)

    @property
    def value(self) -> float:
        """The e-value: 1 at first; 20 is evidence at 5 %, 100 at 1 %."""
        return float(_mean(self.wealth))


class Contest:
    """Ensembles that see identical events: one answers, the others are only measured, until one takes its place.

    Under the policy ``swap`` the challenger that lately lost least becomes champion when the champion's loss drifts up,
    if it lately lost less than the champion.

    Parameters
    ----------
    ensembles
        By name; the first is the champion to begin with.

    Examples
    --------
    >>> from aimass.models.ensemble import LEARN
    >>> from aimass.models.tasks import ensemble
    >>> contest = Contest({"plain": ensemble("linear"), "rich": ensemble("classifier")})
    >>> x = np.arange(300.0)[:, None] % 5
    >>> answers = contest.run(x, (x[:, 0] == 2).astype(float), np.full(300, LEARN))
    >>> contest.champion, contest.evidence["rich"].value > 100.0
    ('plain', True)
    """

    def __init__(self, ensembles: Mapping[str, Ensemble]) -> None:
        self.ensembles = dict(ensembles)
        self.champion = next(iter(self.ensembles))
        self.evidence = {name: Evidence() for name in self.ensembles}

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None = None) -> Answers:
        """Take the next events, as an `Ensemble` does; the answers are the champion's."""
        found, a = [], 0
        while a < len(y):
            b = min(len(y), a + STEP - self.ensembles[self.champion].count % STEP)
            found.append(self._piece(x[a:b], y[a:b], ops[a:b], None if votes is None else votes[a:b], a))
            a = b
        names = found[-1].members if found else self.ensembles[self.champion].names
        classes = max([one.p.shape[1] for one in found], default=1)
        return joined(found, names, classes)

    def predict(self, x: Floats, ops: Ints) -> Answers:
        """Answer events as the champion does, and learn nothing of any: see `Ensemble.predict`."""
        return self.ensembles[self.champion].predict(x, ops)

    def _piece(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None, at: int) -> Answers:
        names = list(self.ensembles)
        shares = _split(votes, len(names), len(y))
        answers = {name: self.ensembles[name].run(x, y, ops, shares[i]) for i, name in enumerate(names)}
        learn = ((ops & 3) > PREDICT) & ~np.isnan(y)
        losses = {name: _loss(one, np.where(learn, y, np.nan)) for name, one in answers.items()}
        for name in names:
            if name != self.champion:
                self.evidence[name].update(*_fair(losses[self.champion], losses[name], answers[name].p.shape[1] == 1))
        said = answers[self.champion]
        happenings = [self._told(one, at) for one in said.happenings]
        reasons = {row + at: found for row, found in said.reasons.items()}
        if any(isinstance(one, Drifted) and one.action == "swap" for one in happenings):
            self._swap()
        return replace(
            said,
            kept=_joined([one.kept for one in answers.values()]),
            happenings=happenings,
            reasons=reasons,
            spoken=said.kept,
        )

    def _told(self, one: Drifted | Evaluated, at: int) -> Drifted | Evaluated:
        if isinstance(one, Drifted):
            swaps = one.is_loss and self.ensembles[self.champion].policy == "swap" and self._better() is not None
            return replace(one, row=one.row + at, action="swap" if swaps else one.action)
        metric = "mae" if self.ensembles[self.champion].is_number else "accuracy"
        rivals = {}
        for name, rival in self.ensembles.items():
            if name != self.champion:
                rivals[name] = rival.evaluator.metrics().get(metric, 0.0)
                rivals[f"evidence.{name}"] = self.evidence[name].value
        return replace(one, row=one.row + at, challengers=rivals)

    def _better(self) -> str | None:
        """Return the challenger that lately lost least, if that is less than what the champion lost."""
        lately = {name: one.evaluator.loss for name, one in self.ensembles.items()}
        best = min(lately, key=lately.__getitem__)
        return best if lately[best] < lately[self.champion] else None

    def _swap(self) -> None:
        better = self._better()
        if better is not None:
            self.champion = better
            self.evidence = {name: Evidence() for name in self.ensembles}

    def encode(self) -> bytes:
        """Return its state."""
        settings = {"champion": self.champion, "names": list(self.ensembles)}
        arrays: list[Any] = [one.wealth for one in self.evidence.values()]
        arrays += [np.frombuffer(one.encode(), np.uint8) for one in self.ensembles.values()]
        return pack("contest", 1, settings, arrays)

    def load(self, raw: bytes) -> Contest:
        """Take the state that a contest of the same making encoded; return itself."""
        settings, arrays = unpack(raw, "contest", 1)
        if settings["names"] != list(self.ensembles):
            raise _others(settings["names"], list(self.ensembles))
        self.champion = settings["champion"]
        for i, name in enumerate(self.ensembles):
            self.evidence[name].wealth = arrays[i]
            self.ensembles[name].load(arrays[len(self.ensembles) + i].tobytes())
        return self


def _joined(kept: Sequence[Floats]) -> Floats:
    """Return what the ensembles kept of each event in one row: one after the other, each behind its length.

    The length is that of what there is: how wide the rows are depends on how events were cut.
    """
    lengths = [np.where(one == one, np.arange(1, one.shape[1] + 1), 0).max(axis=1, initial=0) for one in kept]
    wide = np.full((len(kept[0]), sum(one.shape[1] + 1 for one in kept)), np.nan)
    ats = np.zeros(len(wide), np.int64)
    for one, length in zip(kept, lengths, strict=True):
        wide[np.arange(len(wide)), ats] = length
        rows, columns = np.nonzero(np.arange(one.shape[1]) < length[:, None])
        wide[rows, ats[rows] + 1 + columns] = one[rows, columns]
        ats += 1 + length
    return wide


def _split(votes: Floats | None, count: int, n: int) -> list[Floats | None]:
    """Return what each ensemble kept of the events, of rows that hold one after the other, each behind its length."""
    if votes is None or not votes.shape[1]:
        return [None] * count
    shares = [np.full((n, votes.shape[1]), np.nan) for _ in range(count)]
    for i, row in enumerate(votes):
        at = 0
        for share in shares:
            if at >= len(row) or not row[at] >= 1.0:
                break
            own = row[at + 1 : at + 1 + int(row[at])]
            share[i, : len(own)] = own
            at += 1 + int(row[at])
    return list(shares)


def _loss(answers: Answers, y: Floats) -> Floats:
    """Return absolute errors, or whether the likeliest class was wrong; NaN: no label or no answer."""
    missing = np.isnan(y) | np.isnan(answers.p[:, 0])
    wrong = np.abs(answers.value - y) if answers.p.shape[1] == 1 else (answers.value != y).astype(np.float64)
    return np.where(missing, np.nan, wrong)


def _fair(champion: Floats, challenger: Floats, is_number: bool) -> tuple[Floats, Floats]:
    """Return losses from 0 to 1: of numbers, each one's part of both errors together, whatever the unit."""
    if not is_number:
        return champion, challenger
    both = champion + challenger
    both = np.where(both > 0.0, both, 1.0)
    return champion / both, challenger / both


def _others(found: Sequence[str], wanted: Sequence[str]) -> SnapshotVersionMismatch:
    return SnapshotVersionMismatch(
        f"the snapshot is of a contest of {', '.join(found)}, but this one is of {', '.join(wanted)}: "
        "give the model another name to start afresh"
    )

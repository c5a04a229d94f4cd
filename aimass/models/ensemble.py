"""Ensembles: several learners vote, and each one's weight follows what its votes were worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aimass.errors import SnapshotVersionMismatch
from aimass.models import ensemble_kernel as k
from aimass.models.answers import Answers, Evaluated, Happening, joined, recalled
from aimass.models.conformal import Interval
from aimass.models.evaluation import Evaluator
from aimass.models.kernel import Bools, Floats, Ints
from aimass.models.members.base import Member, pack, unpack
from aimass.models.monitor import Monitor

#: What to do with an event: predict it; predict it, then learn it; learn what was predicted earlier; and tell why.
PREDICT, LEARN, LATER, EXPLAIN = 0, 1, 2, 4
#: Events between the points at which an ensemble may change itself.
STEP = 64
EVALUATE = 1000
_LEAST = 0.01  # of the events: what a member is given when there is no budget for it
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_QUICKER = 3.0
_KEEP = 4096
POLICIES = ("nothing", "warn", "reset", "rate", "swap", "fallback")


@dataclass(frozen=True, slots=True)
class Part:
    """A member and its place in an ensemble.

    Parameters
    ----------
    name
        What its votes are listed under.
    member
        The learner.
    is_baseline
        Whether it knows nothing of the features: it is never reset.
    of_change
        Whether it learns the change since the last label, which column 0 holds, not the number itself; it is silent
        while lagged labels are hidden.
    """

    name: str
    member: Member
    is_baseline: bool = False
    of_change: bool = False


class Ensemble:
    """A classifier or regressor made of members; an exact automaton: however events are cut into calls, the same bits.

    Parameters
    ----------
    make
        Makes fresh members for a width and a number of classes (1 for numbers).
    decode
        Reads a member back from its bytes.
    classes
        0 for numbers; for classes it grows as labels come.
    budget_us
        Nominal CPU of one event, in µs. Members run on all events in the order of their cost while they fit; the next
        one runs on the share of events that is left of it, at least 1 in 100. ``None``: all run on all.
    policy
        What to do when the loss rises by drift: nothing, warn, reset (members forget), rate (they learn faster for a
        while), swap (see `Contest`), fallback (back to the members as they were 4,096 to 8,192 events earlier).
    coverage
        How often the interval of a number is to hold the truth.
    lags
        How many of the first columns are lagged labels, column 0 the last one: hidden until labels prove to depend
        on the one before.
    watched
        How many columns are watched for drift.

    Notes
    -----
    Weights are those of Herbster and Warmuth's fixed share ("Tracking the best expert", 1998), with absent members
    asleep (Freund et al., "Using and combining predictors that specialize", 1997): after any stretch the ensemble lags
    behind the member that is best in it by a bounded number of errors. State: that of the members, 1 KB a watched
    column and 10 KB; ``fallback`` keeps the members three times.

    Examples
    --------
    >>> from aimass.models.members import LinearClassifier
    >>> make = lambda width, classes: [Part("linear", LinearClassifier(width, classes))]
    >>> one = Ensemble(make, LinearClassifier.decode)
    >>> x = np.arange(400.0)[:, None] % 7
    >>> answers = one.run(x, (x[:, 0] > 3).astype(float), np.full(400, LEARN))
    >>> answers.value[-3:], (x[-3:, 0] > 3).astype(int)
    (array([1., 1., 0.]), array([1, 1, 0]))
    """

    def __init__(
        self,
        make: Callable[[int, int], Sequence[Part]],
        decode: Callable[[bytes], Member],
        *,
        classes: int = 2,
        width: int = 8,
        budget_us: float | None = None,
        policy: str = "warn",
        coverage: float = 0.9,
        lags: int = 0,
        watched: int = 32,
    ) -> None:
        self.is_number = classes == 0
        self.width, self.classes = width, max(classes, 1)
        self.policy, self.budget_us, self.lags, self.count = policy, budget_us, lags, 0
        self._decode = decode
        self.parts = list(make(width, self.classes))
        self.names = tuple(part.name for part in self.parts)
        self._score = np.zeros((k.SCORE, len(self.parts)))
        self._score[k.WEIGHT] = self._first_weights()
        self._interval = Interval(coverage)
        self.evaluator = Evaluator(classes)
        self._monitor = Monitor(min(watched, width), watched)
        self.shows_lags = False
        self._quiet_since = self._evaluations = 0
        self._good: list[list[bytes]] = []

    def _first_weights(self) -> list[float]:
        """Return weights for members that have not learned: half for the baselines, which need not learn."""
        base = sum(part.is_baseline for part in self.parts)
        rest = len(self.parts) - base
        if not base or not rest:
            return [1.0 / len(self.parts)] * len(self.parts)
        return [0.5 / base if part.is_baseline else 0.5 / rest for part in self.parts]

    @property
    def weights(self) -> dict[str, float]:
        """What share each member's vote has, by name."""
        return dict(zip(self.names, self._score[k.WEIGHT].tolist(), strict=True))

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        shares = self._shares()
        return float(sum(share * part.member.cost_us for share, part in zip(shares, self.parts, strict=True)))

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None = None) -> Answers:
        """Take the next events.

        Parameters
        ----------
        x
            Events × features; NaN where one is absent. It may be wider than before.
        y
            Class indices or numbers; NaN where there is no label.
        ops
            `PREDICT`, `LEARN` or `LATER` for each event, ``+ EXPLAIN`` to be told reasons.
        votes
            For events with `LATER`: the ``kept`` of the answers when they were predicted; NaN at the end may be cut.
        """
        found = [self._piece(x[a:b], y[a:b], ops[a:b], _rows(votes, a, b), a) for a, b in self._pieces(x, y, ops)]
        return joined(found, self.names, self.classes)

    def _pieces(self, x: Floats, y: Floats, ops: Ints) -> Iterator[tuple[int, int]]:
        """Cut events where the ensemble may change itself, where a class is new, and where one is to be explained."""
        if x.shape[1] > self.width:
            self._grow(x.shape[1], self.classes)
        cuts = (ops & EXPLAIN) > 0
        if not self.is_number:
            known = np.maximum.accumulate(np.concatenate([[self.classes - 1.0], np.where(np.isnan(y), 0.0, y)]))
            cuts |= known[1:] > known[:-1]
        starts, a = np.flatnonzero(cuts), 0
        while a < len(y):
            later = starts[np.searchsorted(starts, a, "right") :]
            b = min(len(y), a + STEP - self.count % STEP, int(later[0]) if len(later) else len(y))
            if not self.is_number and y[a] >= self.classes:
                self._grow(self.width, int(y[a]) + 1)
            yield a, b
            a = b

    def _piece(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None, at: int) -> Answers:
        op = ops & 3
        x = self._shown(fitted(x, self.width))
        told, learn = op == LATER, (op > PREDICT) & ~np.isnan(y)
        reasons = {at: self.reasons(x[0])} if ops[0] & EXPLAIN else {}
        n = len(y)
        said = self._votes(x, y, learn, np.arange(self.count, self.count + n, dtype=np.uint64))
        p, low, high = np.empty((n, self.classes)), np.full(n, np.nan), np.full(n, np.nan)
        if told.any():
            recalled(votes, told, said, p, low, high)
        y = np.ascontiguousarray(y, np.float64)
        k.mix(said, y, learn, told, self.is_number, self._score, p)
        if self.is_number:
            self._interval.run(np.ascontiguousarray(p[:, 0]), y, learn, told, low, high)
        self.evaluator.update(p, np.where(learn, y, np.nan), low, high)
        self._monitor.take(x, p, np.where(learn, y, np.nan), told)
        self.count += n
        happenings = self._rest(at + n - 1) if self.count % STEP == 0 else []
        return Answers(p, low, high, _kept(said, p, low, high), self.names, happenings, reasons)

    def predict(self, x: Floats, ops: Ints) -> Answers:
        """Answer events, each as if it came next, and learn nothing of any: the state stays as it is.

        Columns that it has not seen before, it does not look at.
        """
        n, x = len(x), self._shown(fitted(x, self.width))
        y, nothing = np.full(n, np.nan), np.zeros(n, np.bool_)
        said = self._votes(x, y, nothing, np.full(n, self.count, np.uint64))
        p, low, high = np.empty((n, self.classes)), np.full(n, np.nan), np.full(n, np.nan)
        k.mix(said, y, nothing, nothing, self.is_number, self._score, p)
        if self.is_number:
            self._interval.run(np.ascontiguousarray(p[:, 0]), y, nothing, nothing, low, high)
        reasons = {row: self.reasons(x[row]) for row in np.flatnonzero(ops & EXPLAIN).tolist()}
        return Answers(p, low, high, _kept(said, p, low, high), self.names, [], reasons)

    def _votes(self, x: Floats, y: Floats, learn: Bools, turns: npt.NDArray[np.uint64]) -> Floats:
        said = np.full((len(y), len(self.parts), self.classes), np.nan)
        for m, (part, share) in enumerate(zip(self.parts, self._shares(), strict=True)):
            own = slice(None) if share >= 1.0 else _drawn(turns, share)
            if not part.of_change:
                said[own, m] = part.member.run(x[own], y[own], learn[own])
            elif self.shows_lags:
                last = x[own, 0]
                change = part.member.run(x[own], y[own] - last, learn[own] & ~np.isnan(last))
                said[own, m] = change + last[:, None]
        return said

    def _shares(self) -> list[float]:
        """Return on what share of events each member runs: the cheap ones first, as far as the budget goes."""
        shares, costs = [1.0] * len(self.parts), [part.member.cost_us for part in self.parts]
        if self.budget_us is None:
            return shares
        left = self.budget_us
        for m in sorted(range(len(costs)), key=costs.__getitem__):
            shares[m] = min(1.0, max(left / costs[m], _LEAST)) if costs[m] > 0.0 else 1.0
            left = max(left - shares[m] * costs[m], 0.0)
        return shares

    def _shown(self, x: Floats) -> Floats:
        if self.lags and not self.shows_lags:
            x = x.copy()
            x[:, : self.lags] = np.nan
        return x

    def reasons(self, x: Floats) -> dict[int, float]:
        """Return what each column adds to the prediction of a row: the members' reasons by weight, the five largest."""
        total, weight = np.zeros(self.width), 0.0
        for part, w in zip(self.parts, self._score[k.WEIGHT].tolist(), strict=True):
            own = part.member.reasons(x)
            if own is not None and np.isfinite(own).all():
                total += w * own
                weight += w
        if weight == 0.0:
            return {}
        order = np.argsort(-np.abs(total), kind="stable")[:5].tolist()
        return {j: float(total[j] / weight) for j in order if total[j] != 0.0}

    def _evaluated(self, row: int) -> Evaluated:
        s, members = self._score, {}
        for m, name in enumerate(self.names):
            for prefix, total, events in (("", k.LOSS, k.EVENTS), ("fading.", k.RECENT, k.LATELY)):
                if s[events, m] > 0.0:
                    loss = float(s[total, m] / s[events, m])
                    members[prefix + name] = loss if self.is_number else 1.0 - loss
        one = self.evaluator
        return Evaluated(row, one.count, one.metrics(), one.baselines(), members, self.weights)

    def _rest(self, row: int) -> list[Happening]:
        """Do what may be done only at every 64th event: evaluate, look for drift, act, show lags, keep a fallback."""
        due = self.evaluator.count // EVALUATE
        told: list[Happening] = [self._evaluated(row)] if due > self._evaluations else []
        self._evaluations = due
        self.shows_lags = self.shows_lags or (self.lags > 0 and self.evaluator.is_dependent)
        is_idle = self.policy == "swap" or (self.policy == "fallback" and not self._good)
        found = self._monitor.look(row, "warn" if is_idle else self.policy)
        if any(one.is_loss for one in found):
            self._quiet_since = self.count
            self._act()
        elif self.policy == "fallback" and self.count % _KEEP == 0 and self.count - self._quiet_since >= _KEEP:
            self._good = [*self._good[-1:], [part.member.encode() for part in self.parts]]
        return [*told, *found]

    def _act(self) -> None:
        learners = [part.member for part in self.parts if not part.is_baseline]
        if self.policy == "reset":
            for member in learners:
                member.reset()
            self._score[k.WEIGHT] = self._first_weights()
        elif self.policy == "rate":
            for member in learners:
                member.quicken(_QUICKER)
        elif self.policy == "fallback" and self._good:
            self._set(self._good[0])
            for part in self.parts:
                part.member.grow(self.width, self.classes)

    def _set(self, members: Sequence[bytes]) -> None:
        self.parts = [
            Part(part.name, self._decode(raw), part.is_baseline, part.of_change)
            for part, raw in zip(self.parts, members, strict=True)
        ]

    def _grow(self, width: int, classes: int) -> None:
        self.width, self.classes = width, classes
        for part in self.parts:
            part.member.grow(width, classes)
        self.evaluator.grow(0 if self.is_number else classes)
        self._monitor.grow(width)

    def encode(self) -> bytes:
        """Return its state; equal states give equal bytes."""
        settings = {
            "classes": self.classes,
            "coverage": self._interval.coverage,
            "count": self.count,
            "is_number": self.is_number,
            "lags": self.lags,
            "names": list(self.names),
            "evaluations": self._evaluations,
            "quiet_since": self._quiet_since,
            "good": len(self._good),
            "shows_lags": self.shows_lags,
            "width": self.width,
        }
        members = [part.member.encode() for part in self.parts]
        blobs = [
            self.evaluator.encode(),
            self._monitor.encode(),
            *members,
            *(one for good in self._good for one in good),
        ]
        arrays: list[Any] = [self._score, self._interval.state, *(np.frombuffer(blob, np.uint8) for blob in blobs)]
        return pack("ensemble", 1, settings, arrays)

    def load(self, raw: bytes) -> Ensemble:
        """Take the state that an ensemble of the same making encoded; return itself.

        Raises
        ------
        SnapshotVersionMismatch
            Another version of it, or of a member, wrote the bytes, or one with other members.
        """
        settings, arrays = unpack(raw, "ensemble", 1)
        if tuple(settings["names"]) != self.names or settings["is_number"] != self.is_number:
            raise _others(settings["names"], self.names)
        self.width, self.classes, self.count = settings["width"], settings["classes"], settings["count"]
        self.shows_lags, self._quiet_since = settings["shows_lags"], settings["quiet_since"]
        self._evaluations = settings["evaluations"]
        self._score, self._interval.state = arrays[:2]
        blobs = [array.tobytes() for array in arrays[2:]]
        self.evaluator, self._monitor = Evaluator.decode(blobs[0]), Monitor.decode(blobs[1])
        each = len(self.names)
        self._set(blobs[2 : 2 + each])
        self._good = [blobs[2 + each * i : 2 + each * (i + 1)] for i in range(1, 1 + settings["good"])]
        return self


def _rows(votes: Floats | None, a: int, b: int) -> Floats | None:
    return None if votes is None else votes[a:b]


def _kept(said: Floats, p: Floats, low: Floats, high: Floats) -> Floats:
    """Return what is to be kept of each event: how many classes, the members' votes, the answer and its interval."""
    n, members, classes = said.shape
    kept = np.empty((n, 1 + (members + 1) * classes + 2))
    kept[:, 0], kept[:, 1 : 1 + members * classes] = classes, said.reshape(n, -1)
    kept[:, 1 + members * classes : -2], kept[:, -2], kept[:, -1] = p, low, high
    return kept


def fitted(x: Floats, width: int) -> Floats:
    """Return rows of so many columns: what is beyond them is cut off, what lacks is NaN."""
    if x.shape[1] == width:
        return np.ascontiguousarray(x, np.float64)
    wide, used = np.full((len(x), width), np.nan), min(width, x.shape[1])
    wide[:, :used] = x[:, :used]
    return wide


def _drawn(turns: npt.NDArray[np.uint64], share: float) -> Bools:
    """Return which events belong to a share of all, by their numbers: evenly spread, in no rhythm."""
    return ((turns * _GOLDEN) >> np.uint64(11)).astype(np.float64) < share * 2.0**53


def _others(found: Sequence[str], wanted: Sequence[str]) -> SnapshotVersionMismatch:
    return SnapshotVersionMismatch(
        f"the snapshot is of an ensemble of {', '.join(found)}, but this one is of {', '.join(wanted)}: "
        "give the model another name to start afresh"
    )

"""Models in the score stage: features in, estimates out, labels learned whenever they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any
from zlib import crc32

import numpy as np
import orjson

from aimass.errors import BadEvent
from aimass.models import personal
from aimass.models.adapters import Model, model
from aimass.models.answers import Answers
from aimass.models.compare import Contest
from aimass.models.ensemble import EXPLAIN, LEARN, PREDICT, Ensemble
from aimass.models.features import MISSING, getter, number
from aimass.models.kernel import Floats, Ints
from aimass.models.tasks import OTHERS
from aimass.records import Drift, Estimate, Evaluation, Label
from aimass.stages.batch import Batch
from aimass.stages.detecting import MONTH
from aimass.stages.inputs import Features
from aimass.stages.journal import Inputs
from aimass.stages.learned import Learned
from aimass.stages.rows import Rank, Run, by_segment, later_rows, merged, used
from aimass.stages.saying import About, Said, classes_of, clusters_of, explained, numbers_of
from aimass.stages.waiting import Waiting, WaitingRoom
from aimass.state import ObjectSpec, RowSpec, State

#: Labels among the events of a batch: after how many of its events each stands, and which of all labels it is.
Labels = Sequence[tuple[Rank, Label]]
_MAX_CLASSES = 64
_MAX_TEXT = 256

#: What a model tells besides its estimates: where in the log that is known, and what.
Told = tuple[Rank, Drift | Evaluation]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model is made of; see the `[[model]]` section of a pipeline file.

    Parameters
    ----------
    name, pipeline
        Of the model, and of the pipeline that it is part of.
    recipes
        The champion's, then the challengers'.
    is_number
        Whether it predicts numbers.
    target
        Where events bear their label; ``None``: they do not.
    segment
        Where events say which segment's model is theirs; ``None``: there is one model.
    by_key
        Whether each key has a small part of its own; of a forecaster: a whole model.
    horizon, season, item
        Of a forecaster and of a ranker.
    wait_s, unlabelled
        How long an event without a label waits for one, in seconds of event time (0: not at all), and what is learned
        of it when none came.
    settings
        Of the ensemble: budget_us, policy, coverage.
    parameters
        Of a River class or of the user's own function, for the champion.
    modules
        The user's own modules, that snapshots may name.
    """

    name: str
    pipeline: str
    recipes: tuple[str, ...] = ("classifier",)
    is_number: bool = False
    target: str | None = None
    segment: str | None = None
    by_key: bool = False
    horizon: int = 1
    season: int = 1
    item: str | None = None
    wait_s: float = 0.0
    unlabelled: Any = None
    explain: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()


class ModelJudge:
    """Predicts each event, then learns it: at once when it bears its label, later when that comes on its own.

    State: an ensemble a segment, as snapshot and journal; the known classes (64); what its features need; a row for
    each event that waits for its label; with a part for each key, a row of 132 bytes, gone after 30 days.

    Examples
    --------
    >>> from aimass.models.encode import Encoder
    >>> from aimass.models.features import Numbers
    >>> from aimass.testing import MemoryState, event
    >>> spec = ModelSpec("hot", "demo", ("linear",), target="hot")
    >>> judge = ModelJudge(spec, Features("hot", Encoder(exclude=["hot"]), Numbers(None), label_lags=0))
    >>> events = [event({"heat": i % 10, "hot": i % 10 > 4}, offset=i) for i in range(300)]
    >>> estimates, told = judge.score(Batch(events), [], MemoryState())
    >>> estimates[0].value, estimates[-1].value, estimates[-1].label
    (None, True, True)
    """

    def __init__(self, spec: ModelSpec, features: Features) -> None:
        self.name, self.spec, self.features = spec.name, spec, features
        self._target = None if spec.target is None else getter(spec.target)
        self._segment = None if spec.segment is None else getter(spec.segment)
        self._item = None if spec.item is None else getter(spec.item)
        self._room = WaitingRoom(spec.name, spec.wait_s, spec.unlabelled is not None) if spec.wait_s else None
        self._classes: ObjectSpec[list[Any]] = ObjectSpec(f"classes.{spec.name}", orjson.dumps, orjson.loads)
        self._models: Learned[Model] = Learned(f"model.{spec.name}", self._fresh, lambda raw: self._fresh().load(raw))
        self._is_plain = spec.is_number or spec.recipes[0] in OTHERS
        self._is_personal = spec.by_key and spec.recipes[0] not in OTHERS
        row = np.dtype([("row", np.float32, (personal.WIDTH,))])
        self._own = RowSpec(f"personal.{spec.name}", row, MONTH)
        self._shared: ObjectSpec[Floats] = ObjectSpec(
            f"shared.{spec.name}", lambda one: one.tobytes(), lambda raw: np.frombuffer(raw).copy()
        )

    def _fresh(self) -> Model:
        spec, lags = self.spec, self.features.label_columns
        made = {
            recipe: model(
                recipe,
                spec.is_number,
                spec.modules,
                spec.horizon,
                spec.season,
                parameters=spec.parameters if recipe == spec.recipes[0] else {},
                lags=lags,
                **spec.settings,
            )
            for recipe in spec.recipes
        }
        if len(made) == 1:
            return made[spec.recipes[0]]
        return Contest({recipe: one for recipe, one in made.items() if isinstance(one, Ensemble)})

    # -- in ------------------------------------------------------------------------------------------------------------

    def score(self, batch: Batch, labels: Labels, state: State) -> tuple[list[Estimate], list[Told]]:
        """Return one estimate for each event, and what there is to tell.

        Raises
        ------
        BadEvent
            When a label cannot be learned.
        """
        classes = state.objects(self._classes).get("") or []
        borne = [MISSING] * len(batch) if self._target is None else list(map(self._target, batch.data))
        since = self._meet(borne, labels, classes, state)
        y, shown = self._learnable(borne, classes, state)
        segments = self._segments(batch)
        x = self.features.rows(batch, y, segments, state) if self._item is None else self._pairs(batch)
        if self._room is not None:
            self._early(self._room, batch, y, shown, classes, state)
        run, places = self._arranged(batch, labels, x, y, segments, classes, state)
        said = self._run(run, state)
        if self._room is not None:
            self._keep(self._room, run, places, said, state)
        said.p[places[:since]] = np.nan  # who knows one class only would be sure of it
        return self._estimates(said, places, shown, state), self._told(run, said, state)

    def foresee(self, batch: Batch, view: State, state: State) -> list[Estimate]:
        """Return one estimate for each event, by what was known before: nothing is learned, and no label waited for.

        What is small is looked up in a view of the state whose changes are dropped; the ensembles themselves are only
        asked.
        """
        n, segments = len(batch), self._segments(batch)
        unknown, explain = np.full(n, np.nan), EXPLAIN if self.spec.explain else 0
        x = self.features.rows(batch, unknown, segments, view) if self._item is None else self._pairs(batch)
        ops = np.full(n, PREDICT + explain)
        keys = [event.key for event in batch.events]
        run = Run([], batch.events, keys, segments, x, unknown, ops, np.empty((n, 0)))
        said = Said.of(n)
        for segment, rows in by_segment(segments):
            self._take(said, rows, segment, self._models.look(state, segment).predict(x[rows], ops[rows]))
        if self._is_personal:
            said.p = self._personal(run, said, view)
        if not self._is_plain and len(view.objects(self._classes).get("") or ()) < 2:
            said.p[:] = np.nan  # who knows one class only would be sure of it
        return self._estimates(said, np.arange(n), [None] * n, view)

    def show(self, batch: Batch, state: State) -> list[dict[str, float]]:
        """Return what the model would see of these events now, by the features' names; features move on."""
        x = self.features.rows(batch, np.full(len(batch), np.nan), self._segments(batch), state)
        return [self.features.show(row, state) for row in x]

    def _segments(self, batch: Batch) -> list[str]:
        if self._segment is not None:
            return list(map(_segment, map(self._segment, batch.data)))
        if self.spec.by_key and self.spec.recipes[0] == "forecaster":
            return [event.key for event in batch.events]
        return [""] * len(batch)

    def _pairs(self, batch: Batch) -> Floats:
        """Return what a ranker sees: the key and the item of each event, as whole numbers."""
        item = self._item or MISSING
        keys = [float(crc32(key.encode())) for key in batch.keys]
        items = [_code(item(data)) for data in batch.data]
        return np.column_stack([np.array(keys, np.float64)[batch.rows], np.array(items, np.float64)])

    def on_time(self, now: float, state: State) -> list[Told]:
        """Learn what is to be learned of events whose labels did not come."""
        if self._room is None or self.spec.unlabelled is None:
            return []
        waiting = list(self._room.expired(now, state))
        if not waiting:
            return []
        y = self._number(self.spec.unlabelled, state.objects(self._classes).get("") or [], state)
        run = later_rows([(0, i) for i in range(len(waiting))], waiting, [y] * len(waiting))
        said = self._run(run, state)
        return self._told(run, said, state)

    def _learnable(self, values: Sequence[Any], classes: list[Any], state: State) -> tuple[Floats, list[Any]]:
        """Return labels as class indices or numbers, and those of them that can be learned as they came."""
        y, shown = np.full(len(values), np.nan), [None] * len(values)
        for i, value in enumerate(values):
            if value is not MISSING and value is not None:
                y[i] = self._number(value, classes, state)
                if y[i] == y[i]:
                    shown[i] = value
        return y, shown

    def _meet(self, borne: Sequence[Any], labels: Labels, classes: list[Any], state: State) -> int:
        """Number classes in the order of the log, whether events bear them or labels.

        Returns
        -------
        From which event on two classes are known beforehand.
        """
        if self._is_plain or (len(classes) > 1 and (not labels or self._target is None)):
            return 0
        since = 0 if len(classes) > 1 else len(borne)
        said = [(at, 0, label.value) for (at, _), label in labels] + [(i, 1, value) for i, value in enumerate(borne)]
        for at, is_borne, value in sorted(said, key=itemgetter(0, 1)):
            self._number(value, classes, state)
            since = min(since, at + is_borne) if len(classes) > 1 else since
        return since

    def _number(self, value: Any, classes: list[Any], state: State) -> float:
        """Return a label as class index or number; NaN when it can be neither."""
        nan = float("nan")
        if self._item is not None:
            return float(bool(value)) if type(value) in (bool, int, float) else nan
        if self.spec.is_number:
            one = number(value)
            return nan if one is None else one
        if type(value) not in (str, int, bool, float) or (type(value) is str and len(value) > _MAX_TEXT):
            return nan
        for i, known in enumerate(classes):
            if known == value and type(known) is type(value):
                return float(i)
        if len(classes) >= _MAX_CLASSES:
            return nan
        classes.append(value)
        state.objects(self._classes).put("", classes)
        return float(len(classes) - 1)

    def _early(
        self, room: WaitingRoom, batch: Batch, y: Floats, shown: list[Any], classes: list[Any], state: State
    ) -> None:
        for i in np.flatnonzero(np.isnan(y)).tolist():
            value = room.claim_early(state, batch.events[i].id)
            if value is not None:
                y[i], shown[i] = self._number(value, classes, state), value

    def _arranged(
        self,
        batch: Batch,
        labels: Labels,
        x: Floats,
        y: Floats,
        segments: list[str],
        classes: list[Any],
        state: State,
    ) -> tuple[Run, Ints]:
        """Return the rows to run, labels between the events as in the log, and at which row each event stands."""
        explain = EXPLAIN if self.spec.explain else 0
        ops = np.where(np.isnan(y), PREDICT, LEARN) + explain
        keys = [event.key for event in batch.events]
        places = np.arange(len(batch))
        ranks = [(i, 0) for i in range(1, len(batch) + 1)]
        run = Run(ranks, batch.events, keys, segments, x, y, ops, np.empty((len(y), 0)))
        found = [(rank, *one) for rank, label in labels if (one := self._claimed(label, classes, state)) is not None]
        if not found:
            return run, places
        later = later_rows(*map(list, zip(*found, strict=True)))
        ats = np.array([at for at, _ in later.ranks])
        places = places + np.searchsorted(ats, places, "right")
        return merged(run, places, later, ats + np.arange(len(found))), places

    def _claimed(self, label: Label, classes: list[Any], state: State) -> tuple[Waiting, float] | None:
        room = self._room
        if room is None:
            return None
        value = self._number(label.value, classes, state)
        if value != value:
            kind = "number" if self.spec.is_number else f"class (of {_MAX_CLASSES} at most)"
            raise BadEvent(f"model {self.name} cannot learn the label {str(label.value)[:40]!r}: it is no {kind}")
        waiting = room.claim(state, label.event)
        if waiting is None:
            room.keep_early(state, label.event, label.value)
            return None
        return waiting, value

    # -- through the ensembles -----------------------------------------------------------------------------------------

    def _run(self, run: Run, state: State) -> Said:
        n = len(run.y)
        said = Said.of(n)
        for segment, rows in by_segment(run.segments):
            handle = self._models.take(state, segment)
            answers = handle.run(Inputs(run.x[rows], run.y[rows], run.ops[rows], run.votes[rows]))
            at = 0
            for one in answers:
                self._take(said, rows[at : at + len(one.p)], segment, one)
                at += len(one.p)
        if self._is_personal and n:
            said.p = self._personal(run, said, state)
        return said

    def _take(self, said: Said, rows: Ints, segment: str, answers: Answers) -> None:
        classes = answers.p.shape[1]
        if classes > said.p.shape[1]:
            wide = np.full((len(said.p), classes), np.nan)
            wide[:, : said.p.shape[1]] = said.p
            said.p = wide
        said.p[rows, :classes] = answers.p
        said.low[rows], said.high[rows], said.classes[rows] = answers.low, answers.high, answers.classes
        if self._room is not None:
            for row, kept in zip(rows.tolist(), answers.kept, strict=True):
                said.kept[row] = kept
        if self.spec.explain:
            said.votes.update((int(row), answers.votes(i)) for i, row in enumerate(rows.tolist()))
            said.reasons.update((int(rows[i]), found) for i, found in answers.reasons.items())
        said.told += [(int(rows[one.row]), segment, one) for one in answers.happenings]

    def _personal(self, run: Run, said: Said, state: State) -> Floats:
        row_of: dict[str, int] = {}
        rows = np.array([row_of.setdefault(key, len(row_of)) for key in run.keys], np.int64)
        table, shared_table = state.rows(self._own), state.objects(self._shared)
        slots, found = table.gather(list(row_of))
        shared = shared_table.get("")
        shared = np.zeros(personal.SHARED) if shared is None else shared
        own = np.ascontiguousarray(found["row"])
        p = np.where(np.isnan(said.p) & ~np.isnan(said.p[:, :1]), 0.0, said.p)
        p = personal.run(own, rows, run.x, p, run.y, (run.ops & 3) > PREDICT, shared, said.classes)
        found["row"] = own
        table.scatter(slots, found)
        shared_table.put("", shared)
        return p

    # -- out -----------------------------------------------------------------------------------------------------------

    def _keep(self, room: WaitingRoom, run: Run, places: Ints, said: Said, state: State) -> None:
        """Let the events wait whose label has not come."""
        for row in places[np.isnan(run.y[places])].tolist():
            one = run.origins[row]
            seen, kept = used(run.x[row]), used(said.kept[row])
            room.keep(state, Waiting(one.id, one.key, one.time, one.source, run.segments[row], seen, kept))

    def _estimates(self, said: Said, places: Ints, shown: Sequence[Any], state: State) -> list[Estimate]:
        classes = [False, True] if self._item is not None else state.objects(self._classes).get("") or []
        p = said.p[places]
        if self.spec.recipes[0] == "clusterer":
            found = clusters_of(p)
        elif self.spec.is_number:
            found = numbers_of(p, said.low[places], said.high[places], shown)
        else:
            found = classes_of(p, classes, shown)
        if self.spec.explain:
            names = self.features.names(state)
            found = explained(found, said, places, names, None if self.spec.is_number else classes)
        return found

    def _told(self, run: Run, said: Said, state: State) -> list[Told]:
        if not said.told:
            return []
        about = About(self.name, self.spec.pipeline, self.features.names(state))
        return [(run.ranks[row], about.record(run.origins[row], segment, one)) for row, segment, one in said.told]


def _code(value: Any) -> float:
    return float("nan") if value is MISSING or value is None else float(crc32(str(value).encode()))


def _segment(value: Any) -> str:
    return (
        value[:_MAX_TEXT] if type(value) is str else "" if value is MISSING or value is None else str(value)[:_MAX_TEXT]
    )

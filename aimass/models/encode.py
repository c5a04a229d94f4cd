"""From events of any structure to rows of numbers, each field by what its values are or by what was declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from aimass.errors import SnapshotVersionMismatch
from aimass.models.encoders.base import Field, Out, finite
from aimass.models.encoders.lists import List
from aimass.models.encoders.plain import Plain, numeric
from aimass.models.encoders.words import Category, Identifier, Sentence, Words
from aimass.models.features import MISSING, Getter, getter
from aimass.models.kernel import Floats
from aimass.models.space import MAX_COLUMNS, NO_COLUMN, FeatureSpace

ENCODINGS = ("number", "bool", "category", "id", "text", "time", "list", "geo", "vector")
#: Names of fields in names of fields, at most.
DEPTH = 4
_LIMIT = 1e100
_RUN = 64  # events looked at together: one that is odd makes no more than these slow
_SHAPES = 1024
_NUMERIC = frozenset((int, float))
_BY_PATH: Callable[[tuple[str, Any]], str] = itemgetter(0)
_SPECIAL = str.maketrans({one: "\\" + one for one in "\\:="})
_VERSION = 1


@lru_cache(maxsize=4096)
def escaped(name: str) -> str:
    """Return a field's name as it stands in a feature's: what ends it is none of its own characters."""
    return name.translate(_SPECIAL)


@lru_cache(maxsize=16384)
def _inner(path: str, name: str) -> str:
    """Return the path of a field in an object: its own dots are none of the path's."""
    return f"{path}.{escaped(name)}" if "." not in name else path + "." + escaped(name).replace(".", "\\.")


class Known:
    """What an encoder knows of the fields so far: their columns, and what each one's encoding depends on.

    However events were cut into batches, equal events make it equal.

    Attributes
    ----------
    space
        The columns.
    changed
        Whether it changed since whoever keeps it set this to false.
    """

    def __init__(self, space: FeatureSpace) -> None:
        self.space = space
        self.fields: dict[tuple[str, str], Field] = {}
        self.shapes: dict[tuple[str, ...], _Shape] = {}
        self.numbers: dict[str, int] = {}
        self.changed = False

    def number(self, path: str) -> int:
        """Return the column of a numeric field."""
        column = self.space.column(path)
        if column != NO_COLUMN:
            self.numbers[path] = column
        return column

    def field(self, path: str, kind: str) -> Field | None:
        """Return the encoder of a field, a fresh one where it has none; ``None`` when there is no room for it."""
        found = self.fields.get((path, kind))
        if found is None:
            if len(self.space) >= MAX_COLUMNS or len(self.fields) >= MAX_COLUMNS:
                self.space.refuse(path)
                return None
            self.changed = True
            found = self.fields[path, kind] = _made(self.space, path, kind, None)
        return found

    def encode(self) -> bytes:
        """Return it as bytes; equal ones give equal bytes."""
        fields = [[path, kind, one.state()] for (path, kind), one in self.fields.items()]
        return orjson.dumps([_VERSION, self.space.encode(), fields])

    @classmethod
    def restore(cls, raw: bytes) -> Known:
        """Return the one that was encoded."""
        version, *rest = orjson.loads(raw)
        if version != _VERSION:
            raise SnapshotVersionMismatch(
                f"features were written in version {version}, this aimass reads {_VERSION}: "
                "run the version that wrote them, or replay the log into a fresh state"
            )
        space, fields = rest
        known = cls(FeatureSpace.decode(space))
        for path, kind, state in fields:
            known.fields[path, kind] = _made(known.space, path, kind, state)
        return known


def _made(space: FeatureSpace, path: str, kind: str, state: Any) -> Field:
    if kind in ("time", "geo", "bool"):
        return Plain(space, path, kind)
    if kind in ("lists", "list", "vector"):
        return List(space, path, state, None if kind == "lists" else kind)
    kinds: dict[str, Callable[[FeatureSpace, str, Any], Field]]
    kinds = {"words": Words, "category": Category, "id": Identifier, "text": Sentence}
    return kinds[kind](space, path, state)


class _Shape:
    """What is done with events that have these fields: which are looked at, in which order, and their columns."""

    __slots__ = ("columns", "events", "paths", "pick", "skipped", "values")

    def __init__(self, names: Sequence[str], skipped: frozenset[str]) -> None:
        ordered = sorted((escaped(name), name) for name in names)
        self.paths = [path for path, _ in ordered]
        self.skipped = skipped.union(path for path in self.paths if "." in path)  # they go before paths into objects
        found = [name for _, name in ordered]
        self.pick: Callable[[dict[str, Any]], Sequence[Any]] = (
            itemgetter(*found) if len(found) > 1 else lambda data: [data[name] for name in found]
        )
        self.columns: list[int] | None = None
        self.events: list[int] = []
        self.values: list[Sequence[float]] = []


class Encoder:
    """Turns events into rows of numbers.

    By itself it takes a number or a truth as it is; text as a time, a category, an identifier or words (see `Words`);
    a list as a vector, a summary or a set (see `List`); and looks into objects, four names deep. Null is as if absent.
    A field's type may change from one event to the next.

    Parameters
    ----------
    fields
        Paths of the fields to look at (and all beneath them); ``None``: all.
    declared
        What a path is to be read as, of `ENCODINGS`.
    exclude
        Paths not to look at, nor beneath them. A list of which an element is excluded is not looked at.

    Examples
    --------
    >>> encoder = Encoder(declared={"pos": "geo"}, exclude=["label"])
    >>> known = encoder.fresh()
    >>> x = encoder.matrix([{"heat": 21.5, "pos": {"lat": 0, "lon": 90}, "at": {"plant": "north"}, "label": 1}], known)
    >>> known.space.show(x[0])
    {'at.plant=north': 1.0, 'heat': 21.5, 'pos:x': 0.0, 'pos:y': 1.0, 'pos:z': 0.0}
    """

    def __init__(
        self,
        fields: Iterable[str] | None = None,
        declared: Mapping[str, str] | None = None,
        exclude: Iterable[str] = (),
    ) -> None:
        own, hidden = dict(declared or {}), frozenset(exclude)
        chosen = None if fields is None else frozenset(fields)
        deep = {path for path in chosen or () if "." in path} - own.keys()
        self._chosen = chosen
        self._skipped = frozenset(map(_path, {*hidden, *own, *deep}))
        parts = (path.rpartition(".") for path in hidden)
        self._torn = frozenset(_path(whole) for whole, _, element in parts if element.isdecimal())
        self._others: list[tuple[str, Getter, str | None]] = [
            (_path(path), getter(path), own.get(path))
            for path in sorted({*own, *deep})
            if not _is_beneath(path, hidden) and (chosen is None or path in chosen)
        ]

    def fresh(self, names: Iterable[str] = ()) -> Known:
        """Return what is known before the first event; ``names`` have the first columns."""
        return Known(FeatureSpace(names))

    def matrix(self, data: Sequence[dict[str, Any]], known: Known) -> Floats:
        """Return events × the width of the space after them, NaN where an event lacks a feature."""
        out, counts, used = Out(), np.zeros(len(data), np.intp), {}
        size = known.space.size
        for at, until, shape in self._runs(data, known):
            values = list(map(shape.pick, data[at:until])) if shape.paths else []
            is_plain = _NUMERIC.issuperset(map(type, chain.from_iterable(values)))
            if is_plain and values:
                used[id(shape)] = shape
                shape.columns = shape.columns or [known.number(path) for path in shape.paths]
                shape.events.extend(range(at, until))
                shape.values.extend(values)
            if not is_plain or self._others:
                for i in range(at, until):
                    before = len(out.columns)
                    if not is_plain:
                        self._put_all(shape.paths, values[i - at], shape.skipped, known, out)
                    self._put_others(data[i], known, out)
                    counts[i] = len(out.columns) - before
        known.changed = known.changed or known.space.size != size
        x = np.full((len(data), known.space.width), np.nan)
        _fill(x, np.repeat(np.arange(len(data)), counts), np.array(out.columns, np.intp), _array(out.values))
        for shape in used.values():
            _fill(x, np.array(shape.events)[:, None], np.array(shape.columns, np.intp), _array(shape.values))
            shape.events, shape.values = [], []
        return x

    def _runs(self, data: Sequence[dict[str, Any]], known: Known) -> Iterator[tuple[int, int, _Shape]]:
        """Yield from where to where events have the same fields."""
        names, at = list(map(tuple, data)), 0
        while at < len(data):
            until, most = at + 1, min(at + _RUN, len(data))
            while until < most and names[until] == names[at]:
                until += 1
            yield at, until, known.shapes.get(names[at]) or self._shape(names[at], known)
            at = until

    def _shape(self, names: tuple[str, ...], known: Known) -> _Shape:
        looked = [name for name in names if self._chosen is None or name in self._chosen]
        shape = _Shape([name for name in looked if escaped(name) not in self._skipped], self._skipped)
        if len(known.shapes) >= _SHAPES:  # a cache, filled again at will
            known.shapes.clear()
        if len(names) <= MAX_COLUMNS:
            known.shapes[names] = shape
        return shape

    def _put_all(
        self, paths: Sequence[str], values: Sequence[Any], skipped: frozenset[str], known: Known, out: Out
    ) -> None:
        pairs: Iterable[tuple[str, Any]] = zip(paths, values, strict=True)
        if dict in map(type, values):
            pairs = sorted(_leaves(pairs, DEPTH, skipped), key=_BY_PATH)
        numbers = known.numbers
        for path, value in pairs:
            kind = type(value)
            if kind is float or kind is int or kind is bool:
                one = finite(value)
                if one is not None:
                    column = numbers.get(path)
                    out.columns.append(known.number(path) if column is None else column)
                    out.values.append(one)
            elif kind is str or (kind is list and path not in self._torn):
                slot = "words" if kind is str else "lists"
                field = known.fields.get((path, slot)) or known.field(path, slot)
                if field is not None and field.put(value, out):
                    known.changed = True

    def _put_others(self, data: dict[str, Any], known: Known, out: Out) -> None:
        """Encode the fields that are declared, or chosen beneath the top level."""
        for path, get, kind in self._others:
            value = get(data)
            if value is None or value is MISSING:
                continue
            if kind is None:
                self._put_all([path], [value], self._skipped, known, out)
            elif kind == "number":
                _put_number(path, value, known, out)
            else:
                field = known.field(path, kind)
                if field is not None and field.put(value, out):
                    known.changed = True


def _leaves(pairs: Iterable[tuple[str, Any]], depth: int, skipped: frozenset[str]) -> list[tuple[str, Any]]:
    """Return what is no object, by its path."""
    found = []
    for path, value in pairs:
        if type(value) is not dict:
            found.append((path, value))
        elif depth > 1:
            inner = [(one, leaf) for name, leaf in value.items() if (one := _inner(path, name)) not in skipped]
            found += _leaves(inner, depth - 1, skipped)
    return found


def _is_beneath(path: str, others: frozenset[str]) -> bool:
    """Return whether a path is one of the others, or leads through one."""
    steps = path.split(".")
    return any(".".join(steps[: i + 1]) in others for i in range(len(steps)))


def _put_number(path: str, value: Any, known: Known, out: Out) -> None:
    """Encode a declared number, which may be written as text."""
    one = numeric(value)
    if one is not None:
        out.add((known.number(path),), (one,))


def _path(path: str) -> str:
    return ".".join(map(escaped, path.split(".")))


def _array(values: Sequence[Any]) -> Floats:
    try:
        found = np.array(values, np.float64)
    except OverflowError:  # whole numbers beyond what a float can be
        found = np.array([[finite(one) for one in row] for row in values], np.float64)
    return np.clip(found, -_LIMIT, _LIMIT, out=found)


def _fill(x: Floats, rows: Any, columns: Any, values: Floats) -> None:
    """Set values in their rows and columns, but those that found no column."""
    there = columns != NO_COLUMN
    if there.all():
        x[rows, columns] = values
    elif rows.ndim == 1:
        x[rows[there], columns[there]] = values[there]
    else:
        x[rows, columns[there]] = values[:, there]

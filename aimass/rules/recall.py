"""Functions of what a key's earlier events left behind: its last value, its mean, its habits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from aimass.models.features import MISSING
from aimass.rules import recall_kernel as kernels
from aimass.rules.columns import Column, Truths
from aimass.rules.document import digest
from aimass.rules.hashing import names
from aimass.rules.sight import Sight
from aimass.rules.syntax import Call, Number
from aimass.rules.windows import ROOM, parts
from aimass.state import ObjectSpec, RowSpec, State

_MONTH = 30 * 86_400.0
_ROWS: dict[str, list[Any]] = {
    "elapsed": [("last", "<f8"), ("seen", "?")],
    "streak": [("runs", "<i8")],
    "changed": [("last", "<i8"), ("seen", "?")],
    "new": [("names", "<i8", (ROOM,)), ("seen", "<f8", (ROOM,))],
    "mean": [("n", "<f8"), ("mean", "<f8"), ("var", "<f8")],
    "deviation": [("n", "<f8"), ("mean", "<f8"), ("var", "<f8")],
    "hysteresis": [("held", "?"), ("seen", "?")],
}
_TRUTHS = ("changed", "new", "hysteresis")


class Recalled:
    """A function of fixed-size rows: ``elapsed``, ``streak``, ``changed``, ``new``, ``mean``, ``deviation`` and such.

    State: a row a key, from 2 bytes to 1 KB (`new`); a key that is quiet for 30 days, or two windows, is forgotten.

    Parameters
    ----------
    call
        The call.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> from aimass.testing import MemoryState, prediction
    >>> sight = Sight([prediction({"ip": ip}) for ip in ("a", "a", "b")])
    >>> call = condition("changed(ip)")
    >>> Recalled(call).run(sight, [sight.field("ip")], None, MemoryState()).truths().tolist()
    [-1, 0, 1]
    """

    def __init__(self, call: Call) -> None:
        self._name = call.name
        self._bounds = [float(one.value) for one in call.arguments[1:] if type(one) is Number]
        self._seconds = np.inf if call.window is None else call.window.seconds
        keep = _MONTH if call.window is None else max(_MONTH, 2 * call.window.seconds)
        self.spec = RowSpec(f"{call.name}.{digest(call)}", np.dtype(_ROWS[call.name]), keep)

    @property
    def row_bytes(self) -> int:
        """How much it keeps of a key."""
        return self.spec.dtype.itemsize

    def run(self, sight: Sight, values: Sequence[Column], where: Truths | None, state: State) -> Column:
        """Return the function's value at each event, and learn the events."""
        count = len(sight)
        x, marks, known = np.zeros(count), np.zeros(count, np.int64), np.ones(count, np.bool_)
        if self._name in ("changed", "new"):
            marks, known = names(values[0])
        elif self._name == "streak":
            marks = values[0].truths().astype(np.int64)
            known = marks >= 0
        elif values:
            x, known = values[0].numbers()
        if where is not None:
            known = known & (where == 1)
        out = np.empty(count)
        for part, slots, rows in parts(self.spec, sight, known, state):
            found = np.empty(len(part))
            self._take(slots, rows, sight.times[part], x[part], marks[part], known[part], found)
            out[part] = found
        if self._name in _TRUTHS:
            return Column.of_truths(out.astype(np.int8))
        return Column.of_numbers(out, ~np.isnan(out))

    def _take(self, slots: Any, rows: Any, times: Any, x: Any, marks: Any, known: Any, out: Any) -> None:
        name = self._name
        if name == "elapsed":
            kernels.elapsed(slots, rows["last"], rows["seen"], times, known, out)
        elif name == "streak":
            kernels.streak(slots, rows["runs"], marks, out)
        elif name in ("mean", "deviation"):
            kernels.fade(name == "deviation", slots, rows["n"], rows["mean"], rows["var"], x, known, out)
        else:
            said = np.empty(len(out), np.int64)
            if name == "changed":
                kernels.changed(slots, rows["last"], rows["seen"], marks, known, said)
            elif name == "new":
                kernels.fresh(self._seconds, slots, rows["names"], rows["seen"], times, marks, known, said)
            else:
                on, off = self._bounds
                kernels.hysteresis(on, off, slots, rows["held"], x, known, said, rows["seen"])
            out[:] = said

    def content(self, key: str, state: State, now: float) -> dict[str, Any]:
        """Return what is kept of a key, for people."""
        row = state.rows(self.spec).get(key)
        if row is None or self._name in ("changed", "new"):
            return {}
        return {name: row[name].item() for name in self.spec.dtype.names or () if name != "seen"}


class Habit(msgspec.Struct, array_like=True):
    """The values that a key had, each with how often, in the order in which they came first; and the last of all."""

    counts: list[tuple[Any, int]] = []
    last: Any = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Habit).decode


class Habitual:
    """``last`` and ``usual``: values of any kind, kept as they are.

    ``usual`` counts up to 16 values of a key (space-saving: Metwally, Agrawal and El Abbadi, ICDT 2005): a new one
    takes the place of the rarest.

    State: an object a key, as large as its values, texts up to 1,024 characters; one that is quiet for 30 days is
    forgotten.

    Parameters
    ----------
    call
        The call.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> from aimass.testing import MemoryState, prediction
    >>> sight = Sight([prediction({"at": at}) for at in ("NL", "NL", "BR", "NL")])
    >>> usual = condition("at != usual(at)").right
    >>> Habitual(usual).run(sight, [sight.field("at")], None, MemoryState()).values()
    [MISSING, 'NL', 'NL', 'NL']
    """

    _ROOM = 16
    _LONGEST = 1024

    def __init__(self, call: Call) -> None:
        self._is_last = call.name == "last"
        self.spec: ObjectSpec[Habit] = ObjectSpec(f"{call.name}.{digest(call)}", _encode, _decode, _MONTH)
        self.row_bytes = 16 if self._is_last else 400

    def run(self, sight: Sight, values: Sequence[Column], where: Truths | None, state: State) -> Column:
        """Return the value before each event, and learn the events."""
        table, found = state.objects(self.spec), []
        counts = [True] * len(sight) if where is None else (where == 1).tolist()
        for one, value, counting in zip(sight.predictions, values[0].values(), counts, strict=True):
            habit = table.get(one.key)
            found.append(MISSING if habit is None else self._said(habit))
            if counting and value is not MISSING and type(value) in (str, int, float, bool):
                table.put(one.key, self._learned(habit, value[: self._LONGEST] if type(value) is str else value))
        return Column.of_values(found)

    def _said(self, habit: Habit) -> Any:
        return habit.last if self._is_last else max(habit.counts, key=lambda one: one[1])[0]

    def _learned(self, habit: Habit | None, value: Any) -> Habit:
        if self._is_last:
            return Habit([], value)
        counts = [] if habit is None else list(habit.counts)
        for i, (known, count) in enumerate(counts):
            if known == value and type(known) is type(value):
                counts[i] = known, count + 1
                return Habit(counts)
        least = 0
        if len(counts) >= self._ROOM:
            i = min(range(len(counts)), key=lambda at: counts[at][1])
            least = counts.pop(i)[1]
        return Habit([*counts, (value, least + 1)])

    def content(self, key: str, state: State, now: float) -> dict[str, Any]:
        """Return what is kept of a key, for people."""
        habit = state.objects(self.spec).get(key)
        if habit is None:
            return {}
        return {"last": habit.last} if self._is_last else {"had": {str(value): count for value, count in habit.counts}}

"""Correlate: which series of a group move together, with what lag, since when, and when they cease to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aimass.models.features import Getter, Numbers, getter
from aimass.models.kernel import Floats
from aimass.models.links import Change, LinkFinder, LinkSpec
from aimass.models.links_kernel import BLOCK, HISTORY
from aimass.records import Link, Series, Source, Tick
from aimass.stages.base import Outputs
from aimass.stages.batch import Batch
from aimass.stages.correlate_grid import Columns, Grid, Row
from aimass.state import ObjectSpec, State

_BLOCKS = HISTORY // BLOCK
_MOST_OPEN = 64
_IMPATIENCE = 0.99  # of each closed block
_STRAYS = 100
_MAX_NAME = 1024
#: Whose series have no group of their own.
EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Correlation:
    """What is compared with what.

    Parameters
    ----------
    name
        Its name.
    numbers
        Finds the fields of an event that are series.
    group
        The path of the group's name; ``None``: everything is one group.
    every_s
        The grid that values are put on, in seconds of event time: a bin holds the mean of its values.
    spec
        What counts as a link; its lags are in bins.
    forget_s
        Series and groups without a value for this long are forgotten, in seconds of event time.
    """

    name: str
    numbers: Numbers
    group: str | None = None
    every_s: float = 1.0
    spec: LinkSpec = field(default_factory=LinkSpec)
    forget_s: float = 86400.0


def series_of(batch: Batch, correlations: Sequence[Correlation]) -> list[Series]:
    """Return what SCORE sends on to be compared: one record for each event and correlation that it has numbers for.

    Examples
    --------
    >>> from aimass.testing import event
    >>> batch = Batch([event({"plant": "north", "flow": 2, "ok": True}, key="pump-1")])
    >>> (one,) = series_of(batch, [Correlation("c", Numbers(None), group="plant")])
    >>> one.key, one.entity, one.values
    ('north', 'pump-1', {'flow': 2.0})
    """
    found = []
    for one in correlations:
        group = None if one.group is None else getter(one.group)
        numbers = batch.numbers(one.numbers)
        for event, data, values in zip(batch.events, batch.data, numbers, strict=True):
            key = _group(group, data)
            if key is not None and values:
                found.append(
                    Series(event.id, key, event.time, event.pipeline, event.source, one.name, event.key, values)
                )
    return found


def _group(group: Getter | None, data: object) -> str | None:
    """Return the name of an event's group; ``None`` when it has none."""
    if group is None:
        return EVERYTHING
    name = group(data)
    if type(name) is int:
        return str(name)
    return name if type(name) is str and len(name) <= _MAX_NAME else None


class CorrelateStage:
    """Puts the series of each group on a common grid of event time, and tells what becomes of links between them.

    A block of 8 bins is closed once the group's newest event is later than its end by the lateness and a bin; values
    that come later still are left out, and for a while blocks stay open as long as those were late: partitions that
    are behind, as after a stop, are waited for. In a group that has fallen silent, time closes blocks.

    State, for each group: the open blocks (64 at most), the names of its series, what the finder knows (4,096
    series and 512 pairs at most), and 320 bins of history, a row a block. Groups go when they have had no value for as
    long as the correlation remembers, and so do single series.

    Parameters
    ----------
    correlations
        What is compared with what.
    lateness_s
        How far behind the newest event of a group others may come, in seconds; 64 blocks at most.

    Examples
    --------
    >>> import random
    >>> from aimass.testing import MemoryOutputs, MemoryState
    >>> numbers, flow = random.Random(1), [0.0] * 3
    >>> stage, out = CorrelateStage([Correlation("c", Numbers(None))]), MemoryOutputs()
    >>> for t in range(400):
    ...     flow.append(numbers.gauss(0, 1))
    ...     values = {"pump": flow[-1], "flow": flow[-4]}
    ...     one = Series(str(t), "plant", float(t), "p", Source("s", 0, t), "c", "plant", values)
    ...     stage.on_batch([one], state := MemoryState() if t == 0 else state, out)
    >>> [(link.change, link.leader, link.follower, link.lag_s) for link in out.records("")]
    [('found', 's/pump', 's/flow', 3.0)]
    """

    name = "correlate"

    def __init__(self, correlations: Sequence[Correlation], lateness_s: float = 0.0) -> None:
        self._parts = {one.name: _Part(one, lateness_s) for one in correlations}
        self.tick_s = max([10.0, *(8 * one.every_s for one in correlations)]) if correlations else None

    def on_batch(self, events: Sequence[Series | Tick], state: State, out: Outputs) -> None:
        """Take the next events' numbers."""
        touched: dict[tuple[str, str], _Group] = {}
        for event in events:
            if type(event) is not Series or event.about not in self._parts:
                continue
            place = (event.about, event.key)
            group = touched.get(place)
            if group is None:
                group = touched[place] = _Group(self._parts[event.about], event.key, state)
            group.take(event, out)
        for group in touched.values():
            group.save()

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Close the blocks of groups that have fallen silent."""
        for part in self._parts.values():
            for key, grid in list(state.objects(part.grids).items()):
                if grid.open and now - grid.newest > part.idle_s:
                    group = _Group(part, key, state)
                    group.close(max(grid.open) + 1, out)
                    group.save()


class _Part:
    """A correlation, and the tables that its state is in."""

    def __init__(self, correlation: Correlation, lateness_s: float) -> None:
        self.correlation = one = correlation
        span = BLOCK * one.every_s
        self.wait_s = min(lateness_s + one.every_s, _MOST_OPEN * span)
        self.idle_s = 60.0 + self.wait_s + _MOST_OPEN * span
        self.keep_s = keep = max(one.forget_s, HISTORY * one.every_s)
        self.forget_blocks = int(keep / span)
        longer = keep + 2 * self.idle_s + span  # what a grid stands on must not go before it
        layout = f"{one.name}.1.{one.every_s}.{one.spec.lags}"
        self.grids: ObjectSpec[Grid] = ObjectSpec(f"links.grid.{layout}", Grid.encode, Grid.decode, keep)
        self.columns: ObjectSpec[Columns] = ObjectSpec(f"links.names.{layout}", Columns.encode, Columns.decode, longer)
        self.finders: ObjectSpec[_Finder] = ObjectSpec(f"links.pairs.{layout}", _Finder.encode, self._decode, longer)
        self.rows: ObjectSpec[Row] = ObjectSpec(f"links.bins.{layout}", Row.encode, Row.decode, longer)

    def _decode(self, raw: bytes) -> _Finder:
        return _Finder(LinkFinder.decode(raw, self.correlation.spec), is_cold=True)


class _Finder:
    """A finder, and whether its history is still to be read from the rows."""

    def __init__(self, finder: LinkFinder, is_cold: bool = False) -> None:
        self.finder, self.is_cold = finder, is_cold

    def encode(self) -> bytes:
        return self.finder.encode()


class _Group:
    """One group within a batch: its grid, its columns and, once a block closes, its finder."""

    def __init__(self, part: _Part, key: str, state: State) -> None:
        self.part, self.key = part, key
        self._grids, self._columns = state.objects(part.grids), state.objects(part.columns)
        self._finders, self._rows = state.objects(part.finders), state.objects(part.rows)
        grid, columns = self._grids.get(key), self._columns.get(key)
        if grid is None or columns is None:  # new, or forgotten
            grid, columns = Grid(), Columns()
            self._columns.put(key, columns)
            self._finders.delete(key)
        self.grid, self.columns = grid, columns
        self._every, self._wait = part.correlation.every_s, part.wait_s
        self._is_changed = False

    def take(self, event: Series, out: Outputs) -> None:
        """Put an event's numbers into its bin; close what its time closes."""
        grid, time = self.grid, event.time
        number, bin_ = divmod(int(time // self._every), BLOCK)
        if grid.source is None:
            grid.closed = grid.next = grid.born = int((time - self._wait) // self._every) // BLOCK
        elif number < grid.closed:
            self._too_late(time)
            return
        columns = self.columns
        offsets = columns.offsets(event.source.topic, event.entity, self.key, event.values)
        if columns.is_changed:
            self._columns.put(self.key, columns)
            columns.is_changed = False
        grid.add(number, [offset + bin_ for offset in offsets], event.values.values())
        grid.strays, self._is_changed = 0, True
        if time > grid.newest:
            grid.newest, grid.source, grid.pipeline = time, event.source, event.pipeline
            closed = int((time - self._wait - grid.patience) // self._every) // BLOCK
            if closed > grid.closed:
                self.close(closed, out)

    def _too_late(self, time: float) -> None:
        """Wait longer from now on; or, when all are late by days, take it that a clock was wrong, and begin anew."""
        grid, late = self.grid, self.grid.newest - time
        if grid.patience < late < _MOST_OPEN * BLOCK * self._every - self._wait:
            grid.patience, self._is_changed = late, True
        elif late > self.part.keep_s:
            grid.strays, self._is_changed = grid.strays + 1, True
            if grid.strays >= _STRAYS:
                self.grid = Grid()
                self._finders.delete(self.key)

    def close(self, before: int, out: Outputs) -> None:
        """Close the blocks before a number: give those with values, and the gaps between them, to the finder."""
        grid = self.grid
        grid.flush(len(self.columns.names))
        for number in sorted(block for block in grid.open if block < before):
            warm = self._finder()
            for empty in range(max(grid.next, number - _BLOCKS), number):
                self._step(warm.finder, empty, np.full((0, BLOCK), np.nan), out)
            self._step(warm.finder, number, grid.pop(number), out)
            grid.next = number + 1
            grid.patience *= _IMPATIENCE
            self._finders.put(self.key, warm)
            self._columns.put(self.key, self.columns)
        grid.closed = max(grid.closed, before)
        self._is_changed = True

    def _step(self, finder: LinkFinder, number: int, block: Floats, out: Outputs) -> None:
        changes = finder.step(number, block)
        self._rows.put(self._row(number), Row(number, finder.newest.copy()))
        self._tell(changes, number, out)
        if number % _BLOCKS == 0:
            self._forget(finder, number, out)

    def _forget(self, finder: LinkFinder, number: int, out: Outputs) -> None:
        """Forget the series that have been silent for too long."""
        quiet = [one for one in finder.quiet(number - self.part.forget_blocks) if not self.grid.holds(one)]
        if quiet:
            self._tell(finder.drop(quiet, (number + 1) * BLOCK - 1), number, out, "forgotten-")
            self.columns.free(quiet)
            for n in range(_BLOCKS):
                at = number - _BLOCKS + 1 + n
                self._rows.put(self._row(at), Row(at, finder.history[:, n * BLOCK : (n + 1) * BLOCK].copy()))

    def _finder(self) -> _Finder:
        """Return the group's finder, its history with it."""
        found = self._finders.get(self.key) or _Finder(LinkFinder(self.part.correlation.spec))
        if found.is_cold:
            for n in range(_BLOCKS):
                at = self.grid.next - _BLOCKS + n
                row = self._rows.get(self._row(at))
                if row is not None and row.number == at >= self.grid.born:
                    found.finder.history[: len(row.values), n * BLOCK : (n + 1) * BLOCK] = row.values
            found.is_cold = False
        return found

    def _row(self, number: int) -> str:
        return f"{number % _BLOCKS}\x1f{self.key}"

    def _tell(self, changes: Sequence[Change], number: int, out: Outputs, mark: str = "") -> None:
        """Emit what became of links."""
        grid, every, about = self.grid, self._every, self.part.correlation.name
        for n, one in enumerate(changes):
            out.emit(
                Link(
                    id=f"{about}-{self.key}-{number}-{mark}{n}",
                    key=self.key,
                    time=(one.bin + 1) * every,
                    pipeline=grid.pipeline,
                    source=grid.source or Source("", 0, 0),
                    link=about,
                    leader=self.columns.names[one.leader],
                    follower=self.columns.names[one.follower],
                    lag_s=one.lag * every,
                    strength=one.strength,
                    since=one.since * every,
                    change=one.what,
                    score=one.score,
                )
            )

    def save(self) -> None:
        """Put what changed into the state."""
        if self._is_changed:
            self.grid.flush(len(self.columns.names))
            self._grids.put(self.key, self.grid)

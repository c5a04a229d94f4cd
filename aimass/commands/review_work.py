"""`aimass review work`: one record after the other, by keys read from standard input."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape

from aimass.commands.alerts import login
from aimass.commands.console import err, out, print_json
from aimass.commands.kafka import find_kafka
from aimass.commands.review import DONE, compare, print_effects, print_task, read_tasks
from aimass.commands.review_bench import Bench, bench_of
from aimass.commands.review_orders import Effects, carry, order
from aimass.commands.reviewing import Task, chosen, literally, read_patch
from aimass.errors import ClientError
from aimass.settings import Settings

_KEYS = "a accept, r reject, c correct, s skip, q quit"
_ALL = {"A": "accept", "R": "reject"}


def work(
    settings: Settings,
    word: str,
    match: Mapping[str, str],
    *,
    by: str | None,
    as_json: bool,
    lines: TextIO | None = None,
) -> int:
    """Show what waits, one record after the other, those with the most frequent cause first, until there is no more."""
    pipeline, bench = bench_of(word)
    settings, who, console = find_kafka(settings), by or login(), err if as_json else out
    tasks = chosen(read_tasks(settings, pipeline).values(), match, owner=who)
    bout = _Bout(settings, pipeline, bench, who, console, lines or sys.stdin, tasks)
    bout.run()
    if as_json:
        print_json({"done": dict(bout.done), "left": len(bout.left)})
    return 0


class _Bout:
    """One sitting of a person."""

    def __init__(
        self,
        settings: Settings,
        pipeline: str,
        bench: Bench | None,
        by: str,
        console: Console,
        lines: TextIO,
        tasks: list[Task],
    ) -> None:
        self._settings, self._pipeline, self._bench, self._by = settings, pipeline, bench, by
        self._console, self._lines = console, lines
        counts = Counter(_cause(task) for task in tasks)
        self._todo = sorted(tasks, key=lambda task: (-counts[_cause(task)], _cause(task)))
        self._skipped: list[Task] = []
        self.done: Counter[str] = Counter()

    def run(self) -> None:
        """Go on until nothing is left, or the person leaves."""
        while self._todo:
            task = self._todo[0]
            self._show(task)
            answer = self._answer()
            if answer is None or answer == "q":
                break
            if answer == "s":
                self._skipped.append(self._todo.pop(0))
            else:
                self._obey(answer, task)
        said = ", ".join(f"{count} {DONE[do]}" for do, count in sorted(self.done.items())) or "nothing"
        self._console.print(f"done: {said}; left: {len(self.left)}")

    @property
    def left(self) -> list[Task]:
        """What waits still."""
        return self._skipped + self._todo

    def _show(self, task: Task) -> None:
        self._console.print("")
        print_task(self._console, task, self._bench)
        more = len(self._alike(task)) - 1
        alike = f"; {more} more with this cause: A accepts all, R rejects all" if more else ""
        self._console.print(f"[bold]{_KEYS}{alike}[/bold]")

    def _alike(self, task: Task) -> list[Task]:
        return [one for one in self.left if _cause(task) in one.last.causes]

    def _answer(self) -> str | None:
        """Return the next key; ``None`` at the end of the input."""
        while line := self._lines.readline():
            answer = line.strip()
            if answer in ("a", "r", "c", "s", "q", *_ALL):
                return answer
            self._console.print(f"{escape(repr(answer))} is no key: {_KEYS}")
        return None

    def _obey(self, answer: str, task: Task) -> None:
        """Do what a key says; without a correction that is to be sent, the record is shown again."""
        if answer in _ALL:
            match = {"cause": literally(_cause(task))}
            self._send(_ALL[answer], self._alike(task), order(_ALL[answer], match=match, by=self._by, why=""))
            return
        do, patch = {"a": "accept", "r": "reject", "c": "correct"}[answer], None
        if do == "correct":
            patch = self._correction(task)
            if patch is None:
                return
        self._send(do, [task], order(do, task=task.last.id, by=self._by, why="", patch=patch))

    def _correction(self, task: Task) -> dict[str, Any] | None:
        """Ask what is right; ``None``: nothing, or it would be refused and the person leaves it."""
        self._console.print("what is right? path=value, a line each (path=null takes it away); an empty line ends it")
        said: list[str] = []
        while (line := self._lines.readline()).strip():
            said.append(line.strip())
        try:
            patch = read_patch(said, [])
        except ClientError as exc:
            self._console.print(escape(str(exc)))
            return None
        tried = compare(self._console, task, patch, self._bench)
        if tried is None or (tried.data is not None and not tried.causes):
            return patch
        self._console.print("send it all the same? y/n")
        return patch if self._lines.readline().strip().lower() in ("y", "yes") else None

    def _send(self, do: str, meant: list[Task], one: dict[str, Any]) -> None:
        effects = Effects(do, self._by, {task.last.id: task for task in meant})
        carry(self._settings, self._pipeline, [one], effects)
        print_effects(self._console, self._pipeline, effects)
        self.done[do] += len(meant)
        self._todo = [task for task in self._todo if task.last.id not in effects.tasks]
        self._skipped = [task for task in self._skipped if task.last.id not in effects.tasks]


def _cause(task: Task) -> str:
    return task.last.causes[0]

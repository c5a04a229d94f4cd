"""Records under review, folded from the log of what people did: what waits, why, and what became of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from aimass.errors import ClientError
from aimass.records import Review

#: States of tasks that wait for a person.
WAITING = ("open", "claimed")
#: What may be asked for; ``open`` means all that waits, whether or not somebody has claimed it.
STATES = (*WAITING, "corrected", "accepted", "rejected", "expired", "all")
_AUDIT = "audit"
_GLOB = str.maketrans({"[": "[[]", "*": "[*]", "?": "[?]"})


@dataclass(slots=True)
class Task:
    """A record that waits, or has waited: how it stands, and all that was done about it, the oldest first."""

    last: Review
    history: list[Review] = field(default_factory=list)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a person."""
        return self.last.state in WAITING

    @property
    def goes_on(self) -> bool:
        """Whether its record is put into the log when it is accepted: samples and alerts are there already."""
        causes = self.last.causes
        return causes != (_AUDIT,) and not causes[0].startswith("rule:")

    @property
    def facts(self) -> dict[str, Any]:
        """What a program may want to know of it."""
        one = self.last
        return {
            "id": one.id,
            "state": one.state,
            "source": one.source.topic,
            "partition": one.source.partition,
            "offset": one.source.offset,
            "key": one.key,
            "time": one.time,
            "causes": list(one.causes),
            "owner": one.owner,
            "attempt": 0 if one.record is None else one.record.attempt,
            "since": self.history[0].at,
        }


def tasks_of(reviews: Iterable[Review]) -> dict[str, Task]:
    """Return the tasks by id, in the order in which they last came to wait.

    A record that was set apart again keeps its history. The record itself is kept only of what waits.

    Examples
    --------
    >>> from aimass.records import Source
    >>> made = Review("t-0-7", "k", 5.0, "p", Source("t", 0, 7), "open", ("a:most",), "quarantined", 9.0)
    >>> done = msgspec.structs.replace(made, state="accepted", do="accept", by="eve")
    >>> task = tasks_of([made, done])["t-0-7"]
    >>> task.is_waiting, [one.do for one in task.history]
    (False, ['quarantined', 'accept'])
    """
    found: dict[str, Task] = {}
    for one in reviews:
        task = found.pop(one.id, None) if one.do == "quarantined" else found.get(one.id)
        if task is None:
            task = Task(one)
        found[one.id] = task
        task.last = one
        task.history.append(msgspec.structs.replace(one, record=None))
    return found


def chosen(
    tasks: Iterable[Task], match: Mapping[str, str], state: str = "open", owner: str | None = None
) -> list[Task]:
    """Return the tasks in a state that are meant; given an owner, none that somebody else has claimed.

    Parameters
    ----------
    match
        By ``cause``, ``source`` and ``key``; ``*`` stands for anything, as JUDGE reads it.
    """
    return [
        task
        for task in tasks
        if _is_in(task, state) and _is_meant(task.last, match) and (owner is None or task.last.owner in ("", owner))
    ]


def _is_in(task: Task, state: str) -> bool:
    return state == "all" or task.last.state == state or (state == "open" and task.is_waiting)


def _is_meant(one: Review, match: Mapping[str, str]) -> bool:
    seen = {"cause": one.causes, "source": (one.source.topic,), "key": (one.key,)}
    return all(any(fnmatchcase(each, wanted) for each in seen[name]) for name, wanted in match.items())


def literally(cause: str) -> str:
    """Return what matches this cause alone.

    Examples
    --------
    >>> literally("a[0]:most")
    'a[[]0]:most'
    """
    return cause.translate(_GLOB)


def by_cause(tasks: Iterable[Task]) -> list[tuple[str, str, int]]:
    """Return cause, source and how many tasks have it, the most frequent first; a task may have several causes."""
    counts = Counter((cause, task.last.source.topic) for task in tasks for cause in task.last.causes)
    return [(cause, source, count) for (cause, source), count in sorted(counts.items(), key=lambda one: (-one[1], one))]


def one_of(tasks: Mapping[str, Task], wanted: str, pipeline: str) -> Task:
    """Return the task that a word names: its id, or the beginning of one that waits.

    Raises
    ------
    ClientError
        When there is none, or more than one.
    """
    if wanted in tasks:
        return tasks[wanted]
    found = [task for name, task in tasks.items() if wanted and task.is_waiting and name.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(task.last.id for task in found[:5])
        raise ClientError(f"{wanted!r} is the beginning of {len(found)} ids: {names}. Name one of them whole.")
    raise ClientError(f"no record {wanted!r} waits or has waited: `aimass review list {pipeline}` shows what waits.")


def refusal(do: str, task: Task, by: str) -> str | None:
    """Return why something cannot be done about a task; ``None``: it can.

    Examples
    --------
    >>> from aimass.records import Source
    >>> task = Task(Review("i", "k", 0.0, "p", Source("t", 0, 0), "claimed", ("a:most",), "claim", 0.0, owner="eve"))
    >>> refusal("accept", task, "ada"), refusal("accept", task, "eve")
    ('eve has claimed it; `release` gives it back', None)
    """
    last = task.last
    if not task.is_waiting:
        return f"it is {last.state} already{f', by {last.by}' if last.by else ''}"
    if do == "release":
        return None if last.state == "claimed" else "nobody has claimed it"
    if last.owner and last.owner != by:
        return f"{last.owner} has claimed it; `release` gives it back"
    return None


def read_patch(setting: Sequence[str], unset: Sequence[str]) -> dict[str, Any]:
    """Return a correction: ``path=value`` with a value of JSON, else text; null takes a field away.

    Raises
    ------
    ClientError
        When something is no ``path=value``, or there is nothing at all.

    Examples
    --------
    >>> read_patch(["heat=21.5", "site=A", 'ok="1"'], ["note"])
    {'heat': 21.5, 'site': 'A', 'ok': '1', 'note': None}
    """
    found: dict[str, Any] = {}
    for text in setting:
        path, sign, value = text.partition("=")
        if not sign or not path.strip():
            raise ClientError(f"{text!r}: write a correction as path=value, such as heat=21.5.")
        try:
            found[path.strip()] = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found[path.strip()] = value
    found |= dict.fromkeys(unset)
    if not found:
        raise ClientError("say what is right: --set path=value, or --unset path.")
    return found

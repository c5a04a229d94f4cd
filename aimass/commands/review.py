"""`aimass review`: records that wait for a person, by what they break; and what people do about them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape

from aimass.admin import list_topics
from aimass.client import Message, Subscriber
from aimass.codec import decoder
from aimass.commands.alerts import login
from aimass.commands.console import err, out, print_json, table
from aimass.commands.kafka import find_kafka
from aimass.commands.review_bench import Bench, Trial, bench_of, said_by, word_of
from aimass.commands.review_orders import Effects, carry, order
from aimass.commands.reviewing import Task, by_cause, chosen, one_of, refusal, tasks_of
from aimass.commands.tail import clock
from aimass.errors import ClientError
from aimass.records import Review
from aimass.settings import Settings, kafka_options

DONE = {"claim": "claimed", "release": "given back", "accept": "accepted", "correct": "corrected", "reject": "rejected"}
_SHOWN_CAUSES = 40


def list_all(settings: Settings, word: str, match: Mapping[str, str], *, state: str, limit: int, as_json: bool) -> int:
    """Show what waits: how many records by what they break, then the newest."""
    pipeline, _ = bench_of(word)
    tasks = chosen(read_tasks(find_kafka(settings), pipeline).values(), match, state)
    newest = tasks[::-1][:limit]
    if as_json:
        counts = [{"cause": cause, "source": source, "tasks": count} for cause, source, count in by_cause(tasks)]
        print_json({"count": len(tasks), "causes": counts, "tasks": [task.facts for task in newest]})
        return 0
    if not tasks:
        out.print("Nothing waits." if state == "open" and not match else "There is no such record.")
        return 0
    causes = by_cause(tasks)
    rows = [(count, escape(cause), escape(source)) for cause, source, count in causes[:_SHOWN_CAUSES]]
    out.print(table(["#records", "cause", "source"], rows))
    if len(causes) > _SHOWN_CAUSES:
        out.print(f"and {len(causes) - _SHOWN_CAUSES} causes more: --cause 'heat:*' shows some of them, --json all")
    out.print("")
    out.print(table(["id", "state", "key", "since", "causes", "owner"], map(_row, newest)))
    if len(tasks) > len(newest):
        out.print(f"the newest {len(newest)} of {len(tasks):,}; --limit shows more")
    return 0


def _row(task: Task) -> tuple[str, ...]:
    one = task.last
    since = clock(task.history[-1].at if task.is_waiting else one.at)
    return escape(one.id), one.state, escape(one.key), since, escape(", ".join(one.causes)), escape(one.owner)


def show(settings: Settings, word: str, wanted: str, *, as_json: bool) -> int:
    """Show a record as it came, what it breaks, and all that was done about it."""
    pipeline, bench = bench_of(word)
    messages = read_reviews(find_kafka(settings), pipeline)
    task = one_of(tasks_of(messages), wanted, pipeline)
    record = next((one.record for one in reversed(messages) if one.id == task.last.id and one.record), None)
    if as_json:
        words = _words(task.last, bench)
        history = [_step(one) for one in task.history]
        print_json({**task.facts, "record": said_by(record), "words": words, "history": history})
        return 0
    print_task(out, task, bench)
    rows = [
        (clock(one.at), one.do, one.state, escape(one.by), escape(one.why), _patched(one.patch)) for one in task.history
    ]
    out.print("")
    out.print(table(["when", "what", "state", "by", "why", "correction"], rows))
    return 0


def _step(one: Review) -> dict[str, Any]:
    facts = {"id": one.id, "at": one.at, "do": one.do, "state": one.state, "by": one.by, "why": one.why}
    return {**facts, "causes": list(one.causes), "patch": one.patch, "order": one.order}


def _patched(patch: Mapping[str, Any]) -> str:
    return escape(", ".join(f"{path}={orjson.dumps(value).decode()}" for path, value in patch.items()))


def _words(one: Review, bench: Bench | None) -> list[str]:
    return [word_of(cause) for cause in one.causes] if bench is None else bench.words(one)


def print_task(console: Console, task: Task, bench: Bench | None) -> None:
    """Print a record as it came and what it breaks."""
    one = task.last
    where = f"{one.source.topic}/{one.source.partition}/{one.source.offset}"
    owner = f", claimed by {escape(one.owner)}" if one.owner else ""
    console.print(f"[bold]{escape(one.id)}[/bold] of {escape(one.key)}, {one.state}{owner}, from {escape(where)}")
    said = said_by(one.record)
    if said is not None:
        text = orjson.dumps(said, option=orjson.OPT_INDENT_2).decode() if not isinstance(said, str) else said
        console.print(escape(text))
    for cause, words in zip(one.causes, _words(one, bench), strict=True):
        console.print(f"  [yellow]{escape(cause)}[/yellow]" + (f": {escape(words)}" if words != cause else ""))


def act(
    settings: Settings,
    word: str,
    do: str,
    ids: Sequence[str],
    match: Mapping[str, str],
    *,
    by: str | None,
    why: str,
    yes: bool,
    as_json: bool,
) -> int:
    """Do something about records: named one by one, or all that are meant at once."""
    if bool(ids) == bool(match):
        raise ClientError(f"say which records to {do}: ids, or --cause, --source, --key for all that are like that.")
    pipeline, _ = bench_of(word)
    settings, who = find_kafka(settings), by or login()
    tasks = read_tasks(settings, pipeline)
    if ids:
        meant = [one_of(tasks, name, pipeline) for name in dict.fromkeys(ids)]
        for task in meant:
            problem = refusal(do, task, who)
            if problem is not None:
                raise ClientError(f"{task.last.id}: {problem}.")
        orders = [order(do, task=task.last.id, by=who, why=why) for task in meant]
    else:
        meant = [task for task in chosen(tasks.values(), match) if refusal(do, task, who) is None]
        orders = [order(do, match=match, by=who, why=why)]
        if not meant:
            raise ClientError(f"no record that waits is like that, and yours to {do}.")
        ask(f"{do} {len(meant):,} records ({_said(match)})?", yes=yes)
    return _carried(settings, pipeline, orders, Effects(do, who, {task.last.id: task for task in meant}), as_json)


def _said(match: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {glob}" for name, glob in match.items())


def ask(question: str, *, yes: bool) -> None:
    """Ask before much is done; without a terminal there is nobody to ask.

    Raises
    ------
    ClientError
        When the answer is no, or nobody can answer.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ClientError(f"{question} There is no terminal to ask on: say --yes.")
    err.print(f"{escape(question)} \\[y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ClientError("nothing was done.")


def correct(
    settings: Settings,
    word: str,
    wanted: str,
    patch: Mapping[str, Any],
    *,
    anyway: bool,
    by: str | None,
    why: str,
    as_json: bool,
) -> int:
    """Say what is right in a record: it is checked first, and goes on corrected."""
    pipeline, bench = bench_of(word)
    settings, who = find_kafka(settings), by or login()
    task = one_of(read_tasks(settings, pipeline), wanted, pipeline)
    problem = refusal("correct", task, who)
    if problem is not None:
        raise ClientError(f"{task.last.id}: {problem}.")
    tried = compare(err if as_json else out, task, patch, bench)
    if tried is not None and (tried.causes or tried.data is None) and not anyway:
        said = tried.error or ", ".join(tried.causes)
        raise ClientError(f"it would be refused still: {said}. Correct that too, or say --anyway.")
    orders = [order("correct", task=task.last.id, by=who, why=why, patch=dict(patch))]
    return _carried(settings, pipeline, orders, Effects("correct", who, {task.last.id: task}), as_json)


def compare(console: Console, task: Task, patch: Mapping[str, Any], bench: Bench | None) -> Trial | None:
    """Print what a correction changes, and whether the record keeps its contract then; ``None``: nobody knows."""
    record = task.last.record
    if bench is None or record is None or not task.goes_on:
        for path, value in patch.items():
            console.print(f"  {escape(path)} becomes {escape('nothing' if value is None else repr(value))}")
        return None
    before, after = bench.trial(record, {}), bench.trial(record, patch)
    changed = before.data or {}
    for name, value in sorted({**changed, **(after.data or {})}.items()):
        old, new = changed.get(name, "–"), (after.data or {}).get(name, "–")
        if old != new:
            console.print(f"  {escape(name)}: [red]{escape(repr(old))}[/red] → [green]{escape(repr(new))}[/green]")
        else:
            console.print(f"  [dim]{escape(name)}: {escape(repr(value))}[/dim]")
    if after.data is None:
        console.print(f"[red]it cannot be read:[/red] {escape(after.error)}")
    elif after.causes:
        console.print(f"[red]it breaks its contract still:[/red] {escape(', '.join(after.causes))}")
    else:
        console.print("[green]it keeps its contract[/green]")
    return after


def _carried(
    settings: Settings, pipeline: str, orders: Sequence[dict[str, Any]], effects: Effects, as_json: bool
) -> int:
    carry(settings, pipeline, orders, effects)
    if as_json:
        effects_seen = {name: effects.states.get(name) for name in effects.tasks}
        causes = {name: list(found) for name, found in effects.causes.items()}
        print_json({"commands": list(orders), "tasks": effects_seen, "broken": causes, "is_done": effects.is_done})
    else:
        print_effects(out, pipeline, effects)
    return 0


def print_effects(console: Console, pipeline: str, effects: Effects) -> None:
    """Say what has become of orders, and how to look where it is not known yet."""
    counts: dict[str, int] = {}
    for name in effects.tasks:
        state = effects.states.get(name, "sent")
        counts[state] = counts.get(state, 0) + 1
    for state, count in counts.items():
        names = "" if count > 1 else next(n for n in effects.tasks if effects.states.get(n, "sent") == state)
        word = DONE["release"] if (effects.do, state) == ("release", "open") else state
        console.print(f"{word}: {escape(names) if names else f'{count:,} records'}")
    for name, causes in effects.causes.items():
        console.print(f"  {escape(name)} came back: it breaks {escape(', '.join(causes))}")
    if not effects.is_done:
        console.print(f"not all of it is seen yet: `aimass review log {escape(pipeline)}` shows what becomes of it")


def log(settings: Settings, word: str, *, as_json: bool) -> int:
    """Show all that was done, the newest last."""
    pipeline, _ = bench_of(word)
    reviews = read_reviews(find_kafka(settings), pipeline)
    if as_json:
        for one in reviews:
            print_json(_step(one))
        return 0
    rows = [
        (clock(one.at), escape(one.id), one.do, escape(one.by), escape(one.why), escape(", ".join(one.causes)))
        for one in reviews
    ]
    out.print(table(["when", "id", "what", "by", "why", "causes"], rows) if rows else "Nothing was done yet.")
    return 0


def read_tasks(settings: Settings, pipeline: str) -> dict[str, Task]:
    """Return all tasks of a pipeline, by id."""
    return tasks_of(read_reviews(settings, pipeline))


def read_reviews(settings: Settings, pipeline: str) -> list[Review]:
    """Return all that was done about records, in order."""
    decode = decoder(Review)
    messages = asyncio.run(_messages(settings, f"{pipeline}.reviews"))
    return [decode(one.value) for one in messages if one.value is not None]


async def _messages(settings: Settings, topic: str) -> list[Message]:
    if topic not in await list_topics(kafka_options(settings)):
        raise ClientError(
            f"there is no topic {topic!r} in this Kafka: the pipeline does not run here, or nothing of it is reviewed "
            "(no source has a contract, no rule a review)."
        )
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        return [message async for message in subscriber.messages()]

"""`aimass links`: which series move together now, in which groups, since when; and which ceased to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.markup import escape

from aimass.admin import list_topics
from aimass.client import Subscriber
from aimass.codec import decoder
from aimass.commands.console import out, print_json, table
from aimass.commands.kafka import find_kafka
from aimass.commands.tail import clock
from aimass.errors import ClientError
from aimass.records import Link
from aimass.settings import Settings, kafka_options


def show(settings: Settings, pipeline: str, *, group: str | None, as_json: bool) -> int:
    """Show the links of a pipeline as they are now, those that broke last, and the groups that links make."""
    links = asyncio.run(_read(find_kafka(settings), pipeline, group))
    there, broken = current(links), [one for one in latest(links) if one.change == "broken"]
    if as_json:
        joined = {key: components(_names(there, key)) for key in dict.fromkeys(one.key for one in there)}
        print_json({"links": list(map(facts, there)), "broken": list(map(facts, broken)), "groups": joined})
    elif not links:
        out.print("No links yet: a pair needs some 50 to 500 bins in which something happens.")
    else:
        out.print(_table(there))
        for one in broken:
            out.print(f"[bold]broken[/bold] {clock(one.time)} {escape(sentence(one))}")
    return 0


def _table(links: list[Link]) -> Any:
    together = {
        (key, name): first
        for key in dict.fromkeys(one.key for one in links)
        for first, names in components(_names(links, key)).items()
        for name in names
    }
    rows = [
        (
            escape(one.key),
            escape(together[one.key, one.leader]),
            escape(one.leader),
            escape(one.follower),
            f"{one.lag_s:g}",
            f"{one.strength:.2f}",
            clock(one.since),
        )
        for one in links
    ]
    return table(["group", "moves with", "leader", "follower", "#lag (s)", "#strength", "since"], rows)


def latest(links: Iterable[Link]) -> list[Link]:
    """Return the last word on each pair, by group and name."""
    last = {(one.link, one.key, *sorted((one.leader, one.follower))): one for one in links}
    return [last[place] for place in sorted(last)]


def current(links: Iterable[Link]) -> list[Link]:
    """Return the links that are there after all that was told.

    Examples
    --------
    >>> from aimass.records import Source
    >>> def told(change, follower):
    ...     at = Source("s", 0, 0)
    ...     return Link("i", "plant", 9.0, "p", at, "c", "s/pump", follower, 3.0, 0.9, 1.0, change)
    >>> [one.follower for one in current([told("found", "s/flow"), told("found", "s/heat"), told("gone", "s/heat")])]
    ['s/flow']
    """
    return [one for one in latest(links) if one.change in ("found", "changed")]


def sentence(link: Link) -> str:
    """Say in words what a link is, or was.

    Examples
    --------
    >>> from aimass.records import Source
    >>> at = Source("s", 0, 0)
    >>> sentence(Link("i", "plant", 9.0, "p", at, "c", "s/pump", "s/flow", 3.0, 0.9, 1.0, "broken", 6.2))
    's/flow followed s/pump by 3 s (0.90); it stopped: 1 in 10^6.2'
    """
    is_over = link.change in ("broken", "gone")
    verb = ("followed" if is_over else "follows") if link.lag_s else ("moved with" if is_over else "moves with")
    by = f" by {link.lag_s:g} s" if link.lag_s else ""
    ends = {"broken": f"; it stopped: 1 in 10^{link.score:.1f}", "gone": "; it faded"}.get(link.change, "")
    return f"{link.follower} {verb} {link.leader}{by} ({link.strength:.2f}){ends}"


def facts(link: Link) -> dict[str, Any]:
    """Return all about a link, for programs."""
    found: dict[str, Any] = msgspec.to_builtins(link)
    return {**found, "score": link.score, "says": sentence(link)}


def components(links: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the groups of series that links join, each under the smallest name in it.

    Examples
    --------
    >>> components([("pump", "flow"), ("heat", "load"), ("flow", "valve")])
    {'flow': ['flow', 'pump', 'valve'], 'heat': ['heat', 'load']}
    """
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    for one, other in links:
        low, high = sorted((find(one), find(other)))
        root[high] = low
    found: dict[str, list[str]] = {}
    for name in sorted(root):
        found.setdefault(find(name), []).append(name)
    return found


def _names(links: Iterable[Link], key: str) -> list[tuple[str, str]]:
    return [(one.leader, one.follower) for one in links if one.key == key]


async def _read(settings: Settings, pipeline: str, group: str | None) -> list[Link]:
    topic, decode = f"{pipeline}.links", decoder(Link)
    if topic not in await list_topics(kafka_options(settings)):
        raise ClientError(
            f"there is no topic {topic!r} in this Kafka: run a pipeline {pipeline!r} that has a [[correlation]]."
        )
    async with Subscriber(topic, where=settings, from_="beginning", key=group, until_end=True) as subscriber:
        return [decode(message.value) async for message in subscriber.messages() if message.value]

"""`aimass recommend`: how good recommendations were, and how good another policy would have been."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.markup import escape

from aimass.admin import beginning_offsets, end_offsets
from aimass.client import Subscriber
from aimass.codec import decoder
from aimass.commands.console import out, print_json, progress_bar, table
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import load
from aimass.errors import ClientError
from aimass.records import Outcome, Recommendation, Tick
from aimass.settings import Settings, kafka_options

if TYPE_CHECKING:
    from aimass.models.recommend.offpolicy import Interval

_FEW = 100  # recommendations of a policy's own: fewer say little


def evaluate(settings: Settings, file: Path, *, name: str | None, policy: str, as_json: bool) -> int:
    """Show what became of a pipeline's recommendations, and what another policy would have brought."""
    settings = find_kafka(settings)
    (pipeline,) = load([file])
    with progress_bar() as bar:
        task = bar.add_task(f"reading {pipeline.name}.recommendations", total=None)
        made, outcomes = asyncio.run(
            _read(settings, pipeline.name, lambda n, of: bar.update(task, completed=n, total=of))
        )
    names = list(dict.fromkeys(one.name for one in made))
    if name is not None and name not in names:
        raise ClientError(f"no recommendation of {name!r} was made; there are: {', '.join(names) or 'none'}.")
    reports = {
        one: report([each for each in made if each.name == one], outcomes, policy)
        for one in (names if name is None else [name])
    }
    if as_json:
        print_json(reports)
    elif not reports:
        out.print("No recommendations yet.")
    else:
        for one, found in reports.items():
            _print(one, found)
    return 0


def report(made: list[Recommendation], outcomes: dict[str, Outcome], policy: str) -> dict[str, Any]:
    """Return measures of recommendations, what ran beside another policy, and which of the two is better.

    Parameters
    ----------
    made
        The recommendations of one ``[[recommend]]``.
    outcomes
        By the recommendation's id.
    policy
        One of `aimass.models.recommend.offpolicy.POLICIES`.
    """
    from aimass.models.recommend.measures import measure
    from aimass.models.recommend.offpolicy import estimate, logged, mean

    entries = logged(made, outcomes.values())
    ran, other = mean(entries.rewards), estimate(entries, policy)
    return {
        **msgspec.to_builtins(measure(made, outcomes)),
        "first_reward": msgspec.to_builtins(ran),
        "off_policy": msgspec.to_builtins(other),
        "verdict": verdict(ran, other.snips, other.effective, policy),
    }


def verdict(ran: Interval, other: Interval, effective: float, policy: str) -> str:
    """Say in words which policy is better, if that can be told.

    Examples
    --------
    >>> from aimass.models.recommend.offpolicy import Interval
    >>> verdict(Interval(0.2, 0.19, 0.21), Interval(0.1, 0.05, 0.15), 400.0, "popular")
    'what ran is better than popular'
    >>> verdict(Interval(0.2, 0.19, 0.21), Interval(0.1, 0.05, 0.15), 12.0, "popular")
    'too little was tried out to judge popular: as good as 12 recommendations'
    """
    if not effective >= _FEW:
        return f"too little was tried out to judge {policy}: as good as {effective:.0f} recommendations"
    if ran.low > other.high:
        return f"what ran is better than {policy}"
    if other.low > ran.high:
        return f"{policy} is better than what ran"
    return f"no difference between {policy} and what ran can be told"


def _print(name: str, found: dict[str, Any]) -> None:
    off = found["off_policy"]
    rows = [
        ("recommendations", f"{found['recommendations']:,}", f"the outcome of {found['known']:,} is known"),
        ("taken", _share(found["taken"]), "of these an offer was taken"),
        ("reward", _number(found["reward"]), "what one brought"),
        ("nDCG", _plain(found["ndcg"]), "how far up the list what was taken stood"),
        (
            "items",
            f"{found['items']:,}",
            f"offered; {_plain(found['top_ten'])} of all offers are of the ten offered most",
        ),
        ("novelty", _plain(found["novelty"]), "bits of surprise in an offer"),
        ("explored", _plain(found["explored"]), "the share that began with a candidate that was tried out"),
        ("first offer", _number(found["first_reward"]), "what it brought, as it ran"),
        (f"  {off['policy']}: SNIPS", _number(off["snips"]), f"as good as {off['effective']:,.0f} of its own"),
        (f"  {off['policy']}: doubly robust", _number(off["dr"]), ""),
        (f"  {off['policy']}: IPS", _number(off["ips"]), ""),
    ]
    out.print(table(["measure", "#value", "meaning"], rows, title=escape(name)))
    out.print(f"[bold]{found['verdict']}[/bold]")


def _share(one: dict[str, float]) -> str:
    return _shown(one, "{:.1%}")


def _number(one: dict[str, float]) -> str:
    return _shown(one, "{:.4g}")


def _shown(one: dict[str, float], form: str) -> str:
    if math.isnan(one["value"]):
        return "–"
    return "{} ({} to {})".format(*(form.format(one[name]) for name in ("value", "low", "high")))


def _plain(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


async def _read(
    settings: Settings, pipeline: str, on_progress: Callable[[int, int], None]
) -> tuple[list[Recommendation], dict[str, Outcome]]:
    """Return all recommendations, and outcomes by the recommendation's id."""
    made: list[Recommendation] = []
    outcomes: dict[str, Outcome] = {}
    topics = (f"{pipeline}.recommendations", f"{pipeline}.outcomes")
    options, decode = kafka_options(settings), decoder(Recommendation | Outcome | Tick)
    ends = await end_offsets(options, topics)
    begins = await beginning_offsets(options, topics)
    done, total = 0, sum(ends.values()) - sum(begins.values())
    async with Subscriber(*topics, where=settings, from_="beginning", until_end=True) as subscriber:
        async for message in subscriber.messages():
            record = decode(message.value) if message.value else None
            if isinstance(record, Recommendation):
                made.append(record)
            elif isinstance(record, Outcome):
                outcomes[record.recommendation] = record
            done += 1
            if done % 1_000 == 0:
                on_progress(done, total)
    return made, outcomes

"""The smallest streams of signals, and what becomes of them."""

import msgspec

from aimass.alerts.policy import Policy, Receiver, fingerprint
from aimass.memory import run_stage
from aimass.records import Alert, Command, Source, Tick
from aimass.stages.notify import NotifyStage

T = 1_700_000_000.0  # a whole hour and 1200 s
HOUR = 3600.0
PAGER = Receiver("pager")


def alert(rule="fast", key="ada", at=0.0, severity="warning", state="firing", notify=(), episode=None, cause="much"):
    name = f"{key}-{at:g}-{rule}-{state}"
    return Alert(
        id=name,
        key=key,
        time=T + at,
        pipeline="p",
        source=Source("t", 0, round(at * 10)),
        rule=rule,
        severity=severity,
        cause=cause,
        evidence={"x": 10**30},
        data=msgspec.Raw(b"{}"),
        state=state,
        episode=episode,
        notify=notify,
    )


def over(rule="fast", key="ada", at=0.0, severity="warning"):
    return alert(rule, key, at, severity, "resolved", episode="the-first")


def command(do, rule="fast", key="ada", name="c-0-1", until=None, **more):
    target = {} if do == "silence" else {"alert": fingerprint("p", rule, key)}
    ends = None if until is None else T + until
    return Command(name, key, T, "p", Source("c", 0, 1), do, until=ends, **{**target, **more})


def tick(at):
    return Tick(T + at)


def run(*signals, receivers=(PAGER,), until=None, **policy):
    """Return what was told, as (receiver, kind, seconds, keys), and the transitions."""
    stage = NotifyStage("p", receivers, Policy(**policy))
    out, state = run_stage(stage, signals, until=None if until is None else T + until)
    return out.records("outbox"), out.records(""), state


def told(*signals, **options):
    notes, _, _ = run(*signals, **options)
    return [(one.receiver, one.kind, one.time - T, [t.key for t in one.alerts]) for one in notes]


def steps(*signals, **options):
    _, found, _ = run(*signals, **options)
    return [(one.before, one.state) for one in found]

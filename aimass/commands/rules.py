"""`aimass rules`: look at rules, check them, and bring changes into force without a restart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.markup import escape

from aimass.commands.console import err, out, print_json, table
from aimass.commands.control import send
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import load
from aimass.commands.tail import clock
from aimass.errors import ClientError, WorldFault
from aimass.records import RuleChange
from aimass.settings import Settings

if TYPE_CHECKING:
    from aimass.rules.document import Rule
    from aimass.rules.templates import Template


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a rule, as the control topic has it."""

    rule: Rule
    time: float
    by: str
    why: str


def check(file: Path, *, as_json: bool) -> int:
    """Lint the rules of a file, which were read and tested; 1 when something cannot be meant."""
    from aimass.pipeline.compile import rules_of
    from aimass.rules.lint import lint, state_bytes

    (pipeline,) = load([file])
    rules, tests = rules_of(pipeline), {one.name: len(one.test) for one in pipeline.rules}
    found: list[dict[str, Any]] = [
        {
            "rule": rule.name,
            "tests": tests.get(rule.name, 0),
            "bytes_per_key": state_bytes(rule),
            "findings": [{"level": one.level, "what": one.what, "hint": one.hint} for one in lint(rule)],
        }
        for rule in rules
    ]
    if as_json:
        print_json(found)
    else:
        _print_checked(found)
    return int(any(each["level"] == "error" for one in found for each in one["findings"]))


def _print_checked(found: list[dict[str, Any]]) -> None:
    rows = [[escape(one["rule"]), one["tests"], one["bytes_per_key"]] for one in found]
    out.print(table(["rule", "#tests passed", "#bytes a key"], rows))
    for one in found:
        for each in one["findings"]:
            colour = "red" if each["level"] == "error" else "yellow"
            hint = f" ({each['hint']})" if each["hint"] else ""
            out.print(f"[{colour}]{each['level']}[/{colour}] {escape(one['rule'])}: {escape(each['what'] + hint)}")


def show_all(settings: Settings, file: Path, *, as_json: bool) -> int:
    """List the rules in force."""
    from aimass.pipeline.compile import rules_of
    from aimass.rules.ruleset import changed

    (pipeline,) = load([file])
    mine, changes = rules_of(pipeline), _seen(settings, pipeline.name)
    rules = changed(mine, [one.rule for one in changes])
    origin = {one.rule.name: one for one in changes}
    if as_json:
        print_json([{**msgspec.to_builtins(rule), "changed": rule.name in origin} for rule in rules])
        return 0
    rows = [
        [
            escape(rule.name),
            rule.version,
            rule.mode,
            rule.severity or "by score",
            escape(rule.owner),
            _from(origin.get(rule.name)),
            escape(rule.text),
        ]
        for rule in rules
    ]
    out.print(table(["rule", "#version", "mode", "severity", "owner", "from", "when"], rows))
    return 0


def _from(change: Change | None) -> str:
    return "the file" if change is None else f"{clock(change.time)[:16]} by {escape(change.by or '?')}"


def show(settings: Settings, file: Path, name: str, *, as_json: bool) -> int:
    """Show a rule with its history, and how the file's differs from it."""
    from aimass.pipeline.compile import rules_of
    from aimass.rules.ruleset import changed

    (pipeline,) = load([file])
    mine, changes = rules_of(pipeline), _seen(settings, pipeline.name)
    rule = _named(changed(mine, [one.rule for one in changes]), name)
    own = [one for one in changes if one.rule.name == name]
    if as_json:
        history = [
            {"time": one.time, "by": one.by, "why": one.why, "rule": msgspec.to_builtins(one.rule)} for one in own
        ]
        print_json({"rule": msgspec.to_builtins(rule), "history": history})
        return 0
    out.print(f"[bold]{escape(rule.name)}[/bold] version {rule.version}, {rule.mode}\n  {escape(rule.text)}")
    for field, value in _said(rule).items():
        out.print(f"  {field}: {escape(str(value))}")
    for one in own:
        by = f"by {escape(one.by or '?')}: {escape(one.why)}"
        out.print(f"  {clock(one.time)} version {one.rule.version}, {one.rule.mode}, {by}")
    file_rule = next((one for one in mine if one.name == name), None)
    if file_rule is not None and _told(rule, file_rule):
        out.print("  the file differs: " + escape("; ".join(_told(rule, file_rule))) + " (`aimass rules apply`)")
    return 0


def _said(rule: Rule) -> dict[str, Any]:
    """Return what a rule says beside its defaults."""
    plain = msgspec.to_builtins(rule)
    return {name: value for name, value in plain.items() if name not in ("name", "when", "text", "version", "mode")}


def differences(old: Rule, new: Rule) -> list[str]:
    """Return in words what is changed from one version of a rule to another; their versions and modes aside.

    Examples
    --------
    >>> from aimass.rules.document import Rule
    >>> from aimass.rules.read import condition
    >>> differences(Rule("x", condition("a > 1"), "a > 1"), Rule("x", condition("a > 2"), "a > 2", severity="info"))
    ['when: a > 1 → a > 2', 'severity: None → info']
    """
    found = [] if old.when == new.when else [f"when: {old.text} → {new.text}"]
    for name in type(old).__struct_fields__:
        if name not in ("name", "when", "text", "version", "mode") and getattr(old, name) != getattr(new, name):
            found.append(f"{name}: {getattr(old, name)} → {getattr(new, name)}")
    return found


def kept(old: Rule | None, new: Rule) -> tuple[list[str], list[str]]:
    """Return what a rule keeps of its memory after a change, and what begins afresh.

    Examples
    --------
    >>> from aimass.rules.document import Rule
    >>> from aimass.rules.read import condition
    >>> kept(Rule("x", condition("count(5m) > 3")), Rule("x", condition("count(5m) > 9 and sum(a, 1h) > 1")))
    (['count(5m)'], ['sum(a, 1h)'])
    """
    from aimass.rules.syntax import Pattern
    from aimass.rules.walk import calls
    from aimass.rules.write import text

    before = [] if old is None else calls(old.when)
    found = [(text(call), call in before) for call in calls(new.when)]
    if isinstance(new.when, Pattern):
        found.append(("the pattern", old is not None and old.when == new.when))
    return [name for name, is_kept in found if is_kept], [name for name, is_kept in found if not is_kept]


def apply(
    settings: Settings, file: Path, names: Sequence[str], *, all_: bool, why: str, by: str | None, dry_run: bool
) -> int:
    """Bring rules of a file, which passed their tests, into force; those that are so already are left out."""
    from aimass.pipeline.compile import rules_of
    from aimass.rules.lint import lint

    if not names and not all_:
        raise ClientError("which rules? Name them, or give --all.")
    (pipeline,) = load([file])
    settings = find_kafka(settings)
    mine = rules_of(pipeline)
    last = {one.rule.name: one.rule for one in _changes(settings, pipeline.name)}
    sent = 0
    for rule in mine if all_ else [_named(mine, name) for name in names]:
        old = last.get(rule.name)
        if old is not None and not _told(old, rule):
            continue
        wrong = [one.what for one in lint(rule) if one.level == "error"]
        if wrong:
            raise ClientError(f"{rule.name}: {wrong[0]}: see `aimass rules check {file}`.")
        version = max(rule.version, 2 if old is None else old.version + 1)
        _announce(old, rule, version)
        sent += 1
        if not dry_run:
            _send(settings, pipeline.name, msgspec.structs.replace(rule, version=version), why, by)
    if not sent:
        out.print("Nothing to do: these rules are in force as the file has them.")
    elif dry_run:
        err.print("a dry run: nothing was sent")
    return 0


def _told(old: Rule, new: Rule) -> list[str]:
    """Return what differs, the mode too."""
    return differences(old, new) + ([f"mode: {old.mode} → {new.mode}"] if old.mode != new.mode else [])


def _announce(old: Rule | None, rule: Rule, version: int) -> None:
    """Say what a change changes, and what it leaves."""
    told = ["as the file has it"] if old is None else _told(old, rule)
    out.print(f"[bold]{escape(rule.name)}[/bold] version {version}: {escape('; '.join(told))}")
    if old is None:
        out.print("  keeps what it remembers of all that it asks as before")
        return
    for said, parts in zip(("keeps what it remembers of", "begins afresh"), kept(old, rule), strict=True):
        if parts:
            out.print(f"  {said}: {escape(', '.join(parts))}")


def move(settings: Settings, file: Path, name: str, mode: str, *, why: str, by: str | None) -> int:
    """Move a rule on in its life: into shadow, to live, or into retirement."""
    from aimass.pipeline.compile import rules_of
    from aimass.rules.ruleset import changed

    (pipeline,) = load([file])
    settings = find_kafka(settings)
    changes = _changes(settings, pipeline.name)
    rule = _named(changed(rules_of(pipeline), [one.rule for one in changes]), name)
    if rule.mode == mode:
        raise ClientError(f"{name} is {mode} already.")
    new = msgspec.structs.replace(rule, mode=mode, version=rule.version + 1)
    _send(settings, pipeline.name, new, why, by)
    out.print(f"{escape(name)}: {rule.mode} → {mode}, version {new.version}")
    return 0


def templates(name: str | None, *, as_json: bool) -> int:
    """Show the library, or one template of it."""
    from aimass.rules.templates import load as template
    from aimass.rules.templates import names

    chosen = [template(one) for one in (names() if name is None else [name])]
    if as_json:
        print_json([_template(one) for one in chosen])
    elif name is None:
        out.print(table(["template", "what for"], [[one.name, escape(one.description)] for one in chosen]))
    else:
        (one,) = chosen
        out.print(f"[bold]{one.name}[/bold]\n{escape(one.description)}\n\n  {escape(one.when)}\n")
        rows = [
            [each.name, each.kind, "required" if each.default is None else str(each.default), escape(each.help)]
            for each in one.parameters
        ]
        out.print(table(["parameter", "kind", "default", "meaning"], rows))
    return 0


def _template(one: Template) -> dict[str, Any]:
    parameters = [
        {"name": each.name, "kind": each.kind, "default": each.default, "help": each.help} for each in one.parameters
    ]
    return {"name": one.name, "description": one.description, "when": one.when, "parameters": parameters}


def _named(rules: Iterable[Rule], name: str) -> Rule:
    from aimass.rules.suggest import meant

    found = {rule.name: rule for rule in rules}
    if name not in found:
        raise ClientError(f"no rule is named {name!r}{meant(name, found)}.")
    return found[name]


def _send(settings: Settings, pipeline: str, rule: Rule, why: str, by: str | None) -> None:
    from aimass.commands.alerts import login

    send(settings, pipeline, rule.name, {"rule": rule, "by": by or login(), "why": why})


def _changes(settings: Settings, pipeline: str) -> list[Change]:
    """Return the changes of rules that the control topic holds, the first first."""
    from aimass.commands.alerts import orders
    from aimass.rules.document import Rule

    told = [one for one in orders(find_kafka(settings), pipeline) if type(one) is RuleChange]
    return [Change(msgspec.json.decode(one.rule, type=Rule), one.time, one.by, one.why) for one in told]


def _seen(settings: Settings, pipeline: str) -> list[Change]:
    """Return the changes as far as they can be seen: none when no Kafka answers, and say so."""
    try:
        return _changes(settings, pipeline)
    except (ClientError, WorldFault):
        err.print("[dim]no Kafka answers: these are the rules of the file[/dim]")
        return []

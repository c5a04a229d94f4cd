"""`aimass contract`: look at contracts, compare two versions, and have one suggested from records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from rich.markup import escape

from aimass.commands.console import err, out, print_json, table
from aimass.errors import ClientError, ConfigurationError
from aimass.settings import Settings

if TYPE_CHECKING:
    from aimass.quality.contracts.contract import Contract, Expectation
    from aimass.quality.contracts.field_changes import Change
    from aimass.quality.contracts.imported import Imported
    from aimass.quality.contracts.suggest import Proposal

FORMS = ("toml", "odcs", "json-schema")
_COLOURS = {"breaks": "red", "widens": "yellow", "neutral": "dim"}
_VERDICTS = {"kept": "green", "widened": "yellow", "dropped": "red"}
#: What is told of a field in columns of its own.
_OWN = ("path", "type", "required", "nullable", "level", "description", "unit")


def check(files: Sequence[Path], *, as_json: bool) -> int:
    """Read contracts and list what they expect; raise all that is wrong with any of them."""
    from aimass.pipeline.contracts import load_noted

    found: list[tuple[Path, Imported]] = []
    problems = []
    for file in files:
        try:
            found.append((file, load_noted(file)))
        except ConfigurationError as exc:
            problems.append(str(exc))
    if problems:
        raise ConfigurationError("\n".join(problems))
    if as_json:
        print_json([_plain(one.contract, file=str(file), notes=one.notes) for file, one in found])
        return 0
    for file, one in found:
        _print_contract(file, one)
    return 0


def _plain(contract: Contract, **more: Any) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(contract)
    return {**built, **more}


def _print_contract(file: Path, found: Imported) -> None:
    contract = found.contract
    owner = f", of {contract.owner}" if contract.owner else ""
    out.print(f"[bold]{escape(contract.name)}[/bold] {contract.version}{escape(owner)} ({escape(str(file))})")
    if contract.fields:
        rows = [[escape(one.path), one.type, _presence(one), one.level, escape(_asked(one))] for one in contract.fields]
        out.print(table(["field", "type", "there", "level", "expected"], rows))
    for check in contract.checks:
        out.print(f"[bold]check[/bold] {escape(check.name)}: {escape(check.that)}")
    for one in contract.references:
        out.print(f"[bold]reference[/bold] {escape(one.name)}: {escape(f'{one.path} is in {one.source}, {one.field}')}")
    if contract.schema is not None:
        out.print("[bold]schema[/bold] records must meet a JSON Schema besides")
    _remark(found.notes)


def _presence(one: Expectation) -> str:
    return ("or null" if one.nullable else "always") if one.required else "may be absent"


def _asked(one: Expectation) -> str:
    """Return in a line what is expected of a field, besides its type and presence."""
    said = []
    for each in fields(one):
        value = getattr(one, each.name)
        if each.name in _OWN or value == each.default or value is None:
            continue
        if each.name == "truth":
            said.append(f"as {value.file} has it")
        elif type(value) is tuple:
            said.append(f"{each.name} {', '.join(map(str, value))}")
        else:
            said.append(each.name if value is True else f"{each.name} {value}")
    return "; ".join(said)


def _remark(notes: Iterable[str]) -> None:
    for note in notes:
        err.print(f"[yellow]note[/yellow] {escape(note)}")


def show(file: Path, *, form: str | None, as_json: bool) -> int:
    """Show a contract: as a table, or in one of the forms that can be read back."""
    from aimass.pipeline.contracts import load_noted

    found = load_noted(file)
    if as_json:
        print_json(_plain(found.contract, notes=found.notes))
    elif form is None:
        _print_contract(file, found)
    else:
        text, notes = _written(found.contract, form)
        out.file.write(text)
        _remark((*found.notes, *notes))
    return 0


def _written(contract: Contract, form: str) -> tuple[str, Sequence[str]]:
    """Return a contract's text in a form, and what that form cannot say."""
    from aimass.quality.contracts.write_odcs import to_odcs
    from aimass.quality.contracts.write_schema import to_schema
    from aimass.quality.contracts.write_toml import to_toml
    from aimass.quality.contracts.yaml import dump_yaml

    try:
        if form == "toml":
            return to_toml(contract), ()
        if form == "odcs":
            return dump_yaml(to_odcs(contract)), ()
    except ValueError as exc:
        raise ClientError(f"the contract cannot be written so: {exc}.") from exc
    schema, notes = to_schema(contract)
    text = orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    return text, [f"a JSON Schema cannot ask it: {note}" for note in notes]


def diff(old: Path, new: Path, *, as_json: bool) -> int:
    """Compare two versions; 1 when that breaks producers or consumers, or the version does not say so."""
    from aimass.pipeline.contracts import load
    from aimass.quality.contracts.evolution import bump, changes, verdict

    before, after = load(old), load(new)
    found, wrong = changes(before, after), verdict(before, after)
    due = bump(found, before.version)
    if as_json:
        told = [msgspec.to_builtins(one) for one in found]
        versions = {"old": before.version, "new": after.version, "due": due, "wrong": wrong}
        print_json({"changes": told, "version": versions, "breaks": _broken(found)})
    else:
        _print_changes(found)
        out.print(f"due: {'no new version' if due == 'none' else f'a new {due} version'}")
        if wrong:
            out.print(f"[red]wrong[/red] {escape(wrong)}")
    return int(bool(_broken(found)) or wrong is not None)


def _broken(found: Iterable[Change]) -> list[str]:
    """Return whom the changes break."""
    return sorted({who for one in found for who in one.breaks}, reverse=True)


def _print_changes(found: Sequence[Change]) -> None:
    if not found:
        out.print("Nothing changes.")
    for one in found:
        whom = f" ({' and '.join(one.breaks)} break)" if one.breaks else ""
        out.print(f"[{_COLOURS[one.kind]}]{one.kind:<7}[/] {escape(one.said)}{whom}")


def suggest(
    settings: Settings,
    what: str,
    *,
    source: str | None,
    last: int,
    name: str | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Suggest a contract for the records of a topic or a file, tried on the later part of them."""
    from aimass.commands.samples import sample
    from aimass.quality.contracts.read_schema import slug
    from aimass.quality.contracts.suggest import propose
    from aimass.quality.contracts.write_toml import to_toml

    found = sample(settings, what, source=source, last=last)
    try:
        proposal = propose(found.records, slug(name or found.name), keys=found.keys, delays=found.delays)
    except ValueError as exc:
        raise ClientError(f"{found.name}: {exc}.") from exc
    text = to_toml(proposal.contract)
    if output is not None:
        _write(output, text)
    if as_json:
        evidence = [msgspec.to_builtins(one) for one in proposal.evidence]
        counts = {"learned": proposal.learned, "tried": proposal.tried, "left_out": found.wrong}
        print_json({"contract": _plain(proposal.contract), "evidence": evidence, **counts})
        return 0
    _print_proposal(proposal, found.wrong)
    if output is None:
        out.file.write(text)
    else:
        err.print(f"written to {output}: look at it, then name it in the pipeline file as the source's contract")
    return 0


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as exc:
        raise ClientError(f"{output} is there already: name another file, or remove it.") from exc
    except OSError as exc:
        raise ClientError(f"{output} cannot be written: {exc.strerror}.") from exc


def _print_proposal(proposal: Proposal, wrong: int) -> None:
    """Print the evidence on stderr: what goes to stdout is the contract."""
    rows = [
        [
            escape(one.path or "the source"),
            one.what,
            escape(one.said),
            one.tried,
            one.broken,
            f"{one.low:.2%} – {one.high:.2%}",
            f"[{_VERDICTS[one.verdict]}]{one.verdict}[/]" + (f" ({escape(one.why)})" if one.why else ""),
        ]
        for one in proposal.evidence
    ]
    err.print(table(["field", "expects", "what", "#tried", "#broken", "95 %", "verdict"], rows))
    left = f"; {wrong:,} left out, which are no JSON objects" if wrong else ""
    err.print(f"learned from {proposal.learned:,} records, tried on the {proposal.tried:,} after them{left}")

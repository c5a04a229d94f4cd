"""Checks what a pipeline file says of data, before anything starts: files that it names, steps, conditions, gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from aimass.errors import ConfigurationError
from aimass.formats.book import SchemaBook
from aimass.formats.make import make_format
from aimass.pipeline.data import GateDef, LookupDef
from aimass.pipeline.definition import SourceDef
from aimass.pipeline.files import beside, bytes_of, contract_of, table_of
from aimass.quality.clean import read_steps
from aimass.quality.contracts.conditions import record_condition
from aimass.rules.suggest import meant

#: Section, its number, key, and what is wrong.
Problem = tuple[str, int, str, str]


def placed(values: dict[str, Any], file: str) -> None:
    """Make the paths in a file what they are from where the process is."""
    values["sources"] = tuple(
        replace(one, contract=_beside(file, one.contract), schema=_beside(file, one.schema))
        if type(one) is SourceDef
        else one
        for one in values.get("sources", ())
    )
    lookups = values.get("lookups", ())
    values["lookups"] = tuple(
        replace(one, file=beside(file, one.file)) if type(one) is LookupDef else one for one in lookups
    )


def _beside(file: str, named: str | None) -> str | None:
    return None if named is None else beside(file, named)


def data_problems(values: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with sources, gates and lookups."""
    topics = [getattr(one, "topic", "") for one in values.get("sources", ())]
    for number, source in enumerate(values.get("sources", ())):
        if type(source) is SourceDef:
            yield from (("source", number, key, said) for key, said in _source(source, topics))
    judged = {one.topic for one in values.get("sources", ()) if type(one) is SourceDef and one.contract is not None}
    quality = values.get("quality")
    if getattr(quality, "all", False):
        judged |= set(topics)
    for number, gate in enumerate(values.get("gates", ())):
        if type(gate) is GateDef:
            yield from (("gate", number, key, said) for key, said in _gate(gate, topics, judged))
    for number, lookup in enumerate(values.get("lookups", ())):
        if type(lookup) is LookupDef:
            yield from (("lookup", number, key, said) for key, said in _lookup(lookup, topics))


def _source(one: SourceDef, topics: Sequence[str]) -> Iterator[tuple[str, str]]:
    if one.contract is not None:
        yield from _tried("contract", lambda: _contract(one, topics))
    for path, text in one.clean:
        yield from _tried("clean", lambda path=path, text=text: read_steps(path, text))  # type: ignore[misc]
    if one.only is not None:
        yield from _tried("only", lambda: record_condition(one.only or ""))
    if one.dedupe is not None and one.id is None:
        yield "dedupe", 'needs "id": where the id stands by which a record is known again'
    yield from _tried("format", lambda: format_of(one, SchemaBook()))


def _contract(one: SourceDef, topics: Sequence[str]) -> None:
    contract = contract_of(one.contract or "")
    for reference in contract.references:
        if reference.source not in topics:
            said = f"{reference.name}: no source has the topic {reference.source!r}{meant(reference.source, topics)}"
            raise ValueError(said)
    for field in contract.fields:
        if field.truth is not None:
            table_of(beside(one.contract or "", field.truth.file), field.truth.key)


def format_of(one: SourceDef, book: SchemaBook) -> Any:
    """Return the format of a source; its book is filled by whoever reads it."""
    return make_format(
        one.format,
        columns=one.columns,
        delimiter=one.delimiter,
        pattern=one.pattern,
        schema=None if one.schema is None else bytes_of(one.schema),
        message=one.message,
        book=None if one.registry is None else book,
    )


def _gate(one: GateDef, topics: Sequence[str], judged: set[str]) -> Iterator[tuple[str, str]]:
    if one.source not in topics:
        yield "source", f"no source has the topic {one.source!r}{meant(one.source, topics)}"
    elif one.source not in judged:
        yield (
            "source",
            f"{one.source} has no contract: nothing is known of its quality ([quality] all = true looks at it)",
        )
    yield from one.problems()


def _lookup(one: LookupDef, topics: Sequence[str]) -> Iterator[tuple[str, str]]:
    if one.source not in topics:
        yield "source", f"no source has the topic {one.source!r}{meant(one.source, topics)}"
    yield from _tried("file", lambda: _columns(one))


def _columns(one: LookupDef) -> None:
    table = table_of(one.file, one.key)
    there = sorted({name for row in table.values() for name in row})
    for name in one.fields:
        if table and name not in there:
            raise ValueError(f"{one.file} has no column {name!r}{meant(name, there)}")


def _tried(key: str, act: Callable[[], object]) -> Iterator[tuple[str, str]]:
    try:
        act()
    except (ValueError, ConfigurationError) as exc:
        yield key, str(exc)

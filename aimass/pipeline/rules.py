"""From what a pipeline file says of rules and tables to the rules that are asked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aimass.pipeline.ruling import RuleDef, TableDef
from aimass.rules.decision import table
from aimass.rules.document import Rule
from aimass.rules.read import condition
from aimass.rules.syntax import Table
from aimass.rules.templates import load
from aimass.rules.vocabulary import Vocabulary


def vocabulary_of(detectors: Iterable[str], models: Iterable[str], tables: Iterable[TableDef]) -> Vocabulary:
    """Return what names mean in the conditions of a pipeline; a table may use those before it.

    Raises
    ------
    Wrong
        When a table cannot be understood.
    """
    words = Vocabulary(tuple(detectors), tuple(models))
    made: dict[str, Table] = {}
    for one in tables:
        words = Vocabulary(words.detectors, words.models, dict(made))
        made[one.name] = table_of(one, words)
    return Vocabulary(words.detectors, words.models, made)


def table_of(one: TableDef, words: Vocabulary) -> Table:
    """Return a decision table, given the names that it may use.

    Raises
    ------
    Wrong
        When it cannot be understood, with row and cell.
    """
    return table(one.name, one.inputs, one.rows, one.otherwise, one.hit, one.order, words)


def rule_of(one: RuleDef, words: Vocabulary) -> Rule:
    """Return the rule that a section of the file means.

    Raises
    ------
    ValueError
        When its condition, or its template, cannot be understood.

    Examples
    --------
    >>> rule_of(RuleDef(name="large", when="amount > 100", cooldown=5.0), Vocabulary()).cooldown_s
    5.0
    """
    if one.when is not None and one.template is not None:
        raise ValueError("there is a condition and a template, and only one can count")
    if one.template is not None:
        base = load(one.template).rule(one.name, dict(one.given), words)
    else:
        base = Rule(one.name, condition(one.when or "", words), one.when or "")
    said = {"severity": one.severity, "cause": one.cause, "cooldown_s": one.cooldown}
    return msgspec.structs.replace(
        base,
        version=one.version,
        mode=one.mode,
        hold_s=one.hold,
        alert=one.alert,
        tag=one.tag,
        tag_s=one.tag_for,
        review=one.review,
        emit=one.emit,
        notify=one.notify,
        recommend=one.recommend,
        recommend_s=one.recommend_for,
        partials=one.partials,
        owner=one.owner,
        description=one.description or base.description,
        **{name: value for name, value in said.items() if value is not None},
    )

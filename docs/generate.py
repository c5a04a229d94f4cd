"""Writes the generated references: ``python -m docs.generate``. A test fails when they are not current."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import aimass
from aimass.errors import AimassError
from aimass.models.tasks import RECIPES, Ingredient
from aimass.runtime.metrics import Metrics

HERE = Path(__file__).parent / "reference"


def metrics() -> str:
    """Return the reference of all metrics."""
    rows = []
    for family in Metrics().registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(f"| `{name}` | {family.type} | {family.documentation} |")
    return "\n".join(
        [
            "# Metrics",
            "",
            "Each worker serves these at `/metrics`. Labels are `pipeline` and `agent`; gauges of a partition have",
            "`topic` and `partition` too; no key of yours is ever a label. `/health` answers 200 while the worker",
            "lives, 503 when offsets of a partition stand still for 30 s while events wait; `?check=ready` says",
            "whether every partition is restored.",
            "",
            "Made by `python -m docs.generate`; a test compares.",
            "",
            "| metric | type | what it says |",
            "| --- | --- | --- |",
            *sorted(rows),
            "",
        ]
    )


def errors() -> str:
    """Return the reference of all errors."""
    for module in pkgutil.walk_packages(aimass.__path__, "aimass."):
        if "._app" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    rows = [
        f"| `{kind.__name__}` | {kind.disposition} | {(inspect.getdoc(kind) or '').splitlines()[0]} |"
        for kind in _tree(AimassError)
    ]
    return "\n".join(
        [
            "# Errors",
            "",
            "All are `aimass.errors.AimassError`. The disposition says what the runtime does with one that a stage or",
            "the world raises: `dead_letter` the event and go on, `retry` the partition later, `crash` the worker.",
            "",
            "Made by `python -m docs.generate`; a test compares.",
            "",
            "| error | disposition | what it means |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _tree(kind: type[AimassError]) -> list[type[AimassError]]:
    found = [kind]
    for child in sorted(kind.__subclasses__(), key=lambda one: one.__name__):
        found += [one for one in _tree(child) if one not in found]
    return found


def recipes() -> str:
    """Return the tables of recipes and of their members, which stand in the reference of models."""
    rows = [f"| `{name}` | {', '.join(f'`{one.name}`' for one in found)} |" for name, found in RECIPES.items()]
    known = {one.name: one for found in RECIPES.values() for one in found}
    return "\n".join(
        [
            "| recipe | members |",
            "| --- | --- |",
            *rows,
            "",
            "| member | what it is | nominal µs of an event with 8 columns: two classes, numbers |",
            "| --- | --- | --- |",
            *(f"| `{name}` | {_what(one)} | {_cost(one, 2)}, {_cost(one, 1)} |" for name, one in known.items()),
        ]
    )


def _what(one: Ingredient) -> str:
    classes = 2 if one in RECIPES["classifier"] else 1
    said = (inspect.getdoc(type(one.member(8, classes))) or "").splitlines()[0].replace("``", "`")
    return said + (" Of the change since the label before." if one.of_change else "")


def _cost(one: Ingredient, classes: int) -> str:
    task = "regressor" if classes == 1 else "classifier"
    return f"{one.member(8, classes).cost_us:.2g}" if one in RECIPES[task] else "–"


PAGES = {"metrics.md": metrics, "errors.md": errors}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")

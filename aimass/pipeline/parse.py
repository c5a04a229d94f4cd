"""From a pipeline file to a validated definition, or to all that is wrong with it at once."""

from __future__ import annotations

from dataclasses import MISSING
from pathlib import Path
from typing import Any

from aimass.errors import ConfigurationError
from aimass.models.tasks import ensemble
from aimass.pipeline.data_checks import data_problems, placed
from aimass.pipeline.definition import SECTIONS, DetectorDef, Pipeline, SourceDef, keys_of
from aimass.pipeline.feeding import feed_problems
from aimass.pipeline.kinds import KINDS, UNLABELLED, choice
from aimass.pipeline.lines import Place, index_lines
from aimass.pipeline.reading import text_of, toml_of
from aimass.pipeline.rules import rule_of, table_of
from aimass.pipeline.ruling import RuleDef, TableDef
from aimass.pipeline.trial import trial
from aimass.rules.lint import cycles
from aimass.rules.read import condition
from aimass.rules.suggest import closest, meant
from aimass.rules.syntax import Pattern, Table
from aimass.rules.vocabulary import Vocabulary
from aimass.rules.walk import references
from aimass.stages.recommend import Recommender


def load(path: str | Path) -> Pipeline:
    """Read a pipeline file.

    Raises
    ------
    ConfigurationError
        Naming file, line and key of everything that is wrong.
    """
    file = Path(path)
    return parse(text_of(file), file=str(file))


def parse(text: str, file: str = "pipeline.toml") -> Pipeline:
    """Read the text of a pipeline file.

    Raises
    ------
    ConfigurationError
        Naming file, line and key of everything that is wrong.

    Examples
    --------
    >>> parse('name = "x"\\n[[source]]\\ntopik = "t"')
    Traceback (most recent call last):
        ...
    aimass.errors.ConfigurationError: pipeline.toml:3: [[source]] topik: unknown key; did you mean "topic"?
    """
    text = text.replace("\r\n", "\n")
    document = toml_of(text, file)
    return _Reader(file, index_lines(text)).pipeline(document)


class _Reader:
    """Reads a document section by section and collects what is wrong."""

    def __init__(self, file: str, lines: dict[Place, int]) -> None:
        self._file, self._lines = file, lines
        self._problems: list[tuple[int, str]] = []
        self._intended: set[str] = set()

    def pipeline(self, document: dict[str, Any]) -> Pipeline:
        top = {name: value for name, value in document.items() if name not in SECTIONS}
        values = self._keys(Pipeline, top, "", 0, [*keys_of(Pipeline), *SECTIONS])
        for name, (attribute, section, many) in SECTIONS.items():
            found = self._section(name, section, document.get(name), many)
            if found is not None:
                values[attribute] = tuple(found) if many else found[0] if found else section()
        self._cross_check(values)
        if self._problems:
            said = [f"{self._file}:{line}: {problem}" for line, problem in sorted(self._problems)]
            raise ConfigurationError("\n".join(said))
        return Pipeline(**values)

    def _wrong(self, section: str, number: int, key: str, problem: str) -> None:
        places = [(section, number, key), (section or key, number, "")]
        line = next((self._lines[place] for place in places if place in self._lines), 1)
        self._problems.append((line, problem))

    def _section(self, name: str, section: Any, raw: Any, many: bool) -> list[Any] | None:
        if raw is None:
            return []
        tables = raw if many else [raw]
        if type(tables) is not list or not all(type(table) is dict for table in tables):
            shape = f"[[{name}]]" if many else f"[{name}]"
            self._wrong("" if ("", 0, name) in self._lines else name, 0, name, f"{name}: write it as {shape}")
            return None
        found = []
        for number, table in enumerate(tables):
            before = len(self._problems)
            values = self._keys(section, table, name, number, list(keys_of(section)))
            whole = len(self._problems) == before
            found.append(section(**values) if whole else _Partial(values, number))
        return found

    def _keys(self, section: Any, table: dict[str, Any], name: str, number: int, known: list[str]) -> dict[str, Any]:
        where = "" if not name else f"[[{name}]] " if SECTIONS[name][2] else f"[{name}] "
        keys = keys_of(section)
        values: dict[str, Any] = {}
        intended = {closest(key, known) for key in table if key not in keys}
        self._intended |= intended
        for key, raw in table.items():
            if key not in keys:
                self._wrong(name, number, key, f"{where}{key}: unknown key{meant(key, known)}")
                continue
            kind, allowed = keys[key].metadata["kind"], keys[key].metadata["allowed"]
            try:
                values[key] = choice(raw, allowed) if kind == "choice" else KINDS[kind](raw)
            except ValueError as exc:
                self._wrong(name, number, key, f"{where}{key}: {exc}")
        for key, one in keys.items():
            if key not in table and one.default is MISSING and key not in intended:
                self._wrong(name, number, "", f'{where or "the pipeline "}has no "{key}" ({one.metadata["help"]})')
        return values

    def _cross_check(self, values: dict[str, Any]) -> None:
        if not values.get("sources", True) and "source" not in self._intended:
            self._wrong("", 0, "", 'has no [[source]]: add one, with topic = "your.topic"')
        self._twice("source", "topic", values)
        for name in ("model", "detector", "table", "rule", "correlation", "receiver", "recommend", "gate"):
            self._twice(name, "name", values)
        values["detectors"] = detectors = values.get("detectors") or (DetectorDef(name="odd"),)
        names = [getattr(one, "name", "") for one in detectors]
        models = [getattr(one, "name", "") for one in values.get("models", ())]
        for number, model in enumerate(values.get("models", ())):
            if getattr(model, "name", None) in names:
                hint = "" if model.name != "odd" or len(names) > 1 else " (the default one)"
                self._wrong("model", number, "name", f"[[model]] name: {model.name!r} is a detector's name too{hint}")
        self._refers(values, [*names, *models])
        placed(values, self._file)
        for section, number, key, said in data_problems(values):
            self._wrong(section, number, key, f"[[{section}]] {key}: {said}")
        targets = {str(getattr(model, "target", "")) for model in values.get("models", ())} - {"None"}
        for name in ("model", "detector"):
            for number, one in enumerate(values.get(f"{name}s", ())):
                for leak in sorted(targets.intersection(getattr(one, "fields", None) or ())):
                    self._wrong(name, number, "fields", f"[[{name}]] fields: {leak!r} is a model's target")
        self._conditions(values, names, models)
        if not values.get("rules") and not self._problems:
            values["rules"] = (RuleDef(name="odd", when=f"{names[0]}.score > 5"),)

    def _refers(self, values: dict[str, Any], judges: list[str]) -> None:
        """Check what labels, joins and models refer to."""
        topics = [getattr(one, "topic", "") for one in values.get("sources", ())]
        for number, one in enumerate(values.get("sources", ())):
            for key, problem in feed_problems(one) if type(one) is SourceDef else ():
                self._wrong("source", number, key, f"[[source]] {key}: {problem}")
        labels = values.get("labels", ())
        for number, label in enumerate(labels):
            about, topic = getattr(label, "about", None), getattr(label, "topic", None)
            if about is not None and about not in judges:
                said = f"no model or detector is named {about!r}{meant(about, judges)}"
                self._wrong("label", number, "about", f"[[label]] about: {said}")
            if topic in topics:
                self._wrong("label", number, "topic", f"[[label]] topic: {topic!r} is a source already")
        for number, join in enumerate(values.get("joins", ())):
            source = getattr(join, "source", None)
            if source is not None and source not in topics:
                said = f"no source has the topic {source!r}{meant(source, topics)}"
                self._wrong("join", number, "source", f"[[join]] source: {said}")
        told = {getattr(label, "about", None) for label in labels}
        for number, model in enumerate(values.get("models", ())):
            name, recipe = getattr(model, "name", None), getattr(model, "recipe", "classifier")
            untold = getattr(model, "target", None) is None and name not in told and recipe not in UNLABELLED
            if untold and type(model) is not _Partial and "target" not in self._intended:
                said = '[[model]] has no "target" (where the true value stands), and no [[label]] is about it'
                self._wrong("model", number, "", said)
            if (getattr(model, "lags", 0) or getattr(model, "windows", ())) and not getattr(model, "fields", None):
                self._wrong("model", number, "", "[[model]] lags, windows: say of which fields: fields = [...]")
            self._loads(number, model)
            if recipe == "classifier" and getattr(model, "task", None) == "numbers":
                self._wrong("model", number, "task", '[[model]] task: numbers are what recipe = "regressor" predicts')
            if recipe == "ranker" and not getattr(model, "item", None):
                self._wrong(
                    "model", number, "recipe", '[[model]] recipe: a ranker needs the path of the item: item = "sku"'
                )
            if recipe == "forecaster" and getattr(model, "target", None) is None:
                self._wrong("model", number, "recipe", "[[model]] recipe: a forecaster needs a target in the events")
            if getattr(model, "scope", "") == "segment" and getattr(model, "segment", None) is None:
                said = '[[model]] scope: "segment" needs the path of the segment\'s name: segment = "country"'
                self._wrong("model", number, "scope", said)

    def _loads(self, number: int, model: Any) -> None:
        """Check that River classes and functions of the user's own can be had: before anything starts."""
        champion = getattr(model, "recipe", "classifier")
        for recipe in (champion, *getattr(model, "challengers", ())):
            if "." in recipe or ":" in recipe:
                parameters = dict(getattr(model, "parameters", ())) if recipe == champion else {}
                try:
                    ensemble(recipe, is_number=getattr(model, "is_number", False), parameters=parameters)
                except ConfigurationError as exc:
                    key = "recipe" if recipe == champion else "challengers"
                    self._wrong("model", number, key, f"[[model]] {key}: {exc}")

    def _twice(self, section: str, key: str, values: dict[str, Any]) -> None:
        seen: dict[str, int] = {}
        for number, one in enumerate(values.get(f"{section}s", ())):
            value = getattr(one, key, None)
            if value in seen:
                first = self._lines.get((section, seen[value], key), "?")
                self._wrong(section, number, key, f"[[{section}]] {key}: {value!r} is taken already, in line {first}")
            elif value is not None:
                seen[value] = number

    def _conditions(self, values: dict[str, Any], detectors: list[str], models: list[str]) -> None:
        """Check tables, then rules, and hold each rule against its own tests."""
        words = self._tables(values, Vocabulary(tuple(detectors), tuple(models)))
        receivers = [getattr(one, "name", "") for one in values.get("receivers", ())]
        tags: dict[str, tuple[tuple[str, ...], str | None]] = {}
        for number, receiver in enumerate(values.get("receivers", ())):
            for problem in getattr(receiver, "problems", list)():
                self._wrong("receiver", number, "kind", f"[[receiver]] kind: {problem}")
        for key, problem in getattr(values.get("alerts"), "problems", lambda names: [])(tuple(receivers)):
            self._wrong("alerts", 0, key, f"[alerts] {key}: {problem}")
        for number, one in enumerate(values.get("recommends", ())):
            self._recommends(number, one, words)
        for number, one in enumerate(values.get("rules", ())):
            for name in getattr(one, "notify", ()):
                if name not in receivers:
                    said = f"no [[receiver]] is named {name!r}{meant(name, receivers)}"
                    self._wrong("rule", number, "notify", f"[[rule]] notify: {said}")
            if getattr(one, "when", None) is None and getattr(one, "template", None) is None:
                if type(one) is RuleDef and not self._intended & {"when", "template"}:
                    self._wrong("rule", number, "", '[[rule]] has no "when" (the condition), and no "template"')
                continue
            try:
                if type(one) is not RuleDef:
                    condition(getattr(one, "when", None) or "true", words)
                    continue
                rule = rule_of(one, words)
            except ValueError as exc:
                key = "when" if getattr(one, "template", None) is None else "template"
                self._wrong("rule", number, key, f"[[rule]] {key}: {exc}")
                continue
            tags[one.name] = references(rule.when).tags, rule.tag
            for at, test in enumerate(one.test):
                for problem in trial(rule, test):
                    self._wrong("rule", number, "test", f"[[rule]] {one.name}, test {at + 1}: {problem}")
        for circle in cycles(tags):
            self._wrong("rule", 0, "", f"[[rule]] tagged(...): these wait for each other's tags: {', '.join(circle)}")

    def _recommends(self, number: int, one: Any, words: Vocabulary) -> None:
        for name in Recommender.conditions:
            text = getattr(one, name, None)
            try:
                if text is not None and type(condition(text, words)) is Pattern:
                    raise ValueError("a pattern is for rules; a recommendation looks at one event at a time")
            except ValueError as exc:
                self._wrong("recommend", number, name, f"[[recommend]] {name}: {exc}")

    def _tables(self, values: dict[str, Any], words: Vocabulary) -> Vocabulary:
        made: dict[str, Table] = {}
        for number, one in enumerate(values.get("tables", ())):
            if type(one) is TableDef:
                try:
                    made[one.name] = table_of(one, Vocabulary(words.detectors, words.models, dict(made)))
                except ValueError as exc:
                    self._wrong("table", number, "rows", f"[[table]] {one.name}: {exc}")
        return Vocabulary(words.detectors, words.models, made)


class _Partial:
    """A section with something wrong in it: what was right stands for the checks between sections."""

    def __init__(self, values: dict[str, Any], number: int) -> None:
        self.number = number
        self.__dict__.update(values)

"""Pipelines with everything that a SCORE stage can be made of, and a log of events and labels for them.

For tests that ask the same of each: do cuts, restarts, crashes and hash seeds show?
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec

from aimass.pipeline import compile_stages, parse
from aimass.records import Event, Label, Source
from aimass.stages.base import Stage
from aimass.stages.learned import Learned

_HEAD = 'name = "p"\n[[source]]\ntopic = "t"\n[[source]]\ntopic = "w"\n'
_LATE = '[[label]]\ntopic = "truth"\nabout = "m"\nevent = "e"\nvalue = "v"\n'
_JUDGED = '[[label]]\ntopic = "words"\nabout = "d"\nevent = "e"\nvalue = "v"\n'
_FORGET = '[[detector]]\nname = "odd"\nfields = ["x"]\nforget = "100s"\n'


def _model(**settings: Any) -> str:
    written = "\n".join(f"{k} = {json.dumps(v)}" for k, v in ({"cpu_us": 1000.0} | settings).items())
    return f'[[model]]\nname = "m"\n{written}\n'


def _detector(kind: str, **settings: Any) -> str:
    written = "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
    return f'[[detector]]\nname = "d"\nkind = "{kind}"\n{written}\n'


MODELS = {
    "classifier": _model(target="y"),
    "few microseconds": _model(target="y", cpu_us=3.0),
    "regressor": _model(target="n", recipe="regressor"),
    "linear, classes": _model(target="y", recipe="linear"),
    "linear, numbers": _model(target="n", recipe="linear", task="numbers"),
    "river, classes": _model(target="y", recipe="river.tree.HoeffdingTreeClassifier"),
    "river, numbers": _model(target="n", recipe="river.linear_model.LinearRegression", task="numbers"),
    "segments": _model(target="y", recipe="linear", scope="segment", segment="s"),
    "keys": _model(target="y", scope="key"),
    "keys, numbers": _model(target="n", recipe="linear", task="numbers", scope="key"),
    "contest": _model(target="y", recipe="linear", challengers=["classifier"], on_drift="swap"),
    "contest, late, explained": _model(recipe="linear", challengers=["classifier"], on_drift="swap", explain=True)
    + _LATE,
    "drift: nothing": _model(target="y", recipe="linear", on_drift="nothing"),
    "drift: warn": _model(target="y", recipe="linear", on_drift="warn"),
    "drift: reset": _model(target="y", on_drift="reset"),
    "drift: fallback": _model(target="n", recipe="regressor", on_drift="fallback"),
    "explained": _model(target="y", explain=True),
    "explained, numbers": _model(target="n", recipe="regressor", explain=True),
    "late": _model(wait="80s") + _LATE,
    "late, segments": _model(wait="80s", scope="segment", segment="s", recipe="linear") + _LATE,
    "late, keys": _model(wait="80s", scope="key", recipe="linear") + _LATE,
    "late or never": _model(wait="80s", unlabelled="none", recipe="linear") + _LATE,
    "late and borne": _model(wait="80s", target="y") + _LATE,
    "late numbers": _model(wait="80s", recipe="regressor", task="numbers", lags=0) + _LATE,
    "late river": _model(wait="80s", recipe="river.tree.HoeffdingTreeClassifier") + _LATE,
    "lags and windows": _model(target="n", recipe="regressor", fields=["x", "z"], lags=3, windows=["20s", "5m"]),
    "label lags": _model(target="y", recipe="linear", label_lags=4),
    "encoded": _model(target="y", recipe="linear") + 'encode = { word = "id", deep = "text" }\n',
    "forecaster": _model(target="n", recipe="forecaster", horizon=3, season=10),
    "forecaster, keys": _model(target="n", recipe="forecaster", scope="key"),
    "clusterer": _model(recipe="clusterer"),
    "ranker": _model(target="flag", recipe="ranker", item="word"),
    "late ranker": _model(recipe="ranker", item="word", wait="80s") + _LATE,
    "two late models": _model(wait="80s", recipe="linear")
    + _LATE
    + _model(wait="80s", recipe="linear").replace('"m"', '"o"')
    + _LATE.replace('"m"', '"o"').replace('"truth"', '"others"'),
}
DETECTORS = {kind: _detector(kind) for kind in ("values", "relations", "shapes", "categories", "missing", "silence")}
DETECTORS |= {f"{kind}, of all keys": _detector(kind, scope="partition") for kind in list(DETECTORS)[:5]}
DETECTORS |= {
    f"{kind}, judged": _detector(kind, forget="100s", threshold=2.5) + _JUDGED
    for kind in ("values", "relations", "shapes", "categories", "missing", "silence")
}
DETECTORS |= {
    "values, named": _detector("values", fields=["x", "deep.f"]),
    "categories, named": _detector("categories", fields=["word", "z"]),
    "missing, named": _detector("missing", fields=["x", "deep.f"]),
    "relations, named": _detector("relations", fields=["x", "z", "n"]),
    "relations, of the event before": _detector("relations", lagged=True),
    "relations, of sources": _detector("relations", within="30s"),
    "budget": _detector("values", budget=3),
    "budget, judged": _detector("values", budget=50) + _JUDGED,
}
OTHERS = {
    "joins": '[[join]]\nsource = "w"\nfields = ["x", "deep.f", "word"]\nprefix = "now"\nwithin = "30s"\nhistory = 3\n'
    + _detector("relations")
    + _model(target="y", recipe="linear"),
    "correlations": '[[correlation]]\nname = "c"\ngroup = "s"\nevery = "2s"\n',
    "nothing forgotten": '[time]\ntick = "5s"\n'
    + _FORGET
    + _model(wait="80s", unlabelled="none", recipe="linear")
    + _LATE,
}
DRIFTING = [name for name in MODELS if name.startswith("drift") or name == "contest"]
PIPELINES = MODELS | DETECTORS | OTHERS
_NASTY = [1e100, -1e308, 1e-308, 0, -0.0, 2**63, -(2**70), True, None, "", "1", [], [1, {"a": 2}], {"f": None}, {}]


def text(name: str) -> str:
    """Return the pipeline file of that name."""
    return _HEAD + PIPELINES[name]


_parsed = cache(parse)


def score(text: str, every: int = 64) -> Stage:
    """Return a fresh SCORE stage whose models make snapshots more often than they usually do."""
    stage: Any = compile_stages(_parsed(text))[1]
    for model in stage._models:
        learned: Learned[Any] = model._models
        learned.every = every
    return stage  # type: ignore[no-any-return]


def log(text: str, count: int = 300, seed: int = 3) -> list[Event | Label]:
    """Return the events of a log, and among them the labels that a pipeline has topics for."""
    dice = random.Random(seed)
    is_number = 'task = "numbers"' in text or "egressor" in text
    is_ranker = '"ranker"' in text
    truth = _clicked if is_ranker else itemgetter("n" if is_number else "y")
    about = [name for name in ("m", "o", "d") if f'about = "{name}"' in text]
    waiting: list[tuple[int, Label]] = []
    found: list[Event | Label] = []
    for i in range(count):
        one = _event(i, dice, turned=i > count // 2)
        data = json.loads(bytes(one.data))
        early: list[Label] = []
        for name in about:
            value = dice.random() < 0.3 if name == "d" else truth(data)
            delay = dice.choice([-1, 0, 0, 1, 2, 5, 30, 120, 10_000])
            spoken = label(one, name, value, len(found) + len(waiting) + len(early))
            if delay < 0:
                early.append(spoken)
            else:
                waiting.append((i + delay, spoken))
        found += [*early, one]
        if i % 50 == 7:
            found += [
                label(one, name, 1.5 if is_number or is_ranker else "lost", 9000 + i, "t-0-nobody") for name in about
            ]
        found += [spoken for at, spoken in waiting if at <= i]
        waiting = [(at, spoken) for at, spoken in waiting if at > i]
    return found


def _clicked(data: dict[str, Any]) -> bool:
    return data.get("flag") is True


def _event(i: int, dice: random.Random, turned: bool) -> Event:
    x, z = dice.gauss(0.0, 1.0), float(i % 10)
    y = ["low", "high"][(x > 0.0) ^ turned] if i % 40 else ["odd", 3, True][i // 40 % 3]
    data: dict[str, Any] = {"x": x, "z": z, "y": y, "n": (x - z if turned else 2.0 * x + z) + 0.1 * dice.random()}
    data |= {"word": dice.choice("aabbcd"), "s": dice.choice(["", "one", "two"]), "deep": {"f": x * z}, "flag": x > 1}
    if i % 13 == 12:
        data[dice.choice(["x", "z", "word", "deep", "flag"])] = dice.choice(_NASTY)
    if i % 23 == 22:
        data["x"] = 80.0 + i
    if i % 9 == 4:
        data[f"new{i % 63}"] = i
    if i % 11 == 3:
        del data[dice.choice(["x", "z", "word", "deep"])]
    source = Source("w" if i % 7 == 6 else "t", 0, i)
    time = 1.7e9 + i - 3.0 * dice.random() + (200.0 if turned else 0.0)
    key = f"k{dice.choice([0, 0, 1, 2] if i < 100 else [0, 1, 1])}"
    return Event(source.id, key, time, "p", source, msgspec.Raw(json.dumps(data).encode()))


def label(of: Event, about: str, value: Any, number: int = 0, event: str = "") -> Label:
    """Return the label of an event, or of another that is named."""
    source = Source({"m": "truth", "o": "others", "d": "words"}[about], 0, number)
    return Label(source.id, of.key, of.time, "p", source, event or of.id, about, value)


def cuts(count: int) -> Iterator[list[int]]:
    """Yield places to cut a log at: in singles over a while, and at odd places."""
    yield [*range(count // 3, count // 3 + 7), *range(count - 4, count)]
    yield sorted({1, 63, 64, 65, 127, 128, 130, 191, count // 2, count // 2 + 1, count - 1} & set(range(1, count)))

"""The language of a rule's condition, by recursive descent: text in, closures out, nothing evaluated by Python.

::

    either   = both { "or" both }
    both     = negation { "and" negation }
    negation = "not" negation | "(" either ")" | compared
    compared = operand [ ("<" | "<=" | ">" | ">=" | "==" | "!=") operand ]
    operand  = number | text | true | false | path

A path is ``<detector>.score``, ``<model>.value`` and their like, or a field of the event (``event.<path>`` when it
would be taken for the former). What the event does not say is unknown: neither true nor false, and no rule fires on it.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Collection
from typing import Any

from aimass.models.features import MISSING
from aimass.stages.condition import DETECTOR_VALUES, MODEL_VALUES, Condition, Reference, Test, Truth, Value

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))|(?P<text>"[^"]*"|'[^']*')"""
    r"""|(?P<path>[A-Za-z_][\w-]*(?:\.[\w-]+)*)|(?P<mark><=|>=|==|!=|[<>()]))"""
)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS = ("and", "or", "not", "true", "false")
_MAX_DEPTH = 50
_MAX_LENGTH = 2000


class Wrong(ValueError):
    """A condition that cannot be understood."""


def compile_condition(text: str, detectors: Collection[str] = (), models: Collection[str] = ()) -> Condition:
    """Compile a condition, given the names it may refer to.

    Raises
    ------
    Wrong
        With what is wrong and what may have been meant.

    Examples
    --------
    >>> from aimass.records import Anomaly
    >>> from aimass.testing import prediction
    >>> condition = compile_condition("odd.score > 3.5 and not f1 < 2", ["odd"])
    >>> condition.test(prediction(odd=Anomaly(4.0)), {"f1": 3}), condition.test(prediction(odd=Anomaly(4.0)), {})
    (True, None)
    """
    if len(text) > _MAX_LENGTH:
        raise Wrong(f"longer than {_MAX_LENGTH:,} characters")
    parser = _Parser(text, detectors, models)
    test = parser.either(0)
    if parser.kind:
        raise Wrong(f"did not expect {parser.token!r} here")
    return Condition(text, test, tuple(dict.fromkeys(parser.references)))


class _Parser:
    def __init__(self, text: str, detectors: Collection[str], models: Collection[str]) -> None:
        self._text, self._at = text, 0
        self._detectors, self._models = detectors, models
        self.references: list[Reference] = []
        self.kind = self.token = ""
        self._next()

    def _next(self) -> None:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            rest = self._text[self._at :].strip()
            if rest:
                hint = "; write == to compare" if rest.startswith("=") else ""
                raise Wrong(f"cannot read {rest[:20]!r}{hint}")
            self.kind = self.token = ""
            return
        self._at = found.end()
        self.kind = found.lastgroup or ""
        self.token = found[self.kind]

    def _take(self, *tokens: str) -> str:
        token = self.token if self.kind != "text" and self.token in tokens else ""
        if token:
            self._next()
        return token

    def either(self, depth: int) -> Test:
        left = self._both(depth)
        while self._take("or"):
            left = _or(left, self._both(depth))
        return left

    def _both(self, depth: int) -> Test:
        left = self._negation(depth)
        while self._take("and"):
            left = _and(left, self._negation(depth))
        return left

    def _negation(self, depth: int) -> Test:
        if depth > _MAX_DEPTH:
            raise Wrong(f"nested deeper than {_MAX_DEPTH} levels")
        if self._take("not"):
            return _not(self._negation(depth + 1))
        if self._take("("):
            inner = self.either(depth + 1)
            if not self._take(")"):
                raise Wrong("a ( is not closed")
            return inner
        return self._compared()

    def _compared(self) -> Test:
        left = self._operand()
        sign = self._take("<", "<=", ">", ">=", "==", "!=")
        if not sign:
            return _holds(left)
        right = self._operand()
        return _ordered(left, right, _ORDER[sign]) if sign in _ORDER else _equal(left, right, sign == "==")

    def _operand(self) -> Value:
        kind, token = self.kind, self.token
        if kind == "path" and token not in ("and", "or", "not"):
            self._next()
            if token in ("true", "false"):
                return _constant(token == "true")
            reference = self._refer(token)
            self.references.append(reference)
            return reference.compile()
        if kind in ("number", "text"):
            self._next()
            return _constant(float(token) if kind == "number" else token[1:-1])
        raise Wrong(f"expected a value, found {token!r}" if kind else "ends where a value is expected")

    def _refer(self, path: str) -> Reference:
        head, _, tail = path.partition(".")
        if head == "event" and tail:
            return Reference("event", tail)
        if head in self._detectors and tail:
            return Reference("detector", head, _one_of(path, head, tail, DETECTOR_VALUES))
        if head in self._models and tail:
            return Reference("model", head, _one_of(path, head, tail, MODEL_VALUES))
        if tail in ("score", "expected", "probability", "value"):
            known = [*self._detectors] if tail in DETECTOR_VALUES else []
            known += [*self._models] if tail in MODEL_VALUES else []
            raise Wrong(
                f"{path}: no detector or model is named {head!r}{meant(head, known)} "
                f"(a field of the event is event.{path})"
            )
        return Reference("event", path)


def closest(word: str, known: Collection[str]) -> str:
    """Return the known word that was likely meant, or ``""``."""
    found = difflib.get_close_matches(word, list(known), 1, 0.55)
    return found[0] if found else ""


def meant(word: str, known: Collection[str]) -> str:
    """Return ``; did you mean ...?``, the known words, or nothing."""
    close = closest(word, known)
    if close:
        return f'; did you mean "{close}"?'
    return f"; there is: {', '.join(known)}" if known else ""


def _one_of(path: str, head: str, tail: str, allowed: tuple[str, ...]) -> str:
    if tail not in allowed:
        raise Wrong(f"{path}: {head} has no {tail!r}{meant(tail, allowed)}")
    return tail


def _constant(value: Any) -> Value:
    return lambda prediction, data: value


def _sort(value: Any) -> str:
    """Return what a value can be compared with."""
    kind = type(value)
    return "number" if kind is float or kind is int else "text" if kind is str else "truth" if kind is bool else ""


def _ordered(left: Value, right: Value, holds: Callable[[Any, Any], bool]) -> Test:
    def test(prediction: Any, data: Any) -> Truth:
        a, b = left(prediction, data), right(prediction, data)
        if type(a) is float and type(b) is float:
            return holds(a, b)
        sort = _sort(a)
        return holds(a, b) if sort in ("number", "text") and sort == _sort(b) else None

    return test


def _equal(left: Value, right: Value, wanted: bool) -> Test:
    def test(prediction: Any, data: Any) -> Truth:
        a, b = left(prediction, data), right(prediction, data)
        if a is None or b is None or a is MISSING or b is MISSING:
            return None
        return (_sort(a) == _sort(b) and bool(a == b)) is wanted

    return test


def _holds(value: Value) -> Test:
    def test(prediction: Any, data: Any) -> Truth:
        found = value(prediction, data)
        return found if type(found) is bool else None

    return test


def _not(inner: Test) -> Test:
    def test(prediction: Any, data: Any) -> Truth:
        found = inner(prediction, data)
        return None if found is None else not found

    return test


def _and(left: Test, right: Test) -> Test:
    def test(prediction: Any, data: Any) -> Truth:
        a = left(prediction, data)
        if a is False:
            return False
        b = right(prediction, data)
        return False if b is False else None if a is None or b is None else True

    return test


def _or(left: Test, right: Test) -> Test:
    def test(prediction: Any, data: Any) -> Truth:
        a = left(prediction, data)
        if a is True:
            return True
        b = right(prediction, data)
        return True if b is True else None if a is None or b is None else False

    return test

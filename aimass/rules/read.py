"""The language of conditions, by recursive descent: text to a tree, nothing evaluated by Python.

::

    rule       = either | pattern
    pattern    = step { "then" step } "within" duration [ "gap" duration ]
    step       = [ name ":" ] either | "not" either
    either     = both { "or" both }
    both       = negation { "and" negation }
    negation   = "not" negation | compared
    compared   = sum { ("<" | "<=" | ">" | ">=" | "==" | "!=") sum } | sum ["not"] "in" "(" literal { "," literal } ")"
    sum        = product { ("+" | "-") product }
    product    = signed { ("*" | "/") signed }
    signed     = "-" signed | primary
    primary    = "(" either ")" | number | text | "true" | "false" | path [ "(" arguments ")" ]

What the event does not say is unknown: neither true nor false, and no rule fires on it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from aimass.rules.functions import FUNCTIONS, Function
from aimass.rules.suggest import meant
from aimass.rules.syntax import (
    Among,
    Any_,
    Binary,
    Call,
    Captured,
    Condition,
    Field,
    Judged,
    Number,
    Pattern,
    Profile,
    Step,
    Table,
    Text,
    Truth,
    Unary,
    Window,
)
from aimass.rules.tokens import Token, Wrong, seconds, tokens, unquoted
from aimass.rules.vocabulary import DETECTOR_VALUES, MODEL_VALUES, PROFILE_VALUES, VALUE_KINDS, Vocabulary
from aimass.rules.walk import calls, walk
from aimass.rules.write import text as text_of

MAX_DEPTH = 50
MAX_STEPS = 8
#: How many words a chain of and, or, + may have, and how many parts what stands between two comparisons.
MAX_CHAIN, MAX_MIDDLE = 400, 30
_NULLS = ("null", "None", "NULL", "nil", "undefined")
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_KEYWORDS = ("and", "or", "not", "in", "then", "within", "gap")
_KINDS_OF_WINDOW = {"new": ("sliding",), "trend": ("sliding",), "distinct": ("sliding", "tumbling")}
#: A node, and the kind of its value: ``number``, ``text``, ``truth`` or ``any``.
Typed = tuple[Any_, str]
NO_NAMES = Vocabulary()

__all__ = ["Wrong", "condition", "from_json"]


def condition(text: str, vocabulary: Vocabulary = NO_NAMES) -> Condition:
    """Read a condition or a pattern, given the names that it may use.

    Raises
    ------
    Wrong
        With what is wrong, where, and what may have been meant.

    Examples
    --------
    >>> condition("amount > 3 * avg(amount, 1h)").right.right.window.seconds
    3600.0
    >>> condition("amout > 3 and cuont(5m) > 2")
    Traceback (most recent call last):
        ...
    aimass.rules.tokens.Wrong: there is no function 'cuont'; did you mean "count"? (column 15)
    """
    return _Reader(text, vocabulary).rule()


def from_json(raw: bytes, vocabulary: Vocabulary = NO_NAMES) -> Condition:
    """Read the JSON of a condition.

    Raises
    ------
    Wrong
        When it is not such JSON, or means nothing.

    Examples
    --------
    >>> import msgspec
    >>> from_json(msgspec.json.encode(condition("amount > 3"))) == condition("amount > 3")
    True
    """
    try:
        node: Condition = msgspec.json.decode(raw, type=Condition)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Wrong(f"not the JSON of a condition: {exc}") from exc
    checked(node, vocabulary)
    return node


def checked(node: Condition, vocabulary: Vocabulary = NO_NAMES) -> None:
    """Check a tree that was not read from text: it must be one that a text can say.

    Raises
    ------
    Wrong
        When it is none.
    """
    try:
        tables = {part.name: part for part in walk(node) if type(part) is Table}
        rows = [row.when for table in tables.values() for row in table.rows]
        judged = [part for part in walk(node) if type(part) is Judged]
        names = [tuple(part.name for part in judged if part.kind == kind) for kind in ("detector", "model")]
        text = text_of(node)
    except (TypeError, KeyError, RecursionError) as exc:
        raise Wrong(f"no condition: {exc}") from exc
    words = Vocabulary(vocabulary.detectors or names[0], vocabulary.models or names[1], tables)
    if condition(text, words) != node:
        raise Wrong(f"means nothing as it stands; as text it would be: {text}")
    for row in rows:  # a table's text is its name alone
        if isinstance(row, Pattern) or condition(_row_text(row), words) != row:
            raise Wrong("a row of a table means nothing as it stands")


def _row_text(node: Any_) -> str:
    try:
        return text_of(node)
    except (TypeError, KeyError, RecursionError) as exc:
        raise Wrong(f"no condition in a row of a table: {exc}") from exc


class _Reader:
    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self._words = vocabulary
        self._steps: list[str] = []
        self._own = ""

    # -- tokens -------------------------------------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._token
        self._at += bool(token.kind)
        return token

    def _is(self, *words: str) -> bool:
        return self._token.kind in ("path", "mark") and self._token.text in words

    def _take(self, *words: str) -> str:
        return self._next().text if self._is(*words) else ""

    def _need(self, word: str, why: str) -> None:
        if not self._take(word):
            raise Wrong(f"{why}, found {self._found()}", self._token.column)

    def _found(self) -> str:
        return repr(self._token.text) if self._token.kind else "the end"

    # -- rules and patterns -------------------------------------------------------------------------------------------

    def rule(self) -> Condition:
        is_pattern = any(token.kind == "path" and token.text == "then" for token in self._tokens)
        found: Condition = self._pattern() if is_pattern else self._truth(self._token.column, self._either(0))
        if self._token.kind:
            hint = meant(self._token.text, _KEYWORDS) if self._token.kind == "path" else ""
            raise Wrong(
                f"did not expect {self._token.text!r} here{hint if 'did you' in hint else ''}", self._token.column
            )
        return found

    def _pattern(self) -> Pattern:
        start = self._token.column
        steps = [self._step(is_first=True)]
        while self._take("then"):
            steps.append(self._step(is_first=False))
        if len(steps) > MAX_STEPS:
            raise Wrong(f"has {len(steps)} steps, more than {MAX_STEPS}", start)
        self._need("within", "a pattern needs an end: within 10m")
        within = self._duration("within")
        gap = self._duration("gap") if self._take("gap") else None
        return Pattern(tuple(steps), within, gap)

    def _step(self, *, is_first: bool) -> Step:
        start = self._token
        if self._take("not"):
            if is_first:
                raise Wrong("a pattern begins with something that happens, not with what does not", start.column)
            return Step("", self._condition_of_step(), True)
        name = ""
        if start.kind == "path" and self._tokens[self._at + 1].text == ":":
            name = self._name(start)
            self._at += 2
        self._own = name
        found = self._condition_of_step()
        self._own = ""
        if name:
            self._steps.append(name)
        return Step(name, found)

    def _name(self, token: Token) -> str:
        name = token.text
        taken = (*self._steps, *self._words.detectors, *self._words.models, *self._words.tables, "event", "profile")
        if name in taken or "." in name or name.startswith("`") or name in _KEYWORDS:
            raise Wrong(f"a step cannot be called {name!r}: the name is taken, or no plain word", token.column)
        return name

    def _condition_of_step(self) -> Any_:
        column = self._token.column
        found = self._truth(column, self._either(0))
        for call in calls(found):
            if any(type(part) is Captured for part in walk(call)):
                raise Wrong(f"{call.name}(...) cannot look at an earlier step", column)
        return found

    def _duration(self, what: str) -> float:
        if self._token.kind != "duration":
            raise Wrong(f"{what} needs a duration like 10m, found {self._found()}", self._token.column)
        value = seconds(self._next().text)
        if not 0 < value <= 366 * 86_400.0:
            raise Wrong(f"{what} must be more than nothing and at most a year", self._tokens[self._at - 1].column)
        return value

    # -- conditions ---------------------------------------------------------------------------------------------------

    def _truth(self, column: int, typed: Typed) -> Any_:
        node, kind = typed
        if kind not in ("truth", "any"):
            raise Wrong(f"is a {kind}, where something true or false is expected", column)
        return node

    def _either(self, depth: int) -> Typed:
        return self._joined("or", self._both, depth)

    def _both(self, depth: int) -> Typed:
        return self._joined("and", self._negation, depth)

    def _joined(self, word: str, part: Any, depth: int) -> Typed:
        column = self._token.column
        found: Typed = part(depth)
        start = self._at
        while self._is(word):
            self._check_length(start)
            left = self._truth(column, found)
            self._next()
            column = self._token.column
            found = Binary(word, left, self._truth(column, part(depth))), "truth"
        return found

    def _negation(self, depth: int) -> Typed:
        self._check(depth)
        if self._take("not"):
            column = self._token.column
            return Unary("not", self._truth(column, self._negation(depth + 1))), "truth"
        return self._compared(depth)

    def _check(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Wrong(f"nested deeper than {MAX_DEPTH} levels", self._token.column)

    def _check_length(self, start: int) -> None:
        if self._at - start > MAX_CHAIN:
            raise Wrong("too long a chain: put parts of it into brackets", self._token.column)

    def _compared(self, depth: int) -> Typed:
        left = self._sum(depth)
        if self._is("in") or (self._is("not") and self._tokens[self._at + 1].text == "in"):
            is_negative = bool(self._take("not"))
            self._next()
            among = Among(left[0], self._options())
            return (Unary("not", among) if is_negative else among), "truth"
        found: Typed | None = None
        while self._is(*_COMPARISONS):
            sign = self._next()
            right = self._sum(depth)
            self._comparable(sign, left[1], right[1])
            if (
                found is not None
                and sum(1 for _ in zip(walk(left[0]), range(MAX_MIDDLE + 1), strict=False)) > MAX_MIDDLE
            ):
                raise Wrong("too much between two comparisons: write them with and", sign.column)
            one = Binary(sign.text, left[0], right[0])
            found = (one if found is None else Binary("and", found[0], one)), "truth"
            left = right
        return left if found is None else found

    def _comparable(self, sign: Token, left: str, right: str) -> None:
        if "any" not in (left, right) and left != right:
            raise Wrong(f"compares a {left} with a {right}: never true", sign.column)
        if sign.text not in ("==", "!=") and "truth" in (left, right):
            raise Wrong("true and false have no order", sign.column)

    def _options(self) -> tuple[Number | Text | Truth, ...]:
        self._need("(", "in needs a list in round brackets")
        found: list[Number | Text | Truth] = []
        while True:
            column = self._token.column
            one = self._signed(0)[0]
            if type(one) not in (Number, Text, Truth):
                raise Wrong("a list holds numbers, texts, true and false", column)
            found.append(one)  # type: ignore[arg-type]
            if not self._take(","):
                break
        self._need(")", "a ( is not closed")
        return tuple(found)

    # -- values -------------------------------------------------------------------------------------------------------

    def _sum(self, depth: int) -> Typed:
        return self._computed(("+", "-"), self._product, depth)

    def _product(self, depth: int) -> Typed:
        return self._computed(("*", "/"), self._signed, depth)

    def _computed(self, signs: tuple[str, ...], part: Any, depth: int) -> Typed:
        found: Typed = part(depth)
        start = self._at
        while self._is(*signs):
            self._check_length(start)
            sign = self._next()
            right: Typed = part(depth)
            self._numbers(sign, found[1], right[1])
            found = Binary(sign.text, found[0], right[0]), "number"
        return found

    def _numbers(self, sign: Token, *kinds: str) -> None:
        for kind in kinds:
            if kind not in ("number", "any"):
                raise Wrong(f"{sign.text} computes numbers, not a {kind}", sign.column)

    def _signed(self, depth: int) -> Typed:
        self._check(depth)
        sign = self._token
        if not self._take("-"):
            return self._primary(depth)
        if self._token.kind == "number":
            node, kind = self._primary(depth)
            assert type(node) is Number
            return Number(-node.value), kind
        node, kind = self._signed(depth + 1)
        self._numbers(sign, kind)
        return Unary("-", node), "number"

    def _primary(self, depth: int) -> Typed:
        token = self._token
        if self._take("("):
            found = self._either(depth + 1)
            self._need(")", "a ( is not closed")
            return found
        if token.kind == "number":
            return Number(_number(self._next())), "number"
        if token.kind == "text":
            return Text(unquoted(self._next().text)), "text"
        if token.kind == "duration":
            raise Wrong("a duration stands only in windows, within and gap; write seconds as a number", token.column)
        if token.kind != "path" or token.text in _KEYWORDS:
            raise Wrong(f"expected a value, found {self._found()}", token.column)
        self._next()
        if token.text in ("true", "false"):
            return Truth(token.text == "true"), "truth"
        return self._call(token, depth) if self._is("(") else self._refer(token)

    # -- functions ----------------------------------------------------------------------------------------------------

    def _call(self, token: Token, depth: int) -> Typed:
        function = FUNCTIONS.get(token.text)
        if function is None:
            raise Wrong(f"there is no function {token.text!r}{meant(token.text, FUNCTIONS)}", token.column)
        self._next()
        before: list[tuple[int, Typed]] = []
        after: list[tuple[int, Typed]] = []
        window: Window | None = None
        while not self._is(")"):
            column = self._token.column
            found = self._window()
            if found is not None:
                if window is not None or not function.window:
                    raise Wrong(f"{function.name} takes {'one window' if window else 'no window'}", column)
                window = found
            else:
                (before if window is None else after).append((column, self._either(depth + 1)))
            if not self._take(","):
                break
        self._need(")", "a ( is not closed")
        return self._made(token, function, before, window, after), function.gives

    def _window(self) -> Window | None:
        kinds = {"each": "tumbling", "session": "session"}
        if self._token.kind == "duration":
            return Window("sliding", self._duration("a window"))
        if self._is(*kinds) and self._tokens[self._at + 1].kind == "duration":
            return Window(kinds[self._next().text], self._duration("a window"))
        return None

    def _made(
        self,
        token: Token,
        function: Function,
        before: list[tuple[int, Typed]],
        window: Window | None,
        after: list[tuple[int, Typed]],
    ) -> Call:
        wanted = len(function.takes)
        rest = [*before[wanted:], *after]
        if len(before) < wanted or len(rest) > int(function.where):
            raise Wrong(f"write it as {usage(function)}", token.column)
        if function.window == "needed" and window is None:
            raise Wrong(f"{function.name} needs a window: {usage(function)}", token.column)
        if window is not None and window.kind not in _KINDS_OF_WINDOW.get(function.name, (window.kind,)):
            raise Wrong(f"{function.name} has no {window.kind} window", token.column)
        if function.name == "hysteresis" and any(type(one) is not Number for _, (one, _) in before[1:wanted]):
            raise Wrong("hysteresis needs two numbers as its bounds", token.column)
        for (column, (node, kind)), needed in zip(before, function.takes, strict=False):
            if needed == "constant" and type(node) not in (Number, Text):
                raise Wrong(f"{function.name} needs a number or text written out here", column)
            if needed not in ("any", "constant") and kind not in (needed, "any"):
                raise Wrong(f"{function.name} takes a {needed} here, not a {kind}", column)
        where = self._truth(rest[0][0], rest[0][1]) if rest else None
        return Call(function.name, tuple(typed[0] for _, typed in before[:wanted]), window, where)

    # -- names --------------------------------------------------------------------------------------------------------

    def _refer(self, token: Token) -> Typed:
        path = token.text
        if path.startswith("`"):
            return Field(path[1:-1]), "any"
        head, _, tail = path.partition(".")
        words = self._words
        if path in _NULLS:
            raise Wrong(f"there is no {path}: write not known(field)", token.column)
        if tail and head in ("event", self._own):
            return Field(tail), "any"
        if tail and head in self._steps:
            return Captured(head, tail), "any"
        if tail and head == "profile":
            one_of(token, tail, PROFILE_VALUES)
            return Profile(tail), PROFILE_VALUES[tail][0]
        for kind, names, values in (
            ("detector", words.detectors, DETECTOR_VALUES),
            ("model", words.models, MODEL_VALUES),
        ):
            if tail and head in names:
                one_of(token, tail, values)
                return Judged(kind, head, tail), VALUE_KINDS.get(tail, "any")
        if path in words.tables:
            return words.tables[path], _kind_of(words.tables[path])
        if tail in ("score", "expected", "probability", "value"):
            known = [*words.detectors] if tail in DETECTOR_VALUES else []
            known += [*words.models] if tail in MODEL_VALUES else []
            hint = f"{meant(head, known)} (a field of the event is event.{path})"
            raise Wrong(f"{path}: no detector or model is named {head!r}{hint}", token.column)
        return Field(path), "any"


def _number(token: Token) -> int | float:
    text = token.text
    if text.isdecimal():
        if len(text) > 19 or int(text) >= 2**63:
            raise Wrong("a whole number too large: JSON would not keep it", token.column)
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise Wrong("a number too large", token.column)
    return value


def one_of(token: Token, tail: str, allowed: Collection[str]) -> None:
    """Check what stands behind the dot."""
    if tail not in allowed:
        head = token.text.partition(".")[0]
        raise Wrong(f"{token.text}: {head} has no {tail!r}{meant(tail, allowed)}", token.column)


def _kind_of(table: Table) -> str:
    kinds = {Number: "number", Text: "text", Truth: "truth"}
    outcomes = [row.then for row in table.rows] + ([] if table.otherwise is None else [table.otherwise])
    found: Sequence[str] = sorted({kinds[type(one)] for one in outcomes})
    return found[0] if len(found) == 1 else "any"


def usage(function: Function) -> str:
    """Return how a function is written.

    Examples
    --------
    >>> usage(FUNCTIONS["sum"]), usage(FUNCTIONS["count"])
    ('sum(number, window, where?)', 'count(where?, window)')
    """
    takes: list[Any] = list(function.takes)
    window = {"needed": ["window"], "optional": ["window?"], "": []}[function.window]
    where = ["where?"] if function.where else []
    parts = [*takes, *window, *where] if takes else [*where, *window]
    return f"{function.name}({', '.join(parts)})"

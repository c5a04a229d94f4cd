"""Texts: categories, identifiers, and sentences; and telling which of them a field holds."""

from __future__ import annotations

import base64
import hashlib
import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from aimass.models.encoders.base import Field, Out, as_text, code, log_count
from aimass.models.encoders.plain import Plain, iso_seconds
from aimass.models.space import FeatureSpace

KNOWN, SHARED = 16, 4
#: From so many values on, a category is an identifier, or a text where most of them are sentences.
MANY = 64
_BITS, _BUCKETS = 8, 32
_CELLS = 512
_HALVE = 65536
_SENTENCE = 3  # words; more make a text
_MEMO = 1024
_LONGEST = 64
_READ = 4096  # characters of a text
_WORD = re.compile(r"\w+")


def is_sentence(text: str) -> bool:
    """Return whether a text has more than three words."""
    return len(text[:_READ].split(None, _SENTENCE)) > _SENTENCE


def _short(text: str) -> str:
    """Return a name for a text, one of its own however long it is."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 9]}~{code(text):08x}"


class Category:
    """A field with few values: a column for each of the first 16, 0 or 1, and four that the others share.

    Parameters
    ----------
    space, path
        Where its columns are, and its name.
    state
        What `state` returned.

    Examples
    --------
    >>> space, out = FeatureSpace(), Out()
    >>> colour = Category(space, "colour")
    >>> [colour.put(value, out) for value in ("red", "blue", "red")]
    [True, True, False]
    >>> space.names, out.values
    (['colour=red', 'colour=blue'], [1.0, 0.0, 1.0, 1.0, 0.0])
    """

    def __init__(self, space: FeatureSpace, path: str, state: Any = None) -> None:
        self._space, self._path = space, path
        known, is_shared = state or ((), False)
        self._known: dict[str, int] = {value: i for i, value in enumerate(known)}
        self._is_shared: bool = is_shared
        self._place()

    def _place(self) -> None:
        """Find the columns; what was remembered of values is no longer right."""
        names = [f"{self._path}={value}" for value in self._known]
        names += [f"{self._path}:other.{i}" for i in range(SHARED if self._is_shared else 0)]
        self._columns = [self._space.column(name) for name in names]
        self._memo: dict[str, Sequence[float]] = {}

    def put(self, value: Any, out: Out) -> bool:
        """Write a value."""
        text = as_text(value)
        return text is not None and self.put_all((text,), out)

    def put_all(self, values: Sequence[str], out: Out) -> bool:
        """Write a set of values."""
        changed = False
        for value in values:
            if value not in self._memo:
                changed = self._meet(_short(value)) or changed
        found = [self._values(value) for value in values]
        out.add(self._columns, found[0] if len(found) == 1 else map(max, zip(*found, strict=True)))
        return changed

    def _meet(self, name: str) -> bool:
        if name in self._known or (self._is_shared and len(self._known) >= KNOWN):
            return False
        if len(self._known) < KNOWN:
            self._known[name] = len(self._known)
        else:
            self._is_shared = True
        self._place()
        return True

    def _values(self, value: str) -> Sequence[float]:
        found = self._memo.get(value)
        if found is None:
            name = _short(value)
            at = self._known.get(name, KNOWN + code(name) % SHARED)
            found = tuple(float(i == at) for i in range(len(self._columns)))
            if len(self._memo) >= _MEMO:  # a cache, filled again at will
                self._memo.clear()
            self._memo[value] = found
        return found

    def state(self) -> Any:
        """Return the values that have columns."""
        return list(self._known), self._is_shared


class Identifier:
    """A field with many values: eight columns of +1 and −1 by the value's hash, and how often it came before.

    Counts are those of a count-min sketch (Cormode and Muthukrishnan, 2005) with conservative update, halved every
    65,536 values so that it follows the stream: at least the true count, log(1 + count).

    Parameters
    ----------
    space, path, state
        As of a `Category`.

    Examples
    --------
    >>> space, out = FeatureSpace(), Out()
    >>> card = Identifier(space, "card")
    >>> for value in ("a", "b", "a"):
    ...     _ = card.put(value, out)
    >>> [value for value, at in zip(out.values, out.columns) if space.names[at] == "card:seen"]
    [0.0, 0.0, 0.6931471805599453]
    """

    def __init__(self, space: FeatureSpace, path: str, state: Any = None) -> None:
        names = [*(f"{path}:bit.{i}" for i in range(_BITS)), f"{path}:seen"]
        self._columns = [space.column(name) for name in names]
        total, raw = state or (0, None)
        self._total: int = total
        self._counts = array("i", bytes(8 * _CELLS)) if raw is None else array("i", base64.b64decode(raw))

    def put(self, value: Any, out: Out) -> bool:
        """Write a value, then count it."""
        text = as_text(value)
        if text is None:
            return False
        bits, one, two = _hashed(text)
        counts = self._counts
        count = min(counts[one], counts[two])
        out.add(self._columns, bits)
        out.values.append(log_count(count))
        counts[one], counts[two] = max(counts[one], count + 1), max(counts[two], count + 1)
        self._total += 1
        if self._total % _HALVE == 0:
            self._counts = array("i", [n // 2 for n in counts])
        return True

    def state(self) -> Any:
        """Return the counts."""
        return self._total, base64.b64encode(self._counts.tobytes()).decode()


@lru_cache(maxsize=16384)
def _hashed(text: str) -> tuple[tuple[float, ...], int, int]:
    """Return eight signs, and a cell in each row of the sketch."""
    raw = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    bits = tuple(1.0 if raw[0] >> i & 1 else -1.0 for i in range(_BITS))
    return bits, int.from_bytes(raw[1:4], "little") % _CELLS, _CELLS + int.from_bytes(raw[4:8], "little") % _CELLS


class Sentence:
    """A text: its words hashed into 32 columns, log(1 + count) each; its length and number of words, as logs.

    Of texts longer than 4,096 characters the words beyond are not read.

    Examples
    --------
    >>> space, out = FeatureSpace(), Out()
    >>> _ = Sentence(space, "note").put("the pump by the lake", out)
    >>> len(out.values), round(max(out.values[:32]), 3)  # "the" twice
    (34, 1.099)
    """

    def __init__(self, space: FeatureSpace, path: str, state: Any = None) -> None:
        names = [*(f"{path}:word.{i}" for i in range(_BUCKETS)), f"{path}:length", f"{path}:words"]
        self._columns = [space.column(name) for name in names]

    def put(self, value: Any, out: Out) -> bool:
        """Write a text."""
        text = as_text(value)
        if text is not None:
            out.add(self._columns, _bag(text[:_READ]))
            out.values[-2] = log_count(len(text))
        return False

    def state(self) -> Any:
        """Return nothing: it has no past."""
        return None


@lru_cache(maxsize=2048)
def _bag(text: str) -> tuple[float, ...]:
    words = _WORD.findall(text.lower())
    counts = [0] * _BUCKETS
    for word in words:
        counts[code(word) % _BUCKETS] += 1
    return (*map(log_count, counts), 0.0, log_count(len(words)))


class Words:
    """A field of texts that nobody declared: its first value tells times and sentences from categories.

    A category that has had more than 64 values is an identifier from the 65th on, or a text where more than half of
    those values were sentences.

    Examples
    --------
    >>> space = FeatureSpace()
    >>> name = Words(space, "name")
    >>> _ = [name.put(f"n{i}", Out()) for i in range(64)]
    >>> name.kind, name.put("n64", Out()), name.kind
    ('category', True, 'id')
    """

    def __init__(self, space: FeatureSpace, path: str, state: Any = None) -> None:
        self._space, self._path = space, path
        kind, inner, met, sentences = state or ("", None, (), 0)
        self.kind: str = kind
        self._met: set[int] = set(met)
        self._sentences: int = sentences
        self._field: Field | None = self._made(inner) if self.kind else None

    def _made(self, state: Any) -> Field:
        if self.kind == "time":
            return Plain(self._space, self._path, "time")
        kinds: dict[str, type[Category | Identifier | Sentence]]
        kinds = {"category": Category, "id": Identifier, "text": Sentence}
        return kinds[self.kind](self._space, self._path, state)

    def put(self, value: Any, out: Out) -> bool:
        """Write a value."""
        changed = self._field is None
        if self._field is None:
            self._become("time" if iso_seconds(value) is not None else "text" if is_sentence(value) else "category")
        if self.kind == "category":
            changed = self._met_new(value) or changed
        assert self._field is not None
        return self._field.put(value, out) or changed

    def _become(self, kind: str) -> None:
        self.kind = kind
        self._field = self._made(None)

    def _met_new(self, value: str) -> bool:
        number = code(value)
        if number in self._met:
            return False
        self._met.add(number)
        self._sentences += is_sentence(value)
        if len(self._met) > MANY:
            self._become("text" if 2 * self._sentences > len(self._met) else "id")
            self._met.clear()
        return True

    def state(self) -> Any:
        """Return its kind and what that has to know."""
        inner = None if self._field is None else self._field.state()
        return self.kind, inner, sorted(self._met), self._sentences

"""Regular expressions that mean the same to JSON Schema (ECMA-262, searched) and to us (Python, the whole text)."""

from __future__ import annotations

import re

from aimass.formats.ambiguity import is_ambiguous

#: How many characters a pattern may have.
MAX_PATTERN = 1000
_CLASS = re.compile(r"\[\^?(?:\\[dw\\\]\[^.$*+?(){}|/-]|[A-Za-z0-9_ .,:;@#%&=!<>~\"'`$*+?(){}|/-])+\]")
_PART = re.compile(
    r"(?P<literal>[A-Za-z0-9_ ,:;@#%&=!<>~\"'`/-])"
    r"|(?P<escaped>\\[\\.^$*+?()\[\]{}|/-])"
    r"|(?P<short>\\[dw])"
    rf"|(?P<set>{_CLASS.pattern})"
    r"|(?P<open>\((?:\?:)?)"
    r"|(?P<close>\))"
    r"|(?P<or>\|)"
    r"|(?P<times>(?:\{[0-9]{1,4}(?:,[0-9]{0,4})?\}|[*+?])\??)"
)
_SHORT = {r"\d": "0-9", r"\w": "A-Za-z0-9_"}


def common(pattern: str) -> str | None:
    """Return a regular expression without anchors as Python has it, or ``None`` when the two may differ on it.

    Examples
    --------
    >>> common(r"[A-Z]{2}\\d{6}"), common(r"(?<year>\\d+)"), common("a.c")
    ('[A-Z]{2}[0-9]{6}', None, None)
    """
    made, at, depth, is_atom = [], 0, 0, False
    while at < len(pattern):
        part = _PART.match(pattern, at)
        if part is None:
            return None
        kind, text = part.lastgroup, part[0]
        depth += (kind == "open") - (kind == "close")
        if depth < 0 or (kind == "times" and not is_atom):
            return None
        made.append(_python(kind, text))
        is_atom = kind not in ("times", "open", "or")
        at = part.end()
    found = "".join(made)
    try:
        re.compile(found)
    except (re.error, OverflowError):
        return None
    return found if depth == 0 else None


def _python(kind: str | None, text: str) -> str:
    if kind == "short":
        return f"[{_SHORT[text]}]"
    if kind == "set":
        return re.sub(r"\\[dw]", lambda found: _SHORT[found[0]], text)
    return r"\/"[1:] if text == r"\/" else text


def whole(pattern: str) -> str | None:
    """Return what a JSON Schema's pattern ``^…$`` asks of the whole text; ``None`` where it is not of that form.

    Examples
    --------
    >>> whole("^[A-Z]+$"), whole("^(?:a|b)$"), whole("^a|b$"), whole("abc")
    ('[A-Z]+', '(?:a|b)', None, None)
    """
    if not (pattern.startswith("^") and pattern.endswith("$")) or pattern.endswith(r"\$"):
        return None
    body = pattern[1:-1]
    return None if has_choice(body) else common(body)


def has_choice(pattern: str) -> bool:
    """Return whether a regular expression is a choice at its top, so that an anchor would belong to one side only.

    Examples
    --------
    >>> has_choice("a|b"), has_choice("(a|b)"), has_choice(r"a\\|b")
    (True, False, False)
    """
    depth, at = 0, 0
    while at < len(pattern):
        one = pattern[at]
        if one == "\\":
            at += 1
        elif one == "[":
            found = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]").match(pattern, at)
            at = found.end() - 1 if found else at
        elif one in "()":
            depth += 1 if one == "(" else -1
        elif one == "|" and depth == 0:
            return True
        at += 1
    return False


def anywhere(pattern: str) -> str | None:
    """Return what a searched pattern asks of the whole text, as we say it; ``None`` where that is not certain.

    Examples
    --------
    >>> anywhere("^ab"), anywhere("b"), anywhere("^ab$")
    ('(?:ab)(?s:.*)', '(?s:.*)(?:b)(?s:.*)', 'ab')
    """
    exact = whole(pattern)
    if exact is not None:
        return exact
    starts, ends = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith(r"\$")
    body = pattern[starts : len(pattern) - ends]
    if (starts or ends) and has_choice(body):
        return None
    inner = common(body)
    if inner is None:
        return None
    return f"{'' if starts else '(?s:.*)'}(?:{inner}){'' if ends else '(?s:.*)'}"


def usable(pattern: str | None) -> str | None:
    """Return a regular expression, or ``None`` where it is too long, or a short text could keep it busy for years.

    Examples
    --------
    >>> usable("a+b"), usable("(?:a+)+b")
    ('a+b', None)
    """
    return None if pattern is None or len(pattern) > MAX_PATTERN or is_ambiguous(pattern) else pattern


def searched(pattern: str) -> str | None:
    """Return our pattern as one of JSON Schema; ``None`` when the two may differ on it.

    Examples
    --------
    >>> searched("[A-Z]+"), searched("a|b"), searched("(?i)a")
    ('^[A-Z]+$', '^(?:a|b)$', None)
    """
    if common(pattern) != pattern:  # \\d and \\w match more in Python
        return None
    return f"^(?:{pattern})$" if has_choice(pattern) else f"^{pattern}$"

"""The machine that conditions are compiled for: numbers, truths and codes of a batch in rows, one row a value.

An instruction is ``(operation, row of its result, left, right)``; a constant, where one is taken, stands beside it. An
unknown number is NaN; truths are 1, 0 and −1 for unknown, joined as by Kleene (Introduction to Metamathematics, 1952,
§64: strong three-valued logic).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aimass.models.kernel import Bools, Floats, Ints, kernel
from aimass.rules.columns import Codes, Truths

Code = npt.NDArray[np.int32]

FILL, SAY, AND, OR, NOT, CODE, LOOKUP = range(7)
ADD, SUB, MUL, DIV, LEAST, GREATEST = range(10, 16)
GT, GE, LT, LE, EQ = range(20, 25)
#: Added to the operation where the right operand is a constant, not a row.
CONSTANT = 100

_LARGEST = float(np.finfo(np.float64).max)
#: A group whose events are more than one in so many is computed for all events: that is faster than picking them.
_SPARSE = 10


@kernel
def _finite(value: float) -> float:
    return value if abs(value) <= _LARGEST else np.nan


@kernel
def number(op: int, x: float, y: float) -> float:
    """Compute a number of two; NaN where there is none that is finite."""
    if op == ADD:
        return _finite(x + y)
    if op == SUB:
        return _finite(x - y)
    if op == MUL:
        return _finite(x * y)
    if op == DIV:
        return _finite(x / y)
    if op == LEAST:
        return y if y < x else x + (y - y)
    return y if y > x else x + (y - y)


@kernel
def compared(op: int, x: float, y: float) -> int:
    """Compare two numbers."""
    if x != x or y != y:
        return -1
    if op == GT:
        return int(x > y)
    if op == GE:
        return int(x >= y)
    if op == LT:
        return int(x < y)
    if op == LE:
        return int(x <= y)
    return int(x == y)


@kernel
def joined(op: int, a: int, b: int) -> int:
    """Join two truths, or turn one."""
    if op == AND:
        return 0 if a == 0 or b == 0 else a | b
    if op == OR:
        return 1 if a == 1 or b == 1 else a | b
    return a if a < 0 else 1 - a


@kernel
def _compute(op: int, out: Floats, x: Floats, y: Floats, c: float) -> None:
    """Compute a row of numbers. Each loop is by itself, so that it becomes vector code."""
    n = len(out)
    if op >= CONSTANT:
        op -= CONSTANT
        if op == ADD:
            for j in range(n):
                out[j] = _finite(x[j] + c)
        elif op == SUB:
            for j in range(n):
                out[j] = _finite(x[j] - c)
        elif op == MUL:
            for j in range(n):
                out[j] = _finite(x[j] * c)
        elif op == DIV:
            for j in range(n):
                out[j] = _finite(x[j] / c)
        else:
            for j in range(n):
                out[j] = number(op, x[j], c)
    elif op == ADD:
        for j in range(n):
            out[j] = _finite(x[j] + y[j])
    elif op == SUB:
        for j in range(n):
            out[j] = _finite(x[j] - y[j])
    elif op == MUL:
        for j in range(n):
            out[j] = _finite(x[j] * y[j])
    elif op == DIV:
        for j in range(n):
            out[j] = _finite(x[j] / y[j])
    else:
        for j in range(n):
            out[j] = number(op, x[j], y[j])


@kernel
def _compare(op: int, out: Truths, x: Floats, y: Floats, c: float) -> None:
    """Compute a row of truths from numbers: whether it is so, less whether nothing can be said."""
    n = len(out)
    if op == GT + CONSTANT:
        for j in range(n):
            out[j] = np.int8(x[j] > c) - np.int8(x[j] != x[j])
    elif op == GE + CONSTANT:
        for j in range(n):
            out[j] = np.int8(x[j] >= c) - np.int8(x[j] != x[j])
    elif op == LT + CONSTANT:
        for j in range(n):
            out[j] = np.int8(x[j] < c) - np.int8(x[j] != x[j])
    elif op == LE + CONSTANT:
        for j in range(n):
            out[j] = np.int8(x[j] <= c) - np.int8(x[j] != x[j])
    elif op == EQ + CONSTANT:
        for j in range(n):
            out[j] = np.int8(x[j] == c) - np.int8(x[j] != x[j])
    elif op == GT:
        for j in range(n):
            out[j] = np.int8(x[j] > y[j]) - np.int8((x[j] != x[j]) | (y[j] != y[j]))
    elif op == GE:
        for j in range(n):
            out[j] = np.int8(x[j] >= y[j]) - np.int8((x[j] != x[j]) | (y[j] != y[j]))
    else:
        for j in range(n):
            out[j] = compared(op, x[j], y[j])


@kernel
def _join(op: int, out: Truths, a: Truths, b: Truths) -> None:
    """Compute a row of truths from truths."""
    n = len(out)
    if op == AND:
        for j in range(n):
            out[j] = 0 if (a[j] == 0) | (b[j] == 0) else a[j] | b[j]
    elif op == OR:
        for j in range(n):
            out[j] = 1 if (a[j] == 1) | (b[j] == 1) else a[j] | b[j]
    else:
        for j in range(n):
            out[j] = a[j] if a[j] < 0 else 1 - a[j]


@kernel
def execute(
    code: Code,
    constants: Floats,
    start: int,
    stop: int,
    skip: Bools,
    numbers: Floats,
    truths: Truths,
    codes: Codes,
    lookup: Truths,
) -> None:
    """Carry out instructions from ``start`` to ``stop``, for every event; but those to skip are done already."""
    n = truths.shape[1]
    for i in range(start, stop):
        if skip[i]:
            continue
        op, out, left, right = code[i, 0], code[i, 1], code[i, 2], code[i, 3]
        kind = op % CONSTANT
        if kind >= GT:
            _compare(op, truths[out], numbers[left], numbers[right], constants[i])
        elif kind >= ADD:
            _compute(op, numbers[out], numbers[left], numbers[right], constants[i])
        elif op == CODE:
            row, said = codes[left], truths[out]
            for j in range(n):
                said[j] = np.int8(row[j] == right) - np.int8(row[j] < 0)
        elif op == LOOKUP:
            row, said = codes[left], truths[out]
            for j in range(n):
                said[j] = lookup[right + row[j] + 1]
        elif op == FILL:
            numbers[out][:] = constants[i]
        elif op == SAY:
            truths[out][:] = right
        else:
            _join(op, truths[out], truths[left], truths[right])


@kernel
def execute_at(
    code: Code,
    constants: Floats,
    start: int,
    stop: int,
    skip: Bools,
    numbers: Floats,
    truths: Truths,
    codes: Codes,
    lookup: Truths,
    events: Ints,
) -> None:
    """Carry out instructions as `execute` does, for some events only."""
    for i in range(start, stop):
        if skip[i]:
            continue
        op, out, left, right = code[i, 0], code[i, 1], code[i, 2], code[i, 3]
        is_constant, kind = op >= CONSTANT, op % CONSTANT
        for j in events:
            if kind >= ADD:
                x = numbers[left, j]
                y = constants[i] if is_constant else numbers[right, j]
                if kind >= GT:
                    truths[out, j] = compared(kind, x, y)
                else:
                    numbers[out, j] = number(kind, x, y)
            elif op == CODE:
                found = codes[left, j]
                truths[out, j] = -1 if found < 0 else int(found == right)
            elif op == LOOKUP:
                truths[out, j] = lookup[right + codes[left, j] + 1]
            elif op == FILL:
                numbers[out, j] = constants[i]
            elif op == SAY:
                truths[out, j] = right
            else:
                truths[out, j] = joined(op, truths[left, j], truths[right, j])


@kernel
def execute_groups(
    code: Code,
    constants: Floats,
    skip: Bools,
    numbers: Floats,
    truths: Truths,
    codes: Codes,
    lookup: Truths,
    groups: Code,
    wanted: Code,
    roots: Code,
    answers: Truths,
) -> None:
    """Carry out each group of instructions for the events that bear a code of the group or none, and note its roots.

    A group is ``(row of codes, first and last of its wanted codes, of its instructions, of its roots)``, a root ``(row
    of truths, row of answers)``. Groups of one row of codes stand together.
    """
    n = truths.shape[1]
    order, events = np.empty(n, np.int64), np.empty(n, np.int64)
    starts = np.zeros(1, np.int64)
    row = -1
    for g in range(len(groups)):
        if groups[g, 0] != row:
            row = groups[g, 0]
            starts = _sorted(codes[row], order)
        count = starts[1]
        events[:count] = order[:count]
        for w in range(groups[g, 1], groups[g, 2]):
            bucket = wanted[w] + 1
            if bucket + 1 < len(starts):
                for k in range(starts[bucket], starts[bucket + 1]):
                    events[count] = order[k]
                    count += 1
        if count == 0:
            continue
        first, last = groups[g, 3], groups[g, 4]
        if count * _SPARSE < n:
            execute_at(code, constants, first, last, skip, numbers, truths, codes, lookup, events[:count])
        else:
            execute(code, constants, first, last, skip, numbers, truths, codes, lookup)
        for r in range(groups[g, 5], groups[g, 6]):
            said, answer = truths[roots[r, 0]], answers[roots[r, 1]]
            for k in range(count):
                answer[events[k]] = said[events[k]]


@kernel
def _sorted(codes: Codes, order: Ints) -> Ints:
    """Order the events by their code, from −1; return where each code begins (a counting sort)."""
    starts = np.zeros(codes.max() + 3, np.int64)
    for one in codes:
        starts[one + 2] += 1
    for c in range(1, len(starts)):
        starts[c] += starts[c - 1]
    at = starts.copy()
    for j in range(len(codes)):
        order[at[codes[j] + 1]] = j
        at[codes[j] + 1] += 1
    return starts


@kernel
def hits(answers: Truths) -> tuple[Ints, Ints]:
    """Return where conditions are true: their places, in order, and the events."""
    counts = np.zeros(len(answers), np.int64)
    for i in range(len(answers)):
        row, count = answers[i], 0
        for j in range(len(row)):
            count += row[j] == 1
        counts[i] = count
    total = counts.sum()
    places, events = np.empty(total, np.int64), np.empty(total, np.int64)
    at = 0
    for i in range(len(answers)):
        if counts[i] == 0:
            continue
        for j in range(answers.shape[1]):
            if answers[i, j] == 1:
                places[at], events[at] = i, j
                at += 1
    return places, events

"""The machine computes the same for all events at once as for some of them, and for each by itself."""

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.rules import machine

ROWS, EVENTS = 4, 70
NUMERIC = [machine.ADD, machine.SUB, machine.MUL, machine.DIV, machine.LEAST, machine.GREATEST]
ORDERS = [machine.GT, machine.GE, machine.LT, machine.LE, machine.EQ]
OPS = [machine.FILL, machine.SAY, machine.AND, machine.OR, machine.NOT, machine.CODE, machine.LOOKUP, *NUMERIC, *ORDERS]
OPS += [op + machine.CONSTANT for op in NUMERIC + ORDERS]
numbers = st.sampled_from([np.nan, 0.0, -0.0, 1.0, -2.5, 1e308, -1e308, 1e-308, 3.0])
rows = st.integers(0, ROWS - 1)


def right(op: int) -> st.SearchStrategy[int]:
    """What stands on the right: an answer, a code, where answers begin, or a row."""
    plain = {machine.SAY: st.integers(-1, 1), machine.CODE: st.integers(1, 3), machine.LOOKUP: st.sampled_from([0, 5])}
    return plain.get(op, rows)


finite = numbers.filter(np.isfinite)
instructions = st.sampled_from(OPS).flatmap(
    lambda op: st.tuples(st.just(op), rows, rows, right(op), finite if op >= machine.CONSTANT else numbers)
)
LOOKUP = np.array([-1, 0, 1, 0, 1, -1, 0, 0, 1, 1], np.int8)


@st.composite
def programs(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    made = draw(st.lists(instructions, min_size=1, max_size=12))
    pool = np.array(draw(st.lists(numbers, min_size=ROWS * 3, max_size=ROWS * 3)))
    shape = ROWS, EVENTS
    picked = np.arange(ROWS * EVENTS).reshape(shape)
    truths, codes = (picked % 3 - 1).astype(np.int8), (picked * 7 % 5 - 1).astype(np.int32)
    code = np.array([one[:4] for one in made], np.int32)
    return code, np.array([one[4] for one in made]), pool[picked * 5 % len(pool)], truths, codes


@settings(max_examples=50, deadline=None)
@given(programs(), st.sets(st.integers(0, EVENTS - 1)), st.data())
def test_some_events_get_what_all_of_them_would(
    program: tuple[np.ndarray, ...], some: set[int], data: st.DataObject
) -> None:
    code, constants, numbers, truths, codes = program
    skip = np.array([data.draw(st.booleans()) for _ in code])
    apart = numbers.copy(), truths.copy()
    machine.execute(code, constants, 0, len(code), skip, numbers, truths, codes, LOOKUP)
    events = np.array(sorted(some), np.int64)
    machine.execute_at(code, constants, 0, len(code), skip, *apart, codes, LOOKUP, events)
    assert np.array_equal(numbers[:, events], apart[0][:, events], equal_nan=True)
    assert np.array_equal(truths[:, events], apart[1][:, events])


@settings(max_examples=50, deadline=None)
@given(programs())
def test_every_number_is_finite_or_unknown(program: tuple[np.ndarray, ...]) -> None:
    code, constants, numbers, truths, codes = program
    machine.execute(code, constants, 0, len(code), np.zeros(len(code), bool), numbers, truths, codes, LOOKUP)
    assert not np.isinf(numbers).any()
    assert set(np.unique(truths)) <= {-1, 0, 1}


def test_truths_are_joined_as_kleene_has_it() -> None:
    known = [-1, 0, 1]
    table = {
        (a, b): (machine.joined(machine.AND, a, b), machine.joined(machine.OR, a, b)) for a in known for b in known
    }
    for (a, b), found in table.items():
        ranked = sorted((a, b), key=[0, -1, 1].index)
        assert found == (ranked[0], ranked[1])


@pytest.mark.parametrize("is_constant", [False, True])
@pytest.mark.parametrize("op", [*NUMERIC, *ORDERS])
def test_each_operation_is_what_python_makes_of_it(op: int, is_constant: bool) -> None:
    pairs = [(x, y) for x in (-1.0, 0.0, 2.0, 3.5) for y in (-1.0, 2.0, 3.5)]
    for x, y in pairs:
        numbers, truths = np.array([[x] * 9, [y] * 9, [0.0] * 9]), np.zeros((1, 9), np.int8)
        is_order = op in ORDERS
        code = np.array([[op + machine.CONSTANT * is_constant, 0 if is_order else 2, 0, 1]], np.int32)
        machine.execute(
            code, np.array([y]), 0, 1, np.zeros(1, bool), numbers, truths, np.zeros((1, 9), np.int32), LOOKUP
        )
        assert set((truths if is_order else numbers[2:]).ravel().tolist()) == {PYTHON[op](x, y)}


PYTHON = dict(zip(NUMERIC, [operator.add, operator.sub, operator.mul, operator.truediv, min, max], strict=True))
PYTHON |= dict(zip(ORDERS, [operator.gt, operator.ge, operator.lt, operator.le, operator.eq], strict=True))

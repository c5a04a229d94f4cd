"""What the checker finds in a batch is what the plain meaning of the contract says of each record alone."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.quality.batch import Records
from aimass.quality.check import Checker, explain
from aimass.quality.contracts.contract import TYPES, Check, Contract, Expectation, TruthTable
from aimass.quality.contracts.plain import breaches
from aimass.testing import MemoryState

VALUE = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers(-(2**70), 2**70)
    | st.floats(-5, 5)
    | st.sampled_from(["", "a", "ab", "N/A", "2026-05-01", "10.0.0.1", "AB12"])
    | st.lists(st.integers(), max_size=3)
    | st.just({"x": 1})
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", "z"]), VALUE, max_size=4), min_size=1, max_size=12)


@st.composite
def expectations(draw, path):
    least, most = draw(st.none() | st.floats(-4, 0)), draw(st.none() | st.floats(0, 4))
    return Expectation(
        path=path,
        type=draw(st.sampled_from(TYPES)),
        required=draw(st.booleans()),
        nullable=draw(st.booleans()),
        missing=draw(st.sampled_from([(), ("N/A",), (0, "a")])),
        least=least,
        most=most,
        min_length=draw(st.none() | st.integers(0, 2)),
        max_length=draw(st.none() | st.integers(1, 3)),
        pattern=draw(st.none() | st.just("[A-Za-z]*[0-9]*")),
        format=draw(st.none() | st.sampled_from(["date", "ipv4"])),
        values=draw(st.none() | st.just(("a", 1, True, 2.5))),
        level=draw(st.sampled_from(["error", "warning"])),
    )


@st.composite
def contracts(draw):
    checks = [
        Check(name="sum", that="a + b == c"),
        Check(name="less", that="a < b", level="warning"),
        Check(name="ok", that="a == 'a' or known(b)"),
    ]
    return Contract(
        name="c",
        fields=tuple(draw(expectations(path)) for path in draw(st.sets(st.sampled_from("abc")))),
        others=draw(st.sampled_from(["allow", "warning", "error"])),
        checks=tuple(draw(st.sets(st.sampled_from(checks)))),
        schema=draw(st.none() | st.just({"properties": {"a": {"type": ["string", "number"]}}})),
    )


def plain_causes(contract, record):
    found = {"error": set(), "warning": set()}
    kinds = {"others": "unknown", "check": None, "schema": None}
    for one in breaches(contract, record):
        name = {"check": one.path, "schema": "schema"}.get(one.what)
        found[one.level].add(name or f"{one.path}:{kinds.get(one.what, one.what)}")
    return found


@settings(max_examples=300, deadline=None)
@given(contracts(), RECORDS)
def test_a_batch_is_checked_as_each_record_alone(contract, data):
    found = Checker(contract, "t").check(Records(data, ["k"] * len(data), [1.0] * len(data)), None)
    for at, record in enumerate(data):
        plain = plain_causes(contract, record)
        assert set(found.errors.get(at, ())) == plain["error"]
        assert set(found.warnings.get(at, ())) == plain["warning"]


def check(contract, data, keys=None, times=None, state=None, checker=None):
    count = len(data)
    records = Records(data, keys or ["k"] * count, times or list(range(count)))
    return (checker or Checker(contract, "t")).check(records, state or MemoryState())


def test_a_value_that_came_within_the_horizon_is_not_unique():
    contract = Contract(name="c", fields=(Expectation(path="id", unique=True),), horizon_s=10.0)
    state, checker = MemoryState(), Checker(contract, "t")
    data = [{"id": 1}, {"id": "1"}, {"id": 1.0}, {}, {"id": 2}]
    assert check(contract, data, times=[0, 1, 2, 3, 4], state=state, checker=checker).errors == {2: ["id:unique"]}
    later = check(contract, [{"id": 2}, {"id": 1}], times=[13, 14], state=state.restart(), checker=checker)
    assert later.errors == {0: ["id:unique"]}


def test_values_rise_key_by_key():
    contract = Contract(name="c", fields=(Expectation(path="n", order="rising", level="warning"),))
    found = check(contract, [{"n": 1}, {"n": 5}, {"n": 1}, {"n": 2}], keys=["a", "b", "a", "a"])
    assert found.warnings == {2: ["n:order"]}


def test_a_value_far_ahead_makes_the_next_one_wrong_and_no_other():
    contract = Contract(name="c", fields=(Expectation(path="n", order="rising"),))
    found = check(contract, [{"n": 1}, {"n": 900}, {"n": 2}, {"n": 3}, {"n": 4}])
    assert found.errors == {2: ["n:order"]}


def test_times_fall_or_rise_as_moments():
    contract = Contract(name="c", fields=(Expectation(path="t", type="time", order="not-falling"),))
    found = check(contract, [{"t": "2026-05-01T00:00:00+02:00"}, {"t": "2026-04-30T22:00:00Z"}, {"t": "2026-04-30"}])
    assert found.errors == {2: ["t:order"]}


def test_what_there_is_a_truth_for_is_right_within_the_tolerance():
    truth = TruthTable(file="x.csv", by="site", key="site", value="height", tolerance=1.0)
    contract = Contract(name="c", fields=(Expectation(path="h", truth=truth),))
    checker = Checker(contract, "t", {"h": {"A": 10.0, "B": 20.0}})
    data = [{"site": "A", "h": 10.5}, {"site": "B", "h": 25}, {"site": "C", "h": 1}, {"h": 1}, {"site": "A"}]
    known, right = check(contract, data, checker=checker).truths["h"]
    assert (known.tolist(), right.tolist()) == ([0, 1, 4], [0])


@pytest.mark.parametrize("kind", ["required", "type", "least", "most", "pattern", "format", "values", "max_length"])
def test_every_breach_is_told_in_words(kind):
    one = Expectation(path="a", type="text", least=1, most=2, pattern="x", format="date", values=("x",), max_length=1)
    said = explain(f"a:{kind}", Contract(name="c", fields=(one,)), "hello")
    assert re.match(r"a is ", said)

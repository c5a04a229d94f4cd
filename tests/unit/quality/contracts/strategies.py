"""Contracts and records of all sorts that one record alone is asked about, close enough to meet often."""

from hypothesis import strategies as st

from aimass.quality.contracts.contract import Check, Contract, Expectation

WORDS = st.sampled_from(["a", "AB", "-", "x\ny", "2026-05-01", ""])
NUMBERS = st.sampled_from([-1, 0, 1, 1.0, 2.5, 5, 1.7e12])
SCALARS = WORDS | NUMBERS | st.booleans()
BOUNDS = st.none() | st.sampled_from([-1, 0, 2, 1.7e9])
EXPECTATIONS = st.builds(
    Expectation,
    path=st.sampled_from(["a", "b", "a.b"]),
    type=st.sampled_from(["any", "text", "number", "integer", "time", "object", "list"]),
    required=st.booleans(),
    nullable=st.booleans(),
    missing=st.lists(st.sampled_from(["-", -1, 1.0]), max_size=2).map(tuple),
    least=BOUNDS,
    most=BOUNDS,
    min_length=st.none() | st.integers(0, 2),
    max_length=st.none() | st.integers(0, 2),
    pattern=st.none() | st.sampled_from(["[A-Z]*", "."]),
    format=st.none() | st.just("date"),
    values=st.none() | st.lists(SCALARS, min_size=1, max_size=3).map(tuple),
    level=st.sampled_from(["error", "error", "warning"]),
)
CHECKS = st.builds(
    Check,
    name=st.sampled_from(["one", "two"]),
    that=st.sampled_from(["a > b", "b  <  a", "a == 1", "not known(c)"]),
    level=st.sampled_from(["error", "warning"]),
)
CONTRACTS = st.builds(
    Contract,
    name=st.just("c"),
    fields=st.lists(EXPECTATIONS, max_size=3, unique_by=lambda one: one.path).map(tuple),
    others=st.sampled_from(["allow", "warning", "error"]),
    checks=st.lists(CHECKS, max_size=2, unique_by=lambda one: one.name).map(tuple),
    schema=st.none() | st.sampled_from([{"maxProperties": 1}, {"required": ["b"]}]),
)
VALUES = st.recursive(st.none() | SCALARS, lambda one: st.lists(one, max_size=3), max_leaves=3)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "a": VALUES | st.fixed_dictionaries({}, optional={"b": VALUES}),
        "b": VALUES,
        "a.b": SCALARS,
        "c": VALUES,
    },
)

"""A contract as a JSON Schema allows what the contract allows, or says what it leaves out."""

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.quality.contracts.contract import Check, Contract, Expectation
from aimass.quality.contracts.plain import is_valid
from aimass.quality.contracts.read_schema import from_schema
from aimass.quality.contracts.write_schema import to_schema

SCALARS = st.none() | st.booleans() | st.sampled_from([-1, 0, 1.0, 2.5, 5, "", "a", "AB", "-", "2026-05-01"])
VALUES = st.recursive(
    SCALARS,
    lambda one: st.lists(one, max_size=2) | st.dictionaries(st.sampled_from("abc"), one, max_size=2),
    max_leaves=4,
)
RECORDS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
FIELDS = st.builds(
    Expectation,
    path=st.sampled_from(["a", "b", "a.b", "a.b.c", "c.a"]),
    type=st.sampled_from(["any", "text", "number", "integer", "truth", "object", "list"]),
    required=st.booleans(),
    nullable=st.booleans(),
    missing=st.lists(st.sampled_from(["-", -1]), max_size=1).map(tuple),
    least=st.none() | st.integers(-1, 2),
    most=st.none() | st.integers(1, 3),
    min_length=st.none() | st.integers(0, 2),
    max_length=st.none() | st.integers(1, 3),
    pattern=st.none() | st.sampled_from(["[A-Z]*", "a|b"]),
    format=st.none() | st.just("date"),
    values=st.none() | st.lists(SCALARS.filter(lambda one: one is not None), min_size=1, max_size=4).map(tuple),
)
CONTRACTS = st.builds(
    Contract,
    name=st.just("c"),
    fields=st.lists(FIELDS, max_size=4, unique_by=lambda one: one.path).map(tuple),
    others=st.sampled_from(["allow", "error"]),
    schema=st.none()
    | st.sampled_from(
        [{"properties": {"a": {"$ref": "#/$defs/d"}}, "$defs": {"d": {"not": {"const": 5}}}}, {"maxProperties": 1}]
    ),
)


@settings(max_examples=400, deadline=None)
@given(CONTRACTS, st.lists(RECORDS, min_size=8, max_size=8))
def test_the_schema_allows_what_the_contract_allows(contract, records):
    schema, notes = to_schema(contract)
    assert notes == ()
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for record in records:
        assert validator.is_valid(record) == is_valid(contract, record), (schema, record)


@settings(max_examples=200, deadline=None)
@given(CONTRACTS, st.lists(RECORDS, min_size=8, max_size=8))
def test_what_is_read_back_allows_the_same(contract, records):
    again = from_schema(to_schema(contract)[0]).contract
    for record in records:
        assert is_valid(again, record) == is_valid(contract, record)


def test_what_is_left_out_is_noted():
    contract = Contract(
        name="c",
        fields=(
            Expectation(path="a", unique=True, order="rising"),
            Expectation(path="b", type="time"),
            Expectation(path="c.0", type="text"),
            Expectation(path="d", most=3, level="warning"),
            Expectation(path="e", type="text", pattern="(?i)x"),
        ),
        others="warning",
        checks=(Check(name="sum", that="a == b"),),
        delay_s=5.0,
    )
    schema, notes = to_schema(contract)
    assert notes == (
        "c.0: may be within a list",
        "d: is only counted",
        "a: unique needs more than one record",
        "a: order needs more than one record",
        "b: that it is a time, and its range",
        "e: the pattern (?i)x, which may mean another thing there",
        "others: that fields it does not name are counted",
        "sum: a == b",
        "delay: is of the source, not of a record",
    )
    assert jsonschema_rs.Draft202012Validator(schema).is_valid({"a": 1, "b": 5, "d": 9, "e": "y", "f": 0})

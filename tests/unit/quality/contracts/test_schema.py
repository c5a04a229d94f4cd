"""JSON Schema to contracts: what is allowed stays the same, and nothing is dropped silently."""

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aimass.pipeline.contracts import parse
from aimass.quality.contracts.contract import Expectation
from aimass.quality.contracts.plain import is_valid
from aimass.quality.contracts.read_schema import from_schema
from aimass.quality.contracts.write_toml import to_toml

NAMES = ("a", "b", "c")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 6),
    st.sampled_from([0.5, 1.0, 2.5, -1.5]),
    st.sampled_from(["", "a", "ab", "AB1", "AB12", "x\n", "2026-05-01", "1.2.3.4", "é"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "0"]), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["string", "number", "integer", "boolean", "object", "array"])
OPTIONS = {
    "minimum": st.integers(-2, 3),
    "maximum": st.sampled_from([0, 2.5, 4]),
    "exclusiveMinimum": st.integers(-2, 2),
    "minLength": st.integers(0, 3),
    "maxLength": st.integers(1, 4),
    "minItems": st.integers(0, 2),
    "maxItems": st.integers(0, 3),
    "multipleOf": st.just(2),
    "pattern": st.sampled_from(["^[A-Z]{2}\\d+$", "^a|b$", "a", "^(?:a|ab)$", "^\\w*$", "^.$"]),
    "format": st.sampled_from(["date", "ipv4", "word"]),
    "enum": st.lists(SCALARS, min_size=1, max_size=4, unique_by=repr),
    "const": SCALARS,
    "description": st.just("said"),
    "items": st.just({"type": "string"}),
    "not": st.just({"const": 2}),
}
REFERENCES = st.sampled_from([{"$ref": "#/$defs/word"}, {"$ref": "#/$defs/self"}, {"$ref": "#"}, True, False])
LEAVES = st.builds(
    lambda kind, options: {**kind, **options},
    st.one_of(
        st.just({}),
        TYPES.map(lambda kind: {"type": kind}),
        TYPES.map(lambda kind: {"type": [kind, "null"]}),
        st.lists(TYPES, min_size=2, max_size=2, unique=True).map(lambda kinds: {"type": kinds}),
        TYPES.map(lambda kind: {"anyOf": [{"type": kind}, {"type": "null"}]}),
    ),
    st.fixed_dictionaries({}, optional=OPTIONS),
)


def objects(inner):
    return st.fixed_dictionaries(
        {"type": st.sampled_from(["object", ["object", "null"]])},
        optional={
            "properties": st.dictionaries(st.sampled_from([*NAMES, "0"]), inner, max_size=3),
            "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
            "additionalProperties": st.sampled_from([True, False, {"type": "string"}]),
        },
    )


SCHEMAS = st.builds(
    lambda root, draft: {
        **root,
        "$schema": draft,
        "$defs": {
            "word": {"type": "string", "minLength": 1},
            "self": {"type": "object", "properties": {"a": {"$ref": "#/$defs/self"}}},
        },
    },
    objects(st.recursive(LEAVES | REFERENCES, objects, max_leaves=4)),
    st.sampled_from(["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"]),
)
RECORDS = st.dictionaries(st.sampled_from([*NAMES, "0"]), VALUES, max_size=4)


@settings(max_examples=400, deadline=None)
@given(SCHEMAS, st.lists(RECORDS, min_size=8, max_size=8))
@example({"properties": {"a": {"enum": [1, None]}}}, [{"a": None}, {"a": 1.0}, {"a": True}])
@example(
    {"required": ["a"], "properties": {"a": {"type": "object", "required": ["b"]}}}, [{"a": {}}, {"a": {"b": None}}]
)
def test_a_contract_allows_what_its_schema_allows(schema, records):
    validator = jsonschema_rs.validator_cls_for(schema)(schema, validate_formats=True)
    contract = from_schema(schema).contract
    for record in records:
        assert is_valid(contract, record) == validator.is_valid(record), (contract, record)


@settings(max_examples=200, deadline=None)
@given(SCHEMAS)
@example({"required": ["a"], "properties": {"a": {"type": "integer", "minimum": 3, "enum": [1, "x", 4]}}})
@example({"required": ["a"], "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 1}}})
def test_what_a_schema_means_can_be_written_as_a_contract_of_ours(schema):
    contract = from_schema(schema).contract
    assert parse(to_toml(contract)) == contract


def fields(**properties):
    return from_schema({"properties": properties, "required": list(properties)})


def test_what_expectations_say_needs_no_schema():
    found = from_schema(
        {
            "title": "Customer Orders",
            "version": "2.1.0",
            "description": "Orders.",
            "type": "object",
            "required": ["id", "customer", "state"],
            "properties": {
                "id": {"type": "string", "pattern": "^[A-Z]{2}\\d{6}$", "description": "its number"},
                "amount": {"type": ["number", "null"], "minimum": 0, "maximum": 1e4, "x-unit": "EUR"},
                "state": {"enum": ["paid", "open", None]},
                "customer": {"type": "object", "required": ["mail"], "properties": {"mail": {"$ref": "#/$defs/mail"}}},
            },
            "additionalProperties": False,
            "$defs": {"mail": {"type": "string", "format": "email", "minLength": 5}},
        }
    )
    assert found.notes == ()
    contract = found.contract
    assert (contract.name, contract.version, contract.others) == ("customer-orders", "2.1.0", "error")
    assert contract.schema is None
    assert contract.fields == (
        Expectation(path="id", type="text", required=True, pattern="[A-Z]{2}[0-9]{6}", description="its number"),
        Expectation(path="amount", type="number", nullable=True, least=0, most=1e4, unit="EUR"),
        Expectation(path="state", required=True, nullable=True, values=("paid", "open")),
        Expectation(path="customer", type="object", required=True),
        Expectation(path="customer.mail", type="text", required=True, format="email", min_length=5),
    )


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"type": "number", "exclusiveMinimum": 0}, "exclusiveMinimum"),
        ({"type": "string", "pattern": "ab"}, "the pattern 'ab'"),
        ({"type": "array", "items": {"type": "string"}}, "items"),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, "oneOf"),
        ({"type": ["string", "number"]}, "a choice of types"),
        ({"type": "string", "format": "duration"}, "the format 'duration'"),
        ({"enum": [["a"], "b"]}, "enum"),
    ],
)
def test_what_they_cannot_say_is_kept_and_noted(schema, kept):
    found = fields(a=schema)
    assert found.contract.schema is not None
    assert found.notes == (f"a: {kept} is left to the schema",)


def test_null_that_an_optional_field_forbids_is_left_to_the_schema():
    found = from_schema({"properties": {"a": {"type": "string"}}})
    assert not is_valid(found.contract, {"a": None})
    assert "null, which it forbids" in found.notes[0]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "a JSON Schema is an object"),
        ({"type": "array"}, "records are objects"),
        ({"type": "text"}, "text"),
        ({"properties": {"a": {"$ref": "https://example.org/a.json"}}}, "nothing is fetched"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "does not exist"),
    ],
)
def test_what_is_no_schema_of_records_is_refused(schema, said):
    with pytest.raises(ValueError, match=said):
        from_schema(schema)


def test_a_schema_that_refers_to_itself_twice_at_every_level_ends():
    defs = {f"d{n}": {"properties": {x: {"$ref": f"#/$defs/d{n + 1}"} for x in "ab"}} for n in range(20)}
    found = from_schema({"$ref": "#/$defs/d0", "$defs": {**defs, "d20": {"type": "string"}}})
    assert found.contract.schema is not None

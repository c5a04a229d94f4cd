"""ODCS: what it says of records becomes a contract, ours comes back exactly, and what is not checked is noted."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import ConfigurationError
from aimass.pipeline.contracts import load, load_noted
from aimass.quality.contracts.contract import (
    FORMATS,
    ORDERS,
    TYPES,
    Check,
    Contract,
    Expectation,
    Reference,
    TruthTable,
)
from aimass.quality.contracts.contradictions import contradictions
from aimass.quality.contracts.odcs import from_odcs
from aimass.quality.contracts.plain import is_valid
from aimass.quality.contracts.write_odcs import to_odcs
from aimass.quality.contracts.yaml import dump_yaml, read_yaml

TEXTS = st.sampled_from(["", "said", "N/A", "1e3", "NO", "a: b # c", "über\nzwei", "true", "2026-05-01", "  x "])
NUMBERS = st.one_of(st.integers(-5, 5), st.sampled_from([0.5, 1e16, 1.7e9, -2.25]))
SCALARS = TEXTS | NUMBERS | st.booleans()
MAYBE = st.none()
FIELDS = st.builds(
    Expectation,
    path=st.just(""),
    type=st.sampled_from(TYPES),
    required=st.booleans(),
    nullable=st.booleans(),
    missing=st.lists(SCALARS, max_size=2).map(tuple),
    least=MAYBE | NUMBERS,
    most=MAYBE | NUMBERS,
    min_length=MAYBE | st.integers(0, 9),
    max_length=MAYBE | st.integers(0, 9),
    pattern=MAYBE | st.sampled_from(["[A-Z]{2}", "a|b", "(?i)x", r"\d+", "a.c"]),
    format=MAYBE | st.sampled_from(FORMATS),
    values=MAYBE | st.lists(SCALARS, min_size=1, max_size=3).map(tuple),
    unique=st.booleans(),
    order=MAYBE | st.sampled_from(ORDERS),
    truth=MAYBE | st.just(TruthTable(file="t.csv", by="id", key="id", value="v", tolerance=0.5)),
    unit=TEXTS,
    description=TEXTS,
    level=st.sampled_from(["error", "warning"]),
).filter(lambda one: not contradictions(one))
PATHS = st.lists(
    st.sampled_from(["a", "b", "c", "a.b", "c.d.e", "list.0.x", "no", "a b"]), min_size=0, max_size=5, unique=True
)
CHECKS = st.lists(
    st.builds(
        Check,
        name=st.sampled_from(["one", "two-1"]),
        that=st.sampled_from(["a > b", "a + b == c.d"]),
        level=st.sampled_from(["error", "warning"]),
        dimension=st.sampled_from(["validity", "consistency"]),
        description=TEXTS,
    ),
    max_size=2,
)
SPANS = MAYBE | st.sampled_from([0.25, 60.0, 3600.0, 1e6])


@st.composite
def contracts(draw):
    paths = draw(PATHS)
    fields = tuple(replace(draw(FIELDS), path=path) for path in paths)
    return Contract(
        name="orders",
        version=draw(st.sampled_from(["1.0.0", "0.12.3"])),
        owner=draw(TEXTS),
        description=draw(TEXTS),
        fields=fields,
        others=draw(st.sampled_from(["allow", "warning", "error"])),
        checks=tuple(draw(CHECKS)),
        references=(Reference(name="known", path="a", source="o", field="id"),) if draw(st.booleans()) else (),
        schema={"type": "object", "minProperties": 1} if draw(st.booleans()) else None,
        horizon_s=draw(st.sampled_from([3600.0, 1.0])),
        delay_s=draw(SPANS),
        fresh_s=draw(SPANS),
        season_s=draw(SPANS),
    )


def read_back(contract):
    document, _ = read_yaml(dump_yaml(to_odcs(contract)))
    problems = []
    found = from_odcs(document, problems)
    assert problems == []
    return found


@settings(max_examples=300, deadline=None)
@given(contracts())
def test_ours_comes_back_exactly(contract):
    found = read_back(contract).contract
    assert found == contract
    assert repr(found) == repr(contract)  # 1, 1.0 and true too


def test_what_odcs_can_say_stands_in_its_own_words():
    fields = (
        Expectation(path="id", type="text", required=True, pattern="[A-Z]{2}", description="its number"),
        Expectation(path="amount", type="number", required=True, least=0, most=5),
        Expectation(path="state", type="text", required=True, values=("paid", "NO")),
        Expectation(path="at", type="time", required=True, least=1.7e9),
        Expectation(path="who", type="object", required=True),
        Expectation(path="who.mail", type="text", format="email"),
        Expectation(path="tags", type="list", min_length=1),
    )
    ours = Contract(name="orders", owner="shop", description="Orders.", fields=fields, delay_s=60.0, fresh_s=3600.0)
    document = to_odcs(ours)
    assert "customProperties" not in document
    assert read_back(ours).notes == ()


TOP = "kind: DataContract\napiVersion: v3.1.0\nid: o\nname: Orders\nversion: 1.2.0\nstatus: active\n"


def write(tmp_path, text):
    file = tmp_path / "orders.odcs.yaml"
    file.write_text(text)
    return file


def test_a_contract_of_somebody_else_is_read(tmp_path):
    file = write(
        tmp_path,
        TOP
        + """
team:
  - {username: ann, role: Owner}
description: {purpose: What was ordered.}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, primaryKey: true, logicalTypeOptions: {pattern: '^O', maxLength: 9}}
      - name: country
        logicalType: string
        classification: public
        quality:
          - {metric: invalidValues, arguments: {validValues: [NL, NO]}, mustBe: 0}
          - {rule: duplicateValues, mustBeLessThan: 5, unit: percent}
          - {type: sql, query: select 1, mustBe: 1}
      - name: note
        logicalType: string
        quality: [{metric: missingValues, arguments: {missingValues: [null, N/A]}, mustBe: 0}]
slaProperties:
  - {property: latency, value: 2, unit: h}
  - {property: retention, value: 3, unit: y}
""",
    )
    found = load_noted(file)
    contract = found.contract
    assert (contract.name, contract.version, contract.owner, contract.delay_s) == ("orders", "1.2.0", "ann", 7200.0)
    assert contract.fields == (
        Expectation(path="id", type="text", required=True, unique=True, pattern="(?:O)(?s:.*)", max_length=9),
        Expectation(path="country", type="text", values=("NL", "NO")),
        Expectation(path="note", type="text", required=True, missing=("N/A",)),
    )
    assert found.notes == (
        "country: duplicateValues is not checked: mustBeLessThan is a share, and each record is looked at here",
        "country: quality of type sql is not checked",
        "country: classification is not kept",
        "slaProperties: retention is not checked",
    )


def test_an_optional_field_may_be_null(tmp_path):
    contract = load(write(tmp_path, TOP + "schema: [{name: o, properties: [{name: a, logicalType: string}]}]"))
    assert is_valid(contract, {"a": None})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Other\n", '1: kind: must be "DataContract"'),
        (TOP.replace("v3.1.0", "v2.2.2"), "2: apiVersion: 'v2.2.2' cannot be read"),
        (TOP + "schema: 5", "7: schema: must be a list"),
        (TOP + "schema: [{name: a}, {name: b}]", "7: schema: must have one table, for one source; there is: a, b"),
        (TOP + "schema:\n- properties:\n  - name: a\n    logicalType: numbers", '10: .*did you mean "number"'),
        (TOP + "schema:\n- properties:\n  - logicalType: number", '9: .*has no "name"'),
        (TOP + "schema: [{properties: [{name: a, required: maybe}]}]", "required: is 'maybe', where true or false"),
        (TOP + "schema:\n- properties:\n  - {name: a, quality: [{metric: nulValues, mustBe: 0}]}", "nullValues"),
        (TOP + "slaProperties: [{property: latency, value: soon}]\nschema: [{}]", "is 'soon', where a number above 0"),
        (
            TOP
            + "schema:\n- properties:\n"
            + "  - {name: a, logicalType: number, logicalTypeOptions: {minimum: 5, maximum: 3}}",
            "9: .*maximum is below least: 3 < 5",
        ),
        (TOP + "schema: [{}]\ncustomProperties: [{property: aimass, value: {fields: {a: {type: 5}}}}]", "aimass wrote"),
        ("a: [", "1: not YAML|2: not YAML"),
        ("a: 1\na: 2", "2: not YAML: the key 'a' is there twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, said):
    with pytest.raises(ConfigurationError) as raised:
        load(write(tmp_path, text))
    assert re.search(said, str(raised.value)), str(raised.value)

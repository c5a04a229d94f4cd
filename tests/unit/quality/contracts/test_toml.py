"""Contracts in our own form: read, written, and all that is wrong with one said at once."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import ConfigurationError
from aimass.pipeline.contracts import load, parse
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
from aimass.quality.contracts.write_toml import to_toml

EXAMPLES = Path(__file__).parents[4] / "examples/contracts"
ORDERS_TOML = """\
name = "orders"
version = "1.2.0"
others = "warning"
horizon = "2h"
delay = "5m"

[fields.amount]
type = "number"
required = true
least = 0
most = 10000

[fields."customer.id"]
pattern = '[A-Z]{2}\\d{6}'

[fields.amount.truth]
file = "truth.csv"
by = "id"
key = "order"
value = "amount"
tolerance = 0.01

[[check]]
name = "total-adds-up"
that = "total == price * count"

[[reference]]
name = "order-known"
path = "order"
source = "shop.orders"
field = "id"
within = "1h"
"""


def test_a_file_is_read_as_it_says():
    contract = parse(ORDERS_TOML)
    truth = TruthTable(file="truth.csv", by="id", key="order", value="amount", tolerance=0.01)
    assert contract == Contract(
        name="orders",
        version="1.2.0",
        others="warning",
        horizon_s=7200.0,
        delay_s=300.0,
        fields=(
            Expectation(path="amount", type="number", required=True, least=0, most=10000, truth=truth),
            Expectation(path="customer.id", pattern=r"[A-Z]{2}\d{6}"),
        ),
        checks=(Check(name="total-adds-up", that="total == price * count"),),
        references=(Reference(name="order-known", path="order", source="shop.orders", field="id", within_s=3600.0),),
    )


def test_fields_within_fields_may_stand_as_tables_within_tables():
    contract = parse(
        'name = "c"\n[fields.customer.id]\nrequired = true\n[fields.at]\nleast = "2026-01-01"\ntype = "time"'
    )
    assert [one.path for one in contract.fields] == ["customer.id", "at"]
    assert contract.fields[1].least == 1767225600.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 1", 'c.toml:1: version: must be three numbers, like "1.2.0"'),
        ('names = "c"', 'c.toml:1: names: unknown key; did you mean "name"?'),
        ('[fields.a]\n\ntyp = "number"', 'c.toml:3: [fields.a] typ: unknown key; did you mean "type"?'),
        (
            '[fields.a]\ntype = "numbers"',
            "c.toml:2: [fields.a] type: 'numbers' is not allowed; did you mean \"number\"?",
        ),
        ("[fields.a]\nleast = 5\nmost = 3", "c.toml:3: [fields.a] most: is below least: 3 < 5"),
        ("[fields.a]\nmin_length = 5\nmax_length = 3", "c.toml:3: [fields.a] max_length: is below min_length: 3 < 5"),
        ('[fields.a]\npattern = "("', "c.toml:2: [fields.a] pattern: is no regular expression: "),
        (
            f'[fields.a]\npattern = "{"a" * 1001}"',
            "c.toml:2: [fields.a] pattern: has 1,001 characters, more than 1,000",
        ),
        (
            '[fields.a]\ntype = "number"\npattern = "a"',
            "c.toml:3: [fields.a] pattern: is not for values of type number",
        ),
        ('[fields.a]\ntype = "text"\nleast = 1', "c.toml:3: [fields.a] least: is not for values of type text"),
        ('[fields.a]\ntype = "number"\nvalues = [1, "x"]', "c.toml:3: [fields.a] values: 'x' can never be: it is not"),
        (
            "[fields.a]\nmost = 3\nvalues = [1, 5]",
            "c.toml:3: [fields.a] values: 5 can never be: it is not what most says",
        ),
        ("[fields.a]\nvalues = []", "c.toml:2: [fields.a] values: allows no value at all"),
        ("[fields.a]\nleast = nan", "c.toml:2: [fields.a] least: must be a number"),
        ("[fields]\na = 5", "c.toml:2: [fields] a: write it as [fields.a], with its keys below"),
        ('[fields.a]\ntruth = "x.csv"', "c.toml:2: [fields.a] truth: write it as [fields.a.truth]"),
        ('[fields.a.truth]\nfile = "x.csv"', 'c.toml:1: [fields.a.truth] has no "by"'),
        ('[[check]]\nname = "x"\nthat = "a >"', "c.toml:3: [[check]] that: expected a value"),
        ('[[check]]\nname = "x"\nthat = "avg(a, 1h) > 3"', "c.toml:3: [[check]] that: avg(...) looks at other records"),
        ('[[check]]\nname = "x"\nthat = "changed(a)"', "c.toml:3: [[check]] that: changed(...) looks at other records"),
        (
            '[[check]]\nname = "x"\nthat = "profile.days > 3"',
            "c.toml:3: [[check]] that: profile.… is of the key's past",
        ),
        ('[[check]]\nname = "x"\nthat = "hour() > 3"', "c.toml:3: [[check]] that: hour() is no field of the record"),
        ('[[check]]\nname = "x"\nthat = "a then b within 5m"', "c.toml:3: [[check]] that: a pattern looks at several"),
        ('[[check]]\nname = "x"\nthat = "1 > 2"', "c.toml:3: [[check]] that: looks at no field"),
        ('[[check]]\nname = "x"', 'c.toml:1: [[check]] has no "that"'),
        (
            '[[check]]\nname = "x"\nthat = "a > 1"\n[[check]]\nthat = "a > 2"\nname = "x"',
            "c.toml:6: [[check]] name: 'x' is taken already, in line 2",
        ),
        ('[check]\nname = "x"', "c.toml:1: check: write it as [[check]]"),
        (
            '[[reference]]\nname = "x"\npath = "a"\nsource = "t"\nfield = "b"\nwithin = "0s"',
            "c.toml:6: [[reference]] within:",
        ),
        ('schema = "{"', "c.toml:1: schema: is not JSON"),
        ('schema = \'{"type": "numbers"}\'', "c.toml:1: schema: "),
        ('schema = "nowhere.json"', "c.toml:1: schema: nowhere.json cannot be read"),
        ("a = [", "c.toml:1: not TOML: "),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(text, said):
    with pytest.raises(ConfigurationError) as raised:
        parse(text, file="c.toml")
    assert any(line.startswith(said) for line in str(raised.value).splitlines()), str(raised.value)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ConfigurationError) as raised:
        parse('name = "c"\ndelay = "soon"\n[fields.a]\ntype = 5\n[[check]]\nname = "x"\nthat = "a = 1"', file="c.toml")
    assert [line.partition(": ")[0] for line in str(raised.value).splitlines()] == ["c.toml:2", "c.toml:4", "c.toml:7"]


def test_a_schema_may_be_a_file_beside_the_contract(tmp_path):
    (tmp_path / "s.json").write_text('{"minProperties": 1}')
    (tmp_path / "c.toml").write_text('name = "c"\nschema = "s.json"')
    assert load(tmp_path / "c.toml").schema == {"minProperties": 1}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.txt", "", "a contract's file ends in .toml, .json, .yaml, .yml"),
        ("c.json", "{\n,", "c.json:2: not JSON"),
        ("c.json", '{"type": "array"}', "records are objects"),
        ("c.toml", None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_no_contract_is_refused(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load(tmp_path / name)


def test_a_json_schema_without_a_title_is_named_by_its_file(tmp_path):
    (tmp_path / "My Orders.schema.json").write_text('{"properties": {"a": {"type": "integer"}}, "required": ["a"]}')
    assert load(tmp_path / "My Orders.schema.json") == Contract(
        name="my-orders", fields=(Expectation(path="a", type="integer", required=True),)
    )


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda text: text.strip())
SCALARS = TEXTS | st.integers(-9, 9) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
SPANS = st.sampled_from([0.25, 1.5, 60.0, 86400.0, 100000.0])
NUMBERS = st.integers(-99, 99) | st.sampled_from([0.5, 1e16, -1e-9])
FIELDS = st.builds(
    Expectation,
    path=st.lists(TEXTS.filter(lambda text: "." not in text), min_size=1, max_size=2).map(".".join),
    type=st.sampled_from(TYPES),
    required=st.booleans(),
    nullable=st.booleans(),
    missing=st.lists(SCALARS, max_size=2).map(tuple),
    least=st.none() | NUMBERS,
    most=st.none() | NUMBERS,
    min_length=st.none() | st.integers(0, 3),
    max_length=st.none() | st.integers(3, 9),
    pattern=st.none() | st.sampled_from(["a'b\"", r"[A-Z]{2}\d", "x"]),
    format=st.none() | st.sampled_from(FORMATS),
    values=st.none() | st.lists(SCALARS, min_size=1, max_size=3).map(tuple),
    unique=st.booleans(),
    order=st.none() | st.sampled_from(ORDERS),
    truth=st.none() | st.builds(TruthTable, file=TEXTS, by=st.just("a.b"), key=TEXTS, value=TEXTS),
    unit=st.just("") | TEXTS,
    description=st.just("") | TEXTS,
    level=st.sampled_from(["error", "warning"]),
).filter(lambda one: not contradictions(one))
CONTRACTS = st.builds(
    Contract,
    name=st.sampled_from(["orders", "a-1"]),
    version=st.sampled_from(["1.0.0", "0.3.12"]),
    owner=st.just("") | TEXTS,
    description=st.just("") | TEXTS,
    fields=st.lists(FIELDS, max_size=3, unique_by=lambda one: one.path).map(tuple),
    others=st.sampled_from(["allow", "warning", "error"]),
    checks=st.just(()) | st.just((Check(name="c", that='a == "x"', dimension="validity", level="warning"),)),
    references=st.just(())
    | st.builds(
        lambda within: (Reference(name="r", path="a", source="t", field="b", within_s=within, level="error"),), SPANS
    ),
    schema=st.none() | st.builds(lambda text: {"title": text, "minProperties": 1}, TEXTS | st.just("'''\\")),
    horizon_s=SPANS,
    delay_s=st.none() | SPANS,
    fresh_s=st.none() | SPANS,
    season_s=st.none() | SPANS,
)


@settings(max_examples=200, deadline=None)
@given(CONTRACTS)
def test_what_is_written_is_read_back(contract):
    found = parse(to_toml(contract))
    assert found == contract
    assert repr(found) == repr(contract)


def test_what_toml_cannot_say_is_refused_with_its_place():
    with pytest.raises(ValueError, match="a: values: TOML cannot say None here"):
        to_toml(Contract(name="c", fields=(Expectation(path="a", values=(1, None)),)))


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.*")), ids=lambda file: file.name)
def test_the_examples_load_and_are_written_as_they_are_meant(file):
    contract = load(file)
    assert len(contract.fields) >= 5
    assert parse(to_toml(contract)) == contract

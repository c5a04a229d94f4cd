"""Suggested contracts: what is learned of records, and what later records leave of it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.pipeline.contracts import parse
from aimass.quality.contracts.contract import Contract
from aimass.quality.contracts.contradictions import contradictions
from aimass.quality.contracts.learn import head_room, learn
from aimass.quality.contracts.plain import is_valid
from aimass.quality.contracts.shapes import shape_of
from aimass.quality.contracts.suggest import propose, suggest
from aimass.quality.contracts.together import relations
from aimass.quality.contracts.write_toml import to_toml


def orders(count, seed=1):
    draw = random.Random(seed)
    for n in range(count):
        price, pieces = round(draw.uniform(1, 90), 2), draw.randint(1, 9)
        yield {
            "id": f"OR{n * 7919 % 1_000_000:06d}",
            "at": f"2026-05-{1 + n // 86400:02d}T{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z",
            "state": draw.choice(["open", "paid", "void"]),
            "customer": {"mail": f"c{n % 50}@example.org", "ip": f"10.0.{n % 200}.{n % 250}"},
            "price": price,
            "count": pieces,
            "total": round(price * pieces, 2),
            "net": 5 + n % 40,
            "tax": 1 + n % 7,
            "gross": 6 + n % 40 + n % 7,
            "note": None if n % 5 == 0 else f"note {'x' * (n % 30)} {n % 91}",
            **({"coupon": "SPRING"} if n % 11 == 0 else {}),
            "reading": "N/A" if n % 50 == 0 else round(draw.gauss(20, 2), 3),
        }


CONTRACT = suggest(orders(2000), "orders")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("id", {"type": "text", "required": True, "unique": True, "pattern": "OR[0-9]{6}"}),
        ("at", {"type": "time", "required": True, "order": "rising", "least": None, "most": None}),
        ("state", {"type": "text", "values": ("open", "paid", "void")}),
        ("customer", {"type": "object", "required": True}),
        ("customer.mail", {"type": "text", "required": True, "format": "email", "unique": False}),
        ("customer.ip", {"format": "ipv4"}),
        ("price", {"type": "number", "least": 0, "order": None}),
        ("count", {"type": "integer", "values": (1, 2, 3, 4, 5, 6, 7, 8, 9)}),
        ("note", {"type": "text", "required": True, "nullable": True, "min_length": 1}),
        ("coupon", {"required": False, "values": ("SPRING",)}),
        ("reading", {"type": "number", "missing": ("N/A",), "required": False}),
    ],
)
def test_what_is_learned_of_a_field(path, expected):
    one = CONTRACT.expectation(path)
    assert {key: getattr(one, key) for key in expected} == expected


def test_what_is_learned_of_fields_together():
    assert {one.that for one in CONTRACT.checks} >= {"net + tax == gross", "abs(price * count - total) <= 0.01"}


def test_a_suggested_contract_can_be_written_and_read():
    assert parse(to_toml(CONTRACT)) == CONTRACT


def test_the_same_records_give_the_same_contract():
    assert repr(propose(orders(500), "o")) == repr(propose(orders(500), "o"))


def test_records_of_the_same_sort_are_valid():
    wrong = [one for one in orders(5000, seed=2) if not is_valid(CONTRACT, one)]
    assert len(wrong) < 5


@pytest.mark.parametrize(
    ("change", "what", "verdict"),
    [
        (lambda one, n: one.update(price=one["price"] * 40), "most", "widened"),
        (lambda one, n: one.update(state="lost" if n % 2 else one["state"]), "values", "widened"),
        (lambda one, n: one.update(id=f"free text {n}" + "!" * (n % 9)), "pattern", "dropped"),
        (lambda one, n: one.pop("price"), "required", "dropped"),
        (lambda one, n: one.update(price=str(one["price"])), "type", "dropped"),
        (lambda one, n: one.update(count=one["count"] + 0.5), "type", "widened"),
        (lambda one, n: one.update(id="OR000001"), "unique", "dropped"),
        (lambda one, n: one.update(at="2020-01-01T00:00:00Z" if n % 2 else one["at"]), "order", "dropped"),
        (lambda one, n: one.update(gross=one["gross"] + 1), "check", "dropped"),
    ],
)
def test_what_later_records_break_is_widened_or_dropped(change, what, verdict):
    rows = list(orders(1000))
    for n in range(800, 1000):
        change(rows[n], n)
    found = propose(rows, "orders")
    told = [one for one in found.evidence if one.what == what and one.verdict != "kept"]
    assert verdict in [one.verdict for one in told]
    assert all(one.why and one.broken and 0.001 < one.low < one.high for one in told if one.what == what)
    assert sum(is_valid(found.contract, one) for one in rows) >= 995


def test_what_is_broken_seldom_is_kept():
    rows = list(orders(2000))
    rows[1900]["price"] = 1e9
    (told,) = [one for one in propose(rows, "o").evidence if (one.path, one.what) == ("price", "most")]
    assert (told.verdict, told.tried, told.broken) == ("kept", 600, 1)
    assert told.low < 0.001 < told.high


def test_fields_of_later_records_only_are_named_and_nothing_more():
    rows = [{"a": n % 40} for n in range(300)]
    for one in rows[250:]:
        one["b"] = "x"
    found = propose(rows, "o")
    assert found.contract.expectation("b").type == "any"
    (told,) = [one for one in found.evidence if one.path == "b"]
    assert "only the later records have it" in told.why


def test_order_is_of_a_key():
    rows = [{"n": n // 2 + 1000 * (n % 2)} for n in range(600)]
    assert suggest(rows, "o").expectation("n").order is None
    assert propose(rows, "o", keys=["a", "b"] * 300).contract.expectation("n").order == "rising"


def test_a_delay_has_head_room():
    rows = [{"n": n % 9} for n in range(1000)]
    assert propose(rows, "o", delays=[2 + (n % 10) / 10 for n in range(1000)]).contract.delay_s == 5.0
    found = propose(rows, "o", delays=[2.0] * 800 + [200.0] * 200)
    assert found.contract.delay_s >= 200
    assert [one.verdict for one in found.evidence if one.what == "delay"] == ["widened"]


def test_few_records_promise_nothing_they_cannot_know():
    one = suggest([{"a": n} for n in range(40)], "o").expectation("a")
    assert (one.required, one.unique, one.values) == (False, False, None)
    with pytest.raises(ValueError, match="3 records are too few"):
        suggest([{}] * 3, "o")


def test_head_room_is_passed_once_in_a_hundred_samples():
    draw = random.Random(3)
    passed = 0
    for _ in range(400):
        sample = sorted(draw.expovariate(1) for _ in range(200))
        bound = sample[-1] + head_room(sample)
        passed += any(draw.expovariate(1) > bound for _ in range(200))
    assert passed <= 16  # four are expected


@pytest.mark.parametrize(
    ("texts", "shape"),
    [
        ([f"AB-{n:04d}" for n in range(50)], "AB-[0-9]{4}"),
        ([f"x{n}" for n in range(50)], "x[0-9]+"),
        ([f"2026.{n:02d}" for n in range(50)], r"[0-9]{4}\.[0-9]{2}"),
        (["word" * (n % 3 + 1) + chr(97 + n % 26) for n in range(60)], None),
        ([f"AB-{n}" for n in range(5)], None),
        ([f"é{n}" for n in range(50)], "é[0-9]+"),
    ],
)
def test_shapes_of_ids(texts, shape):
    assert shape_of(texts) == shape


def test_relations_that_say_nothing_are_not_proposed():
    draw = random.Random(4)
    columns = {
        "small": [draw.uniform(0, 1) for _ in range(500)],
        "large": [draw.uniform(2, 3) for _ in range(500)],
        "one": [1] * 500,
        "any": [draw.uniform(0, 3) for _ in range(500)],
    }
    assert relations(columns) == []
    assert relations({name: values[:150] for name, values in columns.items()}) == []


def test_of_what_follows_from_others_nothing_is_said():
    draw = random.Random(5)
    low = [draw.randint(0, 100) for _ in range(400)]
    middle = [one + draw.randint(0, 50) for one in low]
    high = [one + draw.randint(0, 50) for one in middle]
    found = relations({"low": low, "middle": middle, "high": high, "no word": [one + 1 for one in high]})
    assert [one.that for one in found] == ["low <= middle", "middle <= high", "high <= `no word`"]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "a.b", ""]), VALUES, max_size=3), min_size=20, max_size=60))
def test_whatever_records_are_a_contract_is_learned_that_can_be_met(records):
    found = propose(records, "any")
    assert all(contradictions(one) == [] for one in found.contract.fields)
    assert parse(to_toml(found.contract)) == found.contract


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=150))
def test_what_is_learned_of_values_holds_for_them(values):
    one = learn("a", values)
    assert all(is_valid(Contract(name="c", fields=(one,)), {"a": value}) for value in values)

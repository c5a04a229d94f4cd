"""What a new version of a contract breaks, for producers and for consumers, and the version that it has to have."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aimass.quality.contracts.contract import ORDERS, Contract, Expectation, Reference
from aimass.quality.contracts.evolution import broken, bump, changes, verdict
from aimass.quality.contracts.plain import is_valid
from tests.unit.quality.contracts.strategies import CONTRACTS, EXPECTATIONS, RECORDS

#: A step from one version to the next: one thing changed, so that many pairs are close to each other.
KEYS = st.sampled_from(
    ["type", "required", "nullable", "missing", "least", "most", "min_length", "pattern", "format", "values", "level"]
)


@st.composite
def steps(draw):
    old = draw(CONTRACTS)
    if draw(st.booleans()) or not old.fields:
        return old, draw(CONTRACTS)
    at, key, other = draw(st.integers(0, len(old.fields) - 1)), draw(KEYS), draw(EXPECTATIONS)
    fields = list(old.fields)
    fields[at] = replace(fields[at], **{key: getattr(other, key)})
    return old, replace(old, fields=tuple(fields))


def of(**said):
    return Contract(name="c", fields=(Expectation(path="a", **said),))


@settings(max_examples=600, deadline=None)
@given(steps(), st.lists(RECORDS, min_size=8, max_size=8))
@example((of(type="time", most=1.7e9), of(most=1.7e9)), [{"a": 1.7e12}])
@example((of(type="number", missing=("-",)), of(type="number")), [{"a": "-"}])
@example((of(), of(missing=("-",), required=True)), [{"a": "-"}])
@example((of(required=True), of(required=True, missing=("-",))), [{"a": "-"}])
@example((of(values=("-", "a")), of(values=("-", "a"), missing=("-",), required=True)), [{"a": "-"}])
def test_what_breaks_no_producer_leaves_valid_what_was_valid(step, records):
    old, new = step
    if broken(changes(old, new), "producers"):
        return
    for record in records:
        assert is_valid(new, record) or not is_valid(old, record)


@settings(max_examples=300, deadline=None)
@given(CONTRACTS)
def test_a_contract_does_not_differ_from_itself(contract):
    assert changes(contract, contract) == []


@settings(max_examples=500, deadline=None)
@given(steps())
def test_whatever_differs_is_told(step):
    old, new = step
    assert changes(old, new) or meant(old) == meant(new)


def meant(contract):
    """A contract without what does not count: in which order things are, or whether they are there twice."""
    fields = [
        replace(one, missing=frozenset(one.missing), values=one.values and frozenset(one.values))
        for one in contract.fields
    ]
    return replace(contract, fields=frozenset(fields), checks=frozenset(contract.checks))


@pytest.mark.parametrize(
    ("old", "new", "kind", "breaks", "said"),
    [
        ({"most": 100}, {"most": 50}, "breaks", "producers", "a: most was 100, is 50: records between are invalid now"),
        ({"most": 50}, {"most": 100}, "widens", "", "a: most was 50, is 100: records between are valid now"),
        ({}, {"least": 0}, "breaks", "producers", "a: least is 0 now: records below are invalid"),
        ({"required": True}, {}, "widens", "consumers", "a: is no longer required: records without it are valid now"),
        ({}, {"required": True}, "breaks", "producers", "a: is required now: records without it are invalid"),
        ({"type": "integer"}, {"type": "number"}, "widens", "consumers", "a: type was integer, is number: values of"),
        (
            {"type": "text"},
            {"type": "number"},
            "breaks",
            "producers consumers",
            "a: type was text, is number: values that",
        ),
        ({"required": True}, {"required": True, "nullable": True}, "widens", "consumers", "a: may be null now"),
        ({"values": (1, 2)}, {"values": (1,)}, "breaks", "producers", "a: 2 is allowed no longer"),
        ({"values": (1,)}, {"values": (1.0, 2)}, "widens", "consumers", "a: 2 is allowed now"),
        (
            {"values": ("ab", "cd")},
            {"values": ("ab", "cd"), "pattern": "[a-z]+"},
            "neutral",
            "",
            "a: texts without the",
        ),
        ({"pattern": "a"}, {"pattern": "b"}, "breaks", "producers consumers", "a: the pattern was a, is b"),
        (
            {"order": "rising"},
            {"order": "not-falling"},
            "widens",
            "consumers",
            "a: its order was rising, is not-falling",
        ),
        ({"unique": True}, {}, "widens", "consumers", "a: a value may come again now"),
        (
            {"most": 5},
            {"most": 5, "level": "warning"},
            "widens",
            "consumers",
            "a: what it breaks makes records invalid no",
        ),
        (
            {"most": 5, "level": "warning"},
            {"most": 3, "level": "warning"},
            "neutral",
            "",
            "a: most changed, of what is",
        ),
        ({}, {"unit": "EUR"}, "neutral", "", "a: unit changed"),
    ],
)
def test_a_change_is_told_with_whom_it_breaks(old, new, kind, breaks, said):
    (found,) = changes(of(**old), of(**new))
    assert (found.kind, found.path, " ".join(found.breaks)) == (kind, "a", breaks)
    assert found.said.startswith(said)


def test_fields_that_come_and_go():
    open_, closed = Contract(name="c"), Contract(name="c", others="error")
    with_a = (Expectation(path="a", type="text"),)
    assert [one.breaks for one in changes(open_, replace(open_, fields=with_a))] == [("producers",)]
    assert [one.kind for one in changes(closed, replace(closed, fields=with_a))] == ["widens"]
    assert [one.breaks for one in changes(replace(open_, fields=with_a), open_)] == [("consumers",)]
    assert [one.breaks for one in changes(replace(closed, fields=with_a), closed)] == [("producers", "consumers")]


def test_what_is_of_the_contract_as_a_whole():
    old = Contract(
        name="c", delay_s=60.0, references=(Reference(name="r", path="a", source="t", field="b", level="error"),)
    )
    new = replace(old, delay_s=30.0, fresh_s=5.0, owner="shop", references=())
    assert [(one.kind, one.said) for one in changes(old, new)] == [
        ("breaks", "delay: was 1m, is 30s: what comes later is late now"),
        ("breaks", "fresh: was any time, is 5s: what comes later is late now"),
        ("widens", "r: a is no longer promised to be in t"),
        ("neutral", "owner: was none, is shop"),
    ]


@pytest.mark.parametrize("order", ORDERS)
def test_a_new_order_breaks_producers(order):
    assert broken(changes(of(), of(order=order)), "producers")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("1.2.0", "2.0.0", None),
        ("1.2.0", "1.3.0", "version: 1.2.0 → 1.3.0 raises the minor version; what changes needs a major one: 2.0.0"),
        ("1.2.0", "1.2.0", "version: 1.2.0 → 1.2.0 does not raise it; what changes needs a major one: 2.0.0"),
        ("0.2.0", "0.3.0", None),
        ("1.2.0", "1.1.0", "version: 1.1.0 is before 1.2.0"),
    ],
)
def test_a_version_says_what_changes(old, new, said):
    assert verdict(replace(of(), version=old), replace(of(most=3), version=new)) == said


def test_what_only_widens_is_minor_and_words_are_a_patch():
    assert bump(changes(of(most=3), of(most=5))) == "minor"
    assert bump(changes(of(), of(description="said"))) == "patch"
    assert verdict(of(), of(description="said")).endswith("needs a patch: 1.0.1")

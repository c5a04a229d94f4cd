"""The plain meaning of a contract is the one that batches are held against."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.features import MISSING
from aimass.quality.batch import Records
from aimass.quality.check import Checker
from aimass.quality.contracts.contract import Contract, Expectation
from aimass.quality.contracts.plain import breaches, failed, is_valid
from tests.unit.quality.contracts.strategies import CONTRACTS, RECORDS


@settings(max_examples=400, deadline=None)
@given(CONTRACTS, st.lists(RECORDS, min_size=6, max_size=6))
def test_a_batch_is_checked_as_each_record_alone(contract, records):
    found = Checker(contract, "t").check(Records(records, "k" * len(records), [1.7e9] * len(records)), None)
    assert [at not in found.errors for at in range(len(records))] == [is_valid(contract, one) for one in records]


@pytest.mark.parametrize(
    ("said", "value", "broken"),
    [
        ({"required": True}, MISSING, ["required"]),
        ({"required": True}, None, ["required"]),
        ({"required": True, "nullable": True}, None, []),
        ({"required": True, "nullable": True}, MISSING, ["required"]),
        ({"type": "text"}, None, []),
        ({"required": True, "missing": (1,)}, 1.0, ["required"]),
        ({"required": True, "missing": (1,)}, True, []),
        ({"values": (1,)}, True, ["values"]),
        ({"type": "integer", "least": 0}, "x", ["type"]),
        ({"type": "time", "most": 1.7e9}, "2024-01-01T00:00:00Z", ["most"]),
        ({"type": "time", "most": 1.7e9}, 1_699_999_999_999, []),
        ({"min_length": 2}, ["a"], ["min_length"]),
        ({"pattern": "[a-z]"}, "ab", ["pattern"]),
        ({"pattern": "[a-z]"}, "a\n", ["pattern"]),
        ({"format": "ipv4"}, "256.1.1.1", ["format"]),
    ],
)
def test_what_a_value_does_not_meet(said, value, broken):
    assert failed(Expectation(path="a", **said), value) == broken


def test_fields_that_no_path_begins_with_are_others():
    contract = Contract(name="c", fields=(Expectation(path="a.b"),), others="warning")
    assert [(one.path, one.level) for one in breaches(contract, {"a": {"c": 1}, "a.b": 2, "d": 3})] == [
        ("d", "warning")
    ]

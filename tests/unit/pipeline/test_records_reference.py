"""The records in the documentation are records, byte for byte, and all their fields are explained."""

import re
from pathlib import Path
from typing import get_args

import pytest

from aimass import codec
from aimass.records import Anomaly, DeadLetter, Estimate, Record

DOC = (Path(__file__).parents[3] / "docs/reference/records.md").read_text("utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)\n```", DOC)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_are_records(text):
    assert codec.encode(codec.decoder(Record)(text.encode())).decode() == text


def test_every_record_and_field_is_explained():
    assert {type(codec.decoder(Record)(text.encode())) for text in EXAMPLES} == set(get_args(Record))
    for record in (*get_args(Record), Anomaly, Estimate):
        for name in record.__struct_fields__:
            assert f"`{name}`" in DOC, name
    for name in set(DeadLetter.__struct_fields__) - {"key", "value", "headers"}:
        assert f"`aimass.{name}`" in DOC, name

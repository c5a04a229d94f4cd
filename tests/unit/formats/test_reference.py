"""The page of formats says what there is, and its examples are true."""

import json
import re
from pathlib import Path

import pytest

from aimass.formats import FORMATS
from aimass.formats.make import make_format

PAGE = (Path(__file__).parents[3] / "docs/reference/formats.md").read_text("utf-8")
PUMPS = make_format("csv", columns=["pump", "speed", "note"], delimiter=";")
TILL = make_format("pattern", pattern=r"(?P<user>\w+) spent (?P<amount>[\d.]+)( at (?P<shop>.+))?")
MADE = {
    "csv": PUMPS,
    "pattern": TILL,
    **{name: make_format(name) for name in ("text", "combined", "syslog", "logfmt")},
}


def section(name):
    return next(part for part in re.split(r"^## ", PAGE, flags=re.M) if f"`{name}`" in part.partition("\n")[0])


def examples(name):
    """Return the records that a section shows, and what they become."""
    text = section(name)
    pairs = [tuple(re.split(r" +→  ", line)) for line in text.split("\n") if "  →  " in line]
    return pairs + re.findall(r"```\n([^\n]+)\n```\n\n```json\n(.+?)\n```", text, re.S)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "json"])
def test_every_format_has_a_section(name):
    assert section(name)


@pytest.mark.parametrize("name", MADE)
def test_the_examples_are_true(name):
    found = examples(name)
    assert found
    for line, data in found:
        assert MADE[name].decode(line.encode()) == json.loads(data)


def test_the_options_of_the_examples_are_those_of_the_tests():
    assert 'columns   = ["pump", "speed", "note"]\ndelimiter = ";"' in section("csv")
    assert r"pattern = '(?P<user>\w+) spent (?P<amount>[\d.]+)( at (?P<shop>.+))?'" in section("pattern")

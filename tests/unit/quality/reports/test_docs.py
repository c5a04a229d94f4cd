"""The pages on quality and reports name all that there is."""

import re
from pathlib import Path

import msgspec
import pytest

from aimass.commands.report import plain
from aimass.commands.report_words import FATE_WORDS, MEANINGS
from aimass.quality.gates import ACTIONS
from aimass.quality.indicators import INDICATORS
from aimass.quality.reports.models import ModelEffect
from aimass.quality.reports.people import Closing, GateHistory, Reviews
from aimass.quality.reports.report import ASIDES, FATES, FieldReport, Known, Report, SourceReport, report_of
from aimass.quality.reports.sums import Measure

DOCS = Path(__file__).parents[4] / "docs/reference"
QUALITY, REPORT = ((DOCS / f"{name}.md").read_text("utf-8") for name in ("quality", "report"))


def rows(page):
    return re.findall(r"^\| `([\w-]+)` \|", page, re.M)


def test_every_indicator_has_a_row_and_a_meaning():
    assert [name for name in rows(QUALITY) if name in INDICATORS] == list(INDICATORS) == list(MEANINGS)


def test_every_action_and_state_of_a_gate_has_a_row():
    assert set(ACTIONS) | {"insufficient", "pass", "warn", "fail"} <= set(rows(QUALITY))


def test_every_fate_has_words():
    assert tuple(FATE_WORDS) == (*FATES, *ASIDES)


@pytest.mark.parametrize(
    "record", [Report, SourceReport, FieldReport, Measure, Reviews, GateHistory, Closing, ModelEffect]
)
def test_every_key_of_the_json_is_described(record):
    assert [one.encode_name for one in msgspec.structs.fields(record) if f"`{one.encode_name}`" not in REPORT] == []


def test_a_report_says_what_it_is():
    found = plain(report_of("p", Known([]), 0.0, 1.0))
    assert (found["report"], found["version"]) == ("quality", 1)


@pytest.mark.parametrize("page", [QUALITY, REPORT], ids=["quality", "report"])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)[)#]", page):
        assert (DOCS / target).exists(), target

"""The page of contracts says what the code does, and what it shows is right."""

import re
from pathlib import Path

import pytest

from aimass.pipeline.contract_reference import tables
from aimass.pipeline.contracts import load, parse
from aimass.quality.contracts.contract import Contract
from aimass.quality.contracts.learn import FEW, MANY, OFTEN
from aimass.quality.contracts.odcs import LOGICAL, METRICS
from aimass.quality.contracts.read_schema import from_schema
from aimass.quality.contracts.suggest import ALLOWED, LEARNED
from aimass.quality.contracts.together import ENOUGH

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/reference/contracts.md").read_text("utf-8")


def test_the_tables_are_those_of_the_code():
    assert tables() in PAGE, "run: python -m aimass.pipeline.contract_reference, and paste"


def test_every_key_of_a_contract_is_one_of_its_file():
    keys = set(re.findall(r"^\| `(\w+)` \|", tables(), re.M))
    names = {name.removesuffix("_s") for name in Contract.__dataclass_fields__} - {"fields", "checks", "references"}
    assert names <= keys


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_contracts_of_the_page_are_right(text):
    assert parse(text).fields


def test_every_type_and_metric_of_odcs_is_told():
    section = PAGE.partition("## Open Data Contract Standard")[2].partition("\n## ")[0]
    for name in (*LOGICAL, *(metric for metric in METRICS if metric != "rowCount")):
        assert f"`{name}`" in section, name


def test_what_becomes_of_a_schema_is_told():
    section = PAGE.partition("## JSON Schema")[2].partition("\n## ")[0]
    text = {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a$", "enum": ["a"]}
    said = {"a": text, "b": {"type": "integer", "minimum": 0, "maximum": 9}, "c": {"const": 1}, "d": {"format": "date"}}
    found = from_schema({"properties": said, "required": list(said), "additionalProperties": False})
    assert found.notes == ()
    assert all(f"`{key}`" in section for one in said.values() for key in one)


def test_the_numbers_of_suggestions_are_those_of_the_code():
    section = PAGE.partition("## Suggestions")[2]
    for said in (f"{LEARNED:.0%}".replace("%", " %"), f"{ALLOWED:.1%}".replace("%", " %"), f"all of {MANY} or more"):
        assert said in section
    assert f"at most {FEW} texts" in section
    assert f"seen {OFTEN} times" in section
    assert f"all of {ENOUGH} or more" in section


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)[)#]", PAGE):
        assert (ROOT / "docs/reference" / target).exists(), target


def test_there_are_examples_and_they_load():
    found = sorted((ROOT / "examples/contracts").glob("*.toml"))
    assert [load(file).name for file in found] == ["meters", "orders"]

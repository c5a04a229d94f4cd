"""What the documentation says of pipeline files is what the parser reads; the examples are pipelines."""

import re
from pathlib import Path

import pytest

from aimass.pipeline import compile_stages, load, parse
from aimass.pipeline.reference import tables

ROOT = Path(__file__).parents[3]
DOC = (ROOT / "docs/reference/pipeline.md").read_text("utf-8")


def test_the_tables_are_those_of_the_code():
    assert tables() in DOC, "run: python -m aimass.pipeline.reference, and paste"


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", DOC, re.DOTALL))
def test_the_pipelines_in_the_documentation_are_right(text):
    compile_stages(parse(text))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.name)
def test_the_examples_are_right(path):
    compile_stages(load(path))

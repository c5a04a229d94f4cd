"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest

from docs.generate import HERE, PAGES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_current(page):
    assert (HERE / page).read_text("utf-8") == PAGES[page](), "run `make docs`"


def test_every_declared_topic_is_in_the_reference():
    text = (HERE / "topics.md").read_text("utf-8")
    for file in (ROOT / "topics").glob("[a-z]*.py"):
        assert f"topics/{file.name}" in text


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_the_architecture_names_files_that_exist():
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    for name in re.findall(r"`((?:tests|docs|aimass|agents)/[\w/]+\.\w+)`", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S))
def test_the_pipelines_of_the_readme_are_valid(block):
    from aimass.pipeline import parse

    assert parse(block, file="README.md").name == "pumps"

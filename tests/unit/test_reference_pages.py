"""The pages of detectors, models and examples say what there is."""

import re
from pathlib import Path

import pytest

from aimass.models import categories, presence, relations, shapes, silence, values
from aimass.models.encode import ENCODINGS
from aimass.models.tasks import OTHERS
from aimass.pipeline import compile_stages, load, parse
from aimass.pipeline.definition import DetectorDef, ModelDef, keys_of
from docs.generate import HERE, recipes

ROOT = Path(__file__).parents[2]
KINDS = {
    "values": values.CAUSES,
    "relations": relations.CAUSES,
    "shapes": shapes.CAUSES,
    "categories": categories.CAUSES,
    "missing": presence.CAUSES,
    "silence": ("silent", *silence.CAUSES),
}


def section(page: str, title: str) -> str:
    text = (HERE / page).read_text("utf-8")
    return re.split(r"^#+ ", text.partition(f" {title}\n")[2], maxsplit=1, flags=re.M)[0]


def test_every_kind_of_detector_is_described() -> None:
    assert set(keys_of(DetectorDef)["kind"].metadata["allowed"]) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_cause_of_a_detector_is_described(kind: str) -> None:
    described = re.findall(r"^\| `([\w ]+)` \|", section("detectors.md", f"`{kind}`"), re.M)
    assert sorted(described) == sorted(KINDS[kind])


def test_the_table_of_recipes_is_what_runs() -> None:
    assert recipes() in (HERE / "models.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", section("models.md", "Other tasks"), re.M)) == set(OTHERS)


def test_every_encoding_and_policy_is_described() -> None:
    assert re.findall(r"^\| `(\w+)` \|", section("models.md", "Encodings"), re.M) == list(ENCODINGS)
    policies = re.findall(r"^\| `(\w+)` \|", section("models.md", "Drift"), re.M)
    assert sorted(policies) == sorted(keys_of(ModelDef)["on_drift"].metadata["allowed"])


@pytest.mark.parametrize("page", ["detectors.md", "models.md"])
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)[)#]", (HERE / page).read_text("utf-8")):
        assert (HERE / target).exists(), target


@pytest.mark.parametrize("page", ["detectors.md", "models.md"])
def test_the_sections_that_a_page_shows_are_valid(page: str) -> None:
    for block in re.findall(r"```toml\n(.*?)```", (HERE / page).read_text("utf-8"), re.S):
        about = re.findall(r'^about = "([\w-]+)"', block, re.M)
        needed = "".join(
            f'\n[[detector]]\nname = "{name}"\n' for name in about if not re.search(rf'name +?= "{name}"', block)
        )
        assert parse(f'name = "page"\n[[source]]\ntopic = "t"\n{block}{needed}', file=page).name == "page"


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.toml")), ids=lambda file: file.stem)
def test_the_examples_load(file: Path) -> None:
    assert {"collect", "score", "decide"} <= {stage.name for stage in compile_stages(load(file))}

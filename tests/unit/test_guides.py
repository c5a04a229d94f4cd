"""What the guides show can be run."""

import re
import shlex
from pathlib import Path

import pytest

from aimass.cli_arguments import build_parser
from aimass.pipeline import parse
from aimass.pipeline.contracts import load

ROOT = Path(__file__).parents[2]
DATA = (ROOT / "docs/guides/data.md").read_text("utf-8")


def test_the_pipeline_of_the_guide_to_data_is_valid(tmp_path):
    (tmp_path / "contracts").mkdir()
    contract = tmp_path / "contracts/orders.toml"
    contract.write_text((ROOT / "examples/contracts/orders.toml").read_text("utf-8"))
    text = "\n".join(re.findall(r"```toml\n(.*?)```", DATA, re.S))
    pipeline = parse(text, file=str(tmp_path / "shop.toml"))
    assert [one.topic for one in pipeline.judged] == ["shop.orders"]
    assert pipeline.gates[0].action == "pause-learning"


@pytest.mark.parametrize(
    "line", [line.partition("#")[0] for line in DATA.splitlines() if line.startswith("aimass ")], ids=str.strip
)
def test_the_commands_of_the_guide_to_data_are_commands(line):
    assert build_parser("0").parse_args(shlex.split(line)[1:]).run


@pytest.mark.parametrize("file", sorted((ROOT / "examples/contracts").glob("*.toml")), ids=lambda file: file.name)
def test_the_contracts_of_the_examples_are_valid(file):
    assert load(file).fields

"""Cleaning does what is declared, keeps what was, and leaves alone what it cannot mend."""

import copy
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass.models.features import MISSING
from aimass.pipeline import parse
from aimass.quality.clean import CONVERSIONS, STEPS, Cleaner, Lookup, read_steps


def clean(steps, data):
    return Cleaner([read_steps(path, text) for path, text in steps.items()]).clean(data)


@pytest.mark.parametrize(
    ("steps", "before", "after"),
    [
        ("trim", "  a ", "a"),
        ("squeeze", " a \t b", "a b"),
        ("lower | trim", " A", "a"),
        ("number", "1e3", 1000.0),
        ("number", " 42 ", 42),
        ("number", "4x", "4x"),
        ("number", "nan", "nan"),
        ("comma-number", "1.234,5", 1234.5),
        ("comma-number", "n/a", "n/a"),
        ("truth", "Yes", True),
        ("truth", 0, False),
        ("truth", "maybe", "maybe"),
        ("text", 7, "7"),
        ("text", True, "true"),
        ("clip 0 10", 11, 10.0),
        ("clip 0 10", -1.5, 0.0),
        ("clip 0 10", "11", "11"),
        ("scale 0.001", 2500, 2.5),
        ("round 1", 2.25, 2.2),
        ("convert F C | round 3", 212, 100.0),
        ("number | clip 0 5", "7", 5.0),
    ],
)
def test_a_step_changes_what_it_can_and_nothing_else(steps, before, after):
    data = {"a": before}
    changes = clean({"a": steps}, data)
    assert data == {"a": after}
    assert type(data["a"]) is type(after)
    assert changes.was == ({} if before == after and type(before) is type(after) else {"a": before})


def test_what_has_no_value_gets_one_and_is_marked():
    data = {"b": None, "c": "N/A", "d": 0}
    changes = clean({"a": "default 5", "b": "default x", "c": "none N/A | default 'y z'", "d": "default 9"}, data)
    assert data == {"a": 5, "b": "x", "c": "y z", "d": 0}
    assert (changes.imputed, changes.was) == (["a", "b", "c"], {"b": None, "c": "N/A"})


def test_a_field_is_taken_away_and_kept_in_what_was():
    data = {"user": {"mail": "a@b", "id": 1}}
    assert clean({"user.mail": "drop"}, data).was == {"user.mail": "a@b"}
    assert data == {"user": {"id": 1}}


def test_a_lookup_adds_fields_that_are_not_there():
    data = {"site": 7, "place": {"city": "own"}}
    assert Lookup("site", {"7": {"city": "Delft", "floor": 2.0}}, ("city", "floor"), "place").add(data) == [
        "place.floor"
    ]
    assert data["place"] == {"city": "own", "floor": 2.0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nmber", 'did you mean "number"'),
        ("clip 1", "write it as clip LEAST MOST"),
        ("clip 9 1", "the first is larger"),
        ("convert F K", "no conversion"),
        ("trim |", "a step is empty"),
        ("scale x", "is no number"),
    ],
)
def test_a_wrong_step_says_what_to_write(text, said):
    with pytest.raises(ValueError, match=said):
        read_steps("a", text)


def test_conversions_come_back():
    for (one, other), (factor, offset) in CONVERSIONS.items():
        back = CONVERSIONS.get((other, one))
        if back is not None:
            assert (3.5 * factor + offset) * back[0] + back[1] == pytest.approx(3.5)


def test_every_step_is_documented():
    assert all(read_steps("a", name.split()[0]) for name in STEPS if " " not in name and name != "last")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3))
def test_what_was_and_what_was_imputed_give_the_original_back(data):
    original = copy.deepcopy(data)
    steps = {"a": "none 1 | default 3", "b.c": "text | upper", "c": "drop", "b.a": "default 7"}
    cleaner = Cleaner([read_steps(path, text) for path, text in steps.items()])
    changes = cleaner.clean(data)
    from aimass.quality.clean import Place

    for path in changes.imputed:
        if path not in changes.was:
            Place(path).put(data, MISSING)
    for path, value in changes.was.items():
        Place(path).put(data, value)
    if type(original.get("b", {})) is dict:
        assert {k: v for k, v in data.items() if v != {}} == {k: v for k, v in original.items() if v != {}}


def test_every_step_is_on_the_page():
    page = (Path(__file__).parents[3] / "docs/reference/cleaning.md").read_text("utf-8")
    for name, said in STEPS.items():
        assert f"| `{name}` | {said} |" in page


def test_the_pipeline_of_the_page_is_valid(tmp_path):
    page = (Path(__file__).parents[3] / "docs/reference/cleaning.md").read_text("utf-8")
    (tmp_path / "sites.csv").write_text("code,city,built\nA,Delft,1999\n")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert parse('name = "plant"\n' + text, file=str(tmp_path / "p.toml")).lookups[0].fields == ("city", "built")

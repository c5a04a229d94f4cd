"""Every template of the library does what its own examples say, and its page is current."""

from pathlib import Path

import pytest

from aimass.pipeline.trial import trial
from aimass.rules import templates
from aimass.rules.vocabulary import Vocabulary

WORDS = Vocabulary(("odd",), ("fraud",))
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "templates.md"


@pytest.mark.parametrize("name", templates.names())
def test_a_template_fires_where_its_examples_say_and_nowhere_else(name):
    template = templates.load(name)
    assert {bool(test["fires"]) for test in template.tests} == {True, False}, "one example of each kind"
    for test in template.tests:
        rule = template.rule("example", test.get("given", {}), WORDS)
        assert trial(rule, {part: value for part, value in test.items() if part != "given"}) == []


def test_the_library_has_what_people_look_for():
    assert len(templates.names()) >= 18


def test_the_page_of_templates_is_current():
    assert PAGE.read_text("utf-8").endswith(templates.reference()), "write it anew: python -m docs.generate"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"tmies": 3}, 'did you mean "times"'),
        ({"times": "many"}, "'many' is no number"),
        ({"within": "soon"}, "'soon' is no duration"),
    ],
)
def test_what_is_wrong_with_parameters_is_told(given, problem):
    with pytest.raises(ValueError, match=problem):
        templates.load("velocity").rule("x", given)


def test_what_a_template_needs_is_asked_for():
    with pytest.raises(ValueError, match="threshold needs field"):
        templates.load("threshold").rule("x", {})


def test_a_parameter_cannot_smuggle_in_more_than_it_is():
    for hostile in ["x`) or known(`y", "a or b"]:
        try:
            rule = templates.load("fan-out").rule("x", {"field": hostile})
        except ValueError:
            continue
        assert rule.when.left.arguments[0].path == hostile

"""A pipeline file is right as a whole, or everything that is wrong with it is said at once, with its line."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import ConfigurationError
from aimass.pipeline import DetectorDef, ModelDef, RuleDef, SourceDef, TimeDef, load, parse

HEAD = 'name = "p"\n[[source]]\ntopic = "t"\n'


def problems(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(text, file="p.toml")
    found = [re.fullmatch(r"p\.toml:(\d+): (.+)", line) for line in str(caught.value).splitlines()]
    return [(int(one[1]), one[2]) for one in found]


def test_three_lines_make_a_pipeline():
    found = parse(HEAD)
    assert found.sources == (SourceDef(topic="t"),)
    assert found.detectors == (DetectorDef(name="odd"),)
    assert found.rules == (RuleDef(name="odd", when="odd.score > 5"),)
    assert (found.models, found.time, found.partitions) == ((), TimeDef(), None)


def test_everything_can_be_said():
    found = parse(
        """
name = "shuttle"
partitions = 12
[[source]]
topic = "a.b_C-1"
key = "who.0.id"
time = "ts"
id = "id"
format = "json"
[[source]]
topic = "second"
[[model]]
name = "fault"
target = "label"
recipe = "regressor"
scope = "partition"
fields = ["f1", "deep.f"]
[[detector]]
name = "strange"
fields = ["f1"]
scope = "key"
forget = "never"
[[rule]]
name = "r"
when = "strange.score > 3.5 and fault.value > 2"
severity = "info"
cause = "because"
cooldown = "5m"
[time]
lateness = "1.5s"
tick = "never"
"""
    )
    assert found.partitions == 12
    assert [one.topic for one in found.sources] == ["a.b_C-1", "second"]
    assert found.models == (ModelDef(name="fault", target="label", recipe="regressor", fields=("f1", "deep.f")),)
    assert found.detectors == (DetectorDef(name="strange", fields=("f1",), forget=None),)
    assert (found.rules[0].severity, found.rules[0].cause, found.rules[0].cooldown) == ("info", "because", 300)
    assert found.time == TimeDef(lateness=1.5, tick=None)


def test_the_default_rule_looks_at_the_first_detector():
    assert parse(HEAD + '[[detector]]\nname = "x"\n').rules[0].when == "x.score > 5"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[[source]]\ntopic='t'", 1, 'the pipeline has no "name"'),
        ('name = "p"', 1, "has no [[source]]"),
        ('name = "My Pipe"\n[[source]]\ntopic="t"', 1, 'did you mean "my-pipe"?'),
        ("name = 3\n[[source]]\ntopic='t'", 1, "name: must be text"),
        ('nmae = "p"\n[[source]]\ntopic="t"', 1, 'nmae: unknown key; did you mean "name"?'),
        ('name = "p"\n[[sorce]]\ntopic="t"', 2, 'sorce: unknown key; did you mean "source"?'),
        ('name = "p"\n[source]\ntopic="t"', 2, "source: write it as [[source]]"),
        ('name = "p"\nsource = 3', 2, "source: write it as [[source]]"),
        (HEAD + '[[time]]\ntick="1s"', 4, "time: write it as [time]"),
        (HEAD + 'kee = "a"', 4, '[[source]] kee: unknown key; did you mean "key"?'),
        (HEAD + "zzz = 1", 4, "[[source]] zzz: unknown key; there is: topic, key, time, id, format"),
        (HEAD + 'format = "jsn"', 4, 'did you mean "json"?'),
        (HEAD + 'format = ["json"]', 4, "['json'] is not allowed; allowed: json"),
        (HEAD + 'key = "a..b"', 4, "is no path"),
        (HEAD + "key = 3", 4, "[[source]] key: must be text"),
        ('name = "p"\n[[source]]\ntopic = "a b"', 3, "is no topic name"),
        (HEAD + '[[source]]\ntopic = "t"', 5, "'t' is taken already, in line 3"),
        (HEAD + '[[model]]\nname = "m"', 4, '[[model]] has no "target"'),
        (HEAD + '[[model]]\nname = "m"\ntarget="y"\nrecipe="clasifier"', 7, 'did you mean "classifier"?'),
        (HEAD + '[[model]]\nname = "m"\ntarget="y"\nfields=["x", "y"]', 7, "'y' is a model's target"),
        (HEAD + '[[model]]\nname = "odd"\ntarget="y"', 5, "is a detector's name too (the default one)"),
        (HEAD + '[[model]]\nname = "m"\ntarget="y"\n[[detector]]\nname="d"\nfields=["y"]', 9, "is a model's target"),
        (HEAD + '[[detector]]\nname = "d"\nfields = []', 6, "must be a list of paths"),
        (HEAD + '[[detector]]\nname = "d"\nfields = [\n  "a",\n  "a",\n]', 6, "names 'a' twice"),
        (HEAD + '[[detector]]\nname = "D"', 5, 'did you mean "d"?'),
        (HEAD + '[[detector]]\nname = "d"\nforget = "0s"', 6, '"never" turns it off'),
        (HEAD + '[[rule]]\nname = "r"', 4, '[[rule]] has no "when"'),
        (
            HEAD + '[[rule]]\nname = "r"\nwhen = "od.score > 1"',
            6,
            "no detector or model is named 'od'; did you mean \"odd\"?",
        ),
        (HEAD + '[[rule]]\nname = "r"\nwhen = "odd.scor > 1"', 6, "odd has no 'scor'; did you mean \"score\"?"),
        (HEAD + '[[rule]]\nname = "r"\nwhen = "odd.score = 1"', 6, "write == to compare"),
        (HEAD + '[[rule]]\nname = "r"\nwhen = "odd.score >"', 6, "expected a value, found the end"),
        (HEAD + '[[rule]]\nname = "r"\nwhen = "(odd.score > 1"', 6, "a ( is not closed"),
        (HEAD + '[[rule]]\nname = "r"\nwhen = "odd.score > 1 2"', 6, "did not expect '2' here"),
        (HEAD + '[[rule]]\nname = "r"\nwhen = ""', 6, "must be text, not empty"),
        (HEAD + '[[rule]]\nname="r"\nseverity="fatal"\nwhen="a>1"', 6, "allowed: info, warning, critical"),
        (HEAD + '[[rule]]\nname="r"\nwhen="a>1"\ncooldown="5 min"', 7, 'like "10s" or "5m"'),
        (HEAD + "[time]\ntick = 10", 5, "[time] tick: is no duration"),
        (HEAD + '[time]\nlatenes = "1s"', 5, 'did you mean "lateness"?'),
        ("partitions = 0\n" + HEAD, 1, "whole number from 1 to 10000"),
        ("partitions = true\n" + HEAD, 1, "whole number"),
        (HEAD + 'key = "a', 4, "not TOML"),
        (HEAD + "[[", 4, "not TOML"),
        (HEAD + 'topic = "u"', 4, "not TOML: Cannot overwrite a value"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, line, said):
    found = problems(text)
    assert len(found) == 1
    assert found[0][0] == line
    assert said in found[0][1]


def test_all_that_is_wrong_is_said_at_once():
    text = """name = "P"
[[source]]
tpoic = "t"
note = \"\"\"
[[model]]
name = "not a section"
\"\"\"
[[model]]  # one
name = "m"
target = ""
[[model]]
name = "m"
target = "y"
[[rule]]
name = "r"
when = "q.score > 1 and m.value == 1"
severity = "bad"
"""
    assert [line for line, _ in problems(text)] == [1, 3, 4, 10, 12, 16, 17]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[model]]\nname = "m"\ntarget = "y"\nrecipe = "clasifier"', "'clasifier' is not allowed; did you mean"),
        ('[[model]]\nname = "m"\ntarget = "y"\nrecipe = "river.forest.ARFClasifier"', "ARFClassifier"),
        ('[[model]]\nname = "m"\ntarget = "y"\nrecipe = "river.tree.HoeffdingTreeRegressor"', "QOSplitter"),
        ('[[model]]\nname = "m"\ntarget = "y"\nrecipe = "nowhere.at_all:make"', "nowhere"),
        (
            '[[model]]\nname = "m"\ntarget = "y"\nrecipe = "river.forest.ARFClassifier"\nparameters = { trees = 3 }',
            "trees",
        ),
        ('[[model]]\nname = "m"\ntarget = "y"\ntask = "numbers"', 'recipe = "regressor"'),
        ('[[model]]\nname = "m"', 'has no "target" (where the true value stands), and no [[label]] is about it'),
        ('[[model]]\nname = "m"\ntarget = "y"\nscope = "segment"', '"segment" needs the path'),
        ('[[model]]\nname = "m"\ntarget = "y"\ncpu_us = -1', "must be a number above 0"),
        ('[[model]]\nname = "m"\ntarget = "y"\nencode = { a = "idd" }', "did you mean"),
        ('[[model]]\nname = "m"\ntarget = "y"\nwindows = "1m"', "a list of at most 8 durations"),
        ('[[label]]\ntopic = "l"\nabout = "od"\nevent = "e"\nvalue = "v"', "'od'; did you mean \"odd\"?"),
        ('[[label]]\ntopic = "t"\nabout = "odd"\nevent = "e"\nvalue = "v"', "'t' is a source already"),
        ('[[join]]\nsource = "tt"\nfields = ["a"]\nprefix = "p"', "no source has the topic 'tt'"),
        ('[[correlation]]\nname = "c"\nmin_strength = 2', "a number between 0 and 1"),
    ],
)
def test_models_labels_joins_and_correlations_are_checked(text, said):
    assert any(said in problem for _, problem in problems(HEAD + text))


def test_a_model_can_learn_from_labels_on_a_topic_of_their_own():
    found = parse(
        HEAD + '[[model]]\nname = "m"\nencode = { deep.a = "id" }\n'
        '[[label]]\ntopic = "l"\nabout = "m"\nevent = "e"\nvalue = "v"'
    )
    assert found.models[0].target is None
    assert found.models[0].encode == (("deep.a", "id"),)
    assert found.inputs == ("t", "l")


def test_windows_line_ends_do_not_shift_lines():
    assert problems(HEAD.replace("\n", "\r\n") + 'kee = "a"\r\n')[0][0] == 4


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no\.toml: cannot be read: No such file"):
        load(tmp_path / "no.toml")
    (tmp_path / "bin.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load(tmp_path / "bin.toml")
    (tmp_path / "p.toml").write_text(HEAD)
    assert load(str(tmp_path / "p.toml")).name == "p"


VALUES = st.recursive(
    st.sampled_from(["1", "true", '"a"', '""', '"5m"', "1.5", "nan", "1979-05-27", '"odd.score > 1"', '"odd"', '"t"']),
    lambda inner: st.lists(inner, max_size=3).map(lambda found: f"[{', '.join(found)}]"),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["name", "topic", "key", "time", "format", "target", "recipe", "fields", "forget", "when", "severity", "tick", "x"]
)
SECTION = st.sampled_from(
    ["[[source]]", "[[model]]", "[[detector]]", "[[rule]]", "[time]", "[source]", "[[x]]", "[a.b]"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(SECTION, st.dictionaries(KEYS, VALUES, max_size=4)), max_size=5))
def test_any_file_is_a_pipeline_or_a_configuration_error(sections):
    lines = ['name = "p"']
    for header, keys in sections:
        lines += [header, *(f"{key} = {value}" for key, value in keys.items())]
    try:
        parse("\n".join(lines))
    except ConfigurationError as exc:
        for line in str(exc).splitlines():
            assert 1 <= int(line.split(":")[1]) <= len(lines) + 1

"""YAML as JSON has it: what is written is read back, and nothing is taken for something else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.quality.contracts.yaml import Located, dump_yaml, read_yaml

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    [
        "NO",
        "1e3",
        "1_000",
        "0x1f",
        "2026-05-01",
        "12:30:45",
        "~",
        "null",
        "true",
        "- a",
        "a: b",
        "#",
        "<<",
        "=",
        "\x85",
        "1.",
        ".5",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXTS.filter(lambda key: key != "<<"), one, max_size=3),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_what_is_written_is_read_back(value):
    found, _ = read_yaml(dump_yaml(value))
    assert found == value
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[NO, no, on, Yes]", ["NO", "no", "on", "Yes"]),
        ("[2026-05-01, 12:30, 1_000, 0x10, .inf]", ["2026-05-01", "12:30", "1_000", "0x10", ".inf"]),
        ("[1, -2, 1.5, 1e3, '1']", [1, -2, 1.5, 1000.0, "1"]),
        ("[~, null, true, False]", [None, None, True, False]),
        ("", None),
        ("!!python/object/apply:os.getcwd x", "x"),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
    ],
)
def test_plain_words_are_what_json_would_have(text, value):
    assert read_yaml(text)[0] == value


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("a:\n  b: 1\n  b: 2", "the key 'b' is there twice", 3),
        ("a: 1\n? [x]\n: 2", "no plain text", 2),
        ("a: &x\n  <<: *x", "no plain text|contains itself", 2),
        ("a: &x [*x]", "contains itself|parts", 1),
        ("a: 1\nb: [", "expected", 3),
        (
            "\n".join(
                ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
                + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
            ),
            "more than 200,000 parts",
            None,
        ),
        ("a: " + "9" * 400, "a number too large", 1),
    ],
)
def test_what_is_none_is_refused_with_its_line(text, said, line):
    with pytest.raises(Located, match=said) as raised:
        read_yaml(text)
    assert line is None or raised.value.line in (line, line - 1)

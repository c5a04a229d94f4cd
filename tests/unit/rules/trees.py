"""Random trees of conditions, and random events to hold them against."""

from hypothesis import strategies as st

from aimass.rules.syntax import (
    Among,
    Binary,
    Call,
    Captured,
    Field,
    Judged,
    Number,
    Pattern,
    Profile,
    Step,
    Text,
    Truth,
    Unary,
    Window,
)
from aimass.rules.vocabulary import Vocabulary

WORDS = Vocabulary(("odd",), ("fault",))
paths = st.sampled_from(
    ["a", "b", "c.0.x", "user name", "and", "in", "wörd", "a-b", "_", "event", "ümlaut.x", "x`y".replace("`", "'")]
)
numbers = st.builds(
    Number, st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x == x)
)
texts = st.builds(Text, st.text(max_size=6) | st.sampled_from(['"', "\\", "'", '\\"', "\n", "ö", ""]))
truths = st.builds(Truth, st.booleans())
literals = numbers | texts | truths
windows = st.builds(
    Window, st.sampled_from(["sliding", "tumbling", "session"]), st.sampled_from([0.25, 1, 60, 90, 3600, 86400, 1.5])
)
leaves = st.one_of(
    st.builds(Field, paths),
    numbers,
    st.sampled_from(
        [Judged("detector", "odd", "score"), Judged("model", "fault", "value"), Profile("events"), Call("hour")]
    ),
)


def sums(inner):
    return st.one_of(
        st.builds(Binary, st.sampled_from("+-*/"), inner, inner),
        st.builds(lambda x: Unary("-", x), inner),
        st.builds(lambda x: Call("abs", (x,)), inner),
        st.builds(lambda x, w: Call("avg", (x,), w), inner, windows),
    )


values = st.recursive(leaves, sums, max_leaves=6)
asked = st.one_of(
    st.builds(Binary, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), values, values),
    st.builds(Binary, st.sampled_from(["==", "!="]), st.builds(Field, paths), literals),
    st.builds(
        lambda x, options: Among(x, tuple(options)), st.builds(Field, paths), st.lists(literals, min_size=1, max_size=3)
    ),
    st.builds(lambda x: Call("known", (x,)), st.builds(Field, paths)),
    st.builds(Field, paths),
)


def joins(inner):
    return st.one_of(
        st.builds(Binary, st.sampled_from(["and", "or"]), inner, inner),
        st.builds(lambda x: Unary("not", x), inner),
        st.builds(lambda x, w: Binary(">", Call("count", (), w, x), Number(3)), inner, windows),
    )


conditions = st.recursive(asked, joins, max_leaves=8)
captures = st.builds(
    lambda x, path: Binary("!=", x, Captured("s0", path)), st.builds(Field, paths), st.sampled_from(["a", "c.0.x"])
)


@st.composite
def patterns(draw):
    steps = [Step("s0", draw(conditions))]
    for number in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            steps.append(Step("", draw(conditions), True))
        else:
            when = draw(conditions)
            steps.append(
                Step(
                    draw(st.sampled_from(["", f"s{number + 1}"])),
                    draw(st.sampled_from([when, Binary("and", when, draw(captures))])),
                )
            )
    return Pattern(tuple(steps), draw(st.sampled_from([1.0, 600.0])), draw(st.sampled_from([None, 60.0])))

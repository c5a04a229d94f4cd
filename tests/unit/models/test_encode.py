"""Any JSON becomes the same numbers, however its fields are ordered, events are cut, and the state is read back."""

import math

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import SnapshotVersionMismatch
from aimass.models.encode import DEPTH, Encoder
from aimass.models.encoders.plain import iso_seconds, turn
from aimass.models.space import MAX_COLUMNS, FeatureSpace

NAMES = st.sampled_from(["a", "b", "a.b", "c=d", "e:f", "", "\\", "long" * 70])
TEXTS = st.sampled_from(["", "red", "blue", "one two three four", "2026-02-03T04:05:06Z", "2026-99-99", "x" * 100])
NUMBERS = st.one_of(st.integers(-5, 5), st.sampled_from([10**400, -(10**400), 1e308, -1e308, 5e-324, -0.0]))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
LISTS = st.one_of(st.lists(LEAVES, max_size=3), st.lists(NUMBERS, min_size=2, max_size=2), st.lists(TEXTS, max_size=3))
VALUES = st.recursive(
    st.one_of(LEAVES, LISTS), lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2)
)
EVENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=12)
DECLARED = [{}, {"a": "id", "b": "geo"}, {"a": "vector", "a.b": "number"}, {"a": "text", "b": "list", "": "category"}]


def encoders():
    return st.builds(
        Encoder,
        st.sampled_from([None, ["a", "b", "a.b"]]),
        st.sampled_from(DECLARED),
        st.sampled_from([(), ("b",), ("a.b",)]),
    )


def shown(encoder, data, cuts=(), restarts=()):
    """Return what each event became, and the state, of a run that is cut and restarted."""
    known, found, at = encoder.fresh(), [], 0
    stored = known.encode()
    for until in [*sorted({*cuts, *restarts}), len(data)]:
        if at in restarts:
            known = encoder.fresh().restore(stored)
        found += [known.space.show(row) for row in encoder.matrix(data[at:until], known)]
        at = until
        if known.changed:
            stored, known.changed = known.encode(), False
    return found, stored


def shuffled(value, order):
    if type(value) is dict:
        return {name: shuffled(one, order) for name, one in order(list(value.items()))}
    return [shuffled(one, order) for one in value] if type(value) is list else value


def one(data, **declared):
    encoder = Encoder(declared=declared)
    return shown(encoder, [data])[0][0]


@settings(max_examples=60, deadline=None)
@given(encoders(), EVENTS, st.sets(st.integers(1, 11)), st.sets(st.integers(1, 11)))
def test_neither_cuts_nor_restarts_show(encoder, data, cuts, restarts):
    cuts, restarts = ({at for at in some if at < len(data)} for some in (cuts, restarts))
    assert repr(shown(encoder, data, cuts, restarts)) == repr(shown(encoder, data))


@settings(max_examples=50, deadline=None)
@given(encoders(), EVENTS, st.integers(0, 3))
def test_the_order_of_fields_never_shows(encoder, data, turned):
    mixed = shuffled(data, lambda pairs: pairs[turned:][::-1] + pairs[:turned])
    assert repr(shown(encoder, mixed)) == repr(shown(encoder, data))


def test_columns_are_given_by_name_not_by_where_fields_stand():
    known = (encoder := Encoder()).fresh()
    encoder.matrix([{"c": 1, "a": 2, "b": {"z": 3, "y": "word"}}, {"f": 1, "e": 2, "d": 3}], known)
    assert known.space.names == ["a", "b.y=word", "b.z", "c", "d", "e", "f"]


@settings(max_examples=50, deadline=None)
@given(encoders(), EVENTS)
def test_numbers_are_finite_and_events_are_left_alone(encoder, data):
    before = repr(data)
    x = encoder.matrix(data, encoder.fresh())
    assert repr(data) == before
    assert not np.isinf(x).any()
    assert np.nanmax(np.abs(x), initial=0.0) <= 1e100


def test_odd_events_do_not_change_how_those_beside_them_are_read():
    data = [{"a": i, "b": i / 2} for i in range(200)]
    data[70] = {"a": "word", "b": True}
    data[71] = {"a": None, "b": {"c": 1}}
    found, _ = shown(Encoder(), data)
    assert found[69] == {"a": 69.0, "b": 34.5}
    assert found[70] == {"a=word": 1.0, "b": 1.0}
    assert found[71] == {"b.c": 1.0}
    assert found[72] == {"a": 72.0, "b": 36.0}


def test_text_that_looks_like_a_number_is_text_unless_it_is_declared_one():
    assert one({"a": "3.5"}) == {"a=3.5": 1.0}
    assert one({"a": "3.5"}, a="number") == {"a": 3.5}
    assert one({"a": "n/a"}, a="number") == {}


def test_names_cannot_pretend_to_be_other_fields():
    data = {"a": {"b.c": 1, "b": {"c": 2}}, "d": "e", "d=e": 3}
    assert one(data) == {"a.b\\.c": 1.0, "a.b.c": 2.0, "d=e": 1.0, "d\\=e": 3.0}


def test_a_field_called_like_a_path_goes_before_and_can_be_named_declared_and_excluded():
    data = {"air.temp": 21, "air": {"temp": 5, "wind": 7, "sky": {"is": "red"}}, "air.sky": {"is": "blue"}}
    assert one(data) == {"air.temp": 21.0, "air.wind": 7.0, "air.sky.is=blue": 1.0}
    assert one(data, **{"air.temp": "category"}) == {"air.temp=21": 1.0, "air.wind": 7.0, "air.sky.is=blue": 1.0}
    assert shown(Encoder(["air.temp"]), [data])[0][0] == {"air.temp": 21.0}
    assert shown(Encoder(exclude=["air.temp", "air.sky"]), [data])[0][0] == {"air.wind": 7.0}


def test_fields_called_like_features_of_others_have_columns_of_their_own():
    known = (encoder := Encoder()).fresh(["gap", "label.mean"])
    x = encoder.matrix([{"gap": 3, "label": {"mean": 4}}], known)
    assert known.space.show(x[0]) == {"gap:field": 3.0, "label.mean:field": 4.0}
    again = known.restore(known.encode())
    assert encoder.matrix([{"gap": 3, "label": {"mean": 4}}], again).tobytes() == x.tobytes()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("bool", "TRUE", {"f": 1.0}),
        ("bool", 0, {"f": 0.0}),
        ("category", 7, {"f=7": 1.0}),
        ("list", [3, 1, 2], {"f:length": math.log(4), "f:mean": 2.0, "f:min": 1.0, "f:max": 3.0, "f:last": 2.0}),
        ("list", [], {"f:length": 0.0}),
        ("vector", [1, None, 3], {"f:0": 1.0, "f:2": 3.0}),
        ("geo", {"lat": 90, "lon": 12}, {"f:x": 0.0, "f:y": 0.0, "f:z": 1.0}),
        ("geo", [0, 180], {"f:x": -1.0, "f:y": 0.0, "f:z": 0.0}),
        ("geo", [91, 0], {}),
        ("geo", "here", {}),
        ("time", 64800, {"f:hour.sin": -1.0, "f:hour.cos": 0.0}),
        ("time", 64800_000_000_000_000, {"f:hour.sin": -1.0, "f:hour.cos": 0.0}),
        ("time", "soon", {}),
        ("id", {"no": "id"}, {}),
    ],
)
def test_declared_kinds(kind, value, expected):
    if value == 64800_000_000_000_000:
        value = (1_700_000_000 - 1_700_000_000 % 86400 + 64800) * 10**9
    found = one({"f": value}, f=kind)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert expected or not found


def test_days_of_the_week_turn_from_monday_to_monday():
    monday, thursday = one({"t": "2026-11-23"}), one({"t": "2026-11-26T12:00:00+00:00"})
    assert (monday["t:day.sin"], monday["t:day.cos"]) == pytest.approx((0.0, 1.0), abs=1e-12)
    assert (thursday["t:day.sin"], thursday["t:day.cos"]) == pytest.approx((0.0, -1.0), abs=1e-12)


@given(st.floats(-1e6, 1e6))
def test_turns_are_sines_and_cosines(share):
    whole = 2.0 * math.pi * math.fmod(share, 1.0)
    assert turn(share) == pytest.approx((math.sin(whole), math.cos(whole)), abs=1e-13)


def test_times_without_a_zone_are_utc_and_what_is_no_time_is_none():
    assert iso_seconds("1970-01-01 01:00") == 3600.0 == iso_seconds("1970-01-01T02:00:00+01:00")
    assert iso_seconds("19700101") is iso_seconds("1970-13-01") is iso_seconds("1970-01-01T99:00") is None


def test_a_category_has_sixteen_columns_of_its_own_and_shares_four():
    known = (encoder := Encoder()).fresh()
    x = encoder.matrix([{"f": f"v{i}"} for i in range(20)], known)
    names = known.space.names
    assert [name for name in names if "other" not in name] == [f"f=v{i}" for i in range(16)]
    assert sum("other" in name for name in names) == 4
    assert (np.nansum(x, axis=1) == 1.0).all()
    assert np.isfinite(x[19]).sum() == 20
    assert np.isfinite(x[3]).sum() == 4  # columns of values that had not come yet


@pytest.mark.parametrize("step", [1, 7, 64, 65, 200])
def test_a_category_becomes_an_identifier_at_the_65th_value_however_events_are_cut(step):
    data = [{"f": f"v{i // 2}"} for i in range(200)]
    found, _ = shown(Encoder(), data, restarts=range(step, 200, step))
    assert [("f:seen" in one) for one in found] == [i >= 128 for i in range(200)]
    assert (found[128]["f:seen"], found[129]["f:seen"]) == pytest.approx((0.0, math.log(2)))


def test_a_field_of_many_sentences_becomes_text_and_one_that_begins_with_one_is():
    first = [{"f": "short"}] + [{"f": f"a sentence about number {i}"} for i in range(64)]
    found, _ = shown(Encoder(), first)
    assert "f:words" in found[-1]
    assert found[-1]["f:words"] == pytest.approx(math.log(6))
    assert "f:words" in one({"f": "four words are enough"})


def test_identifiers_count_what_came_before_never_too_little():
    values = [f"v{i * i % 97}" for i in range(3000)]
    found, _ = shown(Encoder(declared={"f": "id"}), [{"f": value} for value in values])
    seen, over = {}, 0
    for value, row in zip(values, found, strict=True):
        count = round(math.exp(row["f:seen"])) - 1
        assert count >= seen.get(value, 0)
        over += count > seen.get(value, 0)
        seen[value] = seen.get(value, 0) + 1
    assert over < 300


def test_identifiers_differ_in_their_signs_and_are_the_same_in_every_process():
    found, _ = shown(Encoder(declared={"f": "id"}), [{"f": f"v{i}"} for i in range(64)])
    signs = [tuple(row[f"f:bit.{i}"] for i in range(8)) for row in found]
    assert len(set(signs)) > 48
    assert signs[0] == (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0, -1.0, -1.0)


def test_lists_of_one_length_are_vectors_until_another_comes():
    found, _ = shown(Encoder(), [{"f": [1, 2]}, {"f": [3, 4]}, {"f": [5]}, {"f": [6, 7]}])
    assert found[1] == {"f:0": 3.0, "f:1": 4.0}
    assert found[2]["f:last"] == 5.0
    assert found[3]["f:mean"] == 6.5
    assert "f:0" not in found[3]


def test_sets_have_every_value_they_hold():
    found, _ = shown(Encoder(), [{"f": ["a", "b"]}, {"f": ["b", "b"]}, {"f": []}, {"f": [{"c": 1}]}])
    assert found[0] == {"f:length": pytest.approx(math.log(3)), "f=a": 1.0, "f=b": 1.0}
    assert (found[1]["f=a"], found[1]["f=b"]) == (0.0, 1.0)
    assert found[3] == {"f:length": pytest.approx(math.log(2))}


def test_objects_are_looked_into_four_names_deep():
    data = 1
    for name in "edcba":
        data = {name: data, "x": 0}
    found = one(data)
    assert "a.b.c.x" in found
    assert max(name.count(".") for name in found) == DEPTH - 1


def test_what_is_excluded_is_not_seen_nor_what_is_beneath_it():
    data = {"a": {"b": 1, "c": {"d": 2}}, "e": 3, "f": {"g": 4}}
    assert shown(Encoder(exclude=["a.c", "f"]), [data])[0][0] == {"a.b": 1.0, "e": 3.0}
    assert shown(Encoder(["a", "f.g"], exclude=["a.b"]), [data])[0][0] == {"a.c.d": 2.0, "f.g": 4.0}


def test_no_list_gives_away_what_is_excluded_in_it():
    data = {"a": [7, 1], "b": {"c": [7, 2]}, "d": [3, 4]}
    assert shown(Encoder(exclude=["a.0", "b.c.0"]), [data])[0][0] == {"d:0": 3.0, "d:1": 4.0}
    assert shown(Encoder(exclude=["a", "b", "d.0"], declared={"a.0": "number", "d.1": "number"}), [data])[0] == [
        {"d.1": 4.0}
    ]


def test_there_are_256_columns_and_what_found_none_is_told():
    encoder = Encoder()
    known = encoder.fresh()
    x = encoder.matrix([{f"f{i}": i for i in range(400)}, {"word": "w", "f0": 5}], known)
    assert x.shape == (2, MAX_COLUMNS)
    assert len(known.space) == MAX_COLUMNS
    assert known.space.refused
    assert known.space.show(x[1]) == {"f0": 5.0}
    assert repr(encoder.fresh().restore(known.encode()).space.refused) == repr(known.space.refused)


def test_widths_grow_in_steps():
    space, widths = FeatureSpace(), []
    for i in range(300):
        space.column(f"f{i}")
        widths.append(space.width)
    assert sorted(set(widths)) == [8, 16, 32, 64, 128, 256]
    assert widths[7:9] == [8, 16]


def test_states_of_other_versions_are_refused():
    raw = orjson.loads(Encoder().fresh().encode())
    with pytest.raises(SnapshotVersionMismatch):
        Encoder().fresh().restore(orjson.dumps([9, *raw[1:]]))

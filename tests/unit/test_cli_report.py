"""`aimass report quality` says the same on the screen, as JSON and as a page; a page harms nobody who opens it."""

import argparse
import json
import re
from xml.etree import ElementTree

import pytest

from aimass.cli_help import Arguments, Commands
from aimass.cli_report import add_report
from aimass.client import Message
from aimass.codec import encode
from aimass.commands import quality_topics, report
from aimass.commands.report_html import page
from aimass.commands.report_text import bar, render, sparkline
from aimass.commands.report_words import cells, headline, interval, percent
from aimass.errors import ClientError, ConfigurationError
from aimass.quality.reports.report import Known, report_of
from aimass.quality.reports.sums import Measure
from aimass.records import FieldJudgement, Gate, Indicator, Judgement, Quarantined, Review, Source
from aimass.settings import Settings
from tests.unit.quality.faulty import MINUTES, START, day

EVIL = "<script>alert('x')</script>\"&\x00]]>"
PLACE = Source("t", 0, 0)
END = START + 60 * MINUTES


def topics():
    seen = day()
    return {
        "plant.quality": seen.judgements,
        "plant.reviews": seen.reviews,
        "plant.control": [{"gate": one} for one in seen.gates],
    }


@pytest.fixture
def aimass(monkeypatch, capsys):
    """Runs the command over these topics; returns its exit code and what it printed."""

    def run(*arguments, there=None):
        known = topics() if there is None else there

        async def messages(settings, topic, from_="beginning"):
            if topic not in known:
                return None
            return [Message(topic, 0, i, 0, None, encode(one), ()) for i, one in enumerate(known[topic])]

        monkeypatch.setattr(quality_topics, "messages", messages)
        parser = argparse.ArgumentParser()
        add_report(Commands(parser))
        given = parser.parse_args(["report", "quality", *arguments], namespace=Arguments())
        code = given.run(Settings(bootstrap_servers="nowhere:9092"), given)
        return code, capsys.readouterr().out

    return run


def pane(at=0.0, **more):
    return Judgement(f"t|{at:.3f}", "t", at, "p", 60.0, 1, True, 10, 9, **more)


def evil():
    """Return a report in which every word that comes from outside is hostile."""
    fields = {
        EVIL: FieldJudgement(9, {"validity": Indicator(0.5, 0.2, 0.8, 9)}, {EVIL: 4}, top=((EVIL, 9),), distinct=1),
        "n": FieldJudgement(9, least=1.0, most=9.0, quantiles=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), outliers=1),
    }
    panes = [
        Judgement(
            f"{EVIL}|{at}",
            EVIL,
            at,
            EVIL,
            60.0,
            1,
            True,
            10,
            9,
            {"log": 9, "quarantined": 1},
            {"validity": Indicator(0.9, 0.6, 0.98, 10)},
            causes=((EVIL, 3, (EVIL, "i")),),
            fields=fields,
            gates={EVIL: "fail"},
            proposals=(EVIL,),
        )
        for at in (0.0, 60.0, 120.0)
    ]
    record = Quarantined("i", "k", 5.0, "p", PLACE, (EVIL,), EVIL.encode() + b"\xff")
    review = Review(
        "i", "k", 5.0, "p", Source(EVIL, 0, 0), "accepted", (EVIL,), "accept", 9.0, EVIL, EVIL, record=record
    )
    gates = [Gate("1", EVIL, 65.0, "p", PLACE, EVIL, EVIL, "fail", True, EVIL, EVIL)]
    return report_of(EVIL, Known(panes, [review], gates), 0.0, 180.0)


def test_the_screen_tells_a_newcomer_what_is_wrong(aimass):
    code, said = aimass("plant")
    assert code == 0
    for word in ("Weakest is", "plant.pumps", "temperature:most", "unknown, no `delay` in the contract", "closed 1 ×"):
        assert word in said
    assert 'r30-1: {"id":"r30-1"' in said


def test_a_wide_screen_says_what_each_indicator_means(capsys):
    from rich.console import Console

    seen = day()
    found = report_of("plant", Known(seen.judgements, seen.reviews, seen.gates), START, END)
    for width, is_roomy in ((80, False), (160, True)):
        Console(width=width).print(render(found, width))
        said = capsys.readouterr().out
        assert ("how few records come twice" in said) is is_roomy
        assert max(map(len, said.splitlines())) <= width


def test_json_has_the_same_facts_under_stable_keys(aimass):
    found = json.loads(aimass("plant", "--json")[1])
    assert list(found) == [
        "report", "version", "pipeline", "start", "end", "panes", "incomplete", "before", "score", "weakest", "sources",
        "reviews", "gates", "models",
    ]  # fmt: skip
    assert list(found["sources"][1]) == [
        "source", "panes", "records", "valid", "score", "weakest", "indicators", "counts", "causes", "fields", "gates",
        "proposals", "points",
    ]  # fmt: skip
    assert (found["start"], found["end"], found["panes"]) == (END - 86400, END, 2 * MINUTES)


def test_the_last_hour_is_the_last_of_the_data_not_of_the_clock(aimass):
    found = json.loads(aimass("plant", "--last", "10m", "--json")[1])
    assert (found["start"], found["end"]) == (END - 600, END)
    assert found["before"] == [END - 1200, END - 600]


def test_a_period_may_be_named(aimass):
    found = json.loads(aimass("plant", "--from", "2023-11-15T00:30:00Z", "--to", "2023-11-15T00:40:00Z", "--json")[1])
    pumps = found["sources"][1]
    assert pumps["panes"] == 10
    assert pumps["indicators"]["validity"]["value"] < 0.6


def test_one_source_alone(aimass):
    found = json.loads(aimass("plant", "--source", "plant.orders", "--json")[1])
    assert ([one["source"] for one in found["sources"]], found["gates"]) == (["plant.orders"], [])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("plant", "--source", "plant.pump"), "there are: plant.orders, plant.pumps"),
        (("plant", "--from", "2020-01-01", "--to", "2020-01-02"), "there are panes from 2023-11-15T00:00:00Z"),
        (("plant", "--from", "2023-11-16", "--to", "2023-11-15"), "the period is empty"),
        (("other",), "does a pipeline 'other' run here"),
    ],
)
def test_what_cannot_be_reported_says_what_to_do(aimass, arguments, why):
    with pytest.raises(ClientError, match=re.escape(why)):
        aimass(*arguments)


def test_what_was_not_judged_yet_is_said_so(aimass):
    with pytest.raises(ClientError, match="nothing of plant was judged yet"):
        aimass("plant", there={"plant.quality": []})


@pytest.mark.parametrize(
    "arguments",
    [
        ("--last", "1h", "--from", "2023-11-15"),
        ("--every", "1h"),
        ("--to-folder", "x"),
        ("--every", "1h", "--to-folder", "x", "--to-topic", "y"),
        ("--every", "1h", "--to-folder", "x", "--html", "y"),
    ],
)
def test_what_does_not_go_together_is_refused(aimass, arguments):
    with pytest.raises(ConfigurationError):
        aimass("plant", *arguments)


# -- the page ---------------------------------------------------------------------------------------------------------


def parsed(text):
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))


def test_the_page_is_written_whole(aimass, tmp_path):
    file = tmp_path / "new" / "report.html"
    code, said = aimass("plant", "--html", str(file))
    assert (code, said, [one.name for one in file.parent.iterdir()]) == (0, "", ["report.html"])
    words = " ".join(parsed(file.read_text()).itertext())
    for word in ("Weakest is the", "temperature:most", "What the indicators are", "ISO/IEC 25012"):
        assert word in words


def test_json_may_go_beside_the_page(aimass, tmp_path):
    _, said = aimass("plant", "--json", "--html", str(tmp_path / "x.html"))
    assert json.loads(said)["pipeline"] == "plant"
    assert (tmp_path / "x.html").exists()


def test_a_page_that_cannot_be_written_says_so(aimass, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ClientError, match="cannot be written"):
        aimass("plant", "--html", str(tmp_path / "file" / "x.html"))


@pytest.mark.parametrize("made", [evil, lambda: report_of("p", Known([pane()]), 0.0, 60.0)], ids=["evil", "small"])
def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(made):
    root = parsed(page(made()))
    names = {one.tag for one in root.iter()}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "a", "form", "image", "use"}
    attributes = {name for one in root.iter() for name in one.attrib}
    assert not [name for name in attributes if name.startswith("on") or name in ("href", "src", "srcset", "xlink:href")]
    (style,) = (one.text for one in root.iter("style"))
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_words_stay_words():
    text = page(evil())
    words = " ".join(parsed(text).itertext())
    assert "<script" not in text
    assert words.count("<script>alert('x')</script>\"&\ufffd]]>") >= 12


def test_hostile_words_are_no_markup_on_the_screen(capsys):
    from aimass.commands.console import out

    found = report_of("p", Known([pane(causes=(("[bold]x[/nothing]", 1, ()),))]), 0.0, 60.0)
    out.print(render(found))
    assert "[bold]x[/nothing]" in capsys.readouterr().out


def test_charts_stay_within_their_frames():
    seen = day()
    root = parsed(page(report_of("plant", Known(seen.judgements, seen.reviews, seen.gates), START, END)))
    bars = [one for svg in root.iter("svg") for one in svg.iter("rect")]
    assert len(bars) > 500
    for one in bars:
        x, width = float(one.attrib["x"]), float(one.attrib["width"])
        y, height = float(one.attrib["y"]), float(one.attrib["height"])
        assert -0.01 <= x <= x + width <= 1000.01
        assert -0.01 <= y <= y + height <= 100.7


def test_an_empty_period_makes_a_page_too():
    text = page(report_of("p", Known([]), 0.0, 60.0))
    assert "Nothing is known of this period" in " ".join(parsed(text).itertext())


# -- words ------------------------------------------------------------------------------------------------------------


def test_what_is_not_whole_is_never_called_100_percent():
    assert [percent(one) for one in (1 - 1e-12, 0.9999, 1.0)] == ["99.9 %", "99.9 %", "100 %"]


def test_an_interval_that_touches_1_says_so():
    assert interval(Measure(1.0, 0.996, 1 - 1e-16, 900)) == "99.6 to 100 %"


def test_perfect_data_has_no_weakest():
    found = report_of("p", Known([pane(indicators={"validity": Indicator(1.0, 0.7, 1.0, 10)})]), 0.0, 60.0)
    assert headline(found) == "Nothing that can be measured was wrong."


def test_the_worst_value_of_a_cell_shows():
    assert cells([1.0] * 50 + [0.2] + [1.0] * 49, 10).count(0.2) == 1
    assert "▁" in sparkline([1.0] * 50 + [0.2] + [1.0] * 49)


def test_a_bar_is_as_long_as_it_is_wide():
    assert all(len(bar(share / 100, 10)) == 10 for share in range(101))


# -- again and again --------------------------------------------------------------------------------------------------


def standing(tmp_path, **where):
    settings = Settings(bootstrap_servers="nowhere:9092")
    return report.Standing(settings, "p", 600.0, report.Where(folder=tmp_path, **where), None)


def panes(until, revision=1):
    return [
        Judgement(f"t|{at}", "t", float(at), "p", 60.0, revision, True, 10, 9, {}, {"validity": Indicator(0.9, n=10)})
        for at in range(0, until, 60)
    ]


def test_each_period_that_is_over_is_reported_once(tmp_path):
    writer = standing(tmp_path)
    assert len(writer.look(Known(panes(1260)))) == 1
    assert writer.look(Known(panes(1260))) == writer.look(Known(panes(1800))) == []
    assert len(writer.look(Known(panes(1860)))) == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "p-quality-1970-01-01T00-10-00Z.html",
        "p-quality-1970-01-01T00-20-00Z.html",
    ]


def test_late_data_revises_a_report(tmp_path):
    writer = standing(tmp_path, as_json=True)
    writer.look(Known(panes(1260)))
    late = Judgement("t|660", "t", 660.0, "p", 60.0, 2, True, 99, 0)
    (said,) = writer.look(Known([*panes(1260), late]))
    found = json.loads((tmp_path / "p-quality-1970-01-01T00-10-00Z.json").read_bytes())
    assert said.endswith("(revised)")
    assert found["sources"][0]["records"] == 9 * 10 + 99


def test_a_report_goes_to_a_topic(tmp_path, monkeypatch):
    sent = []

    async def send(settings, topic, found):
        sent.append((topic, found.pipeline, found.start))

    async def create(settings, topic):
        sent.append(topic)

    monkeypatch.setattr(report, "_send", send)
    monkeypatch.setattr(report, "_create", create)
    where = report.Where(topic="p.reports")
    report.Standing(Settings(), "p", 600.0, where, None).look(Known(panes(1260)))
    assert sent == ["p.reports", ("p.reports", "p", 600.0)]

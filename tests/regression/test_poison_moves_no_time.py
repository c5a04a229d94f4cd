"""A poison event that passed a tick moved time for all others.

The tick was passed, saved and `on_time` called before the event that passed it was tried; when the stage then raised,
the event went to the dead letters and the tick stayed. One event of the year 9999 would have expired every row.
"""

from tests.unit.runtime.harness import DEAD, Ev, World, stream


def test_good_events_see_the_time_of_good_events_only() -> None:
    events = [Ev("a", 100.0), Ev("b", 104.0), Ev("a", 9e9, "boom"), Ev("b", 105.0, "look"), Ev("a", 106.0)]
    good = [event for event in events if event.op != "boom"]
    clean = World(stream(good))
    clean.run()
    for size in (1, 2, 5):
        world = World(stream(events), slice_records=size)
        world.run(chunk=size)
        assert [letter.offset for letter in world.letters()] == [2]
        outputs = world.outputs()
        del outputs[DEAD]
        assert outputs == clean.outputs()
        assert world.state() == clean.state()
        progress = world.progress()
        assert (progress.watermark, progress.now) == (106.0, 100.0)


def test_a_poison_first_event_starts_no_clock() -> None:
    world = World(stream([Ev("a", 9e9, "boom"), Ev("b", 105.0), Ev("b", 111.0)]))
    world.run()
    assert world.progress().now == 110.0
    assert len(world.outputs()[DEAD]) == 1

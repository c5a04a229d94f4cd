"""A dead letter's traceback told how the stream had been cut.

The halves of a failing slice were tried inside the handler of the first failure, so Python chained one "During handling
of the above exception" per halving into the traceback: a replay with other chunks gave other bytes.
"""

from tests.unit.runtime.harness import Ev, World, stream


def test_the_same_poison_has_the_same_traceback_in_every_cut() -> None:
    events = [Ev("a", 100.0 + i, "boom" if i == 5 else "add") for i in range(9)]
    letters = []
    for size in (1, 3, 9):
        world = World(stream(events), slice_records=size)
        world.run(chunk=size)
        letters.append(world.letters())
    assert letters[0] == letters[1] == letters[2]
    assert letters[0][0].traceback.count("Traceback") == 1
    assert "cannot add" in letters[0][0].traceback


class ChainingStage:
    name = "chaining"
    tick_s = None

    def on_batch(self, events: list[Ev], state: object, out: object) -> None:
        try:
            raise KeyError("inner")
        except KeyError as exc:
            raise ValueError("outer") from exc


def test_the_stages_own_chain_of_causes_stays() -> None:
    world = World(stream([Ev("a", 1.0), Ev("a", 2.0)]), stage=ChainingStage)
    world.run()
    assert ["KeyError: 'inner'" in letter.traceback for letter in world.letters()] == [True, True]
    assert [letter.traceback.count("Traceback") for letter in world.letters()] == [2, 2]

"""Run one log in this process and print what came of it, byte for byte: `test_replay` runs it under several hash seeds.

Run as ``python -m tests.unit.runtime.replay_once [crash]``.
"""

from __future__ import annotations

import sys
from hashlib import sha256

from tests.unit.runtime.harness import World, stream
from tests.unit.runtime.memory_log import Crash, no_hook
from tests.unit.runtime.streams import some_values


def main(crashes: bool) -> None:
    world = World(stream(some_values(250, seed=11)), slice_records=50, max_live=4)
    if crashes:
        steps = iter(range(1_000_000))

        def die(step: str) -> None:
            if next(steps) in (25, 60, 110):
                raise Crash

        world.log.hook = die
        died = 0
        while died < 3:
            try:
                world.run(f"directory {died // 2}", chunk=7)
            except Crash:
                died += 1
        world.log.hook = no_hook
        world.run("directory 1", chunk=13)
    else:
        world.run("directory 1", chunk=40)
    for target, records in sorted(world.outputs().items()):
        digest = sha256(repr([tuple(record) for record in records]).encode()).hexdigest()
        print(target.topic, target.partition, len(records), digest)
    print(
        "state",
        len(world.rows("directory 1")),
        sha256(repr(sorted(world.rows("directory 1").items())).encode()).hexdigest(),
    )


if __name__ == "__main__":
    main(sys.argv[1:] == ["crash"])

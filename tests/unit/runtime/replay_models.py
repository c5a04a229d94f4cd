"""Run SCORE with all that it can be made of and print what came of it: `test_replay` does so under two hash seeds.

Run as ``python -m tests.unit.runtime.replay_models CHUNK``, with how many records are taken at once.
"""

from __future__ import annotations

import sys
from hashlib import sha256

from tests.unit.runtime.scoring import records_of, world_of
from tests.unit.stages.all_of_score import PIPELINES, text


def main(chunk: int) -> None:
    for name in PIPELINES:
        written = text(name)
        world = world_of(written, records_of(written, 100), slice_records=max(chunk // 2, 1))
        world.run(chunk=chunk)
        found = [(target, [tuple(one) for one in records]) for target, records in sorted(world.outputs().items())]
        digests = [sha256(repr(one).encode()).hexdigest()[:16] for one in (found, sorted(world.rows().items()))]
        print(name, sum(len(records) for _, records in found), *digests, sep="\t")


if __name__ == "__main__":
    main(int(sys.argv[1]))

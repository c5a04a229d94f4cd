"""Whatever SCORE is made of, it keeps the promises of a stage: cuts, restarts and replays do not show."""

import pytest

from aimass.testing import check_stage
from tests.unit.stages.all_of_score import PIPELINES, cuts, log, score, text


@pytest.mark.parametrize("name", PIPELINES)
def test_the_promises_hold_of(name):
    written = text(name)
    events = log(written)
    check_stage(lambda: score(written), events, cuts=list(cuts(len(events))))

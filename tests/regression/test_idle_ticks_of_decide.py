"""The ticks that DECIDE's reader wrote into an idle partition of predictions went to the dead letters.

Its topic was declared to hold predictions alone, so that a tick could not be decoded, and nothing was ever forgotten
while nothing happened.
"""

import pytest

import topics.log
import topics.predictions
import topics.series
import topics.signals
from aimass.codec import decoder, encode
from aimass.records import Tick


@pytest.mark.parametrize(
    "topic", [topics.log, topics.predictions, topics.series, topics.signals], ids=lambda t: t.__name__
)
def test_what_a_stage_with_timers_reads_may_hold_ticks(topic):
    assert decoder(topic.TOPIC.record)(encode(Tick(12.5))) == Tick(12.5)

"""kill -9 under load, fifty times, at any time and in the midst of retire, flush, compaction, recovery and shutdown.

Every message that got its 250 arrives undamaged, hardly any twice, and the relay starts every time. support/crashes.py tells how;
`tests/crashes 1000` is the long run by hand.
"""

import pytest
from support import place
from support.crashes import MOMENTS, Crashes

KILLS = 10 if place.SANITIZED else 50


@pytest.mark.heavy
@pytest.mark.deadline(1500)
def test_nothing_acknowledged_is_lost(start):
    crashes = start(Crashes, seed=9, say=print)
    least = 0 if place.SANITIZED else 3  # there the dice have too few throws
    crashes.run(KILLS, least)
    print(crashes.summary())
    assert all(crashes.fell[moment] >= least for moment in MOMENTS), crashes.fell

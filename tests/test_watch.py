"""Nobody listens, and somebody may."""

from __future__ import annotations

from haar.watch import Unwatched, Watch


def test_nobody_is_told_of_steps_and_is_a_watch_like_others(told):
    assert isinstance(Unwatched(), Watch)
    assert isinstance(told(), Watch)
    assert not isinstance(object(), Watch)
    for total in (2, None):
        with Unwatched().stage("training", total) as advance:
            assert advance() is None
            assert advance() is None

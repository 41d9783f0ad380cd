"""Nobody listens, and somebody may."""

from __future__ import annotations

import logging

from haar.watch import Unwatched, Watch


def test_nobody_is_told_of_steps_and_is_a_watch_like_others(told):
    assert isinstance(Unwatched(), Watch)
    assert isinstance(told(), Watch)
    assert not isinstance(object(), Watch)
    for total in (2, None):
        with Unwatched().stage("training", total) as advance:
            assert advance() is None
            assert advance() is None


def test_stages_are_told_to_logging(caplog):
    with caplog.at_level(logging.INFO, logger="haar"):
        with Unwatched().stage("training", 2):
            pass
        with Unwatched().stage("waiting", None):
            pass
    first, second, third, _ = [record.getMessage() for record in caplog.records]
    assert (first, third) == ("training, 2 steps", "waiting")
    assert second.startswith("training: done in ")

"""When a choice is decided: both thresholds from both sides."""

from __future__ import annotations

import pytest

from haar.audit.conventions.convention import Convention
from haar.audit.conventions.search import Compared, Option

AS_IT_IS = Convention("cell", (("p", 1),))


def compared(best, other, deviation):
    options = (Option("a", AS_IT_IS, other), Option("b", AS_IT_IS.with_parity("p", -1), best))
    return Compared("parity: p", options, 1, deviation)


@pytest.mark.parametrize(
    ("best", "other", "deviation", "decided"),
    [
        (1.0, 1.06, 3.1, True),
        (1.0, 1.04, 3.1, False),
        (1.0, 1.06, 2.9, False),
        (1.4, 1.6, 9.0, True),
        (1.6, 4.7, 9.0, False),  # no reading is consistent: only a large factor says something
        (1.6, 4.9, 9.0, True),
    ],
)
def test_thresholds(best, other, deviation, decided):
    assert compared(best, other, deviation).decided is decided

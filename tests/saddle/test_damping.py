"""Critical damping: the double eigenvalue, arrival within the run, and runs too short to be tuned."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from haar.errors import ArgumentError
from haar.saddle import check_steps, critical_rates


@pytest.mark.parametrize("steps", [30, 200, 1500])
@pytest.mark.parametrize("c", [0.5, 1, 4.0])
def test_one_step_has_the_double_eigenvalue(steps, c):
    a, b = critical_rates(steps, c)
    step = np.array([[1 - a * c, -a], [b, 1]])
    assert np.trace(step) == pytest.approx(2 * (1 - 15 / steps), rel=1e-12)
    assert np.linalg.det(step) == pytest.approx((1 - 15 / steps) ** 2, rel=1e-12)


def test_a_run_arrives_at_the_multiplier_of_its_slope_without_swinging():
    a, b = critical_rates(300, 1.0)
    z, multiplier, seen = 1.0, 0.0, []
    for _ in range(300):
        z, multiplier = z - a * (-0.7 + z + multiplier), multiplier + b * z  # the objective pulls with slope -0.7
        seen.append(z)
    assert abs(z) < 1e-4
    assert multiplier == pytest.approx(0.7, abs=1e-4)
    assert sum(one * other < 0 for one, other in pairwise(seen)) <= 1


def test_too_few_steps_are_refused():
    check_steps(30, "")
    with pytest.raises(ArgumentError, match="steps: expected at least 30 to tune the solver for, got 29; give rates"):
        check_steps(29, "give rates")

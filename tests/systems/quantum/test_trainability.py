"""Gradients vanish exponentially without symmetry, and do not with it."""

from __future__ import annotations

import pytest

from haar.errors import ArgumentError
from haar.systems.quantum.trainability import derivative_variance


def test_symmetric_stays_free_falls() -> None:
    symmetric = [derivative_variance("symmetric", n, samples=60) for n in (2, 6)]
    free = [derivative_variance("free", n, samples=60) for n in (2, 6)]
    assert symmetric[1] / symmetric[0] > 0.25
    assert free[1] / free[0] < 0.2


def test_wrong_families_and_sizes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="family: expected one of symmetric, free, got 'random'"):
        derivative_variance("random", 2)
    with pytest.raises(ArgumentError, match="n, samples: expected at least 2 of each"):
        derivative_variance("free", 1)
    with pytest.raises(ArgumentError, match="qubits: expected 1 to 12 for a variance over many circuits, got 13"):
        derivative_variance("free", 13)

"""Which precision a force field computes in, and what its rounding changes."""

from __future__ import annotations

import numpy as np
import pytest

from haar.audit.force_field.rounding import is_double, largest, rounding
from haar.data.molecules.results import results_of

pytestmark = pytest.mark.referee


def test_double_and_single_precision_are_told_apart(faulty, single, ethanol, crystal, generator):
    for atoms in (ethanol, crystal):
        assert is_double(atoms, faulty(), generator, "a")
        assert not is_double(atoms, single, generator, "a")


def test_rounding_is_of_the_size_of_the_precision(faulty, ethanol, generator):
    answer = results_of(ethanol, faulty())
    double, half = (rounding(ethanol, faulty(), answer, generator, "a", double=kind) for kind in (True, False))
    assert 1e-16 < double["forces"] < 1e-12
    assert 1e-7 < half["forces"] < 1e-3
    assert double["energy"] >= 2.0**-53 * float(answer["energy"])


def test_distances_of_answers_by_hand():
    one = {"energy": np.array(2.0), "forces": np.array([[3.0, 4, 0], [0, 0, 1]]), "stress": np.diag([1.0, -2, 0])}
    zero = {key: np.zeros_like(value) for key, value in one.items()}
    assert largest(one, zero) == {"energy": 2.0, "forces": 5.0, "stress": 2.0}
    assert largest(one, {"energy": np.array(2.5)}) == {"energy": 0.5}

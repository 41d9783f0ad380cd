"""Deviations of a force field with faults of known kinds."""

from __future__ import annotations

import numpy as np
import pytest

from haar.audit.force_field.forms import SUPERCELL, TRANSLATION
from haar.audit.force_field.measure import Deviation, deviations, prepared
from haar.errors import DataError

pytestmark = pytest.mark.referee


def test_a_deviation_is_broken_above_its_floor_alone():
    one = Deviation(0, "rotations", "1", None, {"energy": 2.0, "forces": 1.0}, {"energy": 1.9, "forces": 1.0})
    assert [one.broken(key) for key in ("energy", "forces", "stress")] == [True, False, False]


def test_sizes_are_those_of_the_fault(faulty, ethanol, generator):
    calculator = faulty("translations", 0.5)
    structure = prepared(ethanol, 3, calculator, 2, generator)
    shifts = [one for one in structure.motions if one.kind == TRANSLATION]
    found = deviations(structure, 3, calculator, shifts)
    for one, motion in zip(found, shifts, strict=True):
        assert one.apart["energy"] == pytest.approx(0.5 * 9 * abs(motion.shift.sum()))
        assert (one.structure, one.kind, one.element) == (3, TRANSLATION, motion.name)
        assert one.broken("energy")
        assert not one.broken("forces")


def test_the_energy_of_a_supercell_is_told_for_one_structure(faulty, crystal, generator):
    calculator = faulty("supercell")
    structure = prepared(crystal, 0, calculator, 1, generator)
    (found,) = deviations(structure, 0, calculator, [one for one in structure.motions if one.kind == SUPERCELL])
    assert found.apart["energy"] == pytest.approx((8**2 - 2 * 4**2) / 2)


def test_noise_is_found_out_by_asking_again(faulty, ethanol, generator):
    class Noisy(faulty):
        def calculate(self, *args, **named):
            super().calculate(*args, **named)
            self.results["energy"] += 0.25 * (self.calls % 2)

    structure = prepared(ethanol, 0, Noisy(), 1, generator)
    assert structure.floors["energy"] >= 3 * 0.25


def test_typical_force_by_hand(faulty, ethanol, generator):
    structure = prepared(ethanol, 0, faulty(), 1, generator)
    forces = structure.answer["forces"]
    assert structure.typical_force == pytest.approx(np.sqrt(np.mean([f @ f for f in forces])))


def test_where_a_calculator_fails_is_said(faulty, ethanol, generator):
    class Far(faulty):
        def calculate(self, atoms=None, *args, **named):
            if np.abs(atoms.positions - ethanol.positions).max() > 0.5:
                raise ValueError("too far")
            super().calculate(atoms, *args, **named)

    structure = prepared(ethanol, 2, Far(), 1, generator)
    with pytest.raises(DataError, match=r"2 C2H6O \(C2H6O\): the calculator failed, ValueError: too far") as caught:
        deviations(structure, 2, Far(), structure.motions)
    assert caught.value.__notes__ == [f"rotations: {structure.motions[0].name}"]

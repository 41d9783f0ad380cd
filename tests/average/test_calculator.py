"""Averages of calculators: what they say, and that they say it in every orientation."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from haar.average import Design, averaged_calculator
from haar.data.molecules import model_calculator
from haar.errors import ArgumentError
from haar.groups import SO, dihedral, inversion

pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee

from ase.build import bulk, molecule  # noqa: E402
from ase.calculators.emt import EMT  # noqa: E402
from ase.calculators.fd import calculate_numerical_forces  # noqa: E402
from ase.calculators.lj import LennardJones  # noqa: E402


def leaning(positions, numbers):
    """Energies that depend on the frame, and on the hand."""
    x = positions - positions.mean(0)
    return torch.pdist(x).sub(1).square().sum() + 0.1 * (x[:, 0] ** 3 + x[:, 0] * x[:, 1] * x[:, 2]).sum()


@pytest.fixture
def ethanol():
    made = molecule("CH3CH2OH")
    made.rattle(0.1, seed=0)
    return made


def asked(atoms, calculator):
    one = atoms.copy()
    one.calc = calculator
    return one.get_potential_energy(), one.get_forces()


def test_the_inversion_takes_two_calls_and_the_half_that_is_odd(ethanol):
    mirrored = ethanol.copy()
    mirrored.positions *= -1
    plain = model_calculator(leaning)
    (e, f), (back_e, back_f) = asked(ethanol, plain), asked(mirrored, plain)
    assert abs(e - back_e) > 1e-2
    energy, forces = asked(ethanol, averaged_calculator(plain))
    assert energy == pytest.approx((e + back_e) / 2, abs=1e-12)
    assert np.abs(forces - (f - back_f) / 2).max() < 1e-12


@pytest.mark.parametrize(
    ("group", "how"), [("O", "orbit"), ("Ih", "orbit"), (SO(3), Design(3)), (inversion(), "orbit")]
)
def test_forces_stay_derivatives_of_the_energy(group, how, ethanol):
    ethanol.calc = averaged_calculator(model_calculator(leaning), group, how)
    assert np.abs(ethanol.get_forces() - calculate_numerical_forces(ethanol, eps=1e-4)).max() < 1e-6


def test_elements_of_the_group_no_longer_matter(ethanol):
    made = averaged_calculator(model_calculator(leaning), "O")
    turned = ethanol.copy()
    turned.positions = turned.positions @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert asked(ethanol, made)[0] == pytest.approx(asked(turned, made)[0], abs=1e-11)


def test_what_has_the_symmetry_stays_what_it_was_in_crystals_too():
    copper = bulk("Cu", cubic=True)
    copper.rattle(0.1, seed=0)
    copper.calc = EMT()
    energy, forces, stress = copper.get_potential_energy(), copper.get_forces(), copper.get_stress()
    copper.calc = averaged_calculator(EMT(), "Oh")
    assert copper.get_potential_energy() == pytest.approx(energy, abs=1e-12)
    assert np.abs(copper.get_forces() - forces).max() < 1e-12
    assert np.abs(copper.get_stress() - stress).max() < 1e-13
    assert copper.get_potential_energy(force_consistent=True) == pytest.approx(energy, abs=1e-12)


class Handed(EMT):
    """Stress that changes its sign with the cell's hand."""

    def calculate(self, atoms=None, *args, **named):
        super().calculate(atoms, *args, **named)
        if "stress" in self.results:
            self.results["stress"] = self.results["stress"] * np.sign(np.linalg.det(np.asarray(atoms.cell)))


def test_cells_are_made_right_handed_where_it_is_asked():
    copper = bulk("Cu", cubic=True)
    copper.rattle(0.1, seed=0)
    copper.calc = EMT()
    stress = copper.get_stress()
    left = copper.copy()
    left.set_cell(np.asarray(copper.cell)[[1, 0, 2]])
    left.calc = averaged_calculator(Handed(), None)
    assert np.abs(left.get_stress() + stress).max() < 1e-13
    left.calc = averaged_calculator(Handed(), None, right_handed=True)
    assert np.abs(left.get_stress() - stress).max() < 1e-13
    assert np.linalg.det(np.asarray(left.cell)) < 0  # of the user's own atoms nothing changes


def test_molecules_are_shifted_to_the_origin_where_it_is_asked():
    def absolute(positions, numbers):
        return (positions**2).sum() + 0 * numbers.sum()

    water, far = molecule("H2O"), molecule("H2O")
    far.positions += 3
    made = averaged_calculator(model_calculator(absolute), None, centred=True)
    assert asked(water, made)[0] == pytest.approx(asked(far, made)[0], abs=1e-11)
    assert abs(asked(water, model_calculator(absolute))[0] - asked(far, model_calculator(absolute))[0]) > 1


def test_copies_and_pickles_say_the_same(ethanol):
    made = averaged_calculator(LennardJones(), SO(3), "sampled")
    energy = asked(ethanol, made)[0]
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert asked(ethanol, other)[0] == energy
        assert other.name == "LennardJones over SO(3)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((EMT,), "calculator: expected a calculator of ASE, got EMT"),
        ((EMT(), dihedral(4)), "group: expected a group of rotations and reflections of space, .* got D4"),
        ((EMT(), "SO3"), "how: expected a finite group of at most 1024 elements"),
    ],
)
def test_what_cannot_be_averaged(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        averaged_calculator(*arguments)

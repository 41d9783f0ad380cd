"""Averages of calculators: what they say, and that they say it in every orientation."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from haar.average import Design, averaged_calculator
from haar.average.calculator import plain_form
from haar.data.molecules import model_calculator
from haar.errors import ArgumentError, DataError
from haar.groups import SO, dihedral, inversion

pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee

from ase import Atoms  # noqa: E402
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


class Crystal(nn.Module):
    """Energies of neighbours in many structures, with a dependence on the frame and on the hand."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, positions, numbers, cell, edge_index, shifts, batch):
        self.calls += 1
        neighbour, centre = edge_index
        offset = torch.einsum("ei,eij->ej", shifts, cell[batch[centre]])
        way = positions[neighbour] + offset - positions[centre]
        weight = numbers[neighbour] * torch.exp(-way.norm(dim=-1)) * (1 + 0.1 * way[:, 0] ** 3 + way.prod(1))
        atoms = torch.zeros(len(positions), dtype=positions.dtype).index_add(0, centre, weight)
        return torch.zeros(len(cell), dtype=positions.dtype).index_add(0, batch, atoms)


def salt():
    made = bulk("NaCl", "rocksalt", 5.6, cubic=True)
    made.set_cell(np.asarray(made.cell) + np.array([[0.1, 0, 0], [0, 0.2, 0.1], [0, 0, -0.1]]), scale_atoms=True)
    made.rattle(0.1, seed=1)
    return made


@pytest.mark.parametrize("made", [salt, lambda: molecule("CH3CH2OH")], ids=["crystal", "molecule"])
@pytest.mark.parametrize(("batch_size", "calls"), [(None, 1), (20, 3)])
def test_all_orientations_are_one_evaluation_where_the_model_takes_several(made, batch_size, calls):
    atoms, model = made(), Crystal()
    batched = averaged_calculator(model_calculator(model, cutoff=4.0, batched=True), "Oh", batch_size=batch_size)
    alone = Crystal()
    one_by_one = model_calculator(
        lambda positions, numbers, cell, edge_index, shifts, batch: alone(
            positions, numbers, cell[None], edge_index, shifts, batch
        ),
        cutoff=4.0,
    )
    plain = averaged_calculator(one_by_one, "Oh")
    assert (batched.batched, plain.batched) == (True, False)
    (energy, forces), (wanted, wanted_forces) = asked(atoms, batched), asked(atoms, plain)
    assert (model.calls, alone.calls) == (calls, 48)
    assert abs(asked(atoms, one_by_one)[0] - wanted) > 1e-3
    assert energy == pytest.approx(wanted, rel=1e-12)
    assert np.abs(forces - wanted_forces).max() < 1e-10
    if atoms.pbc.all():
        stresses = []
        for calculator in (batched, plain):
            atoms.calc = calculator
            stresses.append(atoms.get_stress())
        assert np.abs(stresses[0] - stresses[1]).max() < 1e-12
    again = pickle.loads(pickle.dumps(batched))
    assert again.batched
    assert asked(atoms, again)[0] == energy


class Many(LennardJones):
    """One that answers for many structures, in the words of ASE."""

    asked = 0

    def calculate_many(self, structures):
        type(self).asked += 1
        answers = []
        for one in structures:
            one.calc = LennardJones()
            answers.append({"energy": one.get_potential_energy(), "forces": one.get_forces(), "converged": True})
        return answers


class MetatomicCalculator(LennardJones):
    """One that answers as metatomic's does."""

    __module__ = "metatomic_ase._calculator"

    def compute_energy(self, atoms, compute_forces_and_stresses=False, *, per_atom=False):  # noqa: FBT002
        assert compute_forces_and_stresses
        assert not per_atom
        answers = Many().calculate_many(atoms)
        return {key: [one[key] for one in answers] for key in ("energy", "forces")}


def test_small_cells_have_a_hand_and_clouds_a_centre():
    cell, place = np.array([[0.0, 0.5, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.5]]), [[1.0, 2.0, 3.0]]
    atoms = Atoms("H", positions=place, cell=cell, pbc=[False, False, True])
    made = plain_form(atoms, right_handed=True, centred=True)
    assert np.array_equal(made.cell, -cell)
    assert np.array_equal(made.positions, place)  # periodic along one axis: it has no centre
    assert np.array_equal(plain_form(made, right_handed=True, centred=False).cell, -cell)
    assert np.array_equal(plain_form(atoms, right_handed=False, centred=True).cell, cell)
    atoms.pbc = False
    assert np.array_equal(plain_form(atoms, right_handed=False, centred=True).positions, [[0.0, 0.0, 0.0]])
    assert np.array_equal(plain_form(atoms, right_handed=False, centred=False).positions, place)


@pytest.mark.parametrize("calculator", [Many(), MetatomicCalculator()], ids=["calculate_many", "metatomic"])
def test_a_calculator_that_has_a_way_is_asked_once(calculator, ethanol):
    Many.asked = 0
    made = averaged_calculator(calculator, "Ih")
    energy, forces = asked(ethanol, made)
    assert Many.asked == 1
    wanted, wanted_forces = asked(ethanol, LennardJones())
    assert energy == pytest.approx(wanted, rel=1e-12)
    assert np.abs(forces - wanted_forces).max() < 1e-10 * np.abs(wanted_forces).max()


def test_answers_that_do_not_fit_are_refused(ethanol):
    class Fewer(Many):
        def calculate_many(self, structures):
            return super().calculate_many(structures)[1:]

    class Broken(Many):
        def calculate_many(self, structures):
            answers = super().calculate_many(structures)
            answers[1]["forces"][0, 0] = np.nan
            return answers

    for calculator, message in (
        (Fewer(), "expected 2 results of as many structures, got 1"),
        (Broken(), "forces is NaN"),
    ):
        with pytest.raises(DataError, match=message):
            asked(ethanol, averaged_calculator(calculator))
    sums = model_calculator(lambda positions, batch: positions.square().sum() + 0 * batch.sum(), batched=True)
    with pytest.raises(DataError, match=r"an energy for each of 2 structures, or for each of their 18 atoms, got 1"):
        asked(ethanol, averaged_calculator(sums))


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

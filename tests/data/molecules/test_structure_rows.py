"""Frames of one molecule as rows, and a calculator's energy as a function with the derivative that its forces give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import haar
from haar.actions import Invariant, Points, Symmetry
from haar.actions.representation import Defining
from haar.check import check
from haar.data.molecules.structure_rows import EnergyOfPositions, as_rows, structure_rows
from haar.errors import ArgumentError

ase = pytest.importorskip("ase", reason="the extra chemistry")
calculators = pytest.importorskip("ase.calculators.calculator", reason="the extra chemistry")
lj = pytest.importorskip("ase.calculators.lj", reason="the extra chemistry")
single = pytest.importorskip("ase.calculators.singlepoint", reason="the extra chemistry")


class Springs(calculators.Calculator):
    """A spring between every two atoms: nothing is quicker to compute."""

    implemented_properties = ("energy", "forces")
    lean = 0.0

    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
        del properties, system_changes
        x = atoms.positions - atoms.positions.mean(0)
        apart = x[:, None] - x[None]
        squares = (apart**2).sum(-1) - 1.2 * (1 - np.eye(len(x)))
        leaning = self.lean * np.array([-1.0, 0.0, 1.0])
        energy = float((squares**2).sum() / 4 + (leaning * x**2).sum())
        self.results = {"energy": energy, "forces": -2 * (squares[..., None] * apart).sum(1) - 2 * leaning * x}


class Leaning(Springs):
    """The same in a field that means over rotations do away with."""

    lean = 1.0


def frames(count=60, *, energies=False):
    generator = torch.Generator().manual_seed(0)
    corners = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [0.5, 1.1, 0]], dtype=torch.float64)
    shaken = corners + 0.1 * torch.randn(count, 3, 3, generator=generator, dtype=torch.float64)
    turns = haar.groups.SO(3).sample(count, generator)
    shifts = torch.randn(count, 1, 3, generator=generator, dtype=torch.float64)
    made = [ase.Atoms("Ar3", (x @ g.T + s).numpy()) for x, g, s in zip(shaken, turns, shifts, strict=True)]
    for one in made if energies else ():
        told = one.copy()
        told.calc = Springs()
        one.calc = single.SinglePointCalculator(one, energy=told.get_potential_energy())
    return made


def test_the_derivative_is_that_of_differences():
    energy = EnergyOfPositions(Leaning(), frames(1)[0])
    x = structure_rows(frames(2))[0].requires_grad_()
    (slope,) = torch.autograd.grad(energy(x).sum(), x)
    step = torch.zeros_like(x)
    step[:, 1, 2] = 1e-5
    with torch.no_grad():
        found = (energy(x + step) - energy(x - step))[:, 0] / 2e-5
    torch.testing.assert_close(slope[:, 1, 2], found, rtol=1e-6, atol=1e-8)


def test_a_calculator_that_differentiates_inside_is_asked_with_gradients_on():
    class Differentiated(Springs):
        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            del properties, system_changes
            x = torch.tensor(atoms.positions, requires_grad=True)
            energy = (torch.pdist(x) - 1.2).square().sum()
            (slope,) = torch.autograd.grad(energy, x)
            self.results = {"energy": float(energy.detach()), "forces": -slope.numpy()}

    (frame,) = frames(1)
    energy = EnergyOfPositions(Differentiated(), frame)
    x = torch.tensor(frame.positions)[None].requires_grad_()
    (slope,) = torch.autograd.grad(energy(x).sum(), x)
    assert torch.allclose(slope.sum(1), torch.zeros(1, 3, dtype=torch.float64), atol=1e-12)
    with torch.no_grad():
        without = energy(x.detach())
    with torch.inference_mode():
        assert torch.allclose(energy(x.detach()), without, rtol=0, atol=1e-12)


def test_forces_are_asked_for_where_a_derivative_may_follow_alone():
    asked = []

    class Listening(Springs):
        def get_forces(self, atoms):
            asked.append(len(atoms))
            return super().get_forces(atoms)

    energy = EnergyOfPositions(Listening(), frames(1)[0])
    x = structure_rows(frames(2))[0]
    first = energy(x)
    assert asked == []
    assert torch.equal(energy(x.requires_grad_()), first)
    assert asked == [3, 3]


def test_a_force_field_has_the_motions_of_space_and_one_that_leans_has_not():
    found = haar.discover(lj.LennardJones(), frames(energies=True))
    assert found.staircase[-1].name == "e(3)"
    assert found.symmetry.group.name == "SO(3)"
    assert any("haar.audit_force_field" in remark for remark in found.said)
    leaning = haar.discover(Leaning(), frames(), tolerance=0.02)
    assert all(step.name != "e(3)" for step in leaning.staircase if step.grade == "exact")
    with pytest.raises(ArgumentError, match="kinds: expected \"lie\" for a calculator, got 'finite'"):
        haar.discover(lj.LennardJones(), frames(), kinds="finite")


def test_a_check_of_structures_measures_by_their_energies_and_mends_what_leans():
    SO3 = haar.groups.SO(3)
    turns = Symmetry(SO3, Points(rotation=Defining(SO3)), Invariant(SO3))
    done = check(Leaning(), frames(16, energies=True), symmetry=turns)
    assert done.action == "average"
    assert done.measured.defect_after.value < 0.1 * done.measured.defect_before.value
    assert done.measured.change.high < 0
    assert as_rows(lj.LennardJones(), frames(3))[1].shape == (3, 3, 3)  # without energies there are no labels


@pytest.mark.parametrize(
    ("spoilt", "match"),
    [
        (lambda all_of_them: all_of_them[1].set_atomic_numbers([18, 18, 10]), "data: expected frames of one molecule"),
        (
            lambda all_of_them: all_of_them[1].set_pbc(True),
            "data: expected molecules, which turn freely, got a periodic",
        ),
    ],
)
def test_other_structures_are_refused(spoilt, match):
    many = frames(3)
    spoilt(many)
    with pytest.raises(ArgumentError, match=match):
        structure_rows(many)


def test_a_calculator_needs_structures_and_forces():
    with pytest.raises(ArgumentError, match=r"data: expected a list of ase.Atoms beside a calculator, got Tensor"):
        haar.discover(lj.LennardJones(), torch.zeros(3, 3))

    class Bare(lj.LennardJones):
        implemented_properties = ("energy",)

    with pytest.raises(ArgumentError, match="model: expected a calculator that knows forces, got one of energy"):
        haar.discover(Bare(), frames(3))

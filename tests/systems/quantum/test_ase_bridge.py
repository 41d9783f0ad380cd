"""A trained potential in ASE: atoms in and out, relaxation and dynamics."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.systems.quantum import Molecules, Potential
from haar.systems.quantum.ase_bridge import HARTREE, calculator, from_atoms, positions_of, to_atoms
from haar.systems.quantum.comparison import split
from haar.systems.quantum.training import Plan, fit

ase = pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee


@pytest.fixture(scope="module")
def potential() -> Potential:
    lih = Molecules.shipped("lih")
    train, _ = split(lih, 48)
    made = Potential("distances", lih.species)
    fit(made, train, plan=Plan(steps=250, force_steps=25, rate=0.01))
    return made


def test_atoms_go_out_and_come_back() -> None:
    water = Molecules.shipped("h2o")[:3]
    atoms = to_atoms(water)
    assert atoms[0].get_potential_energy() == pytest.approx(float(water.energy[0]) * HARTREE)
    back = from_atoms(atoms)
    assert (back.positions - water.positions).abs().max() < 1e-12
    assert (back.forces - water.forces).abs().max() < 1e-12
    turned = [one[[1, 0, 2]] for one in atoms]  # H, O, H
    for one, first in zip(turned, atoms, strict=True):
        one.calc = first.calc
    assert torch.equal(positions_of(turned[0], water.species), water.active[:1])


def test_it_relaxes_to_the_bond_length_of_the_surface(potential: Potential) -> None:
    from ase.optimize import BFGS

    atoms = ase.Atoms("LiH", positions=[[0.3, 0, 0], [0.3, 1.0, 1.1]])
    atoms.calc = calculator(potential)
    assert abs(atoms.get_forces().sum(0)).max() < 1e-12
    BFGS(atoms, logfile=None).run(fmax=0.01, steps=60)
    lih = Molecules.shipped("lih")
    equilibrium = float(lih.active.norm(dim=-1)[lih.energy.argmin()])
    assert atoms.get_distance(0, 1) == pytest.approx(equilibrium, abs=0.05)


def test_dynamics_keeps_the_energy(potential: Potential) -> None:
    from ase import units
    from ase.md.verlet import VelocityVerlet

    atoms = ase.Atoms("HLi", positions=[[0, 0, 1.8], [0, 0, 0]])  # the other order of atoms
    atoms.calc = calculator(potential)
    before = atoms.get_total_energy()
    VelocityVerlet(atoms, timestep=0.2 * units.fs).run(30)
    assert atoms.get_total_energy() == pytest.approx(before, abs=2e-3)
    assert atoms.get_distance(0, 1) != pytest.approx(1.8, abs=1e-3)


def test_other_molecules_are_refused(potential: Potential) -> None:
    atoms = ase.Atoms("NaH", positions=[[0, 0, 0], [0, 0, 1.8]])
    atoms.calc = calculator(potential)
    with pytest.raises(ArgumentError, match="atoms: expected a molecule of Li, H, got Na, H"):
        atoms.get_potential_energy()
    together = ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0, 0]])
    together.calc = calculator(potential)
    with pytest.raises(
        ArgumentError, match=r"atoms: expected atoms at least .* apart, got atoms 0 and 1 of geometry 0"
    ):
        together.get_forces()
    boxed = ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0, 1.8]], cell=[5, 5, 5], pbc=True)
    boxed.calc = calculator(potential)
    with pytest.raises(ArgumentError, match="atoms: expected a molecule in free space, got periodic boundaries"):
        boxed.get_potential_energy()
    with pytest.raises(ArgumentError, match="centre: expected the symbol of one central atom, got None in H, H"):
        from_atoms([ase.Atoms("H2", positions=[[0, 0, 0], [0, 0, 1]])])
    with pytest.raises(ArgumentError, match="many: expected atoms with a calculator"):
        from_atoms([ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0, 1]])])
    with pytest.raises(ArgumentError, match="atoms: expected a molecule of Li, H"):
        positions_of(boxed[[0]], ("Li", "H"))

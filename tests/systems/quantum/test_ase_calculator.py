"""A trained potential in ASE: relaxation and dynamics."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from haar.data.molecules import Molecules
from haar.data.molecules.atoms import HARTREE, from_atoms
from haar.errors import ArgumentError
from haar.systems.quantum import Potential
from haar.systems.quantum.ase_calculator import calculator
from haar.systems.quantum.comparison import split
from haar.systems.quantum.training import PotentialPlan, fit

ase = pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee


@pytest.fixture(scope="module")
def potential() -> Potential:
    lih = Molecules.shipped("lih")
    train, _ = split(lih, 48)
    made = Potential("distances", lih.species)
    fit(made, train, plan=PotentialPlan(steps=250, force_steps=25, learning_rate=0.01))
    return made


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


def test_a_calculator_is_copied_and_pickled(potential: Potential) -> None:
    atoms = ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0.3, 1.8]], calculator=calculator(potential))
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    for other in (pickle.loads(pickle.dumps(atoms.calc)), copy.deepcopy(atoms.calc)):
        assert other.results["energy"] == energy
        twin = ase.Atoms("HLi", positions=[[0, 0.3, 1.8], [0, 0, 0]], calculator=other)
        assert twin.get_potential_energy() == pytest.approx(energy, abs=1e-9)
        assert abs(twin.get_forces()[[1, 0]] - forces).max() < 1e-9
    assert atoms.get_potential_energy(force_consistent=True) == energy


def test_a_potential_that_has_changed_is_asked_anew(potential: Potential) -> None:
    mine = copy.deepcopy(potential)
    atoms = ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0.3, 1.8]], calculator=calculator(mine))
    before = atoms.get_potential_energy()
    with torch.no_grad():
        mine.middle.add_(1.0)
    assert atoms.get_potential_energy() == pytest.approx(before + HARTREE, abs=1e-9)
    mine.load_state_dict(potential.state_dict())
    assert atoms.get_potential_energy() == pytest.approx(before, abs=1e-9)
    mine.float()
    assert atoms.get_potential_energy() == pytest.approx(before, abs=1e-3)
    assert atoms.get_potential_energy() != before


def test_a_trajectory_keeps_what_was_computed(potential: Potential, tmp_path) -> None:
    from ase.io import read, write

    atoms = ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0.3, 1.8]], calculator=calculator(potential))
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    for name in ("run.traj", "run.extxyz", "run.json"):
        write(tmp_path / name, atoms)
        back = from_atoms(read(tmp_path / name, index=":"))
        assert float(back.energy[0]) * HARTREE == pytest.approx(energy, abs=1e-6)
        assert abs(back.forces[0].numpy() * HARTREE - forces).max() < 1e-6


def test_a_calculator_in_single_precision_and_without_gradients(potential: Potential) -> None:
    def asked(one: Potential):
        atoms = ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0.3, 1.8]], calculator=calculator(one))
        return atoms.get_potential_energy(), atoms.get_forces()

    energy, forces = asked(potential)
    single = asked(copy.deepcopy(potential).float())
    assert single[0] == pytest.approx(energy, abs=1e-3)
    assert abs(single[1] - forces).max() < 1e-3
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = asked(potential)
        assert found[0] == energy
        assert (found[1] == forces).all()


def test_a_calculator_refuses_positions_that_are_none(potential: Potential) -> None:
    atoms = ase.Atoms("LiH", positions=[[0, 0, 0], [0, float("nan"), 1.8]], calculator=calculator(potential))
    with pytest.raises(ArgumentError, match="atoms: expected finite positions, got NaN or infinity"):
        atoms.get_forces()

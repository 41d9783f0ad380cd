"""A trained potential in ASE: atoms in and out, relaxation and dynamics."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from haar.errors import ArgumentError
from haar.systems.quantum import Molecules, Potential
from haar.systems.quantum.ase_bridge import HARTREE, calculator, from_atoms, positions_of, to_atoms
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


AMMONIA = np.array([[0, 0, 0.1], [0.94, 0, -0.27], [-0.47, 0.81, -0.27], [-0.47, -0.81, -0.27]])
PUSH = np.arange(12.0).reshape(4, 3) - 5.5


def computed(positions=AMMONIA, *, energy=-1.0, forces=PUSH, symbols="NH3", **options):
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = ase.Atoms(symbols, positions=positions, **options)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


CELLS = {
    "cube": ([6.0, 6, 6], True),
    "brick": ([4.0, 5, 9], True),
    "leaning": ([[6.0, 0, 0], [5.0, 6, 0], [4.0, 5, 6]], True),
    "slab": ([5.0, 5, 0], [True, True, False]),
    "wire": ([0.0, 0, 4], [False, False, True]),
    "leaning slab": ([[5.0, 0, 0], [4.5, 5, 0], [0, 0, 0]], [True, True, False]),
    "free, in a cell": ([2.0, 2, 2], False),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("centre", [[0.0, 0, 0], [0.05, 0.05, 0.05], [2.9, 0.1, 1.7]])
def test_molecules_that_a_cell_has_cut_are_put_together(name, centre):
    cell, pbc = CELLS[name]
    cut = ase.Atoms("NH3", positions=AMMONIA + centre, cell=cell, pbc=pbc)
    cut.wrap()
    atoms = computed(cut.positions, cell=cell, pbc=pbc)
    whole = torch.from_numpy(AMMONIA - AMMONIA[0])
    made = from_atoms([atoms])
    assert (made.positions[0] - whole).abs().max() < 1e-12
    assert (positions_of(atoms, ("N", "H", "H", "H"))[0] - whole[1:]).abs().max() < 1e-12
    assert (made.forces[0] * HARTREE - torch.from_numpy(PUSH)).abs().max() < 1e-12


def test_what_constraints_do_to_forces_and_energies_is_left_out():
    from ase.constraints import FixAtoms, Hookean

    for constraint in (FixAtoms([0, 1, 2, 3]), FixAtoms([1]), Hookean(0, 1, 5.0, rt=0.5)):
        atoms = computed()
        atoms.set_constraint(constraint)
        assert abs(atoms.get_forces() - PUSH).max() > 0.1
        made = from_atoms([atoms])
        assert (made.forces[0] * HARTREE - torch.from_numpy(PUSH)).abs().max() < 1e-12
        assert float(made.energy[0]) * HARTREE == pytest.approx(-1.0, abs=1e-12)


def moved_after():
    atoms = computed()
    atoms.positions[1] += 0.1
    return atoms


HOLE = np.where(np.arange(12).reshape(4, 3) == 4, np.nan, 1.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: computed(energy=None), "knows energy and forces at their positions, got no energy"),
        (lambda: computed(forces=None), "knows energy and forces at their positions, got no forces"),
        (moved_after, "knows energy and forces at their positions, got no energy"),
        (lambda: computed(energy=float("nan")), "finite energy, got NaN or infinity"),
        (lambda: computed(forces=PUSH * HOLE), "finite forces, got NaN or infinity"),
        (lambda: computed(AMMONIA * HOLE), "finite positions, got NaN or infinity"),
        (
            lambda: computed(cell=[3.0, 9, 9], pbc=True),
            r"smaller than half its cell, 1.5 Angstrom, got 1.6\d* Angstrom",
        ),
        (
            lambda: computed(cell=[[3.0, 0, 0], [3.0, 3, 0], [9, 9, 9]], pbc=True),
            "smaller than half its cell, 1.5 Angstrom",
        ),
        (lambda: computed(cell=[6.0, 6, 0], pbc=True), "a cell with a length along every periodic direction"),
        (lambda: computed(cell=[[6.0, 0, 0], [6, 0, 0], [0, 0, 6]], pbc=True), "a length along every periodic"),
    ],
)
def test_atoms_that_tell_too_little_are_refused(make, words):
    with pytest.raises(ArgumentError, match=f"many: expected .*{words}") as caught:
        from_atoms([computed(), make()])
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unchecked_annotations")
def test_one_molecule_in_the_place_of_a_list():
    with pytest.raises(ArgumentError, match=r"many: expected a list of Atoms, got one Atoms; write \[atoms\]"):
        from_atoms(computed())
    with pytest.raises(ArgumentError, match="many: expected at least one Atoms, got none"):
        from_atoms([])


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

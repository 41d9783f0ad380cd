"""Atoms of ASE in and out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.data.molecules import Molecules, from_atoms, to_atoms
from haar.data.molecules.atoms import HARTREE, positions_of
from haar.errors import ArgumentError

ase = pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee


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


def test_other_molecules_are_refused() -> None:
    boxed = ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0, 1.8]], cell=[5, 5, 5], pbc=True)
    with pytest.raises(ArgumentError, match="centre: expected the symbol of one central atom, got None in H, H"):
        from_atoms([ase.Atoms("H2", positions=[[0, 0, 0], [0, 0, 1]])])
    with pytest.raises(ArgumentError, match="many: expected atoms with a calculator"):
        from_atoms([ase.Atoms("LiH", positions=[[0, 0, 0], [0, 0, 1]])])
    with pytest.raises(ArgumentError, match="atoms: expected a molecule of Li, H"):
        positions_of(boxed[[0]], ("Li", "H"))

"""Structures in other forms, seen by calculators of others that have the symmetry."""

from __future__ import annotations

import numpy as np
import pytest

from haar.data.molecules.motions import Motion
from haar.data.molecules.results import results_of

pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee

from ase.build import bulk, molecule  # noqa: E402
from ase.calculators.emt import EMT  # noqa: E402

MIRROR = np.diag([-1.0, 1, 1])
TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0], [0.48, 0.64, 0.6]])
SWAP = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
MOTIONS = {
    "turn": Motion("", "", matrix=TURN),
    "mirror": Motion("", "", matrix=MIRROR @ TURN),
    "shift": Motion("", "", shift=np.array([1.0, -2, 0.5])),
    "order": Motion("", "", order=np.array([2, 0, 3, 1])),
    "images": Motion("", "", images=np.array([[1, 0, 0], [0, -1, 1], [0, 0, 0], [2, 0, -1]])),
    "swap": Motion("", "", cell=SWAP),
    "supercell": Motion("", "", repeat=(1, 2, 1)),
}


@pytest.fixture
def crystal():
    made = bulk("Cu", cubic=True)
    made.set_cell(np.array([[3.6, 0.1, 0], [0, 3.7, 0.2], [0.3, 0, 3.5]]), scale_atoms=True)
    made.rattle(0.1, seed=3)
    return made


@pytest.mark.parametrize("name", MOTIONS)
def test_a_symmetric_force_field_says_what_is_expected(name, crystal):
    motion, calculator = MOTIONS[name], EMT()
    expected = motion.expected(results_of(crystal, calculator))
    moved = motion.moved(crystal)
    found = results_of(moved, EMT())
    for key in ("energy", "forces", "stress"):
        assert np.abs(found[key] - expected[key]).max() < 1e-10, key
    if name == "supercell":
        assert len(moved) == 8
    else:
        assert not np.allclose(moved.positions, crystal.positions) or not np.allclose(moved.cell, crystal.cell)


@pytest.mark.parametrize("name", ["turn", "mirror", "order"])
def test_molecules_too_and_they_turn_about_their_middle(name):
    ethanol = molecule("CH3OH")[[0, 1, 2, 3]]
    motion = MOTIONS[name]
    moved = motion.moved(ethanol)
    assert np.allclose(moved.positions.mean(0), ethanol.positions.mean(0))
    assert (
        np.abs(motion.expected(results_of(ethanol, EMT()))["forces"] - results_of(moved, EMT())["forces"]).max() < 1e-10
    )


def test_reflections_keep_the_hand_of_the_cell_and_exchanged_vectors_do_not(crystal):
    hand = np.linalg.det(np.asarray(crystal.cell))
    assert np.linalg.det(np.asarray(MOTIONS["mirror"].moved(crystal).cell)) == pytest.approx(hand)
    assert np.linalg.det(np.asarray(MOTIONS["swap"].moved(crystal).cell)) == pytest.approx(-hand)


def test_periodic_directions_go_with_their_vectors(crystal):
    crystal.set_pbc((True, False, False))
    assert MOTIONS["swap"].moved(crystal).pbc.tolist() == [False, True, False]


def test_results_of_every_atom_follow_the_order_and_the_copies():
    told = {"energies": np.arange(4.0), "energy": np.array(6.0), "stress": np.eye(3)}
    assert MOTIONS["order"].expected(told)["energies"].tolist() == [2, 0, 3, 1]
    twice = MOTIONS["supercell"].expected(told)
    assert twice["energies"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert (float(twice["energy"]), twice["stress"].tolist()) == (12.0, np.eye(3).tolist())

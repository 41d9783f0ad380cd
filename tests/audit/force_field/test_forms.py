"""The forms that are tried: which kinds a structure has, and that each is what it says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from haar.audit.force_field.forms import HAND, IMAGES, KINDS, ORDER, REFLECTION, ROTATION, SAME_HAND, SUPERCELL, forms

pytestmark = pytest.mark.referee


def test_a_molecule_has_rotations_reflections_translations_and_orders(ethanol, generator):
    made = forms(ethanol, 4, generator)
    assert Counter(one.kind for one in made) == {ROTATION: 4, REFLECTION: 5, "translations": 3, ORDER: 2}
    rotations = [one for one in made if one.kind == ROTATION]
    assert [one.angle for one in rotations] == [45, 90, 135, 180]
    for one in made:
        if one.kind in (ROTATION, REFLECTION):
            assert np.linalg.det(one.matrix) == pytest.approx(1 if one.kind == ROTATION else -1)
            turn = one.matrix * np.linalg.det(one.matrix)
            assert np.trace(turn) == pytest.approx(1 + 2 * np.cos(np.radians(one.angle)))
    first, *_, last = [one.name for one in made if one.kind == REFLECTION]
    assert first == "-1"
    assert last.startswith("mirror [")


def test_equal_atoms_change_places_and_no_others(ethanol, generator):
    for one in forms(ethanol, 1, generator):
        if one.kind == ORDER:
            moved = one.moved(ethanol)
            assert moved.get_chemical_symbols() == ethanol.get_chemical_symbols()
            changed = (np.abs(moved.positions - ethanol.positions).max(1) > 1e-9).sum()
            assert one.name == f"{changed} of 9 atoms change places"
            assert changed > 0


def test_a_structure_without_equal_atoms_has_no_order(ethanol, generator):
    few = ethanol[[0, 2, 3]]  # C, O, H
    assert ORDER not in {one.kind for one in forms(few, 1, generator)}


def test_a_crystal_has_all_kinds_and_its_other_cells_are_of_one_lattice(crystal, generator):
    made = forms(crystal, 2, generator)
    assert {one.kind for one in made} == set(KINDS)
    cell = np.asarray(crystal.cell)
    hand = np.sign(np.linalg.det(cell))
    for one in made:
        moved = np.asarray(one.moved(crystal).cell)
        if one.kind in (SAME_HAND, HAND):
            whole = moved @ np.linalg.inv(cell)
            assert np.allclose(whole, whole.round())
            assert abs(round(np.linalg.det(whole))) == 1
        assert np.sign(np.linalg.det(moved)) == (-hand if one.kind == HAND else hand)
        if one.kind == IMAGES:
            away = np.linalg.solve(cell.T, (one.moved(crystal).positions - crystal.positions).T)
            assert np.allclose(away, away.round(), atol=1e-9)
            assert np.abs(away).max() > 0.5
        if one.kind == SUPERCELL:
            assert len(one.moved(crystal)) == 8


def test_a_wire_is_repeated_and_reversed_along_its_own_direction(crystal, generator):
    crystal.set_pbc((False, True, False))
    made = {one.kind: one for one in forms(crystal, 1, generator)}
    assert made[SUPERCELL].name == "1x2x1"
    assert SAME_HAND not in made
    assert made[HAND].name == "-b for b"


def test_the_same_seed_draws_the_same(ethanol):
    first, second = (forms(ethanol, 3, torch.Generator().manual_seed(1)) for _ in range(2))
    assert [one.name for one in first] == [one.name for one in second]

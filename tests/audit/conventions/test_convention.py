"""Readings move tensors as symmetries of their own would."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Symmetry
from haar.audit.conventions.convention import Reading, fields_of
from haar.groups import dihedral
from haar.groups.names import named_group


def test_the_stated_reading_is_the_symmetry(generator):
    symmetry = Symmetry.of_fields("D4", "p, u:vector, k:scalar:constant", history=2)
    reading = Reading(symmetry)
    x = torch.randn(2, 7, 6, 6, generator=generator)
    y = torch.randn(2, 3, 6, 6, generator=generator)
    for g in symmetry.group.elements():
        assert torch.equal(reading.moved(reading.stated, g, x, 0), symmetry.act_inputs(g, (x,))[0])
        assert torch.equal(reading.moved(reading.stated, g, y, 1), symmetry.act_outputs(g, y))


def test_other_readings_are_other_symmetries(generator):
    reading = Reading(Symmetry.of_fields("D4", "p, u:vector"))
    y = torch.randn(2, 3, 6, 6, generator=generator)
    other = Symmetry.of_fields("D4", "p:pseudoscalar, u:vector")
    changed = reading.stated.with_parity("p", -1)
    backwards = reading.stated.with_order(frozenset({"u"}), backwards=True)
    assert backwards.with_order(frozenset({"u"}), backwards=False) == reading.stated
    for g in reading.group.elements():
        assert torch.equal(reading.moved(changed, g, y, 1), other.act_outputs(g, y))
        order = [0, 2, 1]
        expected = reading.moved(reading.stated, g, y[:, order], 1)[:, order]
        assert torch.equal(reading.moved(backwards, g, y, 1), expected)
    # a tensor's components are reversed in both indices
    tensors = Reading(Symmetry.of_fields("D4", "s:tensor"))
    read = tensors.stated.with_order(frozenset({"s"}), backwards=True)
    t = torch.randn(1, 4, 6, 6, generator=generator)
    g = torch.tensor(1)
    assert torch.equal(tensors.moved(read, g, t, 1), tensors.moved(tensors.stated, g, t.flip(1), 1).flip(1))


@pytest.mark.parametrize(
    "symmetry",
    [
        Symmetry.of_atoms("O3"),
        Symmetry.of_fields(named_group("SO2"), "p", interpolate="linear"),
    ],
)
def test_other_symmetries_are_not_read(symmetry):
    assert fields_of(symmetry) is None


def test_the_centring_of_the_symmetry_is_the_stated_one():
    assert Reading(Symmetry.of_fields(dihedral(4), "p", centring="node")).stated.centring == "node"
    assert not Reading(Symmetry.of_fields(dihedral(4), "p", periodic=False)).choose_centring
    mixed = Reading(Symmetry.of_fields("reflections:2", "p", centring=("node", "cell")))
    assert not mixed.choose_centring

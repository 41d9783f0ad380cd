"""Symmetries as files: what comes back is what went in, and what a file may not hold is refused."""

from __future__ import annotations

import json

import pytest
import torch

from haar import Symmetry
from haar.actions import Field, Invariant, Vector, symmetry_to_dict
from haar.actions.representation import Defining, DirectSum, Entries, Harmonic, Space, Spin, Subspace, Trivial
from haar.errors import ArgumentError, DataError
from haar.groups import SO, SU2, LieGroup, dihedral, from_permutations, permutation_group
from haar.report import write_json

SPACE, COVER, SMALL, LARGE = (
    SO(3),
    SU2(),
    from_permutations([[1, 2, 0]], "C3"),
    permutation_group([[1, 0, 2, 3]], "swap"),
)
TURN = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
ALGEBRA = LieGroup("about z", torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]], dtype=torch.float64))
KINDS = {
    "harmonics, turned": Subspace(DirectSum([Harmonic(SPACE, 2), Trivial(SPACE), Trivial(SPACE)]), TURN, "turned"),
    "spins": DirectSum([Spin(COVER, 0.5), Spin(COVER, 1)]),
    "permutations": Entries(SMALL, [0, 1, 2]),
    "permutations never listed": Entries(LARGE, [0, 1]),
    "an algebra": Defining(ALGEBRA),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_comes_back(tmp_path, name):
    rep = KINDS[name]
    symmetry = Symmetry(rep.group, Vector(rep), Invariant(rep.group))
    again = Symmetry.load(write_json(tmp_path / "s.json", symmetry.to_dict()))
    g = rep.group.sample(4, torch.Generator().manual_seed(0))
    assert torch.allclose(again.inputs[0].rep.matrix(g), rep.matrix(g), atol=1e-12)
    assert isinstance(again.outputs, Invariant)


def test_what_a_file_cannot_hold_is_refused():
    group = dihedral(4)
    with pytest.raises(ArgumentError, match=r"symmetry: expected"):
        symmetry_to_dict(Symmetry(group, Field(Space(group)), Field(Space(group))))


def spoilt(**changes):
    rep = KINDS["harmonics, turned"]
    told = symmetry_to_dict(Symmetry(SPACE, Vector(rep), Invariant(SPACE)))
    return json.loads(json.dumps(told | changes))


def bent():
    told = spoilt()
    told["inputs"]["rep"]["basis"][0][0] += 0.5
    return told


SPOILT = {
    "another kind": (lambda: spoilt(kind="audit"), r"expected a symmetry, as found.save"),
    "another schema": (lambda: spoilt(schema=7), r"expected schema 1, got 7"),
    "unknown group": (lambda: spoilt(group={"group": "G2"}), r"unknown group 'G2'"),
    "missing": (lambda: {k: v for k, v in spoilt().items() if k != "outputs"}, r"no symmetry that can be used"),
    "no homomorphism": (bent, r"no symmetry that can be used: basis: expected orthonormal columns"),
    "a list": (lambda: [1, 2], r"expected a symmetry"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_file_is_refused_in_one_line(tmp_path, case):
    make, told = SPOILT[case]
    path = tmp_path / "s.json"
    path.write_text(json.dumps(make()))
    with pytest.raises(DataError, match=told) as caught:
        Symmetry.load(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read"):
        Symmetry.load(tmp_path / "none.json")
    (tmp_path / "s.json").write_text("not json")
    with pytest.raises(DataError, match=r"no JSON"):
        Symmetry.load(tmp_path / "s.json")


def test_inputs_of_another_size_are_refused_by_the_symmetry(tmp_path):
    rep = KINDS["spins"]
    symmetry = Symmetry.load(write_json(tmp_path / "s.json", Symmetry(COVER, Vector(rep), Invariant(COVER)).to_dict()))
    with pytest.raises(ArgumentError, match=r"expected 7 on axis -1"):
        symmetry.check_inputs((torch.zeros(3, 6),))

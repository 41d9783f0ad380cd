"""Grid groups: the semidirect law against direct operations on arrays."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups import GridGroup, Motion, axial, cyclic, dihedral, grid_group, octahedral, reflections, shifts, trivial

GRIDS = [
    grid_group(dihedral(4), (4, 4)),
    grid_group(dihedral(4), (6, 6), step=3),
    grid_group(reflections(2), (4, 6), step=(2, 3)),
    grid_group(cyclic(2), (3, 5)),
    grid_group(octahedral(full=True), (4, 4, 4), step=2),
    grid_group(axial(2), (4, 4, 6), step=(2, 2, 3)),
    grid_group(reflections(2), (4, 6), periodic=(False, True)),
    shifts((4, 6)),
]


def move(motion: Motion, x: Tensor) -> Tensor:
    """Exchange axes, reverse, then roll: new axis i is old axis index[i]."""
    moved = x.permute(motion.index.tolist())
    moved = moved.flip([i for i, s in enumerate(motion.sign.tolist()) if s < 0])
    return moved.roll(motion.shift.tolist(), list(range(x.ndim)))


@given(st.sampled_from(GRIDS), st.integers(0, 2**20))
def test_products_and_inverses_move_arrays(group: GridGroup, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(group.shape, generator=draw, dtype=torch.float64)
    a, b = group.sample(2, draw)
    # cells, with reversal about the middle of the array, compose as R about the centre and then a shift; the
    # difference between the array's centre and cell 0 is the same for both sides when the shift is taken back
    one = move(group.motion(a), move(group.motion(b), x))
    both = move(group.motion(group.compose(a, b)), x)
    assert torch.equal(one, both)
    assert torch.equal(move(group.motion(group.inverse(a)), move(group.motion(a), x)), x)


@given(st.sampled_from(GRIDS), st.integers(0, 2**20))
def test_parts_make_the_element(group: GridGroup, seed: int) -> None:
    g = group.sample(7, torch.Generator().manual_seed(seed))
    rebuilt = torch.stack([group.element(p, t) for p, t in zip(group.point_of(g), group.shift_of(g), strict=True)])
    assert torch.equal(rebuilt, g)
    assert torch.equal(group.element(group.point_of(g), group.shift_of(g)), g)


@pytest.mark.parametrize("group", GRIDS, ids=lambda g: g.name)
def test_generators_and_order(group: GridGroup) -> None:
    assert len(group.closure(group.generators())) == group.order
    lengths = [n // s for n, s in zip(group.shape, group.step, strict=True)]
    assert group.order == group.point.order * torch.tensor(lengths).prod().item()


def test_names() -> None:
    group = grid_group(dihedral(4), (8, 8), step=2)
    assert group.describe(group.element(1)) == "r90"
    assert group.describe(group.element(0, (2, 0))) == "t(2,0)"
    assert group.describe(group.element(2, (0, 6))) == "r180+(0,6)"
    assert shifts((4, 4)).name == "T4x4"
    assert group.name == "D4 x T4x4"


def test_shifts_are_taken_modulo_the_axis() -> None:
    group = shifts((6, 4), step=2)
    assert torch.equal(group.element(0, (-2, 6)), group.element(0, (4, 2)))


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="point: expected a group of a 3-dimensional grid"):
        grid_group(dihedral(4), (4, 4, 4))
    with pytest.raises(ArgumentError, match="no exchange of axes of different length"):
        grid_group(dihedral(4), (4, 6))
    with pytest.raises(ArgumentError, match="no exchange of axes of different length"):
        grid_group(dihedral(4), (4, 4), periodic=(True, False))
    with pytest.raises(ArgumentError, match=r"step: expected divisors of the axes \(4, 6\)"):
        shifts((4, 6), step=4)
    with pytest.raises(ArgumentError, match="step: expected one number or 2"):
        shifts((4, 6), step=(1, 1, 1))
    with pytest.raises(ArgumentError, match="shift: expected multiples of"):
        shifts((4, 4), step=2).element(0, (1, 0))
    with pytest.raises(ArgumentError, match="expected a group of a 2-dimensional grid"):
        grid_group(trivial(), (4, 4))

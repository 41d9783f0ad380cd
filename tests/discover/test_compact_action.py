"""The point that a compact action keeps, in whitened coordinates: the origin as given, or another."""

from __future__ import annotations

import pytest
import torch

from haar.discover.compact_action import Frame
from haar.discover.whitening import Whitening

F64 = torch.float64
TURN = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=F64)
CENTRE = torch.tensor([6.0, -2.0], dtype=F64)


def kept(point, tolerance=0.0):
    """What is found of the turn about a point of the given coordinates, of data whitened by halving."""
    frame = Frame(Whitening(CENTRE, torch.eye(2, dtype=F64) / 2, 2 * torch.eye(2, dtype=F64)), quotient=False)
    own = (torch.as_tensor(point, dtype=F64) - CENTRE) / 2
    side = torch.zeros(1, 3, 3, dtype=F64)
    side[0, :2, :2], side[0, :2, 2] = TURN, -TURN @ own
    return frame.fixed_point(side, tolerance).tolist()


@pytest.mark.parametrize("point", [(12.0, -4.0), (1.0, 1.0), (0.0, 0.5)])
def test_another_point_than_the_origin_is_told(point):
    assert kept(point) == pytest.approx(point, abs=1e-12)


# away from the origin by so much: whitened by a half, over the norm of the turn, and beside the origin's own size
@pytest.mark.parametrize(("share", "zero"), [(1.98, True), (2.02, False)])
def test_the_origin_is_kept_within_twice_the_defect(share, zero):
    size = 10.0**0.5  # of the origin, whitened
    point = (share * 0.01 * size * 2 * 2**0.5, 0.0)
    assert kept(point, tolerance=0.01) == (pytest.approx([0.0, 0.0]) if zero else pytest.approx(point))


def test_what_does_not_move_keeps_the_origin():
    frame = Frame(Whitening(CENTRE, torch.eye(2, dtype=F64), torch.eye(2, dtype=F64)), quotient=False)
    assert frame.fixed_point(torch.zeros(1, 3, 3, dtype=F64), 0.0).tolist() == [0.0, 0.0]

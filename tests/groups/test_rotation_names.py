"""Rotations in words, and the words read back."""

from __future__ import annotations

import math

import pytest
import torch

from haar.groups import SO, O
from haar.groups.rotation_names import angle_and_axis, rotation_name

F64 = torch.float64


def diag(*signs):
    return torch.diag(torch.tensor(signs, dtype=F64))


@pytest.mark.parametrize(
    ("matrix", "name"),
    [
        (diag(1, 1, 1), "1"),
        (diag(-1, -1, -1), "-1"),
        (diag(1, -1, 1), "mirror [0 1 0]"),
        (diag(-1, -1, 1), "R(180 deg about [0 0 1])"),
        (torch.tensor([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]), "R(120 deg about [.58 .58 .58])"),
        (-torch.tensor([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]), "-R(90 deg about [0 0 1])"),
        (torch.tensor([[0, -1.0], [1, 0]]), "R(90 deg)"),
        (torch.tensor([[0, 1.0], [-1, 0]]), "R(270 deg)"),
        (diag(1, -1), "mirror 0 deg"),
        (diag(-1, 1), "mirror 90 deg"),
        (diag(-1, -1), "R(180 deg)"),
        (torch.block_diag(diag(1, 1), torch.tensor([[0, -1.0], [1, 0]]).double()), "R(90 deg)"),
        (diag(1, 1, 1, -1), "mirror"),
        (diag(1, 1, 1, 1, 1), "1"),
    ],
)
def test_names(matrix, name):
    assert rotation_name(matrix) == name
    group = (O if torch.linalg.det(matrix) < 0 else SO)(len(matrix))
    assert group.describe(matrix) == name


def test_angle_and_axis_are_those_of_the_exponential(generator):
    group = SO(3)
    for angle in (1e-3, 0.3, 2.0, math.pi - 1e-3, math.pi - 1e-8):
        axis = torch.randn(3, generator=generator, dtype=F64)
        axis = axis / axis.norm()
        found, about = angle_and_axis(group.exp(angle * axis))
        assert found == pytest.approx(angle, abs=1e-7)
        sign = torch.sign(about @ axis) if angle > math.pi - 1e-6 else 1.0  # half a turn either way is the same
        assert (sign * about - axis).abs().max() < 1e-6

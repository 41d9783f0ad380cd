"""Laws by samples alone: what is accepted, what cannot be told, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from haar.discover import law
from haar.discover.gates import largest_angle
from haar.errors import ArgumentError, DataError
from haar.groups import SO


def ring(count, seed=0):
    z = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return z / z.norm(dim=1, keepdim=True)


def test_rotated_frames_have_so3_in_mixed_coordinates_and_it_is_a_symmetry_object(draw):
    turns = SO(3).sample(6000, torch.Generator().manual_seed(0))
    mixing = draw(6, 6, 5)
    length = torch.where(draw(6000, 1, 9) < 0, 0.4, 1.6)
    found = law(torch.cat([length * turns[:, :, 0], turns[:, :, 1]], 1) @ mixing.T)
    assert found.accepted == 3
    planted = torch.stack([torch.block_diag(g, g) for g in SO(3).algebra])
    assert largest_angle(torch.linalg.inv(mixing) @ found.generators() @ mixing, planted) < 6
    assert found.symmetry.group.name == "SO(3)"
    assert found.staircase[0].defect.value < 0.05 < found.staircase[0].outside


def test_a_gaussian_cannot_tell(draw):
    found = law(draw(4000, 4) @ draw(4, 4, 1))
    assert found.gaussian
    assert found.staircase == []
    assert "indistinguishable from a Gaussian" in found.summary


def test_a_ring_is_spherical_and_no_gaussian():
    found = law(ring(4000))
    assert (found.accepted, found.gaussian) == (1, False)
    assert "no Gaussian" in found.summary


def test_an_exponential_law_has_no_rotation_and_says_what_it_could_have_told(draw):
    found = law(draw(4000, 4).exp())
    assert found.accepted == 0
    assert "these samples could not tell" in found.summary


@pytest.mark.parametrize(
    ("samples", "error", "told"),
    [
        (torch.zeros(300), ArgumentError, r"samples: expected a table \(N, n\)"),
        (torch.randn(50, 3), DataError, r"samples: 50, and fewer than 200"),
        (torch.full((300, 3), math.nan), DataError, r"samples: row 0 is not finite"),
        (torch.ones(300, 3) * torch.randn(300, 1), DataError, r"samples: they vary in fewer than two dimensions"),
    ],
)
def test_bad_samples_are_refused_by_name(samples, error, told):
    with pytest.raises(error, match=told):
        law(samples)

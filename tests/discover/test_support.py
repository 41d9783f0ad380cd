"""Data on a curved set: derivatives off it say nothing of the model, and directions across it are no symmetry."""

from __future__ import annotations

import pytest
import torch

from haar.discover import Linear, discover
from haar.discover.gates import largest_angle
from haar.discover.support import tangents
from haar.errors import ArgumentError


def sphere(draw, count=500, size=3):
    return torch.nn.functional.normalize(draw(count, size), dim=1)


def off_the_set(x):
    """A function that turns about an axis on the sphere, and leans away from it."""
    return torch.tanh(2 * x[:, 2:]) + 3 * (x.square().sum(1, keepdim=True) - 1) * torch.sin(
        5 * x[:, :1] + 4 * x[:, 1:2]
    )


def test_a_turn_is_found_along_the_sphere_and_stands_out_more_than_in_the_space_around(draw):
    x = sphere(draw)
    around = discover(off_the_set, x, kinds="lie", dictionary=Linear())
    along = discover(off_the_set, x, kinds="lie", dictionary=Linear(), support="tangent")
    (step,) = along.staircase
    assert (step.dimension, step.grade) == (1, "exact")
    turn = torch.zeros(1, 3, 3, dtype=torch.float64)
    turn[0, 0, 1], turn[0, 1, 0] = 1.0, -1.0
    assert largest_angle(along.generators().a[:, :-1, :-1], turn) < 1e-6
    assert [one.kind for one in along.trivial] == ["curved"]
    assert along.spectrum.held_out[1] > 1.5 * around.spectrum.held_out[1]  # what points out of the sphere fails too


@pytest.mark.parametrize("where", [0, 1, 3])
def test_a_column_of_zeros_is_one_equation_more(draw, where):
    ball = sphere(draw)
    flat = torch.cat([ball[:, :where], torch.zeros(len(ball), 1, dtype=torch.float64), ball[:, where:]], 1)
    along, told = tangents(flat)
    assert told.startswith("the data lie on a set of 2 of 4 dimensions")
    kept = [column for column in range(4) if column != where]
    torch.testing.assert_close(along[:, kept][:, :, kept], tangents(ball)[0], rtol=0, atol=1e-9)
    torch.testing.assert_close(along[:, where], torch.zeros(len(ball), 4, dtype=torch.float64), rtol=0, atol=1e-9)


def test_planes_through_neighbours_where_there_is_no_equation(draw):
    t = 3 * torch.rand(800, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    h = draw(800, 1)[:, 0]
    wavy = torch.stack([t, torch.sin(t), h], 1)
    along, told = tangents((wavy - wavy.mean(0)) / wavy.std(0))
    assert told.startswith("the data lie on a set of 2 of 3 dimensions, by the 30 neighbours")
    assert float(along.diagonal(dim1=1, dim2=2).sum(1).mean()) == pytest.approx(2.0)


def test_equations_need_twice_as_many_samples_as_terms():
    def circle(count):
        angle = 2 * torch.pi * torch.arange(count, dtype=torch.float64) / count
        return torch.stack([angle.cos(), angle.sin()], 1)

    along, told = tangents(circle(12))
    assert (
        told == "the data lie on a set of 1 of 2 dimensions, by 1 equation of second degree: derivatives along it alone"
    )
    across = circle(12)
    torch.testing.assert_close(along, torch.eye(2, dtype=torch.float64) - across[:, :, None] * across[:, None])
    with pytest.raises(ArgumentError, match="samples that spread alike in all 2 directions"):
        tangents(circle(11))


def test_several_equations(draw):
    angles = draw(100, 2)
    ring = torch.cat([angles.cos(), angles.sin()], 1)
    assert "on a set of 2 of 4 dimensions, by 2 equations of second degree" in tangents(ring)[1]


@pytest.mark.parametrize(("off", "told"), [(0.5e-6, True), (2e-5, False)])
def test_an_equation_holds_to_a_millionth(draw, off, told):
    x = sphere(draw, 400) * (1 + off * draw(400, 1, seed=1))
    assert ("by 1 equation" in tangents(x)[1]) is told


@pytest.mark.parametrize(("ratio", "flat"), [(2.45, False), (2.55, True)])
def test_a_set_is_flat_where_the_next_spread_is_two_and_a_half_times_less(draw, ratio, flat):
    x = draw(25, 2)
    x = torch.linalg.qr(x - x.mean(0)).Q * torch.tensor([ratio, 1.0], dtype=torch.float64)
    if flat:
        along, told = tangents(x)
        assert told.startswith("the data lie on a set of 1 of 2 dimensions, by the 30 neighbours of every sample")
        torch.testing.assert_close(along, torch.diag(torch.tensor([1.0, 0], dtype=torch.float64)).expand(25, 2, 2))
    else:
        with pytest.raises(ArgumentError, match="support: expected"):
            tangents(x)


def test_points_that_one_matrix_moves_are_refused(draw):
    with pytest.raises(ArgumentError, match='support: expected "ambient" where one matrix acts on every point'):
        discover(
            lambda x: x.square().sum((1, 2))[:, None].tanh(),
            draw(300, 6).unflatten(-1, (2, 3)),
            kinds="lie",
            support="tangent",
        )

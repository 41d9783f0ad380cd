"""Shortest chains on a decoder's surface, beside great circles and the shots of `geodesic_between`."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.geometry import Pullback, geodesic_between
from haar.geometry.relaxed import relaxed_paths
from haar.geometry.spaces import half_plane


def globe(z):
    theta, phi = z.T
    return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], -1)


BEGIN = torch.tensor([[1.0, 0.0], [0.6, 0.3]], dtype=torch.float64)
END = torch.tensor([[1.5, 1.6], [2.0, 1.3]], dtype=torch.float64)
RADIANS = torch.arccos((globe(BEGIN) * globe(END)).sum(-1))


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-6), (torch.float32, 1e-4)])
def test_lengths_are_those_of_great_circles(dtype, atol):
    found = geodesic_between(Pullback(globe), BEGIN.to(dtype), END.to(dtype), steps=16, by="relaxation")
    torch.testing.assert_close(found.lengths.double(), RADIANS, rtol=0, atol=atol)
    assert bool(found.arrived.all())
    assert found.lengths.dtype == dtype


def test_errors_of_lengths_fall_with_the_fourth_power_of_the_step():
    errors = [
        (geodesic_between(Pullback(globe), BEGIN, END, steps=steps, by="relaxation").lengths - RADIANS).abs()
        for steps in (8, 16)
    ]
    assert 12 < float((errors[0] / errors[1]).min()) < 20


def test_chains_are_where_shots_are():
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 5)).double()
    z, end = torch.randn(2, 3, 2, dtype=torch.float64)
    shot = geodesic_between(Pullback(decoder), z, end, steps=20)
    chain = geodesic_between(Pullback(decoder), z, end, steps=20, by="relaxation")
    torch.testing.assert_close(chain.points, shot.points, rtol=0, atol=2e-3)
    torch.testing.assert_close(chain.lengths, shot.lengths, rtol=1e-4, atol=0)
    torch.testing.assert_close(chain.velocities, shot.velocities, rtol=0, atol=5e-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "walking"}, "by: expected 'shooting' or 'relaxation', got 'walking'"),
        ({"by": "relaxation", "steps": 7}, "steps: expected an even number for by='relaxation', got 7"),
        ({"by": "relaxation", "inside": lambda z: z[:, 0] > 0}, "inside: expected None for by='relaxation'"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        geodesic_between(Pullback(globe), BEGIN, END, **options)


def test_metrics_without_a_decoder_are_shot():
    with pytest.raises(ArgumentError, match="by: expected 'shooting' for a metric that is no Pullback of a decoder"):
        geodesic_between(half_plane, BEGIN + 1, END + 1, by="relaxation")


@pytest.mark.parametrize(("slope", "settled"), [(0.1, True), (1.0, False)])
def test_where_no_step_shortens_a_chain_it_has_settled_if_little_was_left_to_win(slope, settled):
    """The surface is higher everywhere but at the chain's own points, which derivatives do not see."""

    def decoder(z):
        return torch.stack([z[:, 0] + slope * z[:, 0].square(), 10.0 * ((4 * z[:, 0]) % 1 != 0)], -1)

    line = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    points, _, _, done = relaxed_paths(Pullback(decoder), line[:1], line[1:], 4)
    assert points[0, :, 0].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert done.tolist() == [settled]

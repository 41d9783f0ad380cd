"""Windows: weights that sum to one at every point, and stay equivariant."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Field, Invariant, Space, Symmetry, Trivial, Vector
from haar.average import Given, average, hann_window, triangle_window
from haar.errors import ArgumentError, ShapeError
from haar.groups import cyclic, dihedral, grid_group, shifts

DOUBLE = torch.float64


def test_windows_are_products_of_profiles():
    x = (torch.arange(6, dtype=DOUBLE) + 0.5) / 6
    y = (torch.arange(4, dtype=DOUBLE) + 0.5) / 4
    hann = torch.sin(torch.pi * x)[:, None] ** 2 * torch.sin(torch.pi * y) ** 2
    torch.testing.assert_close(hann_window((6, 4)), hann, rtol=1e-14, atol=0)
    triangle = torch.minimum(2 * x, 2 - 2 * x)[:, None] * torch.minimum(2 * y, 2 - 2 * y)
    torch.testing.assert_close(triangle_window((6, 4)), triangle, rtol=1e-14, atol=0)
    assert hann_window((4, 4, 4)).shape == (4, 4, 4)


@pytest.mark.parametrize("centring", ["cell", "node"])
@pytest.mark.parametrize("window", ["hann", "triangle"])
def test_a_windowed_average_is_the_weighted_mean_of_predictions_and_equivariant(window, centring):
    G = grid_group(dihedral(4), (6, 6), step=3)
    symmetry = Symmetry.of_fields(G, "p, u:vector, w:pseudoscalar", centring=centring)
    model = nn.Conv2d(4, 4, 3, padding=1, dtype=DOUBLE)
    x = torch.randn(2, 4, 6, 6, dtype=DOUBLE)
    averaged = average(model, symmetry, window=window)
    weights = {"hann": hann_window, "triangle": triangle_window}[window]((6, 6))
    scalar = Field(Trivial(G), centring=centring)
    top, bottom = 0, 0
    for g in G.elements():
        back = G.inverse(g)
        moved = scalar.act(back, weights[None])
        top = top + moved * symmetry.outputs.act(back, model(symmetry.inputs[0].act(g, x)))
        bottom = bottom + moved
    torch.testing.assert_close(averaged(x), top / bottom, rtol=1e-12, atol=1e-12)
    g = G.element(1, (3, 0))
    torch.testing.assert_close(
        averaged(symmetry.inputs[0].act(g, x)), symmetry.outputs.act(g, averaged(x)), rtol=1e-12, atol=1e-12
    )


def test_an_equivariant_model_is_left_as_it_is():
    symmetry = Symmetry.of_fields(shifts((8, 8), step=4), "p")
    model = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", dtype=DOUBLE)
    x = torch.randn(2, 1, 8, 8, dtype=DOUBLE)
    torch.testing.assert_close(average(model, symmetry, window="hann")(x), model(x), rtol=1e-12, atol=1e-12)


def test_border_errors_lose_their_weight():
    """A model that is wrong in the outermost cells alone."""
    symmetry = Symmetry.of_fields(shifts((8, 8), step=4), "p")
    border = torch.ones(8, 8, dtype=DOUBLE)
    border[1:-1, 1:-1] = 0
    x = torch.zeros(1, 1, 8, 8, dtype=DOUBLE)
    plain = average(lambda x: x + border, symmetry)(x)
    windowed = average(lambda x: x + border, symmetry, window="hann")(x)
    assert float(windowed.abs().max()) < 0.1 * float(plain.abs().max())


def test_terms_are_without_the_window():
    symmetry = Symmetry.of_fields(shifts((4, 4), step=2), "p")
    model = nn.Conv2d(1, 1, 3, padding=1, dtype=DOUBLE)
    x = torch.randn(1, 1, 4, 4, dtype=DOUBLE)
    with_window = average(model, symmetry, window="hann").stacked(x)
    torch.testing.assert_close(with_window, average(model, symmetry).stacked(x), rtol=0, atol=0)


@pytest.mark.parametrize("channels", ["last", None])
def test_other_layouts_and_outputs_that_are_no_fields(channels):
    group = shifts((4, 4), step=2)
    field = Field(Trivial(group), channels=channels)
    symmetry = Symmetry(group, field, (field, Invariant(group)))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(4, 4, generator=generator, dtype=DOUBLE)
    noise = noise.unsqueeze(-1) if channels == "last" else noise

    def model(x):
        return x * noise, (x * noise).flatten(1).sum(1)

    x = torch.randn(2, *noise.shape, generator=generator, dtype=DOUBLE)
    y, total = average(model, symmetry, window="triangle")(x)
    first = Symmetry(group, Field(Trivial(group)), Field(Trivial(group)))
    plain_noise = noise.squeeze(-1) if channels == "last" else noise
    as_first = x.squeeze(-1)[:, None] if channels == "last" else x[:, None]
    expected = average(lambda x: x * plain_noise, first, window="triangle")(as_first)
    torch.testing.assert_close(y.reshape(2, 4, 4), expected[:, 0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(total, average(model, symmetry)(x)[1], rtol=1e-12, atol=1e-12)


def test_a_restricted_symmetry_keeps_its_window():
    G = grid_group(dihedral(4), (4, 4), step=2)
    symmetry = Symmetry.of_fields(G, "u:vector")
    turns = symmetry.restrict(G.subgroup(G.generators()[-2:], "shifts"))
    model = nn.Conv2d(2, 2, 3, padding=1, dtype=DOUBLE)
    x = torch.randn(1, 2, 4, 4, dtype=DOUBLE)
    alone = Symmetry.of_fields(shifts((4, 4), step=2), "a, b")
    torch.testing.assert_close(
        average(model, turns, window="hann")(x), average(model, alone, window="hann")(x), rtol=1e-12, atol=1e-12
    )


def test_a_window_follows_the_module():
    symmetry = Symmetry.of_fields(shifts((4, 4), step=2), "p")
    averaged = average(nn.Conv2d(1, 1, 3, padding=1), symmetry, window="hann")
    assert averaged.to(torch.float64)(torch.ones(1, 1, 4, 4, dtype=DOUBLE)).dtype == DOUBLE
    assert "window" not in "".join(averaged.state_dict())


def test_bad_windows_are_refused():
    G = shifts((4, 4), step=2)
    symmetry = Symmetry.of_fields(G, "p")
    with pytest.raises(ArgumentError, match="window: expected one of hann, triangle, or a tensor"):
        average(torch.exp, symmetry, window="boxcar")
    with pytest.raises(ArgumentError, match="window: expected weights that are not negative, got a least weight -1"):
        average(torch.exp, symmetry, window=-torch.ones(4, 4))
    with pytest.raises(ArgumentError, match=r"window: expected a group that knows its grid.*got D4"):
        average(torch.exp, Symmetry.of_fields(dihedral(4), "p"), window="hann")
    hole = torch.zeros(4, 4)
    hole[0, 0] = 1
    with pytest.raises(ArgumentError, match="window: expected every grid point seen by some element, got 12 points"):
        average(torch.exp, symmetry, window=hole)
    with pytest.raises(ShapeError, match="window: expected a grid 4x4"):
        average(torch.exp, symmetry, window=torch.ones(6, 6))
    group = cyclic(3)
    with pytest.raises(ArgumentError, match="window: expected an output that is a field"):
        average(torch.exp, Symmetry(group, Vector(Defining(group)), Vector(Defining(group))), window=torch.ones(4, 4))


def test_an_output_on_another_grid_is_named():
    group = dihedral(4)
    symmetry = Symmetry(group, Field(Space(group)), Field(Space(group)))
    averaged = average(lambda x: x[..., 1:-1, 1:-1], symmetry, Given([0, 2]), window=torch.ones(6, 6))
    with pytest.raises(ShapeError, match=r"output: expected the window's grid \(6, 6\), got \(4, 4\)"):
        averaged(torch.ones(1, 2, 6, 6))

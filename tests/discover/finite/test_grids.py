"""Shifts and point groups of models of fields, with what they do to channels."""

import pytest
import torch
from torch import nn

from haar.discover.finite import elements
from haar.testing import assert_equivariant


def fields(channels=1, size=8, rows=12, seed=0):
    return torch.randn(rows, channels, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def convolution(kernel, **options):
    layer = nn.Conv2d(1, 1, kernel.shape[-1], padding=kernel.shape[-1] // 2, **options).double().requires_grad_(False)
    layer.weight.copy_(kernel)
    return nn.Sequential(layer, nn.Tanh())


def kernel(*, turned=False, mirrored=False):
    made = torch.randn(1, 1, 5, 5, generator=torch.Generator().manual_seed(1)).double()
    if turned:
        made = sum(torch.rot90(made, k, (2, 3)) for k in range(4))
    return made + made.flip(-1) if mirrored else made


@pytest.mark.parametrize(
    ("model", "name", "order"),
    [
        (convolution(kernel(turned=True, mirrored=True), padding_mode="circular"), "D4 x shifts", 8 * 64),
        (convolution(kernel(turned=True), padding_mode="circular"), "C4 x shifts", 4 * 64),
        (convolution(kernel(mirrored=True), padding_mode="circular"), "<my> x shifts", 2 * 64),
        (convolution(kernel(), padding_mode="circular"), "shifts", 64),
        (
            nn.Sequential(convolution(kernel(), padding_mode="circular", stride=2), nn.Upsample(scale_factor=2)),
            "shifts:2",
            16,
        ),
        (convolution(kernel(turned=True, mirrored=True)), "D4", 8),
    ],
    ids=["D4", "C4", "mirror", "shifts", "stride 2", "zeros around"],
)
def test_the_group_of_a_convolution(model, name, order):
    found = elements(model, fields())
    last = found.steps[-1]
    assert (last.name, last.order, last.grade, last.kind) == (name, order, "exact", "grid")
    assert_equivariant(model, last.symmetry, fields(seed=1))


def test_vectors_and_scalars_are_told_apart():
    def model(x):
        wind, heat = x[:, :2], x[:, 2:]
        slope = torch.cat([heat.roll(-1, axis) - heat.roll(1, axis) for axis in (2, 3)], 1)
        return torch.cat([slope * heat, (wind * slope).sum(1, keepdim=True)], 1)

    (_, last) = elements(model, fields(3)).steps
    assert last.name == "D4 x shifts"
    assert_equivariant(model, last.symmetry, fields(3, seed=1))
    quarter = last.symmetry.inputs[0].rep.matrix(last.symmetry.group.element(1))
    assert quarter.round().tolist() == [[0, -1, 0], [1, 0, 0], [0, 0, 1]]


def test_outputs_that_are_no_fields_stay():
    (shifts, last) = elements(lambda x: x.square().mean((2, 3)), fields()).steps
    assert (shifts.order, last.order) == (64, 512)


def test_a_model_that_nearly_turns_is_an_approximate_step():
    bent = kernel(turned=True, mirrored=True) + 0.05 * kernel()
    (shifts, last) = elements(convolution(bent, padding_mode="circular"), fields()).steps
    assert (shifts.grade, last.grade, last.name) == ("exact", "approximate", "D4 x shifts")
    assert 0.005 < last.defect.value < 0.1


def test_outputs_on_another_grid_are_said():
    found = elements(nn.AvgPool2d(2), fields())
    assert found.steps == []
    assert "no fields on the grid" in found.said[0]


def test_without_periods_nothing_is_shifted():
    model = convolution(kernel(turned=True, mirrored=True), padding_mode="circular")
    assert [step.name for step in elements(model, fields(), periodic=False).steps] == ["D4"]

"""U-Nets as they are published: pools, transposed and bilinear upsampling, skips, group norms, steps in time."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from haar.actions import Field, Invariant, Space, Symmetry, Trivial, Vector
from haar.errors import ShapeError
from haar.groups import dihedral
from haar.relax import homotopise

D4 = dihedral(4)
FLOW = Symmetry(D4, Field(Trivial(D4) + Space(D4)), Field(Space(D4)))


def twice(into, out, norm):
    layers = []
    for first in (into, out):
        layers += [nn.Conv2d(first, out, 3, padding=1, bias=False), norm(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class Milesial(nn.Module):
    """Max pools, batch norms, upsampling by a transposed convolution or bilinear, padding to the skip's size."""

    def __init__(self, *, bilinear, norm=nn.BatchNorm2d):
        super().__init__()
        self.first, self.down, self.low = twice(3, 8, norm), nn.MaxPool2d(2), twice(8, 16, norm)
        up = [nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Conv2d(16, 8, 1)]
        self.up = nn.Sequential(*up) if bilinear else nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.high, self.last = twice(16, 8, norm), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        skip = self.first(x)
        h = self.up(self.low(self.down(skip)))
        rest = [skip.size(axis) - h.size(axis) for axis in (3, 2)]
        h = functional.pad(h, [side for n in rest for side in (n // 2, n - n // 2)])
        return self.last(self.high(torch.cat([skip, h], 1)))


class Block(nn.Module):
    """Group norm, SiLU, a step in time, a residual through a convolution of one point."""

    def __init__(self, into, out):
        super().__init__()
        self.norm1, self.conv1, self.time = nn.GroupNorm(1, into), nn.Conv2d(into, out, 3, padding=1), nn.Linear(8, out)
        self.norm2, self.conv2 = nn.GroupNorm(4, out), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(into, out, 1) if into != out else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(functional.silu(self.norm1(x)))
        h = h + self.time(functional.silu(time))[:, :, None, None]
        return self.skip(x) + self.conv2(functional.silu(self.norm2(h)))


class Diffusers(nn.Module):
    """Of diffusion models: group norms, skips, steps in time, attention over all points."""

    def __init__(self):
        super().__init__()
        self.embed, self.first = (
            nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 8)),
            nn.Conv2d(3, 8, 3, padding=1),
        )
        self.down, self.low, self.up = Block(8, 8), Block(8, 16), Block(24, 8)
        self.norm, self.mix = nn.GroupNorm(2, 16), nn.MultiheadAttention(16, 2, batch_first=True)
        self.shrink, self.last = nn.AvgPool2d(2), nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x, time):
        time = self.embed(time)
        skip = self.down(self.first(x), time)
        h = self.low(self.shrink(skip), time)
        tokens = self.norm(h).flatten(2).transpose(1, 2)
        h = h + self.mix(tokens, tokens, tokens)[0].transpose(1, 2).reshape(h.shape)
        h = functional.interpolate(h, scale_factor=2.0, mode="nearest")
        return self.last(self.up(torch.cat([h, skip], 1), time))


TIMED = Symmetry(D4, (*FLOW.inputs, Invariant(D4)), FLOW.outputs)
NETWORKS = {
    "transposed": (lambda: Milesial(bilinear=False), FLOW, [(2, 3, 8, 8)]),
    "bilinear": (lambda: Milesial(bilinear=True), FLOW, [(2, 3, 8, 8)]),
    "instance norms": (lambda: Milesial(bilinear=False, norm=nn.InstanceNorm2d), FLOW, [(2, 3, 8, 8)]),
    "of diffusion": (Diffusers, TIMED, [(2, 3, 8, 8), (2, 4)]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_the_users_at_one_and_equivariant_at_zero(name, generator):
    make, symmetry, shapes = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = make().double().eval()
    x = tuple(torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes)
    model = homotopise(plain, symmetry, example=x)
    assert set(plain.state_dict()) <= set(model.model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(model(*x), plain(*x), rtol=0, atol=1e-10)
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, dtype=torch.float64, generator=generator))
        free = model(*x)
        with model.at(0.0):
            y = model(*x)
            assert y.abs().max() > 1e-3
            assert not torch.allclose(free, y, atol=1e-3)
            for g in D4.elements():
                moved = model(*symmetry.act_inputs(g, x))
                torch.testing.assert_close(moved, symmetry.act_outputs(g, y), rtol=0, atol=1e-10 * float(y.abs().max()))
            torch.testing.assert_close(model.export(0.0)(*x), y, rtol=1e-12, atol=1e-12)


def test_a_size_that_a_pool_tears_is_refused_with_sizes_that_fit():
    with pytest.raises(ShapeError, match=r"in 'down' \(MaxPool2d\) a grid on which stride 2 .*; 8, 10, 12 work here"):
        homotopise(Milesial(bilinear=False), FLOW, example=torch.randn(2, 3, 9, 9))


class Short(nn.Module):
    """One level: what shrinks, what grows, and a skip."""

    def __init__(self, down, up):
        super().__init__()
        self.first, self.down, self.low = nn.Conv2d(3, 4, 3, padding=1), down, nn.Conv2d(4, 4, 3, padding=1)
        self.up, self.last = up, nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x):
        skip = self.first(x).relu()
        return self.last(torch.cat([skip, self.up(self.low(self.down(skip)).relu())], 1))


@pytest.mark.parametrize(
    ("down", "up"),
    [
        (lambda: nn.MaxPool2d(2), lambda: nn.ConvTranspose2d(4, 4, 2, stride=2)),
        (lambda: nn.Conv2d(4, 4, 4, stride=2, padding=1), lambda: nn.ConvTranspose2d(4, 4, 4, 2, 1)),
        (lambda: nn.MaxPool2d(2), lambda: nn.Upsample(scale_factor=2, mode="nearest")),
    ],
    ids=["pool and transposed", "strided and transposed", "pool and nearest"],
)
def test_three_common_forms_are_wrapped_exactly_on_32_by_32_cells(down, up, generator):
    net, x = Short(down(), up()).double(), torch.randn(2, 3, 32, 32, dtype=torch.float64, generator=generator)
    model = homotopise(net, FLOW, example=x)
    with torch.no_grad(), model.at(0.0):
        y = model(x)
        for g in D4.elements():
            torch.testing.assert_close(model(*FLOW.act_inputs(g, (x,))), FLOW.act_outputs(g, y), rtol=0, atol=1e-12)
    # the window of three points that most people take does not fit 32
    odd = Short(nn.Conv2d(4, 4, 3, stride=2, padding=1), up()).double()
    with pytest.raises(
        ShapeError, match=r"in 'down' \(Conv2d\) .* 1 are left over on one side; .* 31, 33, 35 work here"
    ):
        homotopise(odd, FLOW, example=x)


def test_padding_on_one_side_of_a_transposed_convolution_is_refused_by_name():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ConvTranspose2d(8, 2, 3, 2, 1, output_padding=1))
    with pytest.raises(ShapeError, match=r"in '1' \(ConvTranspose2d\).*output_padding on one side only"):
        homotopise(net, FLOW)


def test_tokens_may_carry_vectors():
    tokens = Symmetry(D4, Vector(2 * Space(D4)), Vector(Space(D4)))
    model = homotopise(nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 2)), tokens)
    assert model.error < 1e-12

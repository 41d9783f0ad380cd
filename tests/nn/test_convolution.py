"""Convolutions: exact in one, two and three dimensions, strides only where they keep the symmetry."""

from __future__ import annotations

import copy
import pickle
import warnings
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from haar.actions.representation import Defining, Determinant, Regular, Space, Trivial
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, cyclic, dihedral, from_matrices, octahedral, reflections, shifts, trivial
from haar.intertwiners import reynolds
from haar.nn import Conv, KernelPoints

F64 = torch.float64


def fields(group):
    """Channels of every kind."""
    return Trivial(group, 2) + Space(group) + Regular(group), Regular(group) + Determinant(Space(group)) + Space(group)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_exact_for_every_point_group(point_group, size, measure):
    whole = fields(point_group)
    slim = Trivial(point_group) + Space(point_group), Space(point_group) + Determinant(Space(point_group))
    layer = Conv(*(slim if point_group.order > 8 and size > 1 else whole), size, dtype=F64)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, layer.rep_in.dim, *[5] * point_group.space_dim, dtype=F64)
    assert measure(layer, layer.symmetry, x, samples=3) < 1e-12


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "same"},
        {"padding": "same", "padding_mode": "circular"},
        {"padding": 2},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": "same"},
        {"stride": 3},
        {"bias": False},
    ],
    ids=str,
)
def test_exact_with_every_option(options, measure):
    group = dihedral(4)
    layer = Conv(*fields(group), 3, dtype=F64, **options)
    x = torch.randn(2, layer.rep_in.dim, 9, 9, dtype=F64)
    assert measure(layer, layer.symmetry, x) < 1e-12
    assert torch.allclose(layer.export()(x), layer(x), atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(layer.eval()(x), layer(x), atol=1e-12)


def test_float32_within_its_own_tolerance(measure):
    layer = Conv(*fields(dihedral(4)), 3, padding="same")
    assert measure(layer, layer.symmetry, torch.randn(2, layer.rep_in.dim, 8, 8)) < 2e-5


def test_kernels_are_all_that_commute():
    """Any dense kernel, averaged over the group, is one of the layer's; the layer's are their own averages."""
    group = dihedral(4)
    for rep_in, rep_out in (
        (Regular(group), Space(group)),
        (Space(group), Regular(group)),
        (Space(group), Space(group)),
    ):
        layer = Conv(rep_in, rep_out, 3, dtype=F64)
        dense = torch.randn(rep_out.dim, rep_in.dim, 3, 3, dtype=F64)
        mean = reynolds(rep_in @ KernelPoints(group, (3, 3)), rep_out, dense.flatten(1))
        layer.set_kernel(dense)
        assert torch.allclose(layer.kernel().flatten(1), mean, atol=1e-12)


def test_lifting_to_regular_channels_is_a_bank_of_turned_kernels():
    group = cyclic(4)
    layer = Conv(Trivial(group), Regular(group), 3, dtype=F64)
    kernel = layer.kernel().detach()[:, 0]
    turned = sorted(torch.rot90(kernel[0], k).flatten().tolist() for k in range(4))
    assert torch.allclose(torch.tensor(sorted(k.flatten().tolist() for k in kernel)), torch.tensor(turned))
    assert layer.weight.numel() == 9


def test_the_trivial_group_gives_a_dense_convolution():
    group = trivial(2)
    assert Conv(Trivial(group, 3), Trivial(group, 4), 3).weight.numel() == 3 * 4 * 9


@given(size=st.integers(1, 12), kernel=st.integers(1, 4), stride=st.integers(1, 3), padding=st.integers(0, 2))
def test_a_stride_is_refused_or_exact(size, kernel, stride, padding):
    group = dihedral(4)
    layer = Conv(Trivial(group), Trivial(group), kernel, stride=stride, padding=padding, dtype=F64)
    x = torch.randn(1, 1, size, size, dtype=F64)
    if size + 2 * padding < kernel:
        return
    try:
        y = layer(x)
    except ShapeError:
        plain = layer.export()
        assert not torch.allclose(plain(x.flip(-1)), plain(x).flip(-1))
        return
    assert torch.allclose(layer(x.flip(-1)), y.flip(-1), atol=1e-12)


def test_a_refused_stride_names_a_size_that_works():
    group = dihedral(4)
    layer = Conv(Trivial(group), Trivial(group), 3, stride=2, padding=1)
    with pytest.raises(
        ShapeError, match=r"x: expected a grid on which stride 2 .* got 32 points on axis 0, .* use 33 points"
    ):
        layer(torch.zeros(1, 1, 32, 32))
    assert layer(torch.zeros(1, 1, 33, 33)).shape == (1, 1, 17, 17)


def test_only_reversed_axes_bind_the_stride(measure):
    upright = from_matrices([torch.diag(torch.tensor([-1.0, 1.0], dtype=F64))], "mx", moves_grid=True)
    layer = Conv(Trivial(upright), Regular(upright), 3, stride=2, padding=1, dtype=F64)
    x = torch.randn(1, 1, 9, 8, dtype=F64)
    assert measure(layer, layer.symmetry, x) < 1e-12
    with pytest.raises(ShapeError, match=r"on axis 0"):
        layer(torch.zeros(1, 1, 8, 9, dtype=F64))


def test_initial_scale_through_a_deep_stack():
    hidden = 16 * Regular(dihedral(4))
    x = torch.randn(1, hidden.dim, 10, 10)
    for _ in range(6):
        x = Conv(hidden, hidden, 3, padding="same", padding_mode="circular", gain=2**0.5, bias=False)(x).relu().detach()
    assert 0.2 < float(x.square().mean()) < 5


def test_initial_variance_is_one_for_every_part():
    group = dihedral(4)
    rep_in, rep_out = Trivial(group, 6) + 8 * Regular(group), 8 * Regular(group) + 8 * Space(group)
    layer = Conv(rep_in, rep_out, 3, bias=False)
    y = layer(torch.randn(4, rep_in.dim, 20, 20)).detach()
    assert 0.7 < float(y[:, :64].square().mean()) < 1.4
    assert 0.5 < float(y[:, 64:].square().mean()) < 1.7


class TestTorch:
    @pytest.fixture
    def layer(self):
        return Conv(*fields(dihedral(4)), 3, padding="same")

    def test_copies_pickles_state(self, layer):
        x = torch.randn(2, layer.rep_in.dim, 6, 6)
        y = layer(x)
        for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert torch.allclose(twin(x), y, atol=1e-6)
        assert list(layer.eval().state_dict()) == ["weight", "bias"]

    def test_the_kernel_is_kept_until_weights_change(self, layer):
        layer.eval()
        with torch.no_grad():
            first = layer.kernel()
            assert layer.kernel() is first
            layer.weight.data.mul_(2)
            assert torch.allclose(layer.kernel(), 2 * first)

    def test_double_after_float_is_exact(self, layer, measure):
        layer.to(torch.bfloat16).double()
        x = torch.randn(2, layer.rep_in.dim, 6, 6, dtype=F64)
        assert measure(layer, layer.symmetry, x) < 1e-12

    def test_autocast(self, layer):
        x = torch.randn(2, layer.rep_in.dim, 6, 6)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = layer(x)
        y.float().sum().backward()
        assert layer.weight.grad.isfinite().all()
        assert torch.allclose(y.float(), layer(x), atol=0.2)

    def test_gradient(self):
        layer = Conv(*fields(cyclic(4)), 2, dtype=F64)
        x = torch.randn(1, layer.rep_in.dim, 3, 3, dtype=F64)

        def run(weight):
            return torch.func.functional_call(layer, {"weight": weight, "bias": layer.bias.detach()}, (x,))

        assert torch.autograd.gradcheck(run, (layer.weight.detach().requires_grad_(),), fast_mode=True)

    def test_torch_export(self, layer):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own machinery
            program = torch.export.export(
                layer.eval(),
                (torch.randn(2, layer.rep_in.dim, 6, 6),),
                dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=64)},),
            )
        x = torch.randn(3, layer.rep_in.dim, 6, 6)
        assert torch.allclose(program.module()(x), layer(x), atol=1e-5)


class TestRefusals:
    def test_a_group_that_moves_no_grid(self):
        with pytest.raises(ArgumentError, match=r"rep_in: expected .* moves grids .* got SO\(3\); use dihedral"):
            Conv(Defining(SO(3)), Defining(SO(3)), 3)

    def test_groups_differ(self):
        with pytest.raises(ArgumentError, match=r"rep_out: expected a representation of the same group object"):
            Conv(Space(dihedral(4)), Space(dihedral(2)), 3)

    def test_even_kernel_with_same_padding(self):
        rep = Space(dihedral(4))
        with pytest.raises(ArgumentError, match=r"kernel_size: expected an odd kernel for padding 'same', got 4"):
            Conv(rep, rep, 4, padding="same")

    def test_options(self):
        rep = Space(dihedral(4))
        for option in ("kernel_size", "stride", "dilation"):
            options = {"kernel_size": 3, option: 0}
            with pytest.raises(ArgumentError, match=rf"{option}: expected at least 1"):
                Conv(rep, rep, **options)
        with pytest.raises(ArgumentError, match=r"padding: expected 'same' or a number"):
            Conv(rep, rep, 3, padding=-1)
        with pytest.raises(ArgumentError, match=r"padding: expected 'same' or a number"):
            Conv(rep, rep, 3, padding="valid")
        with pytest.raises(ArgumentError, match=r"padding_mode: expected 'zeros' or 'circular'"):
            Conv(rep, rep, 3, padding_mode="reflect")

    def test_shapes(self):
        rep = Space(dihedral(4))
        layer = Conv(rep, rep, 3)
        for shape in ((2, 8, 8), (1, 3, 8, 8), (1, 2, 8)):
            with pytest.raises(ShapeError, match=r"x: expected \(batch, 2, 2 space axes\)"):
                layer(torch.zeros(shape))

    def test_shifts_are_no_point_group(self):
        group = shifts((4, 4))
        with pytest.raises(ArgumentError, match=r"group: expected a point group"):
            KernelPoints(group, (3, 3))
        with pytest.raises(ArgumentError, match=r"kernel_size: expected sizes that D4 may exchange"):
            KernelPoints(dihedral(4), (3, 5))


@pytest.mark.parametrize("make", [octahedral, reflections, partial(dihedral, 4)])
def test_kernel_points_are_a_representation(make):
    group = make()
    for size in (2, 3):
        KernelPoints(group, (size,) * group.space_dim).check()

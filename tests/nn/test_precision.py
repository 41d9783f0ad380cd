"""Half precision gives what float32 gives to its own rounding; whole numbers are refused; float64 stays float64."""

from __future__ import annotations

import copy

import pytest
import torch

from haar import nn as hnn
from haar.actions.representation import Defining, Regular
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, dihedral, symmetric
from haar.nn import spectral
from haar.nn.frames import GramMap, WeightedFrame
from haar.nn.precision import length, widened

HALVES = [torch.float16, torch.bfloat16]
D4 = dihedral(4)
REGULAR = 2 * Regular(D4)
VECTOR = 4 * Defining(SO(3))
FIVE = Defining(symmetric(5))
SPACES = torch.tensor([[0, 0, 1, 1]])

BY_CHANNELS = {
    "LayerNorm": hnn.LayerNorm,
    "RMSNorm": hnn.RMSNorm,
    "GroupNorm": lambda rep, **options: hnn.GroupNorm(2, rep, **options),
    "BatchNorm": hnn.BatchNorm,
    "NormNonlinearity": hnn.NormNonlinearity,
    "Invariants": hnn.Invariants,
}


def check(module, dtype, *inputs, **named):
    """A module in half precision against itself in float32, on the same numbers; its gradient is finite."""
    half = copy.deepcopy(module).to(dtype)
    full = copy.deepcopy(half).float()
    given = [x.to(dtype).requires_grad_() for x in inputs]
    y, z = half(*given, **named), full(*[x.detach().float() for x in given], **named)
    assert y.dtype == dtype
    assert (y.float() - z).abs().max() <= 4 * torch.finfo(dtype).eps * z.abs().max().clamp(min=1e-4)
    y.float().sum().backward()
    assert all(x.grad.isfinite().all() for x in given)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("scale", [300.0, 1e-4, 0.0])
@pytest.mark.parametrize("rep", [REGULAR, VECTOR], ids=["regular", "vectors"])
@pytest.mark.parametrize("name", BY_CHANNELS)
def test_layers_on_vectors(name, rep, scale, dtype):
    x = scale * torch.randn(4, rep.dim, generator=torch.Generator().manual_seed(0))
    check(BY_CHANNELS[name](rep), dtype, x)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", BY_CHANNELS)
def test_layers_on_fields(name, dtype):
    x = 300 * torch.randn(2, REGULAR.dim, 4, 4, generator=torch.Generator().manual_seed(0))
    check(BY_CHANNELS[name](REGULAR, channels="first"), dtype, x)


SPECTRAL = {
    "gate": (lambda: spectral.SignGate(4), 300, {}),
    "gate over spaces": (lambda: spectral.SignGate(4), 300, {"spaces": SPACES.expand(2, 4)}),
    "norm": (spectral.SignRMSNorm, 300, {}),
    "deep sets": (lambda: spectral.SignDeepSets(4, norm="rms"), 300, {"spaces": SPACES.expand(2, 4)}),
    "attention": (lambda: spectral.SignAttention(4), 30, {}),
    "attention with a mask": (lambda: spectral.SignAttention(4), 1, {"mask": torch.arange(9) < 5}),
    "messages at zero": (lambda: spectral.SignMessagePassing(4), 0, {"spaces": SPACES.expand(2, 4)}),
    "inner products": (lambda: GramMap(1), 1, {}),
}


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", SPECTRAL)
def test_spectral_layers(name, dtype):
    make, scale, named = SPECTRAL[name]
    torch.manual_seed(0)
    check(make(), dtype, scale * torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(0)), **named)


@pytest.mark.parametrize("dtype", HALVES)
def test_counts_and_sums_over_many_neighbours(dtype):
    """Adding ones one by one stops at 2048 in float16 and at 256 in bfloat16."""
    x = torch.full((3000, 1), 100.0, dtype=dtype)
    star = torch.stack([torch.arange(1, 3000), torch.zeros(2999, dtype=torch.int64)])
    one = torch.zeros(3000, dtype=torch.int64)
    for how in ({"edges": star}, {"cloud": one}, {"mask": torch.ones(3000, dtype=torch.bool)}):
        assert spectral.neighbour_mean(x, **how)[0].item() == 100
    layer = spectral.GraphConvolution(1, 1, generator=torch.Generator().manual_seed(0))
    close = copy.deepcopy(layer).to(dtype)(x, star)[0].float() / layer(x.float(), star)[0]
    assert abs(close.item() - 1) < 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", HALVES)
def test_odd_moments_of_large_numbers(dtype):
    x = (300 * torch.tensor([[2.0, 1.0], [-1.0, -1.0], [-1.0, 0.0]])).to(dtype)
    assert spectral.odd_moments(x).tolist() == [1.0, 0.0]


def test_attention_with_large_scores():
    torch.manual_seed(0)
    layer = hnn.SelfAttention(Regular(D4), 8)
    check(layer, torch.float16, 100 * torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(0)))


def test_small_clouds_have_weighted_frames():
    """Fourth powers of 1e-12 are no float32."""
    frame = WeightedFrame(lambda x: x.square(), outputs="scalar")
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(frame(1e-12 * x) * 1e24, frame(x), rtol=1e-4, atol=1e-6)
    assert frame(x).dtype == torch.float32


@pytest.mark.parametrize("eps", [1e-12, 1e-60])
def test_a_length_and_its_gradient_at_zero(eps):
    for dtype in (torch.float16, torch.float32, torch.float64):
        v = torch.zeros(3, dtype=dtype, requires_grad=True)
        length(v, -1, eps=eps).backward()
        assert v.grad.tolist() == [0.0, 0.0, 0.0]


def test_the_bias_of_small_vectors_in_half_precision():
    layer = hnn.NormNonlinearity(VECTOR)
    layer.bias.data.fill_(0.5)
    check(layer, torch.float16, torch.zeros(2, 12))


WITHOUT_PARAMETERS = {
    "Invariants": lambda: hnn.Invariants(FIVE),
    "LayerNorm": lambda: hnn.LayerNorm(FIVE + 2 * FIVE, affine=False),
    "GroupNorm": lambda: hnn.GroupNorm(1, 3 * FIVE, affine=False),
    "BatchNorm": lambda: hnn.BatchNorm(3 * FIVE, affine=False),
}


@pytest.mark.parametrize("name", WITHOUT_PARAMETERS)
def test_no_digit_of_float64_is_lost_where_no_parameter_says_so(name):
    module = WITHOUT_PARAMETERS[name]()
    x = torch.randn(4, module.rep_in.dim, dtype=torch.float64)
    y = module(x)
    assert y.dtype == torch.float64
    assert (y - WITHOUT_PARAMETERS[name]().double()(x)).abs().max() < 1e-12


WHOLE = {
    "Linear": lambda: hnn.Linear(REGULAR, REGULAR),
    "Linear in eval": lambda: hnn.Linear(REGULAR, REGULAR).eval().requires_grad_(requires_grad=False),
    "LayerNorm": lambda: hnn.LayerNorm(REGULAR),
    "BatchNorm": lambda: hnn.BatchNorm(REGULAR),
    "Pointwise": lambda: hnn.Pointwise(REGULAR),
    "OrbitPool": lambda: hnn.OrbitPool(REGULAR),
    "Invariants": lambda: hnn.Invariants(REGULAR),
    "Dropout": lambda: hnn.Dropout(REGULAR),
    "NormNonlinearity": lambda: hnn.NormNonlinearity(REGULAR),
    "TensorSquare": lambda: hnn.TensorSquare(REGULAR, REGULAR),
}


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.uint8])
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_refused(name, dtype):
    module, x = WHOLE[name](), torch.ones(2, 16).to(dtype)
    for _ in range(2):
        with pytest.raises(ArgumentError, match=r"x: expected floating-point numbers, got (int64|bool|uint8); convert"):
            module(x)
        if "eval" in name:
            module(x.float())  # from here on something is kept


@pytest.mark.usefixtures("unchecked_annotations")
def test_whole_numbers_are_refused_by_fields_and_tokens():
    with pytest.raises(ArgumentError, match="floating-point numbers, got int64"):
        hnn.Conv(REGULAR, REGULAR, 3)(torch.ones(1, 16, 5, 5, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="floating-point numbers, got int64"):
        hnn.SelfAttention(Regular(D4), 4)(torch.ones(8, 4, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="y: expected floating-point numbers, got bool"):
        hnn.Bilinear(REGULAR, REGULAR, REGULAR)(torch.ones(2, 16), torch.ones(2, 16) > 0)


@pytest.mark.usefixtures("unchecked_annotations")
def test_complex_numbers_have_no_squares_to_sum():
    with pytest.raises(ArgumentError, match="real numbers, whose squares are added up, got complex64"):
        hnn.LayerNorm(REGULAR)(torch.ones(2, 16, dtype=torch.complex64))
    with pytest.raises(ArgumentError, match="view_as_real"):
        widened(torch.ones(1, dtype=torch.complex128))


EMPTY = {
    "Bilinear": (lambda: hnn.Bilinear(REGULAR, REGULAR, REGULAR), [(0, 16), (0, 16)]),
    "TensorSquare": (lambda: hnn.TensorSquare(REGULAR, REGULAR), [(2, 0, 16)]),
    "Linear": (lambda: hnn.Linear(REGULAR, REGULAR), [(0, 16)]),
    "blocks": (lambda: hnn.Linear(REGULAR, REGULAR, form="blocks"), [(0, 16)]),
    "GroupNorm": (lambda: hnn.GroupNorm(2, REGULAR), [(0, 16)]),
    "BatchNorm": (lambda: hnn.BatchNorm(REGULAR), [(0, 16)]),
    "Conv": (lambda: hnn.Conv(REGULAR, REGULAR, 3), [(0, 16, 5, 5)]),
    "SelfAttention": (lambda: hnn.SelfAttention(Regular(D4), 4), [(0, 8, 4)]),
}


@pytest.mark.parametrize("name", EMPTY)
def test_no_samples_give_no_outputs_and_no_gradient(name):
    make, shapes = EMPTY[name]
    module = make()
    y = module(*[torch.zeros(shape) for shape in shapes])
    assert y.numel() == 0
    y.sum().backward()
    assert all(p.grad is None or p.grad.abs().sum() == 0 for p in module.parameters())


MIXED = {
    "folded": (lambda: hnn.Linear(REGULAR, REGULAR, form="folded"), (2, 16)),
    "kept": (lambda: hnn.Linear(REGULAR, REGULAR).eval().requires_grad_(requires_grad=False), (2, 16)),
    "blocks": (lambda: hnn.Linear(REGULAR, REGULAR, form="blocks"), (2, 16)),
    "Conv": (lambda: hnn.Conv(REGULAR, REGULAR, 3), (2, 16, 5, 5)),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
@pytest.mark.parametrize("name", MIXED)
def test_another_precision_than_the_weights_is_refused_by_name(name, dtype):
    make, shape = MIXED[name]
    module = make()
    module(torch.zeros(shape))
    with pytest.raises(ArgumentError, match=r"x: expected float32, as the layer's weights, got .*; convert it with"):
        module(torch.zeros(shape, dtype=dtype))


@pytest.mark.parametrize("name", MIXED)
def test_autocast_mixes_precisions(name):
    make, shape = MIXED[name]
    with torch.autocast("cpu", torch.bfloat16):
        assert make()(torch.zeros(shape, dtype=torch.bfloat16)).dtype in (torch.bfloat16, torch.float32)


@pytest.mark.usefixtures("unchecked_annotations")
def test_batches_that_do_not_broadcast_are_named():
    module = hnn.Bilinear(REGULAR, REGULAR, REGULAR)
    with pytest.raises(ShapeError, match=r"shape: expected shapes that broadcast, got \(5,\), \(4,\)"):
        module(torch.zeros(5, 16), torch.zeros(4, 16))

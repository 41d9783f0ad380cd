"""A layer is folded for what it does: computed weights are taken, a call of its own is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from haar.actions import Defining, Symmetry, Vector
from haar.average import average, fold
from haar.errors import ArgumentError
from haar.groups import cyclic, dihedral

DOUBLE = torch.float64
D4 = dihedral(4)
VECTORS = Vector(Defining(D4) * 2)
LINEAR = Symmetry(D4, VECTORS, VECTORS)
FIELDS = Symmetry.of_fields(D4, "p, u:vector")
SOURCE = torch.Generator().manual_seed(0)
X = torch.randn(3, 4, dtype=DOUBLE, generator=SOURCE)
FIELD = torch.randn(2, 3, 8, 8, dtype=DOUBLE, generator=SOURCE)


class Standardised(nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


class StandardisedBelow(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


class LowRank(nn.Linear):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.up = nn.Parameter(torch.ones(sizes[1], 1, dtype=DOUBLE))

    def forward(self, x):
        return super().forward(x) + x[..., :1] @ self.up.T


def hooked(register):
    def make():
        layer = nn.Linear(4, 4, dtype=DOUBLE)
        register(layer)
        return layer

    return make


def replaced():
    layer = nn.Linear(4, 4, dtype=DOUBLE)
    layer.forward = lambda x: 3 * x
    return layer


REFUSED = {
    "weight standardisation": (lambda: Standardised(3, 3, 3, padding=1, dtype=DOUBLE), FIELDS),
    "the same below forward": (lambda: StandardisedBelow(3, 3, 3, padding=1, dtype=DOUBLE), FIELDS),
    "a low-rank adapter": (lambda: LowRank(4, 4, dtype=DOUBLE), LINEAR),
    "a forward of the object": (replaced, LINEAR),
    "a hook": (hooked(lambda layer: layer.register_forward_hook(lambda _module, _inputs, y: 3 * y)), LINEAR),
    "a hook before": (hooked(lambda layer: layer.register_forward_pre_hook(lambda _module, x: (3 * x[0],))), LINEAR),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_layer_that_does_more_than_its_class_is_refused(kind):
    make, symmetry = REFUSED[kind]
    torch.manual_seed(0)
    with pytest.raises(ArgumentError, match=r"averaged: expected a model with(out hooks on its| the) forward"):
        fold(average(make(), symmetry))


def test_a_weight_that_depends_on_the_call_is_found_by_running():
    class Told(nn.Module):
        def forward(self, w):
            return w * next(signs)

    signs = iter([1.0, 1.0, -1.0] * 50)
    layer = nn.Linear(4, 4, dtype=DOUBLE)
    averaged = average(layer, LINEAR)
    parametrize.register_parametrization(layer, "weight", Told())
    with pytest.raises(ArgumentError, match="expected a model that does what its weight and bias say"):
        fold(averaged)


def pruned(layer):
    prune.random_unstructured(layer, "weight", 0.5)
    layer.weight_orig.data.mul_(2)  # the attribute `weight` knows nothing of it before the next call


COMPUTED = {
    "pruned": pruned,
    "parametrised": parametrizations.weight_norm,
    "spectral norm": lambda layer: nn.utils.spectral_norm(layer.eval()),
}


@pytest.mark.parametrize("kind", COMPUTED)
def test_computed_weights_are_taken_as_they_are(kind):
    for layer, symmetry, x in (
        (nn.Linear(4, 4, dtype=DOUBLE), LINEAR, X),
        (nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE), FIELDS, FIELD),
    ):
        COMPUTED[kind](layer)
        averaged = average(layer, symmetry)
        with torch.no_grad():
            folded = fold(averaged)
            assert type(folded) in (nn.Linear, nn.Conv2d)
            torch.testing.assert_close(folded(x), averaged(x), rtol=1e-12, atol=1e-12)


def test_a_subclass_with_torchs_forward_is_torchs_layer():
    class Named(nn.Linear):
        def describe(self):
            return "mine"

    averaged = average(Named(4, 4, dtype=DOUBLE), LINEAR)
    folded = fold(averaged)
    assert type(folded) is nn.Linear
    torch.testing.assert_close(folded(X), averaged(X), rtol=1e-12, atol=1e-12)


def test_complex_weights_keep_their_imaginary_parts():
    layer = nn.Conv2d(3, 3, 3, padding=1, dtype=torch.complex128)
    averaged = average(layer, FIELDS)
    x = torch.complex(FIELD, FIELD.flip(0))
    torch.testing.assert_close(fold(averaged)(x), averaged(x), rtol=1e-12, atol=1e-12)


def test_half_precision_is_folded_to_its_own_rounding():
    group = cyclic(4)
    action = Vector(Defining(group))
    averaged = average(nn.Linear(2, 2).half(), Symmetry(group, action, action))
    x = torch.randn(5, 2).half()
    assert (fold(averaged)(x) - averaged(x)).abs().max() < 0.01


def test_nothing_is_drawn_and_no_mode_is_touched():
    layer = nn.Linear(4, 4, dtype=DOUBLE)
    averaged = average(layer, LINEAR)
    state = torch.get_rng_state()
    assert fold(averaged).training
    assert not fold(averaged.eval()).training
    assert torch.equal(torch.get_rng_state(), state)


def test_autocast_and_a_default_device_outside_change_nothing():
    averaged = average(nn.Linear(4, 4), LINEAR)
    weight = fold(averaged).weight
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fold(averaged).weight, weight)
    with torch.device("meta"):
        assert torch.equal(fold(averaged).weight, weight)


def _with_a_nan(layer):
    with torch.no_grad():
        layer.weight[0, 0] = torch.nan
    return layer


@pytest.mark.parametrize(
    ("spoil", "got"), [(lambda m: m.to("meta"), "weights on the meta device; load"), (_with_a_nan, "NaN or infinity")]
)
def test_weights_that_are_no_numbers_are_refused(spoil, got):
    model = spoil(nn.Linear(4, 4))
    averaged = average(model, LINEAR)
    with pytest.raises(ArgumentError, match=f"averaged: expected a model whose weights are finite numbers, got {got}"):
        fold(averaged)

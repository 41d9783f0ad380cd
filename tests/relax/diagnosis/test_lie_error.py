"""The Lie-derivative error: a derivative by every generator, whose parts add up."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from relax_worlds import data, wrapped
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import SO
from haar.relax import homotopise
from haar.relax.diagnosis.lie_error import lie_errors

X, _ = data(24)


def test_the_lie_error_is_a_derivative_and_its_parts_add_up(turning):
    (found,) = lie_errors(turning, X)
    group, t = turning.symmetry.group, 1e-6
    forth, back = (group.exp(torch.tensor([s], dtype=torch.float64)) for s in (t, -t))
    with torch.no_grad():
        moved = [turning(turning.symmetry.act_inputs(g, (X,))[0]) for g in (forth, back)]
        turned = [turning.symmetry.act_outputs(h, y) for h, y in zip((back, forth), moved, strict=True)]
        slope = (turned[0] - turned[1]) / (2 * t)
    assert found.error == pytest.approx(slope.square().mean().item(), rel=1e-6)
    assert sum(found.layers.values()) == pytest.approx(1, abs=1e-12)
    assert abs(found.rest) < 1e-12
    with turning.at({"0": 0.0}):
        (other,) = lie_errors(turning, X)
    assert abs(other.layers["0"]) < 1e-12  # an equivariant layer brings nothing in
    assert other.layers["1"] == pytest.approx(1, abs=1e-12)
    with turning.at(0.0):
        assert lie_errors(turning, X)[0].error < 1e-24


def test_lie_errors_are_for_lie_groups():
    with pytest.raises(ArgumentError, match="symmetry: expected a Lie group, got C4; use score_test or loss_share"):
        lie_errors(wrapped(), X)


def slopes(model, x, t=1e-5):
    """L_X f by differences for every generator: rho(-t) f(rho(t) x)."""
    symmetry = model.symmetry
    out = []
    for k in range(len(symmetry.group.algebra)):
        along = torch.zeros(len(symmetry.group.algebra), dtype=torch.float64)
        along[k] = t
        forth, back = symmetry.group.exp(along), symmetry.group.exp(-along)
        with torch.no_grad():
            ends = [
                symmetry.act_outputs(b, model(symmetry.act_inputs(g, (x,))[0]))
                for g, b in ((forth, back), (back, forth))
            ]
        out.append((ends[0] - ends[1]) / (2 * t))
    return out


def test_every_generator_of_space_has_its_error_and_its_layers():
    group = SO(3)
    rep = Defining(group)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        plain = nn.Sequential(nn.Linear(6, 9), nn.Linear(9, 3)).double()
    model = homotopise(
        plain, Symmetry(group, Vector(2 * rep), Vector(rep)), layers={"0": (2 * rep, 3 * rep), "1": (3 * rep, rep)}
    )
    model.train()
    found = lie_errors(model, X)
    assert model.training
    assert [error.generator for error in found] == [0, 1, 2]
    with torch.no_grad():
        size = model(X).square().mean()
    for error, slope in zip(found, slopes(model, X), strict=True):
        assert error.error == pytest.approx(slope.square().mean().item(), rel=1e-6)
        assert error.relative == pytest.approx(float((slope.square().mean() / size).sqrt()), rel=1e-6)
    with model.at({"0": 0.0}):
        for error in lie_errors(model, X):
            assert error.layers == pytest.approx({"0": 0.0, "1": 1.0}, abs=1e-9)


def test_what_is_between_the_layers_has_the_rest(turning):
    """A bend that does not turn with its input: with equivariant layers the whole error is its own."""
    model = copy.deepcopy(turning)
    model.model[1].register_forward_pre_hook(lambda _, args: (args[0].tanh(),))
    (found,) = lie_errors(model, X)
    (slope,) = slopes(model, X)
    assert found.error == pytest.approx(slope.square().mean().item(), rel=1e-6)
    assert found.rest + sum(found.layers.values()) == pytest.approx(1, abs=1e-12)
    with model.at(0.0):
        (alone,) = lie_errors(model, X)
    assert alone.layers == pytest.approx({"0": 0.0, "1": 0.0}, abs=1e-12)
    assert alone.rest == pytest.approx(1, abs=1e-12)


def test_a_layer_has_the_share_that_its_own_failure_to_commute_brings_in(turning):
    (found,) = lie_errors(turning, X)
    (whole,) = slopes(turning, X)
    first, second = turning.model
    turn_in, turn_out = (rep.algebra()[0] for rep in (first.in_representation, first.out_representation))
    with torch.no_grad():
        own = X @ turn_in.T @ first.effective_weight().T - first(X) @ turn_out.T  # with the bias
        part = own @ second.effective_weight().T
    assert found.layers["0"] == pytest.approx(float((part * whole).mean() / whole.square().mean()), rel=1e-5)


def test_a_constant_model_has_no_error(turning):
    model = copy.deepcopy(turning)
    model.model.register_forward_hook(lambda _, __, y: torch.zeros_like(y))
    (found,) = lie_errors(model, X)
    assert (found.error, found.relative, found.rest) == (0.0, 0.0, 0.0)


def test_layers_other_than_dense_ones_are_refused(turning):
    model = SimpleNamespace(symmetry=turning.symmetry, layers={"conv": nn.Conv1d(1, 1, 1)})
    with pytest.raises(ArgumentError, match="model: expected dense layers, got Conv1d 'conv'"):
        lie_errors(model, X)


class TwoParts(nn.Module):
    """Real layers on both parts of a complex input, which may come in a container."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 9), nn.Linear(9, 3)

    def forward(self, x):
        z = x["z"] if isinstance(x, dict) else x
        return torch.complex(self.last(self.first(z.real)), self.last(self.first(z.imag)))


def of_complex(kind, z):
    """A wrapped network on space that takes complex vectors: complex weights, or real ones on both parts."""
    group = SO(3)
    rep = Defining(group)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        linear = nn.Sequential(nn.Linear(6, 9, dtype=torch.complex128), nn.Linear(9, 3, dtype=torch.complex128))
        plain = linear if kind == "weights" else TwoParts().double()
    into = {"z": Vector(2 * rep)} if kind == "container" else Vector(2 * rep)
    names = [name for name, layer in plain.named_modules() if isinstance(layer, nn.Linear)]
    layers = dict(zip(names, [(2 * rep, 3 * rep), (3 * rep, rep)], strict=True))
    return homotopise(plain, Symmetry(group, into, Vector(rep)), layers=layers, example=(z,)), names


@pytest.mark.parametrize("kind", ["weights", "parts", "container"])
@pytest.mark.parametrize("bent", [False, True], ids=["straight", "bent"])
def test_complex_inputs_turn_too(kind, bent, generator):
    z = torch.randn(16, 6, generator=generator, dtype=torch.complex128)
    given = {"z": z} if kind == "container" else z
    model, names = of_complex(kind, given)
    if bent:
        model.model.get_submodule(names[1]).register_forward_pre_hook(lambda _, args: (args[0].tanh(),))
    with torch.no_grad():
        size = model(given).abs().square().mean()
    for error, slope in zip(lie_errors(model, given), slopes(model, given), strict=True):
        assert error.error == pytest.approx(slope.abs().square().mean().item(), rel=1e-6)
        assert error.relative == pytest.approx(float((slope.abs().square().mean() / size).sqrt()), rel=1e-6)
        assert error.rest + sum(error.layers.values()) == pytest.approx(1, abs=1e-12)
        assert (abs(error.rest) < 1e-12) is not bent
    with model.at(0.0):
        assert all((error.error < 1e-24) is not bent for error in lie_errors(model, given))


def test_equivariant_complex_weights_keep_the_norm_of_both_parts(generator):
    z = torch.randn(4, 6, generator=generator, dtype=torch.complex128)
    model, names = of_complex("weights", z)
    with torch.no_grad():
        for layer in (model.layers[name] for name in names):
            assert float(layer.equivariant_weight().norm()) == pytest.approx(float(layer.weight.norm()), rel=1e-12)


def test_several_outputs_are_refused(turning):
    model = copy.deepcopy(turning)
    model.register_forward_hook(lambda _, __, y: (y, y))
    with pytest.raises(ArgumentError, match=r"model: expected one tensor as its output, got tuple; use haar\.audit"):
        lie_errors(model, X)

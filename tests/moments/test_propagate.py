"""End to end: random networks against quadrature and enumeration, in the limits, and under changes of the input."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from moment_networks import ACTIVATIONS, Own, Quadratic, mlp
from torch import nn

from haar.errors import HaarError
from haar.moments import Empirical, Gaussian, Independent, Polynomial, propagate
from haar.moments.laws import Exponential, Laplace, Normal, Rademacher
from haar.moments.normal import legendre
from haar.moments.quadrature import GaussianRule


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_one_hidden_layer_is_exact_by_two_dimensional_quadrature(name, seed):
    """Input plane, outer panels cut along x; the inner rule is cut where the units have their kinks."""
    model = mlp(3, 1, ACTIVATIONS[name], seed=seed, inputs=2, outputs=2)
    mean = torch.tensor([0.3, -0.2], dtype=torch.float64)
    cov = torch.tensor([[0.7, 0.3], [0.3, 0.5]], dtype=torch.float64)
    result = propagate(model, Gaussian(mean, cov), order=2)
    assert result.exact
    root = torch.linalg.cholesky(cov)
    weight, bias = model[0].weight.detach(), model[0].bias.detach()
    direction, level = weight @ root, weight @ mean + bias
    # Where two kink lines cross, the outer variable gets a cut.
    crossings = []
    for i, j in itertools.combinations(range(3), 2):
        det = direction[i, 0] * direction[j, 1] - direction[j, 0] * direction[i, 1]
        crossings.append(float((-level[i] * direction[j, 1] + level[j] * direction[i, 1]) / det))
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    outer = GaussianRule(zero, one, tuple(crossings), scale=0.25)
    nodes, xi = outer.weights.reshape(-1), outer.xi.reshape(-1)
    cuts = -(level + direction[:, :1].mT * xi[:, None]) / direction[:, 1]
    edges = (
        torch.cat([torch.linspace(-9, 9, 13, dtype=torch.float64).expand(len(xi), 13), cuts.clamp(-9, 9)], -1)
        .sort(-1)
        .values
    )
    unit, share = legendre(14, edges)
    width = edges.diff(dim=-1)[..., None]
    eta = (edges[:, :-1, None] + width * unit).flatten(-2)
    inner_weight = (width * share).flatten(-2) * torch.exp(-eta.square() / 2) / (2 * math.pi) ** 0.5
    points = torch.stack([xi[:, None].expand_as(eta), eta], -1)
    with torch.no_grad():
        y = model(mean + points @ root.mT)
    weights = (nodes[:, None] * inner_weight)[..., None]
    first = (weights * y).sum((0, 1))
    second = torch.einsum("abi,abj,ab->ij", y - first, y - first, weights[..., 0])
    torch.testing.assert_close(result.mean.detach(), first, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(result.cov.detach(), second, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "law",
    [
        Gaussian([0.5, -1.0, 2.0], torch.tensor([[1.0, 0.2, 0.0], [0.2, 0.5, 0.1], [0.0, 0.1, 2.0]])),
        Independent([Exponential(), Rademacher(), Laplace()]),
        Empirical(torch.rand(20, 3, generator=torch.Generator().manual_seed(0))),
    ],
)
def test_a_linear_network_is_exact_at_every_order_for_any_law(law):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    w = (model[1].weight @ model[0].weight).detach()
    b = (model[1].weight @ model[0].bias + model[1].bias).detach()
    own = law.cumulants(3)
    for order in (1, 2, 3):
        found = propagate(model, law, order=order)
        assert found.exact
        torch.testing.assert_close(found.mean, w @ own.mean + b)
        torch.testing.assert_close(found.cov, w @ own.cov @ w.mT)
        if order == 3:
            torch.testing.assert_close(found.third, torch.einsum("ai,bj,ck,ijk->abc", w, w, w, own.third))


def test_independent_inputs_enter_in_factored_form():
    model = nn.Sequential(nn.Linear(4, 3), Quadratic()).double()
    law = Independent([Exponential(), Rademacher(), Laplace(), Normal(1, 2)])
    dense = law.cumulants(4)
    w = model[0].weight.detach()
    found = law.push(lambda rows: rows @ w.mT, None, 4)
    other = dense.map(lambda rows: rows @ w.mT)
    for a, b in (
        (found.mean, other.mean),
        (found.cov, other.cov),
        (found.third, other.third),
        (found.fourth, other.fourth),
    ):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


@settings(max_examples=6)
@given(st.integers(0, 50))
def test_moments_are_equivariant_under_a_change_of_the_input(seed):
    """propagate(model o g, law) = propagate(model, g law)."""
    generator = torch.Generator().manual_seed(seed)
    g = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    model = mlp(4, 2, nn.Tanh(), inputs=3, outputs=2)
    mean, root = (torch.randn(s, dtype=torch.float64, generator=generator) for s in ((3,), (3, 3)))
    cov = root @ root.mT
    turned = nn.Sequential(nn.Linear(3, 3, bias=False), model).double()
    with torch.no_grad():
        turned[0].weight.copy_(g)
        a = propagate(turned, Gaussian(mean, cov), order=3)
        b = propagate(model, Gaussian(g @ mean, g @ cov @ g.mT), order=3)
    torch.testing.assert_close(a.mean, b.mean, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(a.cov, b.cov, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(a.third, b.third, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_batches_of_means_are_propagated_one_by_one(order):
    model = mlp(4, 2, inputs=3, outputs=2)
    means = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole = propagate(model, Gaussian(means, 0.3), order=order)
    assert whole.mean.shape == (2, 3, 2)
    for at in itertools.product(range(2), range(3)):
        one = propagate(model, Gaussian(means[at], 0.3), order=order)
        torch.testing.assert_close(whole.mean[at], one.mean, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(whole.cov[at], one.cov, rtol=1e-9, atol=1e-11)
        if order == 3:
            torch.testing.assert_close(whole.third[at], one.third, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("order", "name"), [(2, "relu"), (2, "gelu"), (2, "tanh"), (2, "quadratic"), (3, "relu"), (3, "tanh"), (4, "gelu")]
)
def test_propagated_moments_are_differentiable(order, name):
    model = mlp(3, 2, ACTIVATIONS[name], inputs=2, outputs=2)

    def moments(mean, root, weight):
        parameters = {"0.weight": weight}
        with torch.nn.utils.stateless._reparametrize_module(model, parameters):
            found = propagate(model, Gaussian(mean, 0.02 * root @ root.mT), order=order)
        assert all(layer.clipped == 0 for layer in found.layers)
        third = () if found.third is None else (found.third,)
        # One random direction of the outputs: every derivative takes part.
        return sum((torch.cos(torch.arange(x.numel())) * x.reshape(-1)).sum() for x in (found.mean, found.cov, *third))

    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(s, dtype=torch.float64, generator=generator).requires_grad_() for s in ((2,), (2, 2), (3, 2))]
    if (order, name) == (2, "relu"):
        assert torch.autograd.gradcheck(moments, inputs, atol=1e-6)
    gradients = torch.autograd.grad(moments(*inputs), inputs)
    # One random direction of the inputs too: a central difference of fourth order.
    directions = [torch.randn(x.shape, dtype=torch.float64, generator=generator) for x in inputs]
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
    with torch.no_grad():
        at = {k: moments(*(x + k * 1e-3 * d for x, d in zip(inputs, directions, strict=True))) for k in (-2, -1, 1, 2)}
    measured = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / 12e-3
    assert slope.item() == pytest.approx(measured.item(), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.GELU(), nn.Tanh()])
def test_deterministic_inputs_give_the_model_itself(order, activation):
    model = mlp(4, 2, activation, inputs=3, outputs=2)
    x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    found = propagate(model, Gaussian(x, 0.0), order=order)
    torch.testing.assert_close(found.mean, model(x[None])[0].detach(), rtol=1e-9, atol=1e-10)
    assert found.cov.abs().max() < 1e-12
    assert bool(torch.isfinite(found.cov).all())


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("size", [40.0, -40.0, 4000.0])
def test_far_means_linearise_exactly(order, size):
    model = mlp(4, 2, inputs=3, outputs=2)
    x = size * torch.tensor([1.0, -0.7, 0.4], dtype=torch.float64)
    found = propagate(model, Gaussian(x, 1e-4), order=order)
    flat = propagate(model, Gaussian(x, 1e-4), order=1)
    torch.testing.assert_close(found.mean, flat.mean, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found.cov, flat.cov, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.GELU(), nn.Tanh()])
def test_rank_one_covariances_and_repeated_units(order, activation):
    model = mlp(6, 2, activation, inputs=3, outputs=3)
    with torch.no_grad():
        model[0].weight[1] = model[0].weight[0]
        model[0].bias[1] = model[0].bias[0]
        model[0].weight[2] = -model[0].weight[0]
        model[0].bias[2] = -model[0].bias[0]
    direction = torch.tensor([1.0, 2.0, -0.5], dtype=torch.float64)
    law = Gaussian(torch.zeros(3), direction[:, None] * direction)
    with torch.no_grad():
        found = propagate(model, law, order=order)
        x = GaussianRule(torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64), (0.0,), scale=0.5)
        hidden = model[1](model[0](x.xi.reshape(-1, 1) * direction))
    for value in (found.mean, found.cov):
        assert bool(torch.isfinite(value).all())
    assert torch.linalg.eigvalsh(found.cov).min() > -1e-9 * found.cov.diagonal().max()
    first = propagate(nn.Sequential(model[0], model[1]), law)
    torch.testing.assert_close(first.mean, x.expect(hidden.mT), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(first.cov[0], first.cov[1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("order", [2, 3])
def test_float32_models_are_computed_in_float64(order):
    model = mlp(8, 2, inputs=3, outputs=2, dtype=torch.float32)
    law = Gaussian(torch.zeros(3), 0.5)
    found = propagate(model, law, order=order)
    assert found.mean.dtype == torch.float64
    wide = propagate(mlp(8, 2, inputs=3, outputs=2).float().double(), law, order=order)
    torch.testing.assert_close(found.mean, wide.mean, rtol=1e-12, atol=1e-13)
    assert model[0].weight.dtype == torch.float32


def test_residual_networks_carry_the_joint_vector():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 5), nn.Linear(5, 3)

        def forward(self, x):
            return x + self.b(torch.relu(self.a(x)))

    model = Block().double()
    law = Gaussian([0.1, -0.4, 0.2], torch.eye(3) + 0.3)
    found = propagate(model, law)
    assert found.exact
    with torch.no_grad():
        hidden = propagate(nn.Sequential(model.a, nn.ReLU(), model.b), law)
        z_mean, z_cov = model.a.weight @ law.mean + model.a.bias, model.a.weight @ law.matrix @ model.a.weight.mT
        gate = torch.special.ndtr(z_mean / z_cov.diagonal().sqrt())
        cross = law.matrix @ model.a.weight.mT * gate @ model.b.weight.mT
    torch.testing.assert_close(found.cov.detach(), law.matrix + hidden.cov.detach() + cross + cross.mT)


@pytest.mark.parametrize("order", [2, 3])
def test_dropout_in_training_mode_counts_as_noise(order):
    """Two components, all four masks enumerated under a law on four points."""
    p = 0.3
    model = nn.Sequential(nn.Dropout(p)).train()
    data = torch.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0], [-1.0, 0.5]], dtype=torch.float64)
    law = Empirical(data.repeat(5000, 1))  # so many copies that the unbiased estimates are the law itself
    found = propagate(model, law, order=order)
    rows, chances = [], []
    for x in data:
        for mask in itertools.product((0, 1), repeat=2):
            keep = torch.tensor(mask, dtype=torch.float64)
            rows.append(x * keep / (1 - p))
            chances.append(math.prod((1 - p) if m else p for m in mask) / 4)
    y, w = torch.stack(rows), torch.tensor(chances, dtype=torch.float64)
    mean = w @ y
    d = y - mean
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.cov, torch.einsum("s,si,sj->ij", w, d, d), rtol=2e-4, atol=0)
    if order == 3:
        torch.testing.assert_close(found.third, torch.einsum("s,si,sj,sk->ijk", w, d, d, d), rtol=1e-3, atol=1e-3)


def test_an_identity_model_needs_no_step():
    found = propagate(nn.Identity(), Gaussian([1.0, 2.0], 0.5), order=3)
    assert found.exact
    assert found.mean.tolist() == [1.0, 2.0]
    assert propagate(Own(lambda x: x), Gaussian([1.0]), activations={}).mean.tolist() == [1.0]


def test_polynomials_given_by_the_caller():
    class Cubic(nn.Module):
        def forward(self, z):
            return z**3

    law = Gaussian([0.5], 0.25)
    found = propagate(nn.Sequential(Cubic()), law, activations={Cubic: Polynomial((0, 0, 0, 1))})
    plain = propagate(Cubic(), law)
    torch.testing.assert_close(found.cov, plain.cov)
    # E z^3 = mu^3 + 3 mu s^2; Var z^3 = 9 mu^4 s^2 + 36 mu^2 s^4 + 15 s^6.
    assert found.mean.item() == pytest.approx(0.125 + 3 * 0.5 * 0.25)
    assert found.cov.item() == pytest.approx(9 * 0.0625 * 0.25 + 36 * 0.25 * 0.0625 + 15 * 0.015625)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("model", "law", "shape", "match"),
    [
        (
            nn.Linear(2, 1),
            torch.zeros(2),
            None,
            r"law: expected a law of haar.moments, got Tensor; Gaussian",
        ),
        (nn.Linear(2, 1).forward, Gaussian([0.0, 0.0]), None, "model: expected a torch.nn.Module, got method"),
        (nn.Linear(2, 1), Gaussian([0.0, 0.0]), 2, "input_shape: expected whole numbers, as in .*, got 2"),
        (nn.Linear(2, 1), Gaussian([0.0, 0.0]), (2.0,), "input_shape: expected a whole number, .*, got 2.0"),
        (nn.Linear(2, 1), Gaussian([0.0, 0.0]), (1, 3), "input_shape: expected 2 components, as the law has"),
    ],
)
def test_what_is_no_law_model_or_shape_is_named(model, law, shape, match):
    with pytest.raises(HaarError, match=match):
        propagate(model, law, input_shape=shape)


@pytest.mark.usefixtures("unchecked_annotations")
def test_a_component_needs_a_law_of_one_number():
    with pytest.raises(HaarError, match=r"laws: expected laws of one number, of haar.moments.laws, got Gaussian"):
        Independent([Normal(), Gaussian([0.0])])

"""End to end: trained and random networks against quadrature, enumeration and Monte Carlo."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from haar.errors import ArgumentError, HaarWarning, ShapeError
from haar.moments import (
    Activation,
    Empirical,
    Gaussian,
    Independent,
    Polynomial,
    compare,
    kstats,
    propagate,
    sample_outputs,
    to_cumulants,
)
from haar.moments.laws import Exponential, Laplace, Normal, Rademacher, StudentT, UndefinedCumulantError
from haar.moments.normal import legendre
from haar.moments.quadratic import (
    quadratic_form_cumulants,
    quadratic_form_moments,
    quadratic_map_cumulants,
    quadratic_network,
)
from haar.moments.quadrature import GaussianRule


class Quadratic(nn.Module):
    def forward(self, z):
        return z + 0.5 * z**2


class Own(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z):
        return self.function(z)


ACTIVATIONS = {
    "relu": nn.ReLU(),
    "gelu": nn.GELU(),
    "erf": Own(torch.erf),
    "quadratic": Quadratic(),
    "sin": Own(torch.sin),
    "tanh": nn.Tanh(),
    "leaky": nn.LeakyReLU(0.2),
}


def mlp(width, depth, activation=None, *, seed=0, inputs=None, outputs=None, dtype=torch.float64):
    """He-initialised, as the accuracy table asks for."""
    torch_state = torch.get_rng_state()
    torch.manual_seed(seed)
    sizes = [inputs or width, *([width] * depth), outputs or width]
    layers = []
    for a, b in itertools.pairwise(sizes):
        layer = nn.Linear(a, b)
        nn.init.normal_(layer.weight, std=math.sqrt(2 / a))
        nn.init.normal_(layer.bias, std=0.1)
        layers += [layer, activation or nn.ReLU()]
    torch.set_rng_state(torch_state)
    return nn.Sequential(*layers[:-1]).to(dtype)


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


def test_every_cumulant_of_a_quadratic_network_on_a_normal_law():
    model = mlp(5, 1, Quadratic(), inputs=3, outputs=1)
    law = Gaussian([0.2, -0.5, 0.1], torch.diag(torch.tensor([0.5, 1.0, 0.2])) + 0.1)
    with torch.no_grad():
        form = quadratic_network(model[0].weight, model[0].bias, model[2].weight[0], model[2].bias[0], 0.5)
        exact = quadratic_form_cumulants(*form, mean=law.mean, cov=law.cumulants(2).cov, order=4)
        for order in (2, 3, 4):
            found = propagate(model, law, order=order)
            own = [found.mean, found.cov, found.third]
            for k, value in enumerate(own[:order] if order < 4 else own):
                assert value.item() == pytest.approx(exact[k].item(), rel=1e-10)


def test_quadratic_forms_against_gauss_hermite_nodes():
    """Twelve nodes a dimension integrate the fourth power of a quadratic exactly."""
    generator = torch.Generator().manual_seed(3)
    A, b, mean = (torch.randn(s, dtype=torch.float64, generator=generator) for s in ((2, 2), (2,), (2,)))
    root = torch.randn(2, 2, dtype=torch.float64, generator=generator)
    c = torch.tensor(0.3, dtype=torch.float64)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    grid = torch.tensor(list(itertools.product(nodes, nodes)), dtype=torch.float64)
    chance = torch.tensor([a * b for a, b in itertools.product(weights, weights)], dtype=torch.float64) / (2 * math.pi)
    x = mean + grid @ root.mT
    y = c + x @ b + torch.einsum("si,ij,sj->s", x, A, x)
    expected = to_cumulants([float((chance * y**k).sum()) for k in range(1, 6)])
    found = quadratic_form_cumulants(c, b, A, mean, root @ root.mT, order=5)
    assert [float(k) for k in found[:4]] == pytest.approx(expected[:4], rel=1e-10)
    assert float(found[4]) == pytest.approx(expected[4], rel=1e-9)  # ten powers of the nodes cancel


@pytest.mark.parametrize("law", [Rademacher(), Exponential()])
def test_mean_and_variance_of_quadratic_forms_of_non_normal_variables(law):
    generator = torch.Generator().manual_seed(0)
    A, b = (torch.randn(s, dtype=torch.float64, generator=generator) for s in ((3, 3), (3,)))
    c = torch.tensor(0.1, dtype=torch.float64)
    mean, variance = quadratic_form_moments(c, b, A, tuple(float(law.cumulant(k)) for k in (2, 3, 4)))
    if isinstance(law, Rademacher):
        x = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)), dtype=torch.float64)
        y = c + x @ b + torch.einsum("si,ij,sj->s", x, A, x)
        assert mean.item() == pytest.approx(y.mean().item(), rel=1e-12)
        assert variance.item() == pytest.approx(y.var(correction=0).item(), rel=1e-12)
    else:
        x = law.sample((200_000, 3), generator)
        found = kstats(c + x @ b + torch.einsum("si,ij,sj->s", x, A, x))
        assert abs(mean - found.values[0]) < 5 * found.errors[0]
        assert abs(variance - found.values[1]) < 5 * found.errors[1]


def test_cumulants_of_a_scalar_quadratic_map_by_enumeration():
    s = [sum(x) / 2 for x in itertools.product((-1, 1), repeat=4)]
    k = to_cumulants([sum(v**n for v in s) / 16 for n in range(1, 7)])
    y = [0.2 + 0.7 * v - 0.4 * v * v for v in s]
    expected = to_cumulants([sum(v**n for v in y) / 16 for n in range(1, 4)])
    assert quadratic_map_cumulants((0.2, 0.7, -0.4), tuple(k[1:])) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ArgumentError, match="cumulants: expected k2, k3, k4, k5, k6, got 2 numbers"):
        quadratic_map_cumulants((0.0, 1.0, 0.0), (1.0, 0.0))


@pytest.mark.parametrize(
    ("width", "depth", "limits"),
    [(16, 2, (0.02, 0.07)), (16, 3, (0.03, 0.10)), (64, 3, (0.008, 0.05))],
)
def test_order_three_beats_order_two_on_he_initialised_networks(width, depth, limits):
    """The rows of the accuracy table that matter, at the same sizes; averages over networks, sampling as the truth."""
    errors = {2: [], 3: []}
    for seed in (1, 2) if width > 16 else (1, 2, 3):
        model = mlp(width, depth, seed=seed)
        law = Gaussian(torch.zeros(width))
        y = sample_outputs(model, law, 100_000)
        mean, sd, cov = y.mean(0), y.std(0), torch.cov(y.mT)
        for order, found in errors.items():
            result = propagate(model, law, order=order)
            gap = ((result.mean - mean).abs() / sd).mean().item()
            found.append((gap, ((result.cov - cov).norm() / cov.norm()).item()))
    average = {order: torch.tensor(found).mean(0) for order, found in errors.items()}
    assert bool((average[3] < torch.tensor(limits)).all())
    assert bool((average[3] * 2 < average[2]).all())


def test_order_four_beats_order_three():
    model, law = mlp(16, 2, nn.GELU(), seed=1), Gaussian(torch.zeros(16))
    y = sample_outputs(model, law, 200_000)
    errors = {}
    for order in (3, 4):
        found = propagate(model, law, order=order)
        errors[order] = ((found.mean - y.mean(0)).abs() / y.std(0)).mean(), (found.cov - torch.cov(y.mT)).norm()
    assert errors[4][0] < 0.7 * errors[3][0]
    assert errors[4][1] < 0.6 * errors[3][1]


def test_edgeworth_orders_on_sums_of_exponentials_improve_with_the_number_of_terms():
    """E relu(S_n - 0.3): exact by one-dimensional quadrature of the gamma density."""
    from scipy import integrate, stats

    for n, limits in ((4, (1.5e-2, 1e-2, 2e-4)), (16, (1e-2, 3e-3, 2e-5))):
        exact = integrate.quad(lambda x, n=n: stats.gamma.pdf(x * n**0.5 + n, n) * n**0.5 * (x - 0.3), 0.3, 40)[0]
        model = nn.Sequential(nn.Linear(n, 1), nn.ReLU()).double()
        nn.init.constant_(model[0].weight, n**-0.5)
        nn.init.constant_(model[0].bias, -0.3)
        law = Independent.same(Exponential(), n)
        errors = [abs(propagate(model, law, order=order).mean.item() - exact) for order in (2, 3, 4)]
        assert errors[0] > errors[1] > errors[2]
        assert all(error < limit for error, limit in zip(errors, limits, strict=True))


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


@pytest.mark.parametrize("how", ["linearise", "sample"])
@pytest.mark.parametrize("order", [2, 3])
def test_opt_ins_are_marked(how, order):
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()
    law = Gaussian([1.0, 0.0, -1.0], 1e-4)
    found = propagate(model, law, order=order, on_unsupported=how)
    assert not found.exact
    assert [layer.how for layer in found.layers] == [
        "exact",
        "linearised" if how == "linearise" else "sampled",
        "follows",
    ]
    assert ("linearised" if how == "linearise" else "sampled") in found.summary
    checked = compare(model, law, 20_000, order=order, on_unsupported=how)
    torch.testing.assert_close(found.cov, checked.sampled_cov, rtol=0.1, atol=1e-6)
    torch.testing.assert_close(found.mean, checked.sampled.values[0], rtol=0, atol=2e-3)


def test_opt_ins_beside_a_residual_branch():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(3)

        def forward(self, x):
            return x + self.norm(x)

    law = Gaussian([1.0, 0.0, -1.0], 1e-3)
    model = Normed().double()
    for order, how in itertools.product((2, 3), ("linearise", "sample")):
        found = propagate(model, law, order=order, on_unsupported=how)
        y = sample_outputs(model, law, 50_000)
        torch.testing.assert_close(found.cov, torch.cov(y.mT), rtol=0.1, atol=5e-5)


def test_the_diagonal_backend_is_the_dense_one_where_units_are_uncorrelated():
    model = mlp(4, 1, inputs=3, outputs=2)
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[:3] = torch.eye(3)
    law = Gaussian([0.1, 0.2, 0.3], torch.tensor([1.0, 0.5, 2.0]))
    dense, diagonal = propagate(model, law), propagate(model, law, backend="diagonal")
    torch.testing.assert_close(diagonal.mean, dense.mean)
    torch.testing.assert_close(diagonal.variance, dense.variance)
    assert not diagonal.exact
    conv = nn.Sequential(nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Dropout(0.2)).train()
    found = propagate(conv, law, backend="diagonal", input_shape=(1, 3))
    exact = propagate(conv, law, input_shape=(1, 3))
    torch.testing.assert_close(found.variance, exact.variance)


def test_exactness_is_told_apart():
    law = Gaussian(torch.zeros(3))
    assert propagate(mlp(4, 1, inputs=3), law).exact
    assert not propagate(mlp(4, 2, inputs=3), law).exact
    assert not propagate(mlp(4, 1, inputs=3), law, order=1).exact
    assert not propagate(mlp(4, 1, inputs=3), Independent.same(Exponential(), 3)).exact
    bend = nn.Linear(1, 2).double()
    nn.init.constant_(bend.weight, 1.0)  # the law must reach across the kink, or the truncation is nothing
    nn.init.zeros_(bend.bias)
    elu = propagate(nn.Sequential(bend, nn.ELU()), Gaussian([0.0]))
    assert not elu.exact
    assert elu.layers[1].how == "bounded"
    assert 0 < elu.truncation < 1e-3
    assert "exact" in propagate(nn.Linear(3, 1), law).summary
    deep = propagate(mlp(4, 2, inputs=3), law, order=3)
    assert "approximation" in deep.summary
    assert deep.mean_indicator is not None
    assert propagate(mlp(4, 2, inputs=3), law).mean_indicator is None


def test_results_can_be_read_in_every_way(tmp_path):
    found = propagate(mlp(4, 2, inputs=3), Gaussian(torch.zeros(3)), order=4)
    told = found.to_dict()
    assert told["schema"] == 1
    assert told["order"] == 4
    assert len(told["layers"]) == 5
    assert found.table().row_count == 4
    assert found.figure().axes
    assert found.save_html(tmp_path / "page.html").stat().st_size > 1000
    assert found.kurtosis.shape == (4,)
    assert found.skewness.shape == (4,)
    assert propagate(nn.ReLU(), Gaussian([0.0])).skewness is None
    assert propagate(nn.ReLU(), Gaussian([0.0]), order=3).kurtosis is None
    assert propagate(nn.ReLU(), Gaussian([0.0], 0.0), order=3).skewness.item() == 0.0


def test_widths_beyond_the_limit_are_refused():
    model = nn.Linear(3, 700)
    with pytest.raises(
        ArgumentError, match=r"order: expected an order whose tensors fit 2 GB .* got order 3 with 700 live"
    ):
        propagate(model, Gaussian(torch.zeros(3)), order=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 5}, "order: expected 1, 2, 3 or 4, got 5"),
        ({"backend": "sparse"}, "backend: expected 'dense', 'diagonal' or 'orbit', got 'sparse'"),
        ({"backend": "diagonal", "order": 3}, "order: expected at most 2 with backend='diagonal'"),
        ({"backend": "orbit"}, "input_shape: expected \\(nodes, features\\), or orbits="),
        ({"input_shape": (2, 2)}, r"input_shape: expected 3 components, as the law has, got \(2, 2\)"),
    ],
)
def test_refusals(options, message):
    with pytest.raises((ArgumentError, ShapeError), match=message):
        propagate(nn.ReLU(), Gaussian(torch.zeros(3)), **options)


def test_the_diagonal_backend_refuses_what_it_cannot_do():
    law = Gaussian(torch.zeros(3))
    with pytest.raises(ArgumentError, match=r"got LayerNorm .*use backend='dense'"):
        propagate(nn.Sequential(nn.LayerNorm(3)), law, backend="diagonal", on_unsupported="linearise")
    wide = nn.Sequential(nn.Flatten())
    with pytest.raises(ArgumentError, match="backend: expected affine steps whose matrix fits 2 GB"):
        propagate(wide, Gaussian(torch.zeros(20_000)), backend="diagonal")


def test_undefined_cumulants_stop_the_orders_that_need_them():
    law = Independent.same(StudentT(3), 2)
    model = nn.Linear(2, 1)
    assert propagate(model, law, order=2).exact
    with pytest.raises(UndefinedCumulantError, match="cumulant 3 of t3 is undefined"):
        propagate(model, law, order=3)


def test_clipping_is_reported(recwarn):
    """A strongly skewed law with few inputs drives order 3 out of the positive matrices."""
    w = torch.tensor([[1.0, 0.0], [1.0, 0.05], [1.0, -0.05]], dtype=torch.float64)
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU()).double()
    with torch.no_grad():
        model[0].weight.copy_(w)
    found = propagate(model, Independent.same(Exponential(), 2), order=3)
    assert torch.linalg.eigvalsh(found.cov.detach()).min() >= -1e-9
    clipped = [layer.clipped for layer in found.layers]
    assert all(value <= 0 for value in clipped)
    assert not [w for w in recwarn if not issubclass(w.category, HaarWarning)]


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


def test_a_kink_that_was_not_listed_is_reported():
    class Bent(nn.Module):
        def forward(self, z):
            return (z - 0.37).clamp(min=0)

    model, law = nn.Sequential(Bent()), Gaussian([0.2], 0.8)

    def bent(z):
        return (z - 0.37).clamp(min=0)

    blind = propagate(model, law, activations={Bent: Activation(bent, name="bent")})
    told = propagate(model, law, activations={Bent: Activation(bent, name="bent", breaks=(0.37,))})
    assert blind.layers[0].quadrature > 1e-6
    assert blind.layers[0].how == "inaccurate"
    assert not blind.exact
    assert told.layers[0].quadrature < 1e-12
    # The truth is the clamp that the registry knows in closed form, after a shift.
    shifted = propagate(nn.ReLU(), Gaussian([0.2 - 0.37], 0.8))
    torch.testing.assert_close(told.mean, shifted.mean, rtol=1e-12, atol=0)


def test_a_readout_that_cancels_is_told():
    law = Gaussian([0.0, 0.0], torch.tensor([[1.0, 0.99], [0.99, 1.0]]))
    model = nn.Sequential(nn.ReLU(), nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        model[3].weight.copy_(torch.tensor([[1.0, -1.0]]))
    found = propagate(model, law)
    expected = found.cov.item() / (2 * propagate(model[:3], law).variance[0].item())
    assert found.layers[-1].cancellation == pytest.approx(expected, rel=1e-9)
    assert "Layer '3' cancels" in found.summary
    pooled = propagate(nn.Sequential(nn.ReLU(), nn.AvgPool1d(4)), Gaussian(torch.zeros(4)), input_shape=(1, 4))
    assert pooled.layers[1].cancellation == pytest.approx(1.0)

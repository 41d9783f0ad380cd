"""Natural gradients: vectors, not covectors; of parameters against a matrix that is formed."""

from __future__ import annotations

import pytest
import torch
from geometry_metrics import moved, points, wavy
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.geometry import CouplingChart, Fisher, Pullback, natural_direction, natural_gradient, pulled_back
from haar.geometry.derivatives import first_jet
from haar.geometry.spaces import flat


def loss(z):
    return (z[:, 0] - 0.3).square() + (z[:, 1] * z[:, 0]).sin()


def test_the_natural_gradient_is_the_same_direction_in_every_chart():
    chart, x = moved(CouplingChart(2, seed=3).double(), 2), points(5, 2)
    there = natural_gradient(loss, chart(x).detach(), wavy)
    here = natural_gradient(lambda z: loss(chart(z)), x, lambda z: pulled_back(wavy, chart, z))
    carried = (first_jet(chart, x).first @ here[..., None])[..., 0]
    torch.testing.assert_close(carried, there, rtol=1e-10, atol=1e-12)
    plain_here = natural_gradient(lambda z: loss(chart(z)), x, flat)
    plain_there = natural_gradient(loss, chart(x).detach(), flat)
    assert ((first_jet(chart, x).first @ plain_here[..., None])[..., 0] - plain_there).abs().max() > 0.1


def test_it_is_the_inverse_metric_times_the_gradient():
    z = points(4, 2).requires_grad_()
    (plain,) = torch.autograd.grad(loss(z).sum(), z)
    expected = torch.linalg.inv(wavy(z)) @ plain[..., None]
    torch.testing.assert_close(natural_gradient(loss, z.detach(), wavy), expected[..., 0].detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("inner", [None, wavy])
def test_the_direction_of_parameters_is_that_of_the_matrix(inner):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double(), points(6, 3)
    names = dict(model.named_parameters())
    gradient = {name: torch.randn_like(p) for name, p in names.items()}
    found = natural_direction(model, x, gradient, inner, damping=1e-2, iterations=200, tolerance=1e-13)

    def outputs(*values):
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))

    blocks = torch.autograd.functional.jacobian(outputs, tuple(names.values()))
    jacobian = torch.cat([block.flatten(2) for block in blocks], -1)  # (n, d, parameters)
    g = (flat if inner is None else inner)(model(x).detach())
    matrix = torch.einsum("nia,nij,njb->ab", jacobian, g, jacobian) / len(x)
    matrix = matrix + 1e-2 * torch.eye(len(matrix)).double()
    expected = torch.linalg.solve(matrix, torch.cat([v.flatten() for v in gradient.values()]))
    torch.testing.assert_close(
        torch.cat([v.flatten() for v in found.direction.values()]), expected, rtol=1e-7, atol=1e-9
    )
    assert found.residual <= 1e-13
    assert natural_direction(model, x, gradient, inner, iterations=2).iterations == 2


def test_fisher_metrics_are_the_curvature_of_the_expected_likelihood():
    a = points(3, 2, low=-1.0, high=1.0)
    weight = torch.tensor([[1.0, -0.5], [0.3, 0.8], [-0.6, 0.4]]).double()
    p = (a @ weight.T).softmax(-1)
    middle = p @ weight
    spread = torch.einsum("nk,nki,nkj->nij", p, weight - middle[:, None], weight - middle[:, None])
    torch.testing.assert_close(Fisher(lambda z: z @ weight.T, "categorical")(a), spread, rtol=1e-11, atol=1e-13)
    rates = (a @ weight.T).exp()
    expected = torch.einsum("nk,ki,kj->nij", rates, weight, weight)
    torch.testing.assert_close(Fisher(lambda z: z @ weight.T, "poisson")(a), expected, rtol=1e-11, atol=0)
    coins = (a @ weight.T).sigmoid()
    expected = torch.einsum("nk,ki,kj->nij", coins * (1 - coins), weight, weight)
    torch.testing.assert_close(Fisher(lambda z: z @ weight.T, "bernoulli")(a), expected, rtol=1e-11, atol=0)


def test_the_pullback_of_a_decoder_with_a_metric_inside_and_any_shape_of_output():
    decoder = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Unflatten(1, (2, 3))).double()
    z = points(4, 2)
    jacobians = torch.stack(
        [torch.autograd.functional.jacobian(lambda p: decoder(p[None])[0].flatten(), one) for one in z]
    )
    g = Pullback(decoder)(z)
    torch.testing.assert_close(g, jacobians.mT @ jacobians)
    assert torch.equal(g, g.mT)
    inner = Pullback(decoder, lambda y: 3 * flat(y))(z)
    torch.testing.assert_close(inner, 3 * g)


@pytest.mark.usefixtures("unchecked_annotations")
def test_refusals():
    z = points(3, 2)
    with pytest.raises(ArgumentError, match="natural_direction"):
        natural_gradient(lambda z: z.sum(-1), torch.zeros(1, 51), flat)
    with pytest.raises(ArgumentError, match=r"loss: expected a number a point, shape \(3,\), got \(3, 2\)"):
        natural_gradient(lambda z: z, z, flat)
    with pytest.raises(ArgumentError, match="gradient: expected names of the model's parameters, got 'w'"):
        natural_direction(nn.Linear(1, 1), torch.zeros(1, 1), {"w": torch.zeros(1)})
    with pytest.raises(ArgumentError, match="distribution: expected one of categorical"):
        Fisher(nn.Linear(1, 1), "gamma")
    with pytest.raises(ArgumentError, match="decoder: expected a module or function, got str"):
        Pullback("decoder")
    with pytest.raises(ArgumentError, match="damping: expected a number above 0"):
        natural_direction(nn.Linear(1, 1), torch.zeros(1, 1), {}, damping=0.0)


def test_outputs_that_are_complex_have_lengths_and_others_are_refused():
    z = points(3, 2)
    waves = Pullback(lambda z: torch.complex(z.sin(), z.cos()))
    torch.testing.assert_close(waves(z), flat(z), rtol=0, atol=1e-14)  # on a circle for each coordinate
    with pytest.raises(
        ArgumentError, match="decoder: expected one tensor of real or complex numbers as output, got tup"
    ):
        Pullback(lambda z: (z, z))(z)
    with pytest.raises(ArgumentError, match=r"decoder: .*got torch\.int64"):
        Pullback(lambda z: z.long())(z)
    for made in (lambda z: z.sum(1), lambda z: torch.stack([z, z], 1)):
        with pytest.raises(ShapeError, match=r"model: expected outputs \(n, k\) of real numbers, got \(3,"):
            Fisher(made, "bernoulli")(z)


def test_gradients_that_say_nothing_are_refused():
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double(), points(8, 3)
    given = {name: torch.ones_like(p) for name, p in model.named_parameters()}
    for value in (float("nan"), float("inf")):
        broken = {**given, "0.bias": torch.full((4,), value, dtype=torch.float64)}
        with pytest.raises(
            ArgumentError, match=r"gradient: expected finite numbers, got NaN or infinity for '0\.bias'"
        ):
            natural_direction(model, x, broken)
    with pytest.raises(
        ArgumentError, match=r"gradient: expected \(4, 3\) of torch\.float64 for '0\.weight'.*got \(3,\)"
    ):
        natural_direction(model, x, {"0.weight": torch.ones(3, dtype=torch.float64)})
    with pytest.raises(ArgumentError, match=r"gradient: .*got \(4,\) of torch\.float32"):
        natural_direction(model, x, {"0.bias": torch.ones(4)})
    with pytest.raises(ArgumentError, match="metric: expected values that are not negative along any direction"):
        natural_direction(model, x, given, lambda z: -flat(z))


def test_layers_that_mix_samples_or_draw_are_refused_and_left_alone():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).double()
    given = {name: torch.ones_like(p) for name, p in model.named_parameters()}
    with pytest.raises(ArgumentError, match="model: expected values of each point alone, got BatchNorm1d in layer '1'"):
        natural_direction(model, points(8, 3), given)
    with pytest.raises(ArgumentError, match="metric: expected values of each point alone, got Dropout"):
        natural_gradient(loss, points(4, 2), nn.Dropout())
    assert int(model[1].num_batches_tracked) == 0
    assert natural_direction(model.eval(), points(8, 3), given, iterations=60).residual < 1e-6


def test_a_loss_of_all_points_together_is_refused():
    with pytest.raises(ArgumentError, match="loss: expected values of each point alone, got one that changes by"):
        natural_gradient(lambda z: (z - z.mean(0)).square().sum(-1), points(5, 2), flat)


def test_several_outputs_are_no_outputs_of_a_metric():
    class Two(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    with pytest.raises(ArgumentError, match="model: expected one tensor as its output, got tuple"):
        natural_direction(Two(3, 2).double(), points(4, 3), {"bias": torch.ones(2, dtype=torch.float64)})

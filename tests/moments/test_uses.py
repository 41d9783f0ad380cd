"""Densities and quantiles, training on moments, symmetry in distribution."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate, stats
from torch import nn

from haar.actions import Invariant, Symmetry, Vector
from haar.actions.representation import Defining, Regular
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, cyclic
from haar.moments import (
    DistributionalDefect,
    Exchangeable,
    Gaussian,
    Polynomial,
    Propagation,
    UnsupportedModuleError,
    cornish_fisher,
    density,
    distributional_defect,
    edgeworth_expectation,
    expected_squared_error,
    moment_loss,
    propagate,
    symmetry_in_distribution,
    train_on_moments,
)
from haar.moments.laws import Exponential
from haar.moments.registry import relu
from haar.moments.vector import VectorCumulants


@pytest.mark.parametrize("series", ["edgeworth", "gram-charlier"])
def test_series_densities_have_the_cumulants_they_were_given(series):
    mean, sd, g1, g2 = 0.7, 1.5, 0.3, 0.2

    def moment(n):
        return integrate.quad(
            lambda x: (
                (x - mean) ** n * float(density(torch.tensor(x).double(), mean, sd, g1, g2, series=series).values)
            ),
            -20,
            20,
        )[0]

    m2, m3, m4 = (moment(n) for n in (2, 3, 4))
    assert moment(0) == pytest.approx(1)
    assert moment(1) == pytest.approx(0, abs=1e-8)
    assert m2 == pytest.approx(sd**2)
    assert m3 == pytest.approx(g1 * sd**3)
    assert m4 - 3 * m2**2 == pytest.approx(g2 * sd**4)


def test_edgeworth_improves_the_density_of_a_sum():
    n, x = 20, torch.linspace(-2, 3, 41, dtype=torch.float64)
    exact = torch.as_tensor(stats.gamma.pdf(x.numpy() * n**0.5 + n, n) * n**0.5)
    law = Exponential().scaled_sum(n)
    g1, g2 = float(law.cumulant(3)), float(law.cumulant(4))
    errors = [
        (density(x, 0, 1, *shape, series=series).values - exact).abs().max()
        for shape, series in (((), "edgeworth"), ((g1, g2), "gram-charlier"), ((g1, g2), "edgeworth"))
    ]
    assert errors[2] < 0.3 * errors[1] < 0.3 * errors[0]


def test_negative_values_are_shown_and_flagged():
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    found = density(x, 0.0, 1.0, skewness=2.0)
    assert found.negative
    assert found.values.min() < 0
    assert not density(x, 0.0, 1.0, skewness=0.1).negative


def test_cornish_fisher_quantiles_of_a_gamma_law():
    n = 30
    p = torch.tensor([0.01, 0.25, 0.5, 0.9, 0.99], dtype=torch.float64)
    exact = torch.as_tensor((stats.gamma.ppf(p.numpy(), n) - n) / n**0.5)
    found = cornish_fisher(p, 0, 1, 2 / n**0.5, 6 / n)
    assert (found - exact).abs().max() < 0.01
    assert (cornish_fisher(p, 0, 1) - exact).abs().max() > 0.1


def test_cornish_fisher_quantiles_by_hand():
    """At the normal quantiles 0, 1 and 2, where the polynomials are whole numbers."""
    mean, sd, g1, g2 = 3.0, 2.0, 0.6, 0.24
    expected = [-g1 / 6, 1 + 0 * g1 - 2 * g2 / 24 + 3 * g1**2 / 36, 2 + 3 * g1 / 6 + 2 * g2 / 24 - 6 * g1**2 / 36]
    found = cornish_fisher(torch.special.ndtr(torch.arange(3.0).double()), mean, sd, g1, g2)
    torch.testing.assert_close(found, mean + sd * torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)
    for p in (1e-300, 1.0 - 1e-16):
        assert math.isfinite(cornish_fisher(torch.tensor([p], dtype=torch.float64), 0.0, 1.0).item())


def test_edgeworth_terms_by_hand():
    """E z^6 = 15 + 15 g2 + 10 g1^2 and E z^3 = g1 for a standardised z; moved and scaled, E x^3 too."""
    six, cube, g1, g2 = Polynomial((0, 0, 0, 0, 0, 0, 1)), Polynomial((0, 0, 0, 1)), 0.6, 0.2
    found = [edgeworth_expectation(six, 0, 1, g1, g2, order=order) for order in (2, 3, 4)]
    assert found == pytest.approx([15, 15, 15 + 15 * g2 + 10 * g1**2])
    assert edgeworth_expectation(six, 0, 1, g1, g2) == found[2]
    moved = [edgeworth_expectation(cube, 0.5, 2.0, g1, g2, order=order) for order in (2, 3, 4)]
    assert moved == pytest.approx([0.125 + 6, 0.125 + 6 + 8 * g1, 0.125 + 6 + 8 * g1])


def test_edgeworth_expectations_of_the_literature():
    """E relu(S_n - 0.3) for sums of exponentials: the rule that the last two terms belong together."""
    n = 16
    exact = integrate.quad(lambda x: stats.gamma.pdf(x * n**0.5 + n, n) * n**0.5 * (x - 0.3), 0.3, 40)[0]
    errors = [abs(edgeworth_expectation(relu(), -0.3, 1, 2 / n**0.5, 6 / n, order=k) - exact) for k in (2, 3, 4)]
    assert errors[0] == pytest.approx(7.4e-3, rel=0.05)
    assert errors[1] == pytest.approx(2e-3, rel=0.1)
    assert errors[2] == pytest.approx(1e-5, rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: edgeworth_expectation(relu(), 0, 1, order=5), "order: expected 2, 3 or 4"),
        (lambda: edgeworth_expectation(relu(), 0, 1, order=1), "order: expected 2, 3 or 4"),
        (lambda: cornish_fisher(torch.zeros(1), 0, 1), r"probability: expected numbers in \(0, 1\)"),
        (lambda: moment_loss(nn.Linear(1, 1), [Gaussian([0.0])], [1.0], weights=[0.5, 0.5]), "targets: expected 1"),
        (lambda: density(torch.zeros(1), 0, 0), "sd: expected a number > 0"),
        (lambda: density(torch.zeros(1), 0, 1, series="taylor"), "series: expected 'edgeworth' or 'gram-charlier'"),
        (lambda: cornish_fisher(torch.ones(1), 0, 1), r"probability: expected numbers in \(0, 1\)"),
        (
            lambda: moment_loss(nn.Linear(1, 1), [Gaussian([0.0])], [1.0, 2.0]),
            "targets: expected 1 targets and weights",
        ),
        (lambda: moment_loss(nn.Linear(1, 1), [], []), "targets: expected 0 targets"),
        (lambda: train_on_moments(nn.Linear(1, 1), [Gaussian([0.0])], [1.0], steps=0), "steps: expected at least 1"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


class Quadratic(nn.Module):
    def forward(self, z):
        return z + 0.5 * z**2


def xor(spread=0.2):
    """Two classes of two blobs each, equal means: class + on the diagonal, class - on the other."""
    plus, minus = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    return [Gaussian(plus, spread), Gaussian(minus, spread)]


def test_the_loss_takes_every_order_and_its_own_back_end():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    law = Gaussian([0.3, 0.0, -0.2], 0.5)
    found = propagate(model, law, order="2+")
    loss = moment_loss(model, [law], [0.7], order="2+")
    expected = found.variance.sum() + (found.mean.sum() - 0.7) ** 2
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    loss.backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters())


def test_xor_is_learnt_from_moments_alone(generator):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), Quadratic(), nn.Linear(4, 1))
    losses = train_on_moments(model, xor(), [1.0, -1.0], steps=40, learning_rate=0.15)
    assert losses[-1] < 0.4 * losses[0]
    correct = []
    for law, sign in zip(xor(), (1, -1), strict=True):
        x = law.sample(2000, generator).reshape(-1, 2).float()
        correct.append((model(x).sign() == sign).float().mean())
    assert min(correct) > 0.95
    # A linear network cannot tell classes of equal mean apart: its best loss is that of the constant 0.
    flat = train_on_moments(nn.Linear(2, 1), xor(), [1.0, -1.0], steps=50, learning_rate=0.1)
    assert flat[-1] == pytest.approx(1.0, abs=0.02)


def test_the_moment_loss_is_the_expected_sample_loss(generator):
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)).double()
    laws, weights = xor(), [0.3, 0.7]
    found = moment_loss(model, laws, [1.0, -1.0], weights=weights)
    total, error = 0.0, 0.0
    for law, target, weight in zip(laws, (1.0, -1.0), weights, strict=True):
        with torch.no_grad():
            losses = (model(law.sample(40_000, generator)) - target).square().mean(1)[:, 0]
        total += weight * float(losses.mean())
        error += (weight * float(losses.std()) / 200) ** 2
    assert abs(found.item() - total) < 5 * math.sqrt(error)


def test_somebody_is_told_of_every_step(told):
    watch = told()
    losses = train_on_moments(nn.Linear(1, 1), [Gaussian([0.0])], [1.0], steps=3, watch=watch)
    assert (watch.stages, watch.steps) == ([("training", 3)], 3)
    assert losses[-1] < losses[0]


def test_the_moment_loss_by_hand():
    """E |y - t|^2 = |mean - t|^2 + tr Cov, averaged over the batch and weighted over the laws."""
    laws = [Gaussian([[1.0, 0.0], [3.0, 0.0]], [0.5, 0.25]), Gaussian([0.0, 2.0], 2.0)]
    parts = [((0 + 1) + (4 + 1)) / 2 + 0.75, 1 + 1 + 4.0]
    assert moment_loss(nn.Identity(), laws, [1.0, 1.0]).item() == pytest.approx(sum(parts) / 2)
    weighted = moment_loss(nn.Identity(), laws, [1.0, 1.0], weights=[0.25, 0.5])
    assert weighted.item() == pytest.approx(0.25 * parts[0] + 0.5 * parts[1])
    bent = nn.Sequential(nn.Linear(1, 1), nn.LayerNorm(1))
    with pytest.raises(UnsupportedModuleError):
        moment_loss(bent, [Gaussian([0.0])], [1.0])
    assert moment_loss(bent, [Gaussian([0.0])], [1.0], on_unsupported="linearise").item() == pytest.approx(1.0)


def test_a_step_is_one_of_adam_at_the_given_rate():
    """The first step of Adam moves every parameter that matters by the learning rate, 0.05 if none is given."""
    for options, rate in (({}, 0.05), ({"learning_rate": 0.2}, 0.2)):
        model = nn.Linear(1, 1).double()
        for p in model.parameters():
            nn.init.zeros_(p)
        assert train_on_moments(model, [Gaussian([1.0])], [5.0], steps=1, **options) == [25.0]
        assert [p.item() for p in model.parameters()] == pytest.approx([rate, rate], rel=1e-6)
    bent = nn.Sequential(nn.Linear(1, 1), nn.LayerNorm(1))
    assert len(train_on_moments(bent, [Gaussian([0.0])], [1.0], steps=2, on_unsupported="linearise")) == 2


def test_targets_must_fit():
    found = propagate(nn.Identity(), Gaussian([0.0, 1.0]))
    assert expected_squared_error(found, torch.tensor([0.0, 1.0])).item() == pytest.approx(2.0)
    with pytest.raises(ShapeError, match=r"target: expected \(2,\), got \(3,\)"):
        expected_squared_error(found, torch.zeros(3))


def permutations(n):
    eye = torch.eye(n)
    return torch.stack([eye.roll(1, 0), eye.flip(0)])


@pytest.mark.parametrize("order", [2, 3])
def test_an_equivariant_model_has_no_defect_in_distribution(order):
    class Symmetric(nn.Module):
        def forward(self, x):
            return torch.relu(2 * x - x.mean(1, keepdim=True) + 0.3)

    law, g = Exchangeable(4, [0.2], [[1.0]], [[0.3]]), permutations(4)
    found = distributional_defect(law, propagate(Symmetric(), law, order=order), g, g)
    assert found.worst < 1e-14
    assert found.law_is_invariant
    assert found.defects.shape == (2, order)
    assert "without sampling" in found.summary


def test_a_broken_symmetry_is_measured():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    torch.nn.init.eye_(model[0].weight)
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([0.0, 0.0, 0.0, 0.1]))
    law, g = Gaussian(torch.zeros(4)), permutations(4)
    small = distributional_defect(law, propagate(model, law), g, g)
    with torch.no_grad():
        model[0].bias[3] = 0.4
    large = distributional_defect(law, propagate(model, law), g, g)
    assert 0.01 < small.worst < large.worst
    told = large.to_dict()
    assert told["law_is_invariant"]
    assert large.table().row_count == 2


def test_a_law_that_moves_is_told():
    law, g = Gaussian(torch.arange(4.0)), permutations(4)
    found = distributional_defect(law, propagate(nn.ReLU(), law), g, g, names=("turn", "flip"))
    assert not found.law_is_invariant
    assert "says nothing about the model" in found.summary
    assert found.names == ("turn", "flip")


def test_symmetry_refusals():
    law, g = Gaussian(torch.zeros(4)), permutations(4)
    with pytest.raises(ShapeError, match=r"inputs: expected \(2, 4, 4\)"):
        distributional_defect(law, propagate(nn.ReLU(), law), permutations(3), g)
    with pytest.raises(ShapeError, match=r"outputs: expected \(2, 4, 4\)"):
        distributional_defect(law, propagate(nn.ReLU(), law), g, permutations(3))
    batch = Gaussian(torch.zeros(2, 4))
    with pytest.raises(ArgumentError, match="result: expected no batch axes"):
        distributional_defect(batch, propagate(nn.ReLU(), batch), g, g)


def test_defects_by_hand():
    """Relative to the powers of the root mean square: means (3, 0), variances (4, 3), rms 4; the third 64 of one."""
    swap = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    third = torch.zeros(2, 2, 2, dtype=torch.float64)
    third[0, 0, 0] = 64.0
    cumulants = VectorCumulants(torch.tensor([3.0, 0.0]).double(), torch.tensor([4.0, 3.0]).double().diag(), third)
    found = distributional_defect(
        Gaussian([0.0, 1.0]), Propagation(cumulants, (2,), 3, "dense", False, ()), swap, torch.eye(2)[None]
    )
    assert found.defects.tolist() == [[0.0, 0.0, 0.0]]
    torch.testing.assert_close(found.law_defects, torch.tensor([[2**0.5 / 3**0.5, 0.0, 0.0]], dtype=torch.float64))
    moved = distributional_defect(Gaussian([0.0, 0.0]), Propagation(cumulants, (2,), 3, "dense", False, ()), swap, swap)
    expected = [18**0.5 / 4, 2**0.5 / 16, 2**0.5]
    torch.testing.assert_close(moved.defects, torch.tensor([expected], dtype=torch.float64))
    assert moved.names == ("g0",)
    assert moved.worst == pytest.approx(2**0.5)
    assert moved.summary == ("Largest relative violation over the elements and orders: 1.41, without sampling.")


@pytest.mark.parametrize(("defect", "invariant"), [(1e-8, True), (1.01e-8, False)])
def test_a_law_counts_as_invariant_to_1e_8(defect, invariant):
    own = torch.tensor([[0.5, 0.25], [0.0, 0.125]], dtype=torch.float64)
    found = DistributionalDefect(own, ("a", "b"), torch.tensor([[0.0, defect], [0.0, 0.0]], dtype=torch.float64))
    assert found.law_is_invariant is invariant
    assert ("says nothing" in found.summary) is not invariant
    assert found.to_dict() == {
        "kind": "distributional-symmetry",
        "schema": 1,
        "names": ["a", "b"],
        "defects": own.tolist(),
        "law_defects": [[0.0, defect], [0.0, 0.0]],
        "law_is_invariant": invariant,
        "worst": 0.5,
    }


def test_the_bars_are_the_output_and_the_crosses_the_law():
    own, law = torch.tensor([[0.5, 0.0]] * 30).double(), torch.tensor([[0.125, 0.0]] * 30).double()
    (section,) = DistributionalDefect(own, tuple(f"g{k}" for k in range(30)), law).sections()
    assert section.table.columns == ("element", "order 1", "order 2")
    assert section.table.rows[29] == ("g29", 0.5, 0.0)
    (axes,) = section.figure.axes
    assert len(axes.patches) == 2 * 24  # the first 24 elements
    assert {round(bar.get_height(), 20) for bar in axes.patches} == {0.5, 1e-17}
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.125] * 24, [1e-17] * 24]
    assert axes.get_yscale() == "log"


def turning(order, **options):
    """A model that turns with the cyclic group of four up to a bias at one place."""
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU()).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(4))
        model[0].bias.copy_(torch.tensor([0.3, 0.0, 0.0, 0.0]))
    group, law = cyclic(4), Gaussian(torch.zeros(4))
    turn = Vector(Regular(group))
    return symmetry_in_distribution(model, Symmetry(group, turn, turn), law, order=order, **options)


@pytest.mark.parametrize("order", [2, 3])
def test_all_elements_of_a_finite_group_are_looked_at(order):
    found = turning(order)
    assert found.defects.shape == (4, order)
    assert found.defects[0].abs().max() == 0.0
    assert found.defects[1:].min() > 1e-3
    assert found.law_is_invariant
    assert found.names == tuple(cyclic(4).describe(torch.tensor(g)) for g in range(4))
    some = turning(order, elements=torch.tensor([2]))
    torch.testing.assert_close(some.defects, found.defects[2:3])


@pytest.mark.parametrize("order", [1, 4])
def test_other_orders_are_not_compared(order):
    with pytest.raises(ArgumentError, match=f"order: expected 2 or 3, got {order}"):
        turning(order)


def test_symmetries_in_distribution_that_are_refused():
    group, law, model = cyclic(2), Gaussian(torch.zeros(2)), nn.Linear(2, 2)
    own = Vector(Regular(group))
    for inputs, outputs in (((own, own), own), (own, (own, own))):
        with pytest.raises(ArgumentError, match="symmetry: expected one input and one output"):
            symmetry_in_distribution(model, Symmetry(group, inputs, outputs), law)
    turning = SO(2)
    turns = Vector(Defining(turning))
    with pytest.raises(ArgumentError, match="elements: expected some elements of a group that is not finite"):
        symmetry_in_distribution(model, Symmetry(turning, turns, turns), law)
    normed = nn.LayerNorm(2)
    with pytest.raises(UnsupportedModuleError):
        symmetry_in_distribution(normed, Symmetry(group, own, Invariant(group)), law)
    found = symmetry_in_distribution(normed, Symmetry(group, own, own), law, on_unsupported="linearise")
    assert found.worst < 1e-9

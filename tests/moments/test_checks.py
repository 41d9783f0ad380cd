"""Comparison with sampling, control variates, rigorous bounds: what tells how far a number can be trusted."""

from __future__ import annotations

import importlib
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.moments import (
    Activation,
    Comparison,
    ControlledMean,
    Dense,
    Gaussian,
    Independent,
    KStatistics,
    Propagation,
    UnsupportedModuleError,
    compare,
    controlled_mean,
    kstats,
    propagate,
    sample_outputs,
)
from haar.moments.bounds import mean_bound, normal_approximation_bound
from haar.moments.laws import Exponential, Rademacher, StudentT
from haar.moments.trace import trace
from haar.moments.vector import VectorCumulants


def network(width=8, depth=1, inputs=3, outputs=2, activation=None):
    state = torch.get_rng_state()
    torch.manual_seed(0)
    sizes = [inputs, *([width] * depth), outputs]
    layers = [x for a, b in itertools.pairwise(sizes) for x in (nn.Linear(a, b), activation or nn.ReLU())]
    torch.set_rng_state(state)
    return nn.Sequential(*layers[:-1]).double()


def test_exact_moments_have_unremarkable_z_scores():
    found = compare(network(), Gaussian([0.1, -0.2, 0.3], 0.5), 40_000, order=3)
    assert found.propagation.exact
    for z in (found.z_mean, found.z_variance):
        assert z.abs().max() < 4.5
    assert found.mean_error < 0.03
    assert found.cov_error < 0.03
    assert found.sampled.count == 40_000


def test_wrong_moments_are_found_out():
    found = compare(network(depth=3), Gaussian([0.1, -0.2, 0.3], 4.0), 40_000, order=1)
    assert found.z_mean.abs().max() > 20
    assert found.z_variance.abs().max() > 20


def test_a_comparison_can_be_read_in_every_way(tmp_path):
    found = compare(network(), Gaussian(torch.zeros(3)), 1000, order=3)
    told = found.to_dict()
    assert told["schema"] == 1
    assert told["sampled"]["count"] == 1000
    assert told["equal_time_samples"] > 0
    assert found.time_ratio > 0
    assert found.table().row_count == 2
    assert found.figure().axes
    assert "as long as" in found.summary
    assert found.save_html(tmp_path / "page.html").exists()


def test_a_deterministic_output_scores_zero():
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.zero_()
    found = compare(model, Gaussian([0.0, 1.0]), 200)
    assert found.z_mean.abs().max() < 1
    assert found.mean_error == 0.0


def test_sampling_repeats_with_its_seed_and_leaves_the_global_state_alone():
    model, law = network().float(), Gaussian(torch.zeros(3))
    before = torch.get_rng_state()
    first, second = sample_outputs(model, law, 10_000), sample_outputs(model, law, 10_000)
    assert torch.equal(first, second)
    assert first.dtype == torch.float64
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("function", [compare, controlled_mean])
def test_laws_with_batches_are_refused(function):
    with pytest.raises(ArgumentError, match="law: expected a law without batch axes"):
        function(nn.Linear(2, 1), Gaussian(torch.zeros(3, 2)), 200)


@pytest.mark.parametrize(
    ("function", "n", "message"), [(compare, 99, "at least 100 samples"), (controlled_mean, 1, "at least 2 draws")]
)
def test_too_few_samples_are_refused(function, n, message):
    with pytest.raises(ArgumentError, match=f"samples: expected {message}, got {n}"):
        function(nn.Linear(2, 1), Gaussian([0.0, 0.0]), n)
    assert function(nn.Linear(2, 1), Gaussian([0.0, 0.0]), n + 1).to_dict()


def test_controls_explain_one_hidden_layer_completely():
    model, law = network(), Gaussian([0.2, -0.1, 0.0], 0.7)
    found = controlled_mean(model, law, 500)
    torch.testing.assert_close(found.mean, propagate(model, law).mean.detach(), rtol=1e-6, atol=1e-7)
    assert found.variance_reduction.min() > 1e6
    assert found.controls == ("input", "first hidden layer")


@pytest.mark.parametrize("law", [Gaussian(torch.zeros(6), 0.3), Independent.same(Exponential(), 6)])
def test_controlled_estimates_are_unbiased_and_less_noisy(law):
    """Forty independent estimates: their average agrees with a large sample, their spread with the stated error."""
    model = network(16, 3, inputs=6, activation=nn.GELU())
    runs = [controlled_mean(model, law, 200, generator=torch.Generator().manual_seed(seed)) for seed in range(40)]
    means = torch.stack([run.mean for run in runs])
    truth = sample_outputs(model, law, 200_000, generator=torch.Generator().manual_seed(99))
    error = (means.var(0) / 40 + truth.var(0) / 200_000).sqrt()
    assert bool(((means.mean(0) - truth.mean(0)).abs() < 4.5 * error).all())
    stated = torch.stack([run.standard_error for run in runs]).mean(0)
    torch.testing.assert_close(means.std(0), stated, rtol=0.45, atol=0)
    reduction = torch.stack([run.variance_reduction for run in runs]).mean(0)
    assert reduction.min() > (5 if law.normal else 2)
    told = runs[0].to_dict()
    assert told["schema"] == 1
    assert told["controls"][0] == "input"


def test_unsupported_parts_only_cost_efficiency():
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 1)).double()
    law = Gaussian(torch.zeros(3), 0.5)
    found = controlled_mean(model, law, 4000)
    truth = sample_outputs(model, law, 100_000, generator=torch.Generator().manual_seed(7))
    error = (found.standard_error.square() + truth.var(0) / 100_000).sqrt()
    assert (found.mean - truth.mean(0)).abs().item() < 5 * error.item()
    assert found.variance_reduction.item() > 1.5


@pytest.mark.parametrize("n", [4, 16])
@pytest.mark.parametrize("law", [Rademacher(), Exponential()])
def test_the_normal_approximation_bound_holds(n, law):
    """|E relu(S_n - t) - normal| by enumeration or the gamma density."""
    from scipy import integrate, stats

    t = 0.3
    model = nn.Sequential(nn.Linear(n, 1), nn.ReLU()).double()
    nn.init.constant_(model[0].weight, n**-0.5)
    nn.init.constant_(model[0].bias, -t)
    if isinstance(law, Rademacher):
        exact = sum(math.comb(n, k) * max((2 * k - n) / n**0.5 - t, 0.0) for k in range(n + 1)) / 2**n
    else:
        exact = integrate.quad(lambda x: stats.gamma.pdf(x * n**0.5 + n, n) * n**0.5 * (x - t), t, 40)[0]
    found = propagate(model, Independent.same(law, n))
    error = abs(found.mean.item() - exact)
    assert 0 < error <= found.mean_bound.item()
    assert found.mean_bound.item() == pytest.approx(law.absolute_third() / n**0.5)
    assert found.to_dict()["mean_bound"] == pytest.approx([found.mean_bound.item()])


def test_the_bound_passes_through_the_output_layer():
    model = network(4, 1, inputs=3, outputs=2)
    law = Independent.same(Rademacher(), 3)
    found = propagate(model, law)
    x = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)), dtype=torch.float64)
    error = (found.mean - model(x).mean(0)).abs()
    assert bool((error <= found.mean_bound).all())
    hidden = normal_approximation_bound(
        model[0].weight.detach(), torch.ones(3).double(), model[0].weight.detach().square().sum(1)
    )
    torch.testing.assert_close(found.mean_bound, model[2].weight.detach().abs() @ hidden)


def test_no_bound_is_claimed_where_none_is_known():
    law = Independent.same(Exponential(), 3)

    class Square(nn.Module):
        def forward(self, x):
            return x**2

    class Residual(nn.Module):
        def forward(self, x):
            return x + torch.relu(x)

    for model, given in (
        (network(4, 2), law),
        (nn.Sequential(nn.Linear(3, 2), Square()).double(), law),
        (Residual(), law),
        (network(), Independent.same(StudentT(3), 3)),
        (network(), Gaussian(torch.zeros(3))),
        (nn.Linear(3, 2), law),
        (nn.Sequential(nn.ReLU(), nn.Dropout(0.5)).train(), law),
    ):
        assert mean_bound(trace(model, (3,)), given) is None


def test_units_that_do_not_move_need_no_bound():
    found = normal_approximation_bound(torch.zeros(2, 3), torch.ones(3), torch.zeros(2))
    assert found.tolist() == [0.0, 0.0]
    with pytest.raises(ShapeError, match=r"absolute_third: expected \(3,\)"):
        normal_approximation_bound(torch.zeros(2, 3), torch.ones(2), torch.zeros(2))


def by_hand(outputs=2):
    """Propagated means 1, 1.. and variances 4, 0, 0..; sampled means 2, 3.5, 3.5.., the second sampled variance too."""
    double = {"dtype": torch.float64}
    mean, variance, third = (
        torch.ones(outputs, **double),
        torch.zeros(outputs, **double),
        torch.zeros(outputs, **double),
    )
    variance[0], third[0] = 4.0, 16.0
    cumulants = VectorCumulants(mean, variance.diag(), torch.diag_embed(third.diag()))
    sampled = torch.stack([torch.full((outputs,), 3.5, **double), variance, 2 * third, torch.zeros(outputs, **double)])
    sampled[0, 0] = 2.0
    z = torch.tensor([-2.5, 1.0] + [0.0] * (outputs - 2), **double)
    return Comparison(
        propagation=Propagation(cumulants, (outputs,), 3, "dense", False, ()),
        sampled=KStatistics(sampled, sampled / 10, sampled / 20, 1000),
        sampled_cov=torch.tensor([3.0] + [4.0] * (outputs - 1), **double).diag(),
        z_mean=z,
        z_variance=1.3 * z,
        z_third=2 * z,
        seconds_propagation=0.5,
        seconds_sampling=2.0,
    )


def test_what_a_comparison_shows_by_hand():
    found = by_hand()
    assert (found.time_ratio, found.equal_time_samples) == (4.0, 250.0)
    assert found.mean_error == 0.25  # |1 - 2| / 2, and an output that does not move
    assert found.cov_error == pytest.approx(17**0.5 / 5)
    assert found.summary == f"{found.propagation.answer} {found.checked}"
    assert found.checked == (
        "Over 1000 samples the largest |z| is 2.50 for the means and 3.25 for the variances. "
        "The propagation took as long as 250 samples."
    )
    assert found.trust == f"{found.propagation.trust} {found.checked}"
    told = found.to_dict()
    assert told["z_mean"] == [-2.5, 1.0]
    assert told["z_variance"] == [-3.25, 1.3]
    assert told["z_third"] == [-5.0, 2.0]
    assert (told["seconds_propagation"], told["seconds_sampling"]) == (0.5, 2.0)
    assert told["propagation"]["order"] == 3
    assert (told["mean_error"], told["equal_time_samples"]) == (0.25, 250.0)


def test_the_table_of_a_comparison_by_hand():
    sections = by_hand().sections()
    table = sections[0].table
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert shown == {
        "output": "0",
        "mean": 1.0,
        "sampled mean": 2.0,
        "standard error": 0.2,
        "z": -2.5,
        "sd": 2.0,
        "sampled sd": 2.0,
        "z of the variance": -3.25,
        "skewness": 2.0,
        "sampled skewness": 4.0,
        "z of the third cumulant": -5.0,
    }
    assert [section.title for section in sections] == ["Side by side", "Layers"]
    drawn = sections[0].figure.axes[0]
    assert [line.get_ydata().tolist() for line in drawn.lines] == [[-2.5, 1.0], [-3.25, 1.3]]
    band = drawn.patches[0].get_path().get_extents(drawn.patches[0].get_patch_transform())
    assert (band.y0, band.y1) == (-2.0, 2.0)


@pytest.mark.parametrize(("outputs", "note"), [(20, ""), (21, "first 20 of 21")])
def test_twenty_outputs_are_shown(outputs, note):
    table = by_hand(outputs).sections()[0].table
    assert (len(table.rows), table.note) == (20, note)


def test_scores_are_the_gap_over_the_standard_error(generator):
    model, law = network(), Gaussian([0.1, -0.2, 0.3], 0.5)
    found = compare(model, law, 300, order=3, generator=generator)
    y = sample_outputs(model, law, 300, generator=torch.Generator().manual_seed(0))
    sampled, third = kstats(y), found.propagation.third.diagonal(dim1=0, dim2=1).diagonal()
    own = (found.propagation.mean, found.propagation.variance, third)
    for at, (mine, z) in enumerate(zip(own, (found.z_mean, found.z_variance, found.z_third), strict=True)):
        torch.testing.assert_close(z, (mine - sampled.values[at]) / sampled.errors[at], rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.sampled_cov, np.cov(y.T), rtol=1e-12)
    assert not found.propagation.mean.requires_grad
    assert compare(model, law, 100).z_third is None


def test_rounding_of_the_model_is_the_yardstick_of_what_does_not_move():
    model = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))
    with torch.no_grad():
        for layer, bias in ((model[0], [0.1, 0.2]), (model[1], [0.3])):
            layer.weight.fill_(float(layer is model[1]))
            layer.bias.copy_(torch.tensor(bias))
    found = compare(model, Gaussian([0.0]), 100)
    mine, theirs = found.propagation.mean.item(), found.sampled.values[0].item()
    assert mine != theirs
    assert found.z_mean.item() == pytest.approx((mine - theirs) / (1e-6 * theirs))


def test_the_times_of_a_comparison_are_those_of_its_halves(monkeypatch):
    clock = SimpleNamespace(perf_counter=iter([1.0, 1.5, 3.5]).__next__)
    monkeypatch.setattr(importlib.import_module("haar.moments.compare"), "time", clock)
    found = compare(nn.Linear(1, 1), Gaussian([0.0]), 100)
    assert (found.seconds_propagation, found.seconds_sampling) == (0.5, 2.0)


class Scaled(nn.Module):
    """Rows of two numbers, times a constant, and rectified by a function of its own."""

    def __init__(self):
        super().__init__()
        self.bend = Bend()

    def forward(self, x, gain):
        return self.bend(x[:, 0] * gain)


class Bend(nn.Module):
    def forward(self, z):
        return torch.where(z > 0, z, 0 * z)


class Doubling(nn.Module):
    def forward(self, z):
        return z.detach() + z


def test_what_propagate_takes_is_passed_on():
    law, bend = Gaussian(torch.zeros(2)), Activation(lambda z: z.clamp(min=0), name="bend", scale=0.0)
    options = {"input_shape": (1, 2), "constants": {"gain": torch.tensor(3.0)}}
    found = compare(Scaled(), law, 1000, activations={Bend: bend}, **options)
    assert found.propagation.exact
    torch.testing.assert_close(found.propagation.mean, torch.full((2,), 3 / (2 * math.pi) ** 0.5).double())
    assert found.z_mean.abs().max() < 5
    with pytest.raises(UnsupportedModuleError):
        compare(Scaled(), law, 1000, **options)
    assert controlled_mean(Scaled(), law, 100, **options).mean.shape == (2,)
    with pytest.raises(UnsupportedModuleError):
        controlled_mean(Scaled(), law, 100, on_unsupported="raise", **options)
    told = compare(Doubling(), law, 100, affine=[Doubling], backend="diagonal")
    assert told.propagation.backend == "diagonal"
    assert [(layer.kind, layer.how) for layer in told.propagation.layers] == [("Doubling", "uncorrelated")]


def test_one_generator_serves_the_draws_of_both_halves():
    model, law = nn.Sequential(nn.LayerNorm(2)), Gaussian([0.0, 1.0])

    def seeded(seed):
        return torch.Generator().manual_seed(seed)

    own = propagate(model, law, backend=Dense(generator=seeded(5)), on_unsupported="sample")
    found = compare(model, law, 100, generator=seeded(5), on_unsupported="sample")
    assert torch.equal(found.propagation.mean, own.mean)
    kept = compare(model, law, 100, generator=seeded(6), backend=Dense(generator=seeded(5)), on_unsupported="sample")
    assert torch.equal(kept.propagation.mean, own.mean)
    assert not torch.equal(kept.sampled.values, found.sampled.values)


def test_samples_are_the_model_on_the_draws_of_the_law_in_chunks():
    law, seen = Gaussian([0.5, 1.0]), []

    class Seen(nn.Linear):
        def forward(self, x):
            seen.append((len(x), x.dtype))
            return super().forward(x)

    model = Seen(2, 1)
    found = sample_outputs(model, law, 10_000, generator=torch.Generator().manual_seed(3))
    same = torch.Generator().manual_seed(3)
    x = torch.cat([law.sample(count, same) for count, _ in seen])
    assert [count for count, _ in seen] == [8192, 1808]
    assert {dtype for _, dtype in seen} == {torch.float32}
    with torch.no_grad():
        torch.testing.assert_close(found, model(x.float()).double(), rtol=0, atol=0)
    assert torch.equal(sample_outputs(nn.Identity(), law, 3), law.sample(3, torch.Generator().manual_seed(0)))


def test_a_control_by_hand(generator):
    """relu(x) is controlled by x itself: Cov(relu(x), x) / Var x = P(x > 0) (Stein)."""
    n, law = 9000, Gaussian([0.7], 4.0)
    found = controlled_mean(nn.ReLU(), law, n, generator=generator)
    again = torch.Generator().manual_seed(0)
    x = torch.cat([law.sample(count, again) for count in (8192, n - 8192)])
    after = x.relu() - 0.5 * math.erfc(-0.35 / 2**0.5) * (x - 0.7)
    torch.testing.assert_close(found.plain_mean, x.relu().mean(0), rtol=1e-12, atol=0)
    torch.testing.assert_close(found.plain_standard_error, x.relu().std(0) / n**0.5, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.mean, after.mean(0), rtol=1e-9, atol=0)
    torch.testing.assert_close(found.standard_error, after.std(0) / n**0.5, rtol=1e-7, atol=0)
    assert (found.controls, found.count) == (("input",), n)
    assert not found.mean.requires_grad


def test_the_hidden_layer_is_a_control_where_its_mean_is_exact():
    model = network()
    assert controlled_mean(model, Independent.same(Exponential(), 3), 2).controls == ("input",)
    assert controlled_mean(model[:2], Gaussian(torch.zeros(3)), 2).controls == ("input",)
    assert controlled_mean(model[:1], Gaussian(torch.zeros(3)), 2).controls == ("input",)
    assert controlled_mean(model, Gaussian(torch.zeros(3)), 2).controls == ("input", "first hidden layer")


def test_what_a_controlled_mean_tells_by_hand():
    one = torch.ones(2, dtype=torch.float64)
    found = ControlledMean(2 * one, torch.tensor([0.5, 0.0], dtype=torch.float64), 3 * one, 0 * one, ("input",), 7)
    assert found.to_dict() == {
        "schema": 1,
        "count": 7,
        "controls": ["input"],
        "mean": [2.0, 2.0],
        "standard_error": [0.5, 0.0],
        "plain_mean": [3.0, 3.0],
        "plain_standard_error": [0.0, 0.0],
        "variance_reduction": pytest.approx([0.0, 1.0], abs=1e-300),
    }
    better = ControlledMean(one, 0.5 * one, one, 2 * one, ("input",), 7)
    assert better.variance_reduction.tolist() == [16.0, 16.0]

"""What calibrated perturbations compute of a matrix and its inputs, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import cholesky
from torch import nn

from haar.compress import PERTURBATIONS, SparseGPT, Surgeon, Wanda, sweep
from haar.compress.batch import batches_of
from haar.compress.bench import Bench
from haar.compress.calibrated import ScaledQuantise, Taylor, inverse_gram, norms, spectrum
from haar.compress.catalogue import perturbation_of, perturbations_of
from haar.compress.entries import share
from haar.compress.layers import layers_of
from haar.compress.quantise import rounded
from haar.errors import ArgumentError

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


W, X = drawn(3, 6), drawn(20, 6, seed=1) * torch.tensor([3.0, 1, 1, 0.5, 2, 1], dtype=F64)


def layer():
    model = nn.Sequential(nn.Linear(6, 3, bias=False)).double()
    return layers_of(model, ["*"])[0]


def test_scores_by_hand():
    size, length = W.abs().numpy(), np.sqrt((X.numpy() ** 2).sum(0))
    ria = np.zeros((3, 6))
    for i in range(3):
        for j in range(6):
            ria[i, j] = (size[i, j] / size[i].sum() + size[i, j] / size[:, j].sum()) * length[j] ** 0.5
    np.testing.assert_allclose(PERTURBATIONS["ria"]().scores(W, X), ria, rtol=1e-12)
    np.testing.assert_allclose(Wanda().scores(W, X), size * length, rtol=1e-12)
    empty = W.clone()
    empty[1], empty[:, 2] = 0, 0
    assert torch.equal(PERTURBATIONS["ria"]().scores(empty, X)[1], torch.zeros(6, dtype=F64))


@pytest.mark.parametrize(("rows", "into"), [(1, 1), (7, 3), (700, 60), (3, 40_000)])
def test_norms_of_inputs_are_those_of_numpy(rows, into):
    x = drawn(rows, into)
    np.testing.assert_allclose(norms(x), np.linalg.norm(x.numpy(), axis=0), rtol=1e-13)
    np.testing.assert_allclose(norms(x.float()), np.linalg.norm(x.float().double().numpy(), axis=0), rtol=1e-5)
    half = (1000 * x[:, :3]).half()  # squares are out of its range, norms of few rows are not
    expected = np.linalg.norm(half.double().numpy(), axis=0)
    seen = expected < 60_000
    np.testing.assert_allclose(norms(half).double()[seen], expected[seen], rtol=1e-3)
    assert norms(half).dtype == torch.float16


@pytest.mark.parametrize("guarded", [False, True])
def test_a_run_ends_where_the_last_layer_was_reached(guarded):
    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head, self.heads = (
                nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)),
                nn.Linear(4, 2),
                0,
            )

        def forward(self, x):
            try:
                x = self.body(x)
            except Exception:
                if not guarded:
                    raise
                x = self.body(x)  # a model that goes on whatever happens
            self.heads += 1
            return self.head(x)

    torch.manual_seed(0)
    model = Counted().double()
    bench = Bench(model, layers=["body.*"], calibration=batches_of([X]), example=batches_of([X])[0])
    before = bench.model.heads
    Wanda().apply(bench, 0.5, 0)
    assert bench.model.heads == before + guarded
    first = model.body[0].weight.detach()
    kept = first.abs() * X.norm(dim=0)
    kept = kept > kept.sort(dim=1).values[:, 2:3]
    assert torch.equal(bench.model.body[0].weight.detach(), first * kept)
    seen = torch.relu(X @ (first * kept).T + model.body[0].bias.detach())
    score = model.body[2].weight.detach().abs() * seen.norm(dim=0)
    assert torch.equal(bench.model.body[2].weight != 0, score > score.sort(dim=1).values[:, 1:2])
    assert not any(module._forward_pre_hooks for module in bench.model.modules())


@pytest.mark.parametrize("damping", [0.0, 0.01, 0.5])
def test_the_inverse_has_a_ridge_of_a_share_of_the_mean_diagonal(damping):
    gram = (X.T @ X).numpy()
    expected = np.linalg.inv(gram + damping * np.trace(gram) / 6 * np.eye(6))
    found = inverse_gram(X, damping)
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-9, atol=1e-12)
    assert found.rank == 6
    scores = Surgeon(damping).scores(W, X)
    np.testing.assert_allclose(scores, W.numpy() ** 2 / np.diag(expected), rtol=1e-9)


def test_what_was_never_seen_goes_first():
    x = X.clone()
    x[:, 2] = 0
    assert Surgeon().scores(W, x)[:, 2].tolist() == [0.0] * 3
    assert inverse_gram(x, 0.0).rank == 5
    found = SparseGPT().changed(layer(), W, x, 0.0)
    assert (found[:, [0, 1, 3, 4, 5]] - W[:, [0, 1, 3, 4, 5]]).abs().max() < 1e-12


def test_ranks_are_counted_down_to_rounding():
    x = torch.cat([X, X[:, :1] * 1e6], 1)  # in other units, and of no new direction
    assert inverse_gram(x, 0.0).rank == 6
    assert inverse_gram(1e-6 * X, 0.0).rank == 6


@pytest.mark.parametrize("block", [6, 4, 2])
def test_sparsegpt_is_its_algorithm(block):
    damped = (X.T @ X + 0.01 * (X.T @ X).diagonal().mean() * torch.eye(6)).numpy()
    factor = cholesky(np.linalg.inv(damped))
    found = W.numpy().copy()
    for begin in range(0, 6, block):
        end = min(begin + block, 6)
        wanted = share(0.5, end) - share(0.5, begin)
        gone = np.zeros((3, end - begin), dtype=bool)
        for row in range(3):
            scores = (found[row, begin:end] / np.diag(factor)[begin:end]) ** 2
            gone[row, np.argsort(scores)[:wanted]] = True
        for j in range(begin, end):
            for row in range(3):
                before = found[row, j]
                after = 0.0 if gone[row, j - begin] else before
                found[row, j:] -= (before - after) / factor[j, j] * factor[j, j:]
                found[row, j] = after
    np.testing.assert_allclose(SparseGPT(block=block).changed(layer(), W, X, 0.5), found, rtol=1e-7, atol=1e-9)
    assert (SparseGPT().damping, SparseGPT().block) == (0.01, 128)


@pytest.mark.parametrize("bits", [2, 4])
def test_scaled_rounding_is_the_best_of_a_few_gauges(bits):
    given, own = X.abs().amax(0), W.abs().amax(0)
    tried = [rounded(W, bits)]
    for tenth in range(11):
        scale = given ** (tenth / 10) / own ** (1 - tenth / 10)
        tried.append(rounded(W * scale, bits) / scale)
    errors = [float((X @ (one - W).T).square().sum()) for one in tried]
    found = ScaledQuantise().changed(layer(), W, X, float(bits))
    torch.testing.assert_close(found, tried[int(np.argmin(errors))], rtol=1e-9, atol=1e-12)
    assert min(errors) < errors[0]


def test_scaled_rounding_leaves_what_is_zero():
    w, x = W.clone(), X.clone()
    w[:, 1], x[:, 4] = 0, 0
    found = ScaledQuantise().changed(layer(), w, x, 3.0)
    assert found[:, 1].tolist() == [0.0] * 3
    assert bool(found.isfinite().all())


@pytest.mark.parametrize("squares", [False, True])
def test_taylor_scores_are_weights_times_slopes_of_the_loss(squares):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    y = X[:, :1] * X[:, 1:2]
    data = [(X[:12], y[:12]), (X[12:], y[12:])]
    bench = Bench(model, layers=["0"], calibration=batches_of(data))
    scores = torch.zeros(8, 6, dtype=F64)
    for x, target in data:
        with torch.enable_grad():
            slope = torch.autograd.grad((model(x) - target).square().mean(), model[0].weight)[0]
        scores += slope.square() if squares else slope.abs()
    weight = model[0].weight.detach()
    scores = weight.square() * scores if squares else weight.abs() * scores
    Taylor(squares=squares).apply(bench, 0.5, 0)
    kept = scores > scores.sort(dim=1).values[:, 2:3]
    assert torch.equal(bench.layers[0].matrices()[0], weight * kept)


SHARES = tuple(k / 10 for k in range(1, 10))
SPARSE = (SHARES, "sparsity", 0.0, (0.0, 1.0))
BITS = ((8, 6, 5, 4, 3, 2), "bits", None, (2, 32))
RANKS = ((0.9, 0.7, 0.5, 0.3, 0.1), "kept rank", 1.0, (0.0, 1.0))
USUAL = {
    "noise": ((0.05, 0.1, 0.2, 0.4, 0.8), "sigma", 0.0, (0.0, float("inf"))),
    **dict.fromkeys(("random", "magnitude", "magnitude (row)", "magnitude (global)"), SPARSE),
    **dict.fromkeys(("wanda", "ria", "taylor", "taylor (squares)", "obs", "obs (damped 0.01)", "sparsegpt"), SPARSE),
    **dict.fromkeys(("quantise", "quantise (tensor)", "quantise (64 inputs)", "quantise (asymmetric)"), BITS),
    **dict.fromkeys(("activations", "quantise (scaled)"), BITS),
    **dict.fromkeys(("low rank", "low rank (data)"), RANKS),
    **dict.fromkeys(("2:4", "4:8", "2:4 (wanda)", "4:8 (wanda)"), ((0.5,), "sparsity", 0.0, (0.0, 1.0))),
    "units": (SHARES, "share of units", 0.0, (0.0, 1.0)),
    "heads": ((0.25, 0.5, 0.75), "share of heads", 0.0, (0.0, 1.0)),
    "depth": ((1,), "blocks", 0.0, (0, 10_000)),
    "deepen (0)": ((1, 2), "copies", 0.0, (0, 1_000)),
    "decoding": ((0.25, 0.5, 1.0, 1.5), "temperature", 0.0, (0.0, 100.0)),
}
LOOK_AT_INPUTS = {
    "wanda", "2:4 (wanda)", "4:8 (wanda)", "ria", "taylor", "taylor (squares)", "obs", "obs (damped 0.01)", "sparsegpt",
    "low rank (data)", "quantise (scaled)",
}  # fmt: skip


def test_the_levels_that_are_tried_where_nothing_is_asked_for():
    assert set(USUAL) == set(PERTURBATIONS)
    for name, (levels, measure, identity, within) in USUAL.items():
        one = PERTURBATIONS[name]()
        assert (tuple(one.levels), one.measure, one.identity) == (levels, measure, identity), name
        assert one.within == within, name
        assert one.rising is (measure not in ("bits", "kept rank")), name
        assert one.whole is (measure in ("bits", "blocks", "copies")), name
        assert one.calibrated is (name in LOOK_AT_INPUTS), name


def test_names_stand_for_perturbations():
    assert perturbation_of("quantise (16 inputs)").per == 16
    assert not perturbation_of("quantise (16 inputs)").asymmetric
    assert perturbation_of("quantise (16 inputs, asymmetric)").asymmetric
    assert perturbation_of("1:8 (wanda)").name == "1:8 (wanda)"
    assert perturbation_of("1:8").name == "1:8"
    assert [one.name for one in perturbations_of(None)] == ["noise", "magnitude", "quantise", "low rank"]
    assert [one.name for one in perturbations_of("2:4")] == ["2:4"]
    with pytest.raises(ArgumentError, match=r"perturbations: expected names among noise, .*, got 'zzz'$"):
        perturbation_of("zzz")
    with pytest.raises(ArgumentError, match=r"perturbations: expected at least one, .* got \[\]"):
        perturbations_of([])


def test_layers_that_do_not_run_are_named(perceptron, pairs):
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = perceptron[0], nn.Linear(8, 8).double()
            self.head = nn.Linear(32, 3).double()

        def forward(self, x):
            return self.head(self.used(x))

    with pytest.raises(ArgumentError, match=r"calibration: expected data with which every layer is run, got idle: not"):
        sweep(Idle(), "wanda", ["drift"], pairs, calibration=pairs, layers=["used", "idle"])


@pytest.mark.parametrize(
    ("metric", "target", "words"),
    [
        (
            "accuracy",
            lambda y: y.double()[:, None].expand(-1, 3),
            "metrics: expected classes as targets for 'accuracy'",
        ),
        (
            "loss",
            lambda y: y.double()[:, None],
            r"data: expected targets of shape \(16, 3\), the model's, got \(16, 1\)",
        ),
    ],
)
def test_targets_of_another_kind_are_refused(perceptron, pairs, metric, target, words):
    with pytest.raises(ArgumentError, match=words):
        sweep(perceptron, "magnitude", [metric], [(x, target(y)) for x, y in pairs], levels=[0.5], draws=0)


def test_few_samples_have_no_alignment_of_kernels(perceptron, pairs):
    three = [(x[:3], y[:3]) for x, y in pairs]
    with pytest.raises(ArgumentError, match="data: expected batches of at least 4 samples for 'cka', got 3"):
        sweep(perceptron, "magnitude", ["cka"], three, levels=[0.5], draws=0)
    four = [(x[:4], y[:4]) for x, y in pairs]
    assert sweep(perceptron, "magnitude", ["cka"], four, levels=[0.5], draws=0).curves[0].values


@pytest.mark.parametrize(("one", "words"), [(3, "got mine: int"), (nn.MSELoss, "got mine: type")])
@pytest.mark.usefixtures("unchecked_annotations")
def test_what_is_no_metric_is_refused(perceptron, pairs, one, words):
    with pytest.raises(ArgumentError, match=f"metrics: expected functions of a model and a batch, {words}"):
        sweep(perceptron, "magnitude", {"mine": one}, pairs, levels=[0.5], draws=0)


@pytest.mark.parametrize(("rows", "into"), [(7, 4), (3, 5)])
def test_the_spectrum_of_inputs_is_theirs(rows, into):
    x = torch.randn(rows, into, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values, directions = spectrum(x)
    assert (values.shape, directions.shape) == ((min(rows, into),), (into, min(rows, into)))
    torch.testing.assert_close((directions * values.square()) @ directions.T, x.T @ x, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("least", "kept"), [(0.9e-11, 1), (1.1e-11, 2)])
def test_directions_of_less_than_a_hundred_billionth_are_rounding(least, kept):
    assert len(spectrum(torch.diag(torch.tensor([2.0, 2 * least], dtype=torch.float64)))[0]) == kept

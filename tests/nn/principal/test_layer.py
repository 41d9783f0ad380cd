"""Principal components as a layer: exactness, policies, gradients, running statistics, refusals."""

from __future__ import annotations

import copy
import itertools
import warnings

import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

import haar
from haar.errors import ArgumentError, HaarError, HaarWarning, ShapeError
from haar.nn import PCALayer, SignMLP
from haar.nn.principal import DegenerateCutWarning, nearest_orthogonal

F64 = torch.float64
SCALES = torch.tensor([5.0, 3, 2, 0.5, 0.4, 0.3], dtype=F64)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def orthogonal(n, seed=0):
    return nearest_orthogonal(drawn(n, n, seed=seed))


def rows(n=80, seed=0):
    return drawn(n, 6, seed=seed) * SCALES @ orthogonal(6, 9) + 7


def tied(values=(2.0, 2, 2, 1, 0.5, 0.4), n=40):
    """Rows whose covariance has these eigenvalues to rounding."""
    x = drawn(n, len(values))
    white = torch.linalg.qr(x - x.mean(0)).Q * n**0.5
    return white * torch.tensor(values, dtype=F64).sqrt() @ orthogonal(len(values), 9)


def defect(head, symmetry, scores):
    report = haar.audit(head, symmetry, scores, layers=False, data_symmetry=False)
    return report.findings.worst.relative.value


def layer(k=3, **options):
    return PCALayer(k, **options).double()


def anew(module):
    """The module as it is now, however often it is called."""

    def call(x):
        return copy.deepcopy(module)(x)

    return call


@pytest.mark.filterwarnings("ignore::haar.nn.principal.DegenerateCutWarning")  # of five rows
@pytest.mark.parametrize("n", [80, 5], ids=["more rows", "fewer rows than columns"])
def test_scores_are_those_of_scikit_learn_up_to_signs(n):
    x = rows(n)
    ours, theirs = layer(3)(x), torch.from_numpy(PCA(3, svd_solver="full").fit_transform(x.numpy()))
    torch.testing.assert_close(ours.abs(), theirs.abs(), rtol=0, atol=1e-10)
    whitened = layer(3, whiten=True)(x)
    white = torch.from_numpy(PCA(3, svd_solver="full", whiten=True).fit_transform(x.numpy()))
    torch.testing.assert_close(whitened.abs(), white.abs() * (n / (n - 1)) ** 0.5, rtol=0, atol=1e-9)


def test_equal_rows_rotated_columns_give_equal_scores_where_the_reference_turns_too():
    x, turn = rows(), orthogonal(6, 3)
    plain = layer(3).fit(rows(seed=1))
    turned = copy.deepcopy(plain)
    turned.load_state_dict({**plain.state_dict(), "mean": plain.mean @ turn, "reference": turn.mT @ plain.reference})
    torch.testing.assert_close(turned(x @ turn), plain(x), rtol=0, atol=1e-10)
    torch.testing.assert_close(turned.eval()(x @ turn), plain.eval()(x), rtol=0, atol=1e-10)


def test_a_first_batch_does_not_see_rotations_of_its_columns():
    x, turn = rows(), orthogonal(6, 3)
    torch.testing.assert_close(layer(3)(x @ turn), layer(3)(x), rtol=0, atol=1e-10)


def test_one_rescaled_column_gives_other_scores():
    x = rows()
    scale = torch.tensor([10.0, 1, 1, 1, 1, 1], dtype=F64)
    plain = layer(3).fit(x)
    assert not torch.allclose(plain(x).abs(), layer(3).fit(x * scale)(x * scale).abs(), atol=0.1)


def test_order_of_rows_shifts_and_scales():
    x = rows()
    fitted = layer(3).fit(x)
    y = copy.deepcopy(fitted)(x)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(copy.deepcopy(fitted)(x[order]), y[order], rtol=0, atol=1e-10)
    torch.testing.assert_close(copy.deepcopy(fitted)(x + drawn(6)), y, rtol=0, atol=1e-10)
    torch.testing.assert_close(copy.deepcopy(fitted)(-3 * x), -3 * y, rtol=0, atol=1e-10)


def test_the_solvers_gauge_does_not_show_where_all_eigenvalues_are_equal():
    x = tied((2.0, 2, 2, 1, 0.5, 0.4))
    fitted = layer(3).fit(tied() + 0.1 * drawn(40, 6, seed=4))
    y = copy.deepcopy(fitted)(x)
    for seed in range(3):  # other roundings, and the solver returns another basis of the tied space
        noisy = x + 1e-13 * drawn(40, 6, seed=seed)
        torch.testing.assert_close(copy.deepcopy(fitted)(noisy), y, rtol=0, atol=1e-10)


@pytest.mark.parametrize("output", ["scores", "projection"])
@pytest.mark.parametrize("gradient", ["projector", "gap"])
@pytest.mark.parametrize("whiten", [False, True])
def test_gradients_are_those_of_differences_at_triple_ties(output, gradient, whiten):
    if whiten and output == "projection":
        with pytest.raises(ArgumentError, match="whiten: expected False for a projection, got True"):
            layer(3, output=output, whiten=whiten)
        return
    fitted = layer(3, gradient=gradient, output=output).fit(tied() + 0.1 * drawn(40, 6, seed=4))
    assert torch.autograd.gradcheck(anew(fitted), (tied().requires_grad_(),))


def test_the_first_batch_has_gradients_too():
    empty = layer(2, gradient="projector", output="projection")
    assert torch.autograd.gradcheck(anew(empty), (rows(20).requires_grad_(),))
    x = tied().requires_grad_()
    for gradient in ("projector", "gap"):
        (found,) = torch.autograd.grad(layer(3, gradient=gradient)(x)[0, 0], x)
        assert bool(torch.isfinite(found).all())


@pytest.mark.parametrize("gauge", ["canonical", "invariant", "equivariant"])
def test_gradients_through_eigenvectors_are_those_of_differences(gauge):
    fitted = layer(3, gauge=gauge, gradient="gap").fit(rows())
    assert torch.autograd.gradcheck(anew(fitted), (rows(20, seed=1).requires_grad_(),))


def test_directions_that_are_detached_are_constants():
    fitted, x = layer(3).fit(rows()), rows(20, seed=1).requires_grad_()
    y = copy.deepcopy(fitted)(x)
    (found,) = torch.autograd.grad(y[0, 0], x)
    centring = torch.eye(20, dtype=F64)[0] - 1 / 20
    direction = torch.linalg.lstsq((x - x.mean(0)).detach(), y.detach()).solution[:, 0]
    torch.testing.assert_close(found, centring[:, None] * direction, rtol=0, atol=1e-9)


def test_running_statistics_are_the_stated_averages():
    first, second = rows(seed=1), rows(seed=2)
    training = layer(3, momentum=0.25)
    training(first)
    held = training.reference.clone()
    scores = training(second)
    torch.testing.assert_close(training.mean, 0.75 * first.mean(0) + 0.25 * second.mean(0))
    frame = torch.linalg.lstsq(second - second.mean(0), scores).solution
    blend = torch.linalg.qr(0.75 * held + 0.25 * frame).Q
    torch.testing.assert_close(training.reference.abs(), blend.abs(), rtol=0, atol=1e-9)
    assert bool(((training.reference * held).sum(0) > 0.5).all())
    assert int(training.batches) == 2
    ours = training.eval()(second)
    torch.testing.assert_close(ours, (second - training.mean) @ training.reference)


def test_scores_of_an_aligned_layer_move_little_and_canonical_ones_flip():
    drift = {}
    for gauge in ("align", "canonical"):
        moving = layer(3, gauge=gauge).fit(rows(seed=100))
        frames = []
        for seed in range(30):
            x = rows(60, seed=seed)
            frames.append(torch.linalg.lstsq(x - x.mean(0), moving(x)).solution)
        drift[gauge] = max(float((one - other).norm()) for one, other in itertools.pairwise(frames))
    assert drift["align"] < 0.7
    assert drift["canonical"] > 1.9  # a flipped column moves by 2


def test_whitened_scores_have_unit_covariance_in_training_and_evaluation():
    x = rows(400)
    white = layer(3, whiten=True).fit(x)
    for y in (copy.deepcopy(white)(x), white.eval()(x)):
        torch.testing.assert_close(y.mT @ y / len(y), torch.eye(3, dtype=F64), rtol=0, atol=1e-9)


def test_it_is_printed_with_what_differs_from_plain():
    assert repr(layer(3)) == "PCALayer(? -> 3, gauge='align', gradient='detach')"
    told = "PCALayer(6 -> 3, gauge='fixed', gradient='gap', whiten=True)"
    assert repr(layer(3, in_features=6, gauge="fixed", gradient="gap", whiten=True)) == told
    assert repr(layer(3, output="projection")).endswith("gradient='detach', output='projection')")


@pytest.mark.parametrize("gauge", ["align", "canonical"])
def test_the_running_covariance_is_that_of_scores_in_the_running_frame(gauge):
    first, second = rows(seed=1), rows(seed=2)
    training = layer(3, gauge=gauge, momentum=0.25)
    training(first)
    held, frame = training.covariance.clone(), training.reference.clone()
    scores = (first - first.mean(0)) @ frame
    torch.testing.assert_close(held, scores.mT @ scores / len(first), rtol=1e-9, atol=1e-9)
    turned = (second - second.mean(0)) @ training(second).new_tensor(aligned(second, frame))
    new = turned.mT @ turned / len(second)
    signs = (training.reference * frame).sum(0).sign()
    expected = (0.75 * held + 0.25 * new) * signs * signs[:, None]
    torch.testing.assert_close(training.covariance, expected, rtol=1e-8, atol=1e-8)


def aligned(x, reference):
    """The principal directions of rows, turned to a reference."""
    frame = torch.linalg.svd(x - x.mean(0), full_matrices=False)[2][:3].mT
    return (frame @ nearest_orthogonal(frame.mT @ reference)).tolist()


@pytest.mark.parametrize("gauge", ["align", "canonical", "invariant"])
def test_a_canonical_frame_is_that_of_its_largest_entries_and_an_invariant_score_has_no_sign(gauge):
    x = rows(seed=3)
    fitted = layer(3, gauge=gauge).fit(x)
    largest = fitted.reference.gather(0, fitted.reference.abs().argmax(0, keepdim=True))
    if gauge == "canonical":
        assert bool((largest > 0).all())
        seen = copy.deepcopy(fitted)(x)
        torch.testing.assert_close(seen, (x - x.mean(0)) @ fitted.reference, rtol=0, atol=1e-9)
    else:
        scores = fitted.eval()(x)
        assert bool((scores >= 0).all()) is (gauge == "invariant")


def test_a_new_layer_has_no_frame_and_one_of_known_width_has_the_plain_one():
    empty, known = layer(3), layer(3, in_features=6)
    assert (empty.in_features, known.in_features) == (None, 6)
    assert (empty.momentum, known.reference.tolist()) == (0.1, torch.eye(6, 3).tolist())
    assert known.covariance.tolist() == torch.eye(3).tolist()
    before = known.reference
    known.fit(rows())
    assert known.reference is before  # in place, as those who hold buffers expect
    assert int(known.batches) == 1


def test_evaluation_is_the_same_for_a_row_alone():
    fitted = layer(3).fit(rows()).eval()
    x = rows(seed=1)
    torch.testing.assert_close(fitted(x[3]), fitted(x)[3])
    torch.testing.assert_close(fitted(x.reshape(4, 20, 6)).reshape(80, 3), fitted(x))


@pytest.mark.parametrize("gauge", ["align", "fixed", "canonical", "invariant", "equivariant"])
@pytest.mark.parametrize("output", ["scores", "projection"])
def test_what_is_exported_is_what_is_computed(gauge, output):
    fitted = layer(3, gauge=gauge, output=output).fit(rows()).eval()
    x = rows(seed=1)
    plain = fitted.export()
    assert {type(module).__module__.split(".")[0] for module in plain.modules() if not list(module.children())} <= {
        "torch",
        "haar",
    }
    torch.testing.assert_close(plain(x), fitted(x), rtol=0, atol=1e-10)
    torch.testing.assert_close(torch.export.export(fitted, (x,)).module()(x), fitted(x), rtol=0, atol=1e-12)


def test_a_fixed_frame_is_not_moved_by_training():
    fixed = layer(3, gauge="fixed").fit(rows())
    before = {name: value.clone() for name, value in fixed.state_dict().items()}
    y = fixed(rows(seed=1))
    torch.testing.assert_close(y, fixed.eval()(rows(seed=1)))
    assert all(torch.equal(before[name], value) for name, value in fixed.state_dict().items())


def test_a_state_says_how_many_columns_there_are():
    fitted = layer(3).fit(rows())
    assert list(layer(3).state_dict()) == list(fitted.state_dict()) == ["mean", "reference", "covariance", "batches"]
    other = layer(3)
    other.load_state_dict(fitted.state_dict())
    assert other.in_features == 6
    torch.testing.assert_close(other.eval()(rows()), fitted.eval()(rows()))


def test_half_precision_and_autocast_compute_in_single():
    x = rows(64).float()
    half = PCALayer(3).fit(x)
    low, single = copy.deepcopy(half)(x.bfloat16()), copy.deepcopy(half)(x.bfloat16().float())
    assert low.dtype is torch.bfloat16
    assert torch.equal(low, single.bfloat16())  # statistics of bfloat16 sums would be off by per cents
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(copy.deepcopy(half)(x), copy.deepcopy(half)(x.clone()))
        under = copy.deepcopy(half)(x)
    assert torch.equal(under, copy.deepcopy(half)(x))


def test_the_gauge_of_a_batch_is_signs_and_rotations_of_what_is_one_to_it():
    assert layer(3).gauge_group(rows(800)).group.name == "{+-1}^3"
    assert layer(3).gauge_group(tied((4.0, 2, 2, 0.5, 0.4, 0.3), 400)).group.name == "{+-1}^1 x O(2)"
    assert layer(3).spaces(tied((4.0, 4, 4, 0.5, 0.4, 0.3))) == (3,)


def test_heads_are_audited_in_the_gauge_of_their_scores():
    x = rows(200)
    scores = layer(3).fit(x).eval()(x)
    symmetry, equivariant = (layer(3).gauge_group(x, outputs=kind) for kind in ("invariant", "equivariant"))
    torch.manual_seed(0)
    sees_signs = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    mlp = SignMLP(3, hidden=8, dtype=F64)
    defects = {
        "sees": defect(sees_signs, symmetry, scores),
        "even": defect(lambda s: sees_signs(s.abs()), symmetry, scores),
        "equivariant": defect(mlp, equivariant, scores),
        "taken for invariant": defect(mlp, symmetry, scores),
    }
    assert defects["even"] < 1e-12
    assert defects["equivariant"] < 1e-12
    assert defects["sees"] > 0.1
    assert defects["taken for invariant"] > 0.1


def test_a_head_that_is_even_in_each_score_is_found_out_by_rotations():
    x = tied((4.0, 4, 4, 0.5, 0.4, 0.3), 200)
    of_all, of_signs = layer(3).gauge_group(x), layer(3).gauge_group(rows(200))
    scores = layer(3).fit(x).eval()(x)
    assert defect(torch.abs, of_signs, scores) < 1e-12
    assert defect(torch.abs, of_all, scores) > 0.1
    assert defect(lambda s: s.square().sum(-1), of_all, scores) < 1e-12


def test_an_undetermined_cut_is_told_once_with_both_eigenvalues():
    x = tied((4.0, 2, 1.05, 1, 0.5, 0.4), 100)
    training = layer(3)
    with pytest.warns(
        DegenerateCutWarning,
        match=r"eigenvalue 3 is 1.05 and eigenvalue 4, which is dropped, 1, one.*100 rows; keep 2 or 4",
    ):
        training(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training(x)


@pytest.mark.parametrize("gauge", ["align", "fixed", "canonical", "invariant", "equivariant", "none"])
def test_only_the_invariant_policy_gives_sizes(gauge):
    x = rows()
    fitted = layer(3, gauge=gauge).fit(x).eval()
    with torch.no_grad():
        scores = fitted(x)
    assert bool((scores >= 0).all()) is (gauge == "invariant")
    centred = x - x.mean(0)
    torch.testing.assert_close(scores.abs(), (centred @ torch.linalg.svd(centred)[2][:3].mT).abs(), rtol=0, atol=1e-9)


def test_raw_signs_in_training_are_warned_of_and_equivariant_ones_are_not():
    with pytest.warns(HaarWarning, match="gauge='none' in training: signs change from batch to batch; use 'align'"):
        layer(3, gauge="none")(rows())
    layer(3, gauge="equivariant")(rows())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gauge": "sign"}, "gauge: expected one of align, fixed, canonical, invariant, equivariant, none, got 'sign'"),
        ({"gradient": "eigh"}, "gradient: expected one of detach, gap, projector, got 'eigh'"),
        ({"output": "p"}, "output: expected one of scores, projection, got 'p'"),
        ({"momentum": 1.5}, "momentum: expected above 0, at most 1, got 1.5"),
        ({"in_features": 2}, "in_features: expected at least 3, got 2"),
        (
            {"gauge": "canonical", "gradient": "projector"},
            "gradient: expected 'detach' or 'gap' for scores with gauge='canonical'",
        ),
    ],
)
def test_options_are_refused_by_name(options, message):
    with pytest.raises(ArgumentError, match=message):
        PCALayer(3, **options)


def test_data_are_refused_by_name():
    with pytest.raises(ShapeError, match=r"x: expected at least 4 rows, for 3 principal components.*, got 3"):
        layer(3)(rows(3))
    with pytest.raises(ShapeError, match=r"x: expected \(\*rows, 6 columns\), got \(80, 5\)"):
        layer(3).fit(rows())(rows()[:, :5])
    with pytest.raises(ShapeError, match=r"x: expected \(\*rows, at least 3 columns\), got \(80, 2\)"):
        layer(3)(rows()[:, :2])
    spoilt = rows()
    spoilt[3, 2] = torch.nan
    with pytest.raises(ArgumentError, match="x: expected finite numbers, got 1 that are NaN or infinite"):
        layer(3)(spoilt)
    with pytest.raises(ArgumentError, match="x: expected floating-point numbers, got int64"):
        layer(3)(torch.ones(9, 6, dtype=torch.int64))


@pytest.mark.parametrize(("gauge", "why"), [("fixed", "gauge='fixed'"), ("align", "evaluation")])
def test_a_layer_that_saw_nothing_says_so(gauge, why):
    empty = layer(3, gauge=gauge)
    with pytest.raises(HaarError, match=f"PCALayer: {why} needs a frame, and there is none yet"):
        (empty if gauge == "fixed" else empty.eval())(rows())


def test_a_state_that_nothing_was_fitted_to_leaves_nothing_fitted():
    trained = layer(3, in_features=6).fit(rows()).eval()
    trained(rows())
    trained.load_state_dict(layer(3, in_features=6).state_dict())
    with pytest.raises(HaarError, match="needs a frame"):
        trained(rows())

from __future__ import annotations

import itertools
import math

import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.moments import Empirical, Exchangeable, Gaussian, Independent
from haar.moments.laws import Exponential, Laplace, Normal, Rademacher, StudentT

INDEFINITE = [[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
LAWS = [
    Gaussian([0.5, -1.0], 0.3),
    Gaussian([0.5, -1.0], [0.3, 2.0]),
    Gaussian([0.5, -1.0], [[1.0, 0.9], [0.9, 1.0]]),
    Gaussian([0.5, -1.0], [[1.0, -1.0], [-1.0, 1.0]]),
    Independent([Exponential(), Laplace()], shift=[1.0, 2.0]),
    Empirical([[0.0, 1.0], [2.0, -1.0], [1.0, 1.0], [5.0, 0.0]]),
    Exchangeable(3, [0.1, 0.2], [[1.0, 0.2], [0.2, 0.5]], [[0.3, 0.1], [0.1, -0.1]]),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_samples_have_the_cumulants(law, generator):
    x = law.sample(100_000, generator)
    own = law.cumulants(2)
    error = (own.variance() / len(x)).sqrt()
    assert bool(((x.mean(0) - own.mean).abs() < 5 * error + 1e-12).all())
    exact = own.cov * (3 / 4 if isinstance(law, Empirical) else 1)  # the data's own variance, not the unbiased estimate
    torch.testing.assert_close(torch.cov(x.mT), exact, rtol=0.05, atol=0.03)
    assert torch.equal(law.sample(3, torch.Generator().manual_seed(1)), law.sample(3, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(law.variance(), own.variance())


def test_batches_of_means(generator):
    law = Gaussian(torch.arange(6.0).reshape(3, 2), [[1.0, 0.5], [0.5, 1.0]])
    assert law.batch == (3,)
    assert law.cumulants(3).third.shape == (3, 2, 2, 2)
    assert law.sample(5, generator).shape == (5, 3, 2)
    shifted = Independent([Exponential(), Normal()], shift=torch.zeros(4, 2))
    assert shifted.cumulants(4).fourth.shape == (4, 2, 2, 2, 2)
    assert shifted.sample(5, generator).shape == (5, 4, 2)


def test_independent_cumulants_are_diagonal():
    own = Independent([Exponential(), Rademacher()]).cumulants(4)
    assert own.third.nonzero().tolist() == [[0, 0, 0]]
    assert own.third[0, 0, 0] == 2
    assert own.fourth[0, 0, 0, 0] == 6
    assert own.fourth[1, 1, 1, 1] == -2
    assert Independent.same(Normal(), 2).normal
    assert not Independent([Normal(), Laplace()]).normal


def test_empirical_cumulants_are_unbiased():
    """Over all samples of five draws from a law on two points, with repetition."""
    law = Rademacher().affine(2, 1)
    third = [
        Empirical(torch.tensor(rows)[:, None]).cumulants(3).third.item()
        for rows in itertools.product((-1.0, 3.0), repeat=5)
    ]
    assert sum(third) / len(third) == pytest.approx(float(law.cumulant(3)), abs=1e-10)


def test_third_absolute_moments():
    found = Independent([Exponential(), Rademacher(), Exponential()]).absolute_third()
    torch.testing.assert_close(found, torch.tensor([12 / math.e - 2, 1, 12 / math.e - 2], dtype=torch.float64))
    assert Independent([Exponential(), StudentT(3)]).absolute_third() is None
    assert Gaussian([0.0]).absolute_third() is None
    assert Empirical(torch.eye(4)).absolute_third() is None


def test_exchangeable_is_the_dense_law():
    law = LAWS[-1]
    own = law.cumulants(2).cov.reshape(3, 2, 3, 2)
    torch.testing.assert_close(own[0, :, 0], law.within)
    torch.testing.assert_close(own[0, :, 2], law.between)
    torch.testing.assert_close(own[2, :, 1], law.between)
    assert law.normal


def test_gradients_reach_the_law():
    mean = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    variance = torch.ones(2, dtype=torch.float64, requires_grad=True)
    found = Gaussian(mean, variance).push(lambda rows: rows * 2, None, 3)
    (found.mean.sum() + found.cov.sum()).backward()
    assert mean.grad.tolist() == [2.0, 2.0]
    assert variance.grad.tolist() == [4.0, 4.0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Gaussian(torch.tensor(0.0)), ShapeError, "mean: expected at least one axis"),
        (lambda: Gaussian([math.nan]), ArgumentError, "mean: expected finite numbers"),
        (lambda: Gaussian([0.0, 0.0], torch.ones(3)), ShapeError, r"cov: expected a number, \(2,\) variances"),
        (lambda: Gaussian([0.0, 0.0], torch.ones(4, 2, 2)), ShapeError, "cov: expected a number"),
        (lambda: Gaussian([0.0], -1.0), ArgumentError, "cov: expected finite entries and variances >= 0"),
        (lambda: Gaussian([0.0], math.inf), ArgumentError, "cov: expected finite entries"),
        (lambda: Gaussian([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), ArgumentError, "cov: expected a symmetric matrix"),
        (lambda: Gaussian([0.0, 0.0], [1.0, -1.0]), ArgumentError, "cov: expected finite entries and variances >= 0"),
        (lambda: Gaussian([0.0, 0.0], [1.0, math.nan]), ArgumentError, "cov: expected finite entries"),
        (lambda: Gaussian([0.0, 0.0], [[1.0, math.nan], [math.nan, 1.0]]), ArgumentError, "cov: expected finite entr"),
        (
            lambda: Gaussian([0.0] * 3, INDEFINITE),
            ArgumentError,
            "cov: expected a covariance, got smallest eigenvalue -1",
        ),
        (lambda: Gaussian([0.0] * 2, [[0.0, 1.0], [1.0, 0.0]]), ArgumentError, "cov: expected a covariance"),
        (
            lambda: Gaussian(torch.zeros(2, 2), torch.stack([torch.eye(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]])])),
            ArgumentError,
            "cov: expected a covariance, got smallest eigenvalue -1",
        ),
        (lambda: Gaussian(torch.zeros(2, 2), torch.eye(2).expand(3, 2, 2)), ShapeError, "cov: expected a number"),
        (lambda: Gaussian([]), ShapeError, "mean: expected at least one axis"),
        (
            lambda: Gaussian(torch.zeros(2, dtype=torch.cfloat)),
            ArgumentError,
            "mean: expected real numbers, got torch.c",
        ),
        (lambda: Gaussian([0.0], torch.eye(1, dtype=torch.cfloat)), ArgumentError, "cov: expected real numbers"),
        (lambda: Gaussian([[0.0, 1.0], [0.0]]), ArgumentError, "mean: expected real numbers"),
        (lambda: Independent([]), ArgumentError, "laws: expected at least one law, got none"),
        (lambda: Independent([Normal()], shift=[1.0, 2.0]), ShapeError, r"shift: expected \(..., 1\)"),
        (lambda: Empirical(torch.zeros(3, 2)), ShapeError, r"data: expected \(samples >= 4, units\)"),
        (lambda: Empirical(torch.zeros(5, 2)).cumulants(4), ArgumentError, "order: expected at most 3 from data"),
        (lambda: Exchangeable(3, [0.0], torch.eye(2)), ShapeError, r"within: expected \(1, 1\)"),
        (lambda: Empirical([[0.0, math.nan]] * 5), ArgumentError, "data: expected finite numbers"),
        (lambda: Exchangeable(3, [0.0] * 2, [[1.0, 0.5], [0.0, 1.0]]), ArgumentError, "within: expected a symmetric"),
        (lambda: Exchangeable(3, [0.0] * 2, [[1.0, 2.0], [2.0, 1.0]]), ArgumentError, "within: expected a covariance"),
        (
            lambda: Exchangeable(3, [0.0] * 2, torch.eye(2), [[0.0, 0.1], [0.0, 0.0]]),
            ArgumentError,
            "between: expected a symmetric",
        ),
        (lambda: Exchangeable(3, [0.0], [[math.nan]]), ArgumentError, "within: expected finite entries"),
        (lambda: Exchangeable(3, torch.zeros(2, 1), [[1.0]]), ShapeError, r"mean: expected \(features,\)"),
        (lambda: Exchangeable(3, [0.0], [[1.0]], [[2.0]]), ArgumentError, "between: expected within - between"),
        (lambda: Exchangeable(0, [0.0], [[1.0]]), ArgumentError, "between: expected within"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_numbers_never_pass_through_float32():
    assert Gaussian([0.2, 0.1], [0.3, 0.7]).mean.tolist() == [0.2, 0.1]
    assert Gaussian([0.2], 0.1).variance().tolist() == [0.1]
    assert Exchangeable(2, [0.2], [[0.1]]).within.tolist() == [[0.1]]
    assert Independent([Normal()], shift=[0.1]).mean.tolist() == [0.1]


def test_covariances_that_rounding_made_are_taken():
    """Singular, and computed in single precision: eigenvalues a little below zero, halves a little apart."""
    root = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    for matrix in (root @ root.T, torch.cov(root), (root @ root.T).double()):
        law = Gaussian(torch.zeros(40), matrix)
        assert torch.equal(law.matrix, law.matrix.mT)
        assert torch.linalg.eigvalsh(law.matrix).min() > -1e-4
    assert Gaussian([0.0, 0.0], torch.zeros(2, 2)).sample(3).abs().max() == 0.0


def test_gradients_pass_through_a_checked_covariance():
    root = torch.tensor([[1.0, 0.2], [0.0, 0.5]], dtype=torch.float64, requires_grad=True)
    Gaussian([0.0, 0.0], root @ root.T).cumulants(2).cov.sum().backward()
    torch.testing.assert_close(root.grad, 2 * root.detach().sum(0).expand(2, 2))


@pytest.mark.parametrize(
    ("precision", "allowed", "refused"),
    [(torch.float64, 0.9e-8, 1.1e-8), (torch.float32, 9.0e-7, 10.0e-7), (torch.bfloat16, 0.058, 0.066)],
)
def test_how_far_halves_may_lie_apart(precision, allowed, refused):
    """1e-8 of the largest entry, or eight roundings of the precision; then they meet in the middle."""
    for gap, fits in ((allowed, True), (refused, False)):
        wide = torch.tensor([[64.0, 64.0 * gap], [0.0, 64.0]], dtype=torch.float64)
        matrix = wide.to(precision)
        if fits:
            torch.testing.assert_close(Gaussian([0.0, 0.0], matrix).matrix[0, 1].item(), float(matrix[0, 1]) / 2)
        else:
            with pytest.raises(ArgumentError, match="cov: expected a symmetric matrix, got asymmetry"):
                Gaussian([0.0, 0.0], matrix)


@pytest.mark.parametrize(
    ("size", "precision", "limit"),
    [(2, torch.float64, 2 * 2.0**-23), (100, torch.float64, 1e-5), (2, torch.bfloat16, 2 * 2.0**-7)],
)
def test_how_far_an_eigenvalue_may_lie_below_zero(size, precision, limit):
    # in bfloat16 whole steps of its own rounding
    for share, fits in ((0.5, True), (1.5, False)) if precision == torch.bfloat16 else ((0.9, True), (1.1, False)):
        matrix = 4.0 * torch.eye(size, dtype=torch.float64)
        matrix[0, 1] = matrix[1, 0] = 4.0 * (1 + share * limit)
        if fits:
            assert Gaussian(torch.zeros(size), matrix.to(precision)).sample(2).isfinite().all()
        else:
            with pytest.raises(ArgumentError, match="cov: expected a covariance, got smallest eigenvalue -"):
                Gaussian(torch.zeros(size), matrix.to(precision))


def test_a_variance_of_zero_is_one_and_a_negative_one_is_none():
    assert Gaussian([1.0], 0.0).sample(2).tolist() == [[1.0], [1.0]]
    with pytest.raises(ArgumentError, match="cov: expected finite entries and variances >= 0, got -1e-300"):
        Gaussian([1.0], -1e-300)


@pytest.mark.parametrize("change", ["written", "replaced"])
def test_draws_follow_a_covariance_that_changes(change):
    """The root of a large covariance is kept: for this matrix as it is now, and no other."""
    wide, narrow = torch.eye(2, dtype=torch.float64) + 0.5, 1e-4 * torch.eye(2, dtype=torch.float64)
    law = Gaussian([0.0, 0.0], wide.clone())
    assert law.sample(500, torch.Generator().manual_seed(0)).std() > 0.5
    if change == "written":
        law.matrix.copy_(narrow)
    else:
        law.matrix = narrow.clone()
    assert law.sample(500, torch.Generator().manual_seed(0)).std() < 0.02


def test_third_cumulants_of_data_by_hand():
    data = torch.tensor([[0.0], [0.0], [0.0], [4.0]], dtype=torch.float64)
    own = Empirical(data).cumulants(3)
    assert own.mean.item() == 1.0
    assert own.cov.item() == pytest.approx(12 / 3)
    assert own.third.item() == pytest.approx(24 * 4 / (3 * 2))
    assert Empirical(data).cumulants(2).third is None


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("shape", [(0, 2), (-1, -2), "2", ["1", 2]])
def test_shapes_that_are_none(shape):
    from haar.moments import propagate

    with pytest.raises(ArgumentError, match="input_shape: expected"):
        propagate(torch.nn.ReLU(), Gaussian([0.0, 0.0]), input_shape=shape)


def test_exchangeable_blocks_on_the_edge():
    """Two nodes of variance 1: correlations from -1 to 1 exist, one beyond by more than rounding does not."""
    for between in (1.0, -1.0, 1 + 1e-8):
        assert Exchangeable(2, [0.0], [[1.0]], [[between]]).sample(2).isfinite().all()
    for between in (1.001, -1.001):
        with pytest.raises(ArgumentError, match=r"between: expected within - between .* smallest eigenvalue -0.001"):
            Exchangeable(2, [0.0], [[1.0]], [[between]])
    assert Exchangeable(1, [0.0], [[1.0]], [[0.5]]).size == 1
    with pytest.raises(ArgumentError, match="between: expected within - between"):
        Exchangeable(3, [0.0], [[1.0]], [[-0.6]])

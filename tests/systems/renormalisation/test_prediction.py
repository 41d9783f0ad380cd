"""Errors of quadratic networks follow from cumulants: exact enumeration over laws on points."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.moments.laws import Discrete, Normal, Rademacher, StudentT, UndefinedCumulantError
from haar.systems.renormalisation import FAMILIES, PerceptronEnsemble, Sizes, evaluate, one_shot, predict_error
from haar.systems.renormalisation.prediction import predict_error_of_sum, quadratic_forms, sum_coefficients

SKEWED = Discrete((-1, 0, 3), (Fraction(3, 5), Fraction(1, 5), Fraction(1, 5)), "skewed")
SHIFTED = Discrete((0, 1, 5), (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)), "shifted")


def enumerated(nets, law):
    """E (y - S)^2 / Var S over all points of a product law."""
    points = torch.tensor(list(itertools.product(map(float, law.values), repeat=nets.inputs)), dtype=torch.float64)
    weights = torch.tensor(
        list(itertools.product(map(float, law.probabilities), repeat=nets.inputs)), dtype=torch.float64
    ).prod(-1)
    with torch.no_grad():
        gap = (nets(points) - one_shot(points)).square()
    return (gap * weights).sum(-1) / float(law.cumulant(2))


@pytest.mark.parametrize("law", [Rademacher(), SKEWED, SHIFTED], ids=lambda law: law.name)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_prediction_is_the_enumerated_error(family, law):
    nets = PerceptronEnsemble(family, "quadratic", Sizes(3, 4, 1), seeds=range(3))
    torch.testing.assert_close(predict_error(nets, law), enumerated(nets, law), rtol=1e-12, atol=1e-12)


@given(st.integers(0, 2**31), st.integers(2, 4))
def test_networks_of_the_sum_follow_from_the_sum_s_cumulants(seed, inputs):
    nets = PerceptronEnsemble("full", "quadratic", Sizes(inputs, 3, 1), seeds=[seed])
    coefficients = sum_coefficients(nets)
    for law in (Rademacher(), SKEWED, Normal()):
        if law.cumulant(1) != 0:
            continue
        found = predict_error_of_sum(coefficients, law, inputs)
        torch.testing.assert_close(found, predict_error(nets, law), rtol=1e-11, atol=1e-12)


def test_the_form_is_the_network(generator):
    x = torch.randn(5, 3, dtype=torch.float64, generator=generator)
    for family, activation in itertools.product(FAMILIES, ("quadratic", "linear")):
        nets = PerceptronEnsemble(family, activation, Sizes(3, 4, 1), seeds=range(2))
        c, b, A = quadratic_forms(nets)
        form = c[:, None] + torch.einsum("ni,si->ns", b, x) + torch.einsum("si,nij,sj->ns", x, A, x)
        torch.testing.assert_close(nets(x), form, rtol=1e-12, atol=1e-12)


def test_tied_networks_cannot_have_a_vanishing_quadratic_part():
    c, b, A = quadratic_forms(PerceptronEnsemble("tied", "quadratic", Sizes(4, 8, 1), seeds=range(5)))
    del c, b
    assert torch.linalg.matrix_rank(A, tol=1e-9).tolist() == [1] * 5


def test_the_prediction_is_what_samples_give():
    nets = PerceptronEnsemble("tied", "quadratic", Sizes(4, 4, 1), seeds=range(4))
    found = evaluate(nets, laws={"normal": Normal(1, 2), "skewed": SKEWED}, samples=20_000)
    predicted = torch.stack([predict_error(nets, law) for law in (Normal(1, 2), SKEWED)], -1)
    assert float(((found.nmse - predicted) / found.standard_error).abs().max()) < 4.0


def test_refusals():
    relu = PerceptronEnsemble("free", "relu", Sizes(), seeds=[0])
    with pytest.raises(ArgumentError, match="ensemble: expected quadratic or linear networks with one hidden layer"):
        predict_error(relu, Normal())
    nets = PerceptronEnsemble("free", "quadratic", Sizes(), seeds=[0])
    with pytest.raises(UndefinedCumulantError, match="cumulant 3 of t3 is undefined"):
        predict_error(nets, StudentT(3))
    with pytest.raises(ArgumentError, match="ensemble: expected networks that see the sum alone"):
        sum_coefficients(nets)
    with pytest.raises(ArgumentError, match="law: expected a law of mean 0, got mean"):
        predict_error_of_sum(torch.ones(1, 3, dtype=torch.float64), SHIFTED, 4)

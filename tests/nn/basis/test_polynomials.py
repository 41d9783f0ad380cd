"""Polynomials against closed forms and numpy's, in values and in derivatives, at the ends of the interval too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev as numpy_chebyshev
from numpy.polynomial import legendre as numpy_legendre

from haar.errors import ArgumentError
from haar.nn.basis import chebyshev, legendre
from haar.nn.basis.polynomials import chebyshev_slopes, degrees_of

U = torch.linspace(-1, 1, 41, dtype=torch.float64)
FAMILIES = {
    "chebyshev": (chebyshev, numpy_chebyshev.chebder, numpy_chebyshev.chebval),
    "legendre": (legendre, numpy_legendre.legder, numpy_legendre.legval),
}


def test_chebyshev_of_a_cosine_is_the_cosine_of_the_multiple():
    t = torch.linspace(0, 3.2, 50, dtype=torch.float64)
    n = torch.arange(21)[:, None]
    torch.testing.assert_close(chebyshev(t.cos(), 20), torch.cos(n * t), rtol=0, atol=1e-12)


def derivatives(family, degree):
    """Values, first and second derivatives of every degree at `U`, by autograd."""

    def one(n):
        value = lambda u: family(u, degree)[n]  # noqa: E731
        slope = torch.func.vmap(torch.func.grad(value))
        curve = torch.func.vmap(torch.func.grad(torch.func.grad(value)))
        return family(U, degree)[n], slope(U), curve(U)

    return [one(n) for n in range(degree + 1)]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("degree", [1, 2, 7])
def test_values_and_two_derivatives_are_those_of_numpy(name, degree):
    family, derive, evaluate = FAMILIES[name]
    for n, found in enumerate(derivatives(family, degree)):
        coefficients = np.eye(degree + 1)[n]
        for order, value in enumerate(found):
            wanted = derive(coefficients, order) if order else coefficients
            evaluated = evaluate(U.numpy(), wanted)
            np.testing.assert_allclose(value.numpy(), np.broadcast_to(evaluated, U.shape), rtol=0, atol=1e-10)


def test_slopes_of_chebyshev_are_sums_of_lower_degrees():
    slopes = chebyshev_slopes(9)
    known = chebyshev(U, 9)
    wanted = torch.stack([d[1] for d in derivatives(chebyshev, 9)])
    torch.testing.assert_close(slopes.T @ known[:-1], wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("family", [chebyshev, legendre])
@pytest.mark.parametrize("degree", [0, -1])
def test_a_degree_is_a_positive_number(family, degree):
    with pytest.raises(ArgumentError, match="degree"):
        family(U, degree)


def test_degrees_of_a_parity():
    assert degrees_of(4) == (0, 1, 2, 3, 4)
    assert degrees_of(4, "even") == (0, 2, 4)
    assert degrees_of(4, "odd") == (1, 3)
    with pytest.raises(ArgumentError, match="parity: expected one of any, even, odd"):
        degrees_of(4, "both")

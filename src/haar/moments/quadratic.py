"""Quadratic forms and networks with the activation z + alpha z^2: cumulants of every order, exactly."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


def quadratic_form_cumulants(
    c: Float[Tensor, ""],
    b: Float[Tensor, "units"],
    A: Float[Tensor, "units units"],
    mean: Float[Tensor, "units"],
    cov: Float[Tensor, "units units"],
    *,
    order: int = 4,
) -> list[Float[Tensor, ""]]:
    r"""Cumulants k_1..k_order of y = c + b.x + x'Ax for x ~ N(mean, cov).

    k_1 = c + b.mu + mu'A mu + tr(AS); k_n = 2^(n-1) n! [tr((AS)^n)/n + u'(SA)^(n-2) S u], u = b/2 + A mu, n >= 2.

    Args:
        c: Constant term of the form.
        b: Linear part of the form.
        A: Quadratic part; only its symmetric part matters.
        mean: Mean of x.
        cov: Covariance S of x.
        order: Order of the highest cumulant.

    Raises:
        ShapeError: If the shapes do not fit.
        ArgumentError: If order < 1.

    Source: Mathai and Provost, Quadratic Forms in Random Variables (1992), chapter 3.

    Example:
        >>> import torch
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> [float(k) for k in quadratic_form_cumulants(0 * one[0, 0], 0 * one[0], one, 0 * one[0], one)]
        [1.0, 2.0, 8.0, 48.0]
    """
    n = mean.shape[0]
    if b.shape != (n,) or A.shape != (n, n) or cov.shape != (n, n):
        raise ShapeError(
            "b, A, cov", expected=f"({n},), ({n}, {n}), ({n}, {n})", got=[tuple(x.shape) for x in (b, A, cov)]
        )
    if order < 1:
        raise ArgumentError("order", expected="at least 1", got=order)
    A = 0.5 * (A + A.mT)
    AS = A @ cov
    u = 0.5 * b + A @ mean
    found = [c + b @ mean + mean @ A @ mean + AS.diagonal().sum()]
    power, carried = AS, cov @ u  # (AS)^(k-1) and (SA)^(k-2) S u at k = 2
    for k in range(2, order + 1):
        power = power @ AS
        found.append(2.0 ** (k - 1) * math.factorial(k) * (power.diagonal().sum() / k + u @ carried))
        carried = cov @ (A @ carried)
    return found


def quadratic_form_moments(
    c: Float[Tensor, ""],
    b: Float[Tensor, "units"],
    A: Float[Tensor, "units units"],
    cumulants: tuple[float | int, float | int, float | int],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    r"""Mean and variance of c + b.x + x'Ax for independent, equally distributed, zero-mean, non-normal x.

    E = c + k2 tr A; Var = k2 |b|^2 + 2 k3 sum b_i A_ii + k4 sum A_ii^2 + 2 k2^2 tr(A^2).

    Args:
        c: Constant term of the form.
        b: Linear part of the form.
        A: Quadratic part; only its symmetric part matters.
        cumulants: (k2, k3, k4) of one coordinate.

    Example:
        >>> import torch
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> mean, var = quadratic_form_moments(0 * one[0, 0], 0 * one[0], one, (1.0, 0.0, -2.0))  # a sign, squared
        >>> float(mean), float(var)
        (1.0, 0.0)
    """
    k2, k3, k4 = cumulants
    A = 0.5 * (A + A.mT)
    own = A.diagonal()
    variance = k2 * b.square().sum() + 2 * k3 * (b * own).sum() + k4 * own.square().sum() + 2 * k2**2 * A.square().sum()
    return c + k2 * own.sum(), variance


def quadratic_network(
    weight: Float[Tensor, "hidden units"],
    bias: Float[Tensor, "hidden"],
    out_weight: Float[Tensor, "hidden"],
    out_bias: Float[Tensor, ""],
    alpha: float | int = 0.5,
) -> tuple[Float[Tensor, ""], Float[Tensor, "units"], Float[Tensor, "units units"]]:
    r"""The quadratic form (c, b, A) of a network with one hidden layer, activation z + alpha z^2 and one output.

    A = alpha sum_j v_j w_j w_j', b = sum_j v_j (1 + 2 alpha b_j) w_j, c = sum_j v_j (b_j + alpha b_j^2) + c_out.

    Args:
        weight: w_j as rows.
        bias: Biases b_j of the hidden units.
        out_weight: Weights v_j of the output.
        out_bias: Bias c_out of the output.
        alpha: Strength of the square.

    Example:
        >>> import torch
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> c, b, A = quadratic_network(one[None], 0 * one, one, one[0], alpha=0.5)
        >>> float(c), float(b), float(A)
        (1.0, 1.0, 0.5)
    """
    A = alpha * (weight.mT * out_weight) @ weight
    b = (out_weight * (1.0 + 2.0 * alpha * bias)) @ weight
    return (out_weight * (bias + alpha * bias.square())).sum() + out_bias, b, A


def quadratic_map_cumulants(
    coefficients: tuple[float | int, float | int, float | int], cumulants: tuple[float | int, ...]
) -> tuple[float, float, float]:
    r"""Cumulants k_1..k_3 of y = A0 + B s + C s^2 for a zero-mean scalar s with any cumulants.

    kappa1 = A0 + C k2; kappa2 = B^2 k2 + 2BC k3 + C^2 (2k2^2 + k4);
    kappa3 = B^3 k3 + 3B^2C (2k2^2 + k4) + 3BC^2 (8k2k3 + k5) + C^3 (8k2^3 + 12k2k4 + 10k3^2 + k6).

    Args:
        coefficients: (A0, B, C).
        cumulants: (k2, ..., k6) of s.

    Raises:
        ArgumentError: If there are not five cumulants.

    Example:
        >>> quadratic_map_cumulants((0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0, 0.0))
        (1.0, 2.0, 8.0)
    """
    if len(cumulants) != 5:
        raise ArgumentError("cumulants", expected="k2, k3, k4, k5, k6", got=f"{len(cumulants)} numbers")
    a, b, c = coefficients
    k2, k3, k4, k5, k6 = cumulants
    first = a + c * k2
    second = b * b * k2 + 2 * b * c * k3 + c * c * (2 * k2**2 + k4)
    third = b**3 * k3 + 3 * b * b * c * (2 * k2**2 + k4) + 3 * b * c * c * (8 * k2 * k3 + k5)
    third += c**3 * (8 * k2**3 + 12 * k2 * k4 + 10 * k3**2 + k6)
    return first, second, third

r"""The error of a quadratic network on any law, from cumulants alone: why over-constrained networks fail.

A network with one hidden layer and f(z) = z + alpha z^2 is a quadratic form y = c + b.x + x'Ax, and the exact map S =
N^(-1/2) 1.x is linear; so y - S is again a quadratic form, and its mean square follows from the mean and the cumulants
k_2, k_3, k_4 of one coordinate. Equal units (`tied`, `full`) make A of rank one and never zero, which is what they pay
for; the other families reach A = 0, b = N^(-1/2) 1, c = 0 with two units.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.laws import Law
from haar.moments.quadratic import quadratic_form_moments, quadratic_network
from haar.systems.renormalisation.ensemble import Ensemble
from haar.systems.renormalisation.nonlinearity import ALPHA


def quadratic_forms(
    ensemble: Ensemble,
) -> tuple[Float[Tensor, "networks"], Float[Tensor, "networks n"], Float[Tensor, "networks n n"]]:
    """(c, b, A) of every network of an ensemble of quadratic or linear networks with one hidden layer.

    Raises:
        ArgumentError: If the networks are not of this kind.

    Example:
        >>> from haar.systems.renormalisation import PerceptronEnsemble, Sizes
        >>> c, b, A = quadratic_forms(PerceptronEnsemble("odd", "quadratic", Sizes(), seeds=[0]))
        >>> bool(A.abs().max() < 1e-15)  # an odd quadratic network is linear, whatever its weights
        True
    """
    found = ensemble.layers()
    name = ensemble.activation.name
    if len(found) != 2 or name not in ("quadratic", "linear"):
        raise ArgumentError(
            "ensemble",
            expected="quadratic or linear networks with one hidden layer",
            got=ensemble.name,
            way_out="follow the cumulants with haar.moments.propagate",
        )
    hidden, out = found
    alpha = ALPHA if name == "quadratic" else 0.0
    networks, h = hidden.weight.shape[:2]
    none = hidden.weight.new_zeros(networks, max(h, 1))
    inner = none if hidden.bias is None else hidden.bias
    outer = none[:, :1] if out.bias is None else out.bias
    forms = [
        quadratic_network(
            hidden.weight[k].detach(), inner[k].detach(), out.weight[k, 0].detach(), outer[k, 0].detach(), alpha
        )
        for k in range(networks)
    ]
    c, b, A = (torch.stack(part) for part in zip(*forms, strict=True))
    return c, b, A


def predict_error(ensemble: Ensemble, law: Law) -> Float[Tensor, "networks"]:
    r"""Normalised mean squared error of quadratic networks with one hidden layer, exactly, without a sample.

    With u = x - mu the error is (E[y - S])^2 + Var(y - S) of the form c + b.x + x'Ax - N^(-1/2) 1.x, over Var S = k_2.

    Args:
        ensemble: Quadratic or linear networks with one hidden layer.
        law: Law of one coordinate; coordinates are independent.

    Raises:
        ArgumentError: If the networks are not of this kind.
        UndefinedCumulantError: If k_4 of the law does not exist (the error is then infinite).

    Example:
        >>> from haar.moments.laws import Exponential
        >>> from haar.systems.renormalisation import PerceptronEnsemble, Sizes
        >>> predict_error(PerceptronEnsemble("tied", "quadratic", Sizes(), seeds=[0, 1]), Exponential()).shape
        torch.Size([2])
    """
    c, b, A = quadratic_forms(ensemble)
    n = b.shape[-1]
    mean, k2, k3, k4 = (law.require(order) for order in (1, 2, 3, 4))
    gap = b - n**-0.5
    A = 0.5 * (A + A.mT)
    # The form in u = x - mean: constants and linear parts move.
    moved_c = c + mean * gap.sum(-1) + mean**2 * A.sum((-2, -1))
    moved_b = gap + 2.0 * mean * A.sum(-1)
    found = [quadratic_form_moments(*form, (k2, k3, k4)) for form in zip(moved_c, moved_b, A, strict=True)]
    return torch.stack([level.square() + variance for level, variance in found]) / k2


def predict_error_of_sum(coefficients: Float[Tensor, "networks 3"], law: Law, inputs: int) -> Float[Tensor, "networks"]:
    r"""The same for networks that see the sum alone, y = A0 + B S + C S^2, from the cumulants of S.

    MSE = (B-1)^2 k2 + 2 (B-1) C k3 + C^2 (2 k2^2 + k4) + (A0 + C k2)^2 for k1 = 0, with k_n the cumulants of S.

    Args:
        coefficients: (A0, B, C), for example from `sum_coefficients`.
        law: Law of one coordinate, of mean zero.
        inputs: Number of coordinates.

    Raises:
        ArgumentError: If the mean is not zero.

    Example:
        >>> from haar.moments.laws import Normal
        >>> predict_error_of_sum(torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64), Normal(), 4).item()
        0.0
    """
    whole = law.scaled_sum(inputs)
    mean, k2, k3, k4 = (whole.require(order) for order in (1, 2, 3, 4))
    if mean != 0.0:
        raise ArgumentError("law", expected="a law of mean 0", got=f"mean {mean:g}", way_out="use predict_error")
    a, b, c = coefficients.unbind(-1)
    square = (b - 1.0).square() * k2 + 2.0 * (b - 1.0) * c * k3 + c.square() * (2.0 * k2**2 + k4)
    return (square + (a + c * k2).square()) / k2


def sum_coefficients(ensemble: Ensemble) -> Float[Tensor, "networks 3"]:
    """(A0, B, C) of networks y = A0 + B S + C S^2 that see the sum alone.

    Raises:
        ArgumentError: If a network is not of this kind.

    Example:
        >>> from haar.systems.renormalisation import PerceptronEnsemble, Sizes
        >>> sum_coefficients(PerceptronEnsemble("full", "quadratic", Sizes(), seeds=[0])).shape
        torch.Size([1, 3])
    """
    c, b, A = quadratic_forms(ensemble)
    n = b.shape[-1]
    level, slope = A.mean((-2, -1)), b.mean(-1)
    away = max(float((A - level[:, None, None]).abs().max()), float((b - slope[:, None]).abs().max()))
    if away > 1e-10 * (1.0 + float(A.abs().max()) + float(b.abs().max())):
        raise ArgumentError(
            "ensemble", expected="networks that see the sum alone", got=f"{ensemble.name}, off by {away:.2g}"
        )
    return torch.stack([c, slope * n**0.5, level * n], -1)

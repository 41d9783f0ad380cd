"""Molien's formula: how many invariant and equivariant polynomials there are of every degree."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from haar.actions.representation import Representation, Trivial
from haar.actions.representation.representation import check_degree, check_representation
from haar.errors import ArgumentError
from haar.host import on_the_host
from haar.intertwiners.homomorphism import require_same_group


@on_the_host
def invariant_polynomials(rep: Representation, up_to: int) -> list[int]:
    """Number of linearly independent invariant homogeneous polynomials of degree 0, 1, ..., `up_to`.

    The coefficients of the Molien series, the mean over the group of 1 / det(1 - t R(g)).

    Args:
        rep: Representation on the variables.
        up_to: Largest degree that is counted.

    Raises:
        ArgumentError: If `up_to` is negative, or no exact rule for class functions of the group is known.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import symmetric
        >>> invariant_polynomials(Defining(symmetric(3)), 6)
        [1, 1, 2, 3, 4, 5, 7]
    """
    check_representation("rep", rep)
    return equivariant_polynomials(rep, Trivial(rep.group), up_to)


@on_the_host
def equivariant_polynomials(rep_in: Representation, rep_out: Representation, up_to: int) -> list[int]:
    """Number of linearly independent equivariant homogeneous polynomial maps of degree 0, 1, ..., `up_to`.

    The coefficients of the mean over the group of chi_out(g) / det(1 - t R_in(g)); degree 1 counts the linear maps.

    Args:
        rep_in: Representation on the variables.
        rep_out: Representation on the values.
        up_to: Largest degree that is counted.

    Raises:
        ArgumentError: If the groups differ, `up_to` is negative, or no exact rule for class functions is known.
    """
    require_same_group(rep_in, rep_out)
    check_degree("up_to", up_to)
    rule = None
    if rep_in.degree is not None and rep_out.degree is not None:
        rule = rep_in.group.class_rule(up_to * rep_in.degree + rep_out.degree)
    if rule is None:
        raise ArgumentError("rep_in", expected="a group with an exact rule for class functions", got=rep_in.group.name)
    elements, weights = rule
    series = symmetric_characters(rep_in, elements, up_to)
    means = (weights * rep_out.character(elements) * series).sum(-1)
    return [round(value) for value in means.tolist()]


def symmetric_characters(
    rep: Representation, elements: Shaped[Tensor, "m *element"], up_to: int
) -> Float[Tensor, "degrees m"]:
    """Characters of Sym^0, Sym^1, ..., Sym^up_to by Newton's identities: k h_k = sum over j of chi(g^j) h_(k-j)."""
    power = elements
    traces, series = [], [torch.ones(len(elements), dtype=torch.float64)]
    for k in range(1, up_to + 1):
        traces.append(rep.character(power))
        power = rep.group.compose(power, elements)
        series.append(torch.stack([traces[j] * series[k - 1 - j] for j in range(k)]).sum(0) / k)
    return torch.stack(series)

"""The maps of one pair, checked against characters, Molien's formula, the Reynolds average and random elements."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch

from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.intertwiners import Intertwiners, equivariant_polynomials, hom_dimension, intertwiners, reynolds
from haar.systems.intertwiners.pairs import Pair

#: Dense bases of at most this many numbers are checked as a whole.
_ENTRIES = 4_000_000


def check_pair(pair: Pair, generator: torch.Generator) -> dict[str, Any]:
    """Counts and errors of one pair.

    Args:
        pair: What to solve.
        generator: Source of the matrices and elements that are tried.

    Returns:
        Sizes, ``dim`` by solving, by ``characters`` and by ``molien`` (left out where no exact rule is known), as
        ``known`` with the reason ``known_as`` (left out where there is no closed form), and the largest errors:
        ``idempotent``, ``self_adjoint``, ``equivariance``, ``reynolds`` (left out where no chain of subgroups is
        known), ``routes`` (left out where only one route applies), and ``orthonormal`` (left out of large bases).
    """
    left, right = pair.make()
    space = intertwiners(left, right)
    W, V = (torch.randn(2, right.dim, left.dim, dtype=torch.float64, generator=generator)).unbind()
    P = space.project(W)
    scale = float(W.norm())
    found: dict[str, Any] = {
        "sizes": [left.dim, right.dim],
        "dim": space.dim,
        "idempotent": float((space.project(P) - P).norm()) / scale,
        "self_adjoint": abs(float((P * V).sum() - (W * space.project(V)).sum())) / scale**2,
        "equivariance": equivariance(space, left, right, generator),
    }
    if pair.known is not None:
        found["known"], found["known_as"] = pair.known
    # each refuses where it knows no exact rule
    with suppress(ArgumentError):
        found["characters"] = hom_dimension(left, right)
    with suppress(ArgumentError):
        found["molien"] = equivariant_polynomials(left, right, 1)[1]
    with suppress(ArgumentError):
        found["reynolds"] = float((reynolds(left, right, W) - P).norm()) / scale
    if left.is_signed_permutation and right.is_signed_permutation and left.dim * right.dim <= _ENTRIES:
        with suppress(ArgumentError):
            other = intertwiners(left, right, route="isotypic")
            found["routes"] = float((other.project(W) - P).norm()) / scale
            found["dim_isotypic"] = other.dim
    if space.dim * left.dim * right.dim <= _ENTRIES:
        basis = space.basis().flatten(1)
        found["orthonormal"] = float((basis @ basis.T - torch.eye(space.dim, dtype=torch.float64)).abs().max())
    return found


def equivariance(space: Intertwiners, left: Representation, right: Representation, generator: torch.Generator) -> float:
    """Largest relative difference of R_out W x and W R_in x over random W, x and elements."""
    W = space.from_parameters(torch.randn(space.dim, dtype=torch.float64, generator=generator))
    x = torch.randn(8, left.dim, dtype=torch.float64, generator=generator)
    g = left.group.sample(8, generator)
    y = x @ W.T
    return float((left.act(g, x) @ W.T - right.act(g, y)).norm() / y.norm()) if space.dim else 0.0

"""Exact averages of class functions from few elements: conjugacy classes, cycle types, Weyl's integration formula."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

#: Largest number of cycle types or torus points that a rule may have.
LARGEST_CLASS_RULE = 200_000

#: Elements ``(m, *element_shape)`` and weights ``(m,)`` that sum to one.
ClassRule = tuple[Shaped[Tensor, "..."], Float[Tensor, "_"]]


def partitions(n: int, largest: int | None = None) -> Iterator[list[int]]:
    """Partitions of n into positive parts, largest part first.

    Example:
        >>> list(partitions(3))
        [[3], [2, 1], [1, 1, 1]]
    """
    if n == 0:
        yield []
        return
    for part in range(min(n, largest or n), 0, -1):
        for rest in partitions(n - part, part):
            yield [part, *rest]


def cycle_types(n: int) -> tuple[Int[Tensor, "m n"], Float[Tensor, " m"]] | None:
    """One permutation of every cycle type of S_n, and the fraction of permutations of that type.

    With c_k cycles of length k the fraction is 1 / prod of k^c_k c_k!.

    None when there are too many cycle types.
    """
    if n > 45:  # p(45) = 89134
        return None
    rows, weights = [], []
    for shape in partitions(n):
        row, start = [0] * n, 0
        for k in shape:
            for i in range(k):
                row[start + i] = start + (i + 1) % k
            start += k
        rows.append(row)
        weights.append(1 / math.prod(k ** shape.count(k) * math.factorial(shape.count(k)) for k in set(shape)))
    return torch.tensor(rows), torch.tensor(weights, dtype=torch.float64)


def rotations_rule(n: int, degree: int) -> tuple[Float[Tensor, "m n n"], Float[Tensor, " m"]] | None:
    """Class functions of SO(n) of a degree in the entries: Weyl's formula on a grid of torus angles.

    The density in the angles is prod_{i<j} (cos a_i - cos a_j)^2, for odd n times prod (1 - cos a_i).
    """
    odd = n % 2 == 1
    return _torus_rule(n, n // 2, degree, extra=1 if odd else 0, tail=[1.0] if odd else [])


def reflections_rule(n: int, degree: int) -> tuple[Float[Tensor, "m n n"], Float[Tensor, " m"]] | None:
    """As `rotations_rule` for the other component of O(n): -SO(n) for odd n; for even n angles beside 1 and -1.

    The density for even n is prod_{i<j} (cos a_i - cos a_j)^2 prod sin^2 a_i.
    """
    if n % 2:
        rule = rotations_rule(n, degree)
        return None if rule is None else (-rule[0], rule[1])
    return _torus_rule(n, n // 2 - 1, degree, extra=2, tail=[1.0, -1.0])


def _torus_rule(n: int, planes: int, degree: int, *, extra: int, tail: list[float]) -> tuple[Tensor, Tensor] | None:
    points = degree + 2 * max(planes - 1, 0) + extra + 1
    if points**planes > LARGEST_CLASS_RULE:
        return None
    grid = 2 * math.pi * torch.arange(points, dtype=torch.float64) / points
    angles = torch.tensor(list(itertools.product(grid.tolist(), repeat=planes)), dtype=torch.float64)
    angles = angles.reshape(points**planes, planes)
    cosine, sine = angles.cos(), angles.sin()
    weight = torch.ones(len(angles), dtype=torch.float64)
    for i, j in itertools.combinations(range(planes), 2):
        weight = weight * (cosine[:, i] - cosine[:, j]) ** 2
    weight = weight * {0: weight.new_ones(()), 1: (1 - cosine).prod(1), 2: (sine**2).prod(1)}[extra]
    matrices = torch.zeros(len(angles), n, n, dtype=torch.float64)
    for i in range(planes):
        a, b = 2 * i, 2 * i + 1
        matrices[:, a, a] = matrices[:, b, b] = cosine[:, i]
        matrices[:, a, b], matrices[:, b, a] = -sine[:, i], sine[:, i]
    for k, value in enumerate(tail):
        matrices[:, 2 * planes + k, 2 * planes + k] = value
    return matrices, weight / weight.sum()


def product_rule(rules: list[ClassRule | None]) -> tuple[list[Tensor], Tensor] | None:
    """The rule of a direct product: elements of every factor, products of weights; None where one factor has none."""
    found = [rule for rule in rules if rule is not None]
    if len(found) < len(rules) or math.prod(len(weights) for _, weights in found) > LARGEST_CLASS_RULE:
        return None
    places = torch.cartesian_prod(*[torch.arange(len(weights)) for _, weights in found]).reshape(-1, len(found))
    parts = [elements[places[:, k]] for k, (elements, _) in enumerate(found)]
    weights = torch.stack([w[places[:, k]] for k, (_, w) in enumerate(found)]).prod(0)
    return parts, weights

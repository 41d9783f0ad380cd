"""Functions with a known group of exchanges, and no other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


def network(inputs: int, outputs: int, seed: int, hidden: int = 32) -> Function:
    """A random network of one hidden layer, without symmetry."""
    source = torch.Generator().manual_seed(seed)
    weight = torch.randn(hidden, inputs, generator=source).double() / inputs**0.5
    bias = torch.randn(hidden, generator=source).double()
    last = torch.randn(outputs, hidden, generator=source).double() / hidden**0.5
    return lambda x: torch.tanh(x @ weight.T + bias) @ last.T


def generated(generators: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """All products of permutations, by breadth-first search."""
    seen = {tuple(range(len(generators[0])))}
    front = list(seen)
    for here in front:
        for generator in generators:
            image = tuple(here[k] for k in generator)
            if image not in seen:
                seen.add(image)
                front.append(image)
    return front


def averaged(permutations: Sequence[Sequence[int]], seed: int = 3) -> Function:
    """A random network averaged over a group of exchanges."""
    f, rows = network(len(permutations[0]), 2, seed), torch.tensor(permutations)
    return lambda x: f(x[:, rows]).mean(1)


def of_sets(seed: int = 1) -> Function:
    """A function of the set of the entries."""
    first, second = network(1, 8, seed), network(8, 2, seed + 1)
    return lambda x: second(first(x[..., None]).sum(1) / x.shape[1] ** 0.5)


def shift(n: int) -> list[int]:
    """i to i + 1."""
    return [(i + 1) % n for i in range(n)]


def mirror(n: int) -> list[int]:
    """i to -i."""
    return [-i % n for i in range(n)]


def of_lines() -> Function:
    """A sum over the seven lines of a plane of seven points; 168 permutations of the points keep them."""
    lines, f = torch.tensor([[i % 7, (i + 1) % 7, (i + 3) % 7] for i in range(7)]), of_sets()
    return lambda x: f(x[:, lines].flatten(0, 1)).unflatten(0, (-1, 7)).mean(1)


#: Name, entries, function, order.
PLANTED: list[tuple[str, int, Callable[[], Function], int]] = [
    ("S8", 8, of_sets, math.factorial(8)),
    ("S16", 16, of_sets, math.factorial(16)),
    ("C6", 6, lambda: averaged(generated([shift(6)])), 6),
    ("C9", 9, lambda: averaged(generated([shift(9)])), 9),
    ("D6", 6, lambda: averaged(generated([shift(6), mirror(6)])), 12),
    (
        "S3 x S3",
        6,
        lambda: averaged(generated([[1, 2, 0, 3, 4, 5], [1, 0, 2, 3, 4, 5], [0, 1, 2, 4, 5, 3], [0, 1, 2, 4, 3, 5]])),
        36,
    ),
    ("S3 wr S2", 6, lambda: averaged(generated([[1, 2, 0, 3, 4, 5], [1, 0, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2]])), 72),
    ("A4", 4, lambda: averaged(generated([[1, 2, 0, 3], [0, 2, 3, 1]])), 12),
    ("A5", 5, lambda: averaged(generated([[1, 2, 0, 3, 4], shift(5)])), 60),
    ("F21", 7, lambda: averaged(generated([shift(7), [2 * i % 7 for i in range(7)]])), 21),
    ("PSL(2,7)", 7, of_lines, 168),
    ("none", 8, lambda: network(8, 2, 5), 1),
]

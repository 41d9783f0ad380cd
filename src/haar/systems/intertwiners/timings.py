"""Cold solutions, timed: group and representations are made anew every time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from haar.actions.representation import Defining, Regular, Representation, tensor_power
from haar.groups import SO, cyclic, symmetric
from haar.intertwiners import intertwiners
from haar.systems.intertwiners.pairs import grid_fields

FAMILIES: Mapping[str, Callable[[int], Representation]] = {
    "S_n on matrices": lambda n: tensor_power(Defining(symmetric(n)), 2),
    "Z_n on a ring": lambda n: Regular(cyclic(n)),
    "D4 on vectors of an n x n grid": grid_fields,
    "SO(3) on tensors of order n": lambda n: tensor_power(Defining(SO(3)), n),
}
"""What is timed, by a size n."""


def timed(family: str, size: int, repeats: int) -> dict[str, Any]:
    """Median CPU-seconds of cold solutions after a first one, which is told apart.

    Args:
        family: One of `FAMILIES`.
        size: Size of the case that is timed.
        repeats: Number of solutions after the first.
    """
    seconds = []
    dim = n = 0
    for _ in range(repeats + 1):
        start = time.process_time()
        rep = FAMILIES[family](size)
        space = intertwiners(rep, rep)
        seconds.append(time.process_time() - start)
        dim, n = space.dim, rep.dim
    first, *others = seconds
    return {
        "family": family, "size": size, "n": n, "dim": dim, "first": first, "seconds": statistics.median(others),
    }  # fmt: skip

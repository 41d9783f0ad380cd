"""Enumerating the group that a few elements generate, and its table of products."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError

#: Elements whose entries differ by less than this are the same.
SAME = 1e-6
#: Random projections tried before two elements are called too close.
_DRAWS = 8


class _Known:
    """Elements found so far, looked up by one random projection and confirmed entry by entry."""

    def __init__(self, first: Float[Tensor, "1 d"], seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.direction = torch.randn(first.shape[1], generator=generator, dtype=torch.float64)
        self.flat = first
        self._sort()

    def _sort(self) -> None:
        keys = self.flat @ self.direction
        self.keys, self.order = keys.sort()

    def find(self, flat: Float[Tensor, "c d"]) -> Int[Tensor, " c"]:
        """Number of each element, -1 for a new one.

        Raises:
            _TooClose: If a projection agrees and the element does not.
        """
        key = flat @ self.direction
        right = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        left = (right - 1).clamp(min=0)
        nearer = torch.where((self.keys[right] - key).abs() < (self.keys[left] - key).abs(), right, left)
        close = (self.keys[nearer] - key).abs() < SAME * 10
        place = self.order[nearer]
        same = (self.flat[place] - flat).abs().amax(1) < SAME
        if bool((close & ~same).any()):
            raise _TooCloseError
        return torch.where(same, place, -1)

    def add(self, flat: Float[Tensor, "c d"]) -> Int[Tensor, " new"]:
        """Append the distinct elements of a batch of new ones; returns where in the batch each was seen first."""
        keys, order = (flat @ self.direction).sort(stable=True)
        starts = torch.cat([torch.ones(1, dtype=torch.bool), keys[1:] - keys[:-1] > SAME * 10])
        leader = order[starts][starts.cumsum(0) - 1]
        if bool(((flat[order] - flat[leader]).abs().amax(1) > SAME).any()):
            raise _TooCloseError
        group = torch.empty_like(order)
        group[order] = starts.cumsum(0) - 1
        first = torch.full((int(starts.sum()),), len(flat), dtype=torch.int64)
        first = first.scatter_reduce(0, group, torch.arange(len(flat)), "amin").sort().values
        self.flat = torch.cat([self.flat, flat[first]])
        self._sort()
        return first


class _TooCloseError(Exception):
    pass


def close(
    generators: Float[Tensor, "k d"],
    identity: Float[Tensor, " d"],
    multiply: Callable[[Tensor, Tensor], Tensor],
    limit: int,
) -> tuple[Float[Tensor, "n d"], Int[Tensor, "n n"], list[int]]:
    """Breadth-first closure of generators under a product.

    Args:
        generators: Elements as flat rows, float64.
        identity: The identity as a flat row.
        multiply: Product of two broadcast batches of flat rows.
        limit: Largest order.

    Returns:
        Elements (the identity first, then breadth first), the table of products, and the places of the generators.

    Raises:
        ArgumentError: If more than `limit` elements come up, or elements are too close to be told apart.
    """
    for seed in range(_DRAWS):
        try:
            return _close(generators, identity, multiply, limit, seed)
        except _TooCloseError:
            continue
    raise ArgumentError(
        "generators",
        expected="a finite group whose elements differ clearly",
        got=f"two that differ by about {SAME:.0e}",
        way_out="give the generators in double precision; if the group is infinite, use a Lie group",
    )


def _close(
    generators: Tensor, identity: Tensor, multiply: Callable[[Tensor, Tensor], Tensor], limit: int, seed: int
) -> tuple[Tensor, Tensor, list[int]]:
    known = _Known(identity[None], seed)
    step, before = [torch.zeros(1, dtype=torch.int64)], [torch.zeros(1, dtype=torch.int64)]
    done, k = 0, len(generators)
    while k and done < len(known.flat):
        front = torch.arange(done, len(known.flat))
        done = len(known.flat)
        products = multiply(generators[None, :], known.flat[front][:, None]).reshape(-1, generators.shape[1])
        new = torch.nonzero(known.find(products) < 0).flatten()
        if len(new):
            first = new[known.add(products[new])]
            before.append(front[torch.div(first, k, rounding_mode="floor")])
            step.append(first % k)
        if len(known.flat) > limit:
            raise ArgumentError(
                "generators",
                expected=f"a finite group of at most {limit} elements",
                got="more (or an infinite group)",
                way_out="raise limit, use permutation_group(generators), symmetric(n) or a Lie group",
            )
    elements, n = known.flat, len(known.flat)
    right = [known.find(multiply(elements, generator)) for generator in generators]
    by_right = torch.empty(n, n, dtype=torch.int64)  # row b holds a b for all a
    by_right[0] = torch.arange(n)
    # b = s b' gives a b = (a s) b'
    for b, (s, earlier) in enumerate(zip(torch.cat(step).tolist(), torch.cat(before).tolist(), strict=True)):
        if b:
            torch.index_select(by_right[earlier], 0, right[s], out=by_right[b])
    return elements, by_right.T.contiguous(), known.find(generators).tolist() if k else []

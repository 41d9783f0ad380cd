"""Enumerating the group that a few elements generate, and its table of products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from haar.errors import ArgumentError

#: Elements whose entries differ by less than this are the same.
SAME = 1e-6
#: Random projections tried before two elements are called too close.
_DRAWS = 8

# Most groups are small, and numpy's calls cost a fraction of torch's.
Rows = NDArray[np.float64]
Places = NDArray[np.int64]


class _Known:
    """Elements found so far, looked up by one random projection and confirmed entry by entry."""

    def __init__(self, first: Rows, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.direction = torch.randn(first.shape[1], generator=generator, dtype=torch.float64).numpy()
        self.flat = first
        self._sort()

    def _sort(self) -> None:
        keys = self.flat @ self.direction
        self.order = np.argsort(keys)
        self.keys = keys[self.order]

    def find(self, flat: Rows) -> Places:
        """Number of each element, -1 for a new one.

        Raises:
            _TooClose: If a projection agrees and the element does not.
        """
        key = flat @ self.direction
        right = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        left = np.maximum(right - 1, 0)
        nearer = np.where(np.abs(self.keys[right] - key) < np.abs(self.keys[left] - key), right, left)
        close = np.abs(self.keys[nearer] - key) < SAME * 10
        place = self.order[nearer]
        same = np.abs(self.flat[place] - flat).max(1) < SAME
        if (close & ~same).any():
            raise _TooCloseError
        return np.where(same, place, -1)

    def add(self, flat: Rows) -> Places:
        """Append the distinct elements of a batch of new ones; returns where in the batch each was seen first."""
        keys = flat @ self.direction
        order = np.argsort(keys, kind="stable")
        starts = np.append(True, np.diff(keys[order]) > SAME * 10)
        places = np.flatnonzero(starts)
        leader = order[places][np.cumsum(starts) - 1]
        if (np.abs(flat[order] - flat[leader]).max(1) > SAME).any():
            raise _TooCloseError
        first = np.sort(np.minimum.reduceat(order, places))
        self.flat = np.concatenate([self.flat, flat[first]])
        self._sort()
        return first


class Products:
    """The products of a closed set of elements: a few by multiplying, all of them as a table."""

    def __init__(
        self,
        known: _Known,
        generators: Rows,
        multiply: Callable[[Rows, Rows], Rows],
        before: list[int],
        step: list[int],
    ) -> None:
        self._known, self._generators, self._multiply = known, generators, multiply
        self._before, self._step = before, step

    @property
    def order(self) -> int:
        """How many elements there are."""
        return len(self._known.flat)

    def of(self, a: Int[Tensor, " k"], b: Int[Tensor, " k"]) -> Int[Tensor, " k"]:
        """Products of a few pairs."""
        flat = self._known.flat
        return torch.from_numpy(self._known.find(self._multiply(flat[a.numpy()], flat[b.numpy()])))

    def table(self) -> Int[Tensor, "n n"]:
        """All products: row a, column b holds ab."""
        n = self.order
        right = [self._known.find(self._multiply(self._known.flat, generator)) for generator in self._generators]
        by_right = np.empty((n, n), dtype=np.int64)  # row b holds a b for all a
        by_right[0] = np.arange(n)
        # b = s b' gives a b = (a s) b'
        for b in range(1, n):
            np.take(by_right[self._before[b]], right[self._step[b]], out=by_right[b])
        return torch.from_numpy(np.ascontiguousarray(by_right.T))


class _TooCloseError(Exception):
    pass


def close(
    generators: Float[Tensor, "k d"],
    identity: Float[Tensor, " d"],
    multiply: Callable[[Rows, Rows], Rows],
    limit: int,
) -> tuple[Float[Tensor, "n d"], Products, list[int]]:
    """Breadth-first closure of generators under a product.

    Args:
        generators: Elements as flat rows, float64.
        identity: The identity as a flat row.
        multiply: Product of two broadcast batches of flat rows, as arrays.
        limit: Largest order.

    Returns:
        Elements (the identity first, then breadth first), their products, and the places of the generators.

    Raises:
        ArgumentError: If more than `limit` elements come up, or elements are too close to be told apart.
    """
    gens, one = generators.numpy(), identity.numpy()
    for seed in range(_DRAWS):
        try:
            elements, products, places = _close(gens, one, multiply, limit, seed)
        except _TooCloseError:
            continue
        return torch.from_numpy(elements), products, places
    raise ArgumentError(
        "generators",
        expected="a finite group whose elements differ clearly",
        got=f"two that differ by about {SAME:.0e}",
        way_out="give the generators in double precision; if the group is infinite, use a Lie group",
    )


def _close(
    generators: Rows, identity: Rows, multiply: Callable[[Rows, Rows], Rows], limit: int, seed: int
) -> tuple[Rows, Products, list[int]]:
    known = _Known(identity[None], seed)
    step, before = [0], [0]
    done, k = 0, len(generators)
    while k and done < len(known.flat):
        front = np.arange(done, len(known.flat))
        done = len(known.flat)
        found = multiply(generators[None, :], known.flat[front][:, None]).reshape(-1, generators.shape[1])
        new = np.flatnonzero(known.find(found) < 0)
        if len(new):
            first = new[known.add(found[new])]
            before += front[first // k].tolist()
            step += (first % k).tolist()
        if len(known.flat) > limit:
            raise ArgumentError(
                "generators",
                expected=f"a finite group of at most {limit} elements",
                got="more (or an infinite group)",
                way_out="raise limit, use permutation_group(generators), symmetric(n) or a Lie group",
            )
    products = Products(known, generators, multiply, before, step)
    return known.flat, products, known.find(generators).tolist() if k else []

"""Enumerating the group that a few elements generate, and its table of products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.connected import connected_roots

#: Elements whose entries differ by less than this are the same.
SAME = 1e-6
#: Elements that differ by more than `same` and by less than this many times of it cannot be told apart surely...
_NEAR = 10
#: ... but those of generators in half precision, whose `same` is large, by less than this.
_CLEAR = 0.25
#: Entries of the elements of a group beyond this mean that there is no end to them.
_LARGEST = 1e8
#: Entries of elements compared at once.
_CHUNK = 4_000_000

# Most groups are small, and numpy's calls cost a fraction of torch's.
Rows = NDArray[np.float64]
Places = NDArray[np.int64]


class _Known:
    """Elements found so far. Random projections say which may be equal; the elements themselves say which are.

    A difference of at most `same` in each of d entries moves a projection by a normal number of standard deviation
    at most ``same * sqrt(d)``, whatever the difference: elements that are further apart than eight of these are not
    compared. They are sorted by the first projection; the others spare most comparisons of whole elements.
    """

    def __init__(self, first: Rows, same: float) -> None:
        generator = torch.Generator().manual_seed(0)
        self.same, self.near = same, min(_NEAR * same, max(_CLEAR, same))
        self.directions = torch.randn(first.shape[1], 4, generator=generator, dtype=torch.float64).numpy()
        self.window = 8 * self.near * float(np.sqrt(first.shape[1]))
        self.flat = first
        self._sort()

    def _sort(self) -> None:
        self.marks = self.flat @ self.directions
        self.order = np.argsort(self.marks[:, 0])
        self.keys = self.marks[self.order, 0]

    def find(self, flat: Rows) -> Places:
        """Number of each element, -1 for a new one.

        Raises:
            ArgumentError: If one is nearly, but not surely, a known one.
        """
        step = max(1, _CHUNK // flat.shape[1])
        return np.concatenate([self._find(flat[k : k + step]) for k in range(0, max(len(flat), 1), step)])

    def _find(self, flat: Rows) -> Places:
        marks = flat @ self.directions
        key = marks[:, 0]
        low = np.searchsorted(self.keys, key - self.window)
        high = np.searchsorted(self.keys, key + self.window)
        place = np.full(len(flat), -1, dtype=np.int64)
        nearest = np.full(len(flat), np.inf)
        waiting = np.flatnonzero(low < high)
        while len(waiting):
            candidate = self.order[low[waiting]]
            distance = self._distance((self.flat, self.marks), candidate, (flat, marks), waiting)
            nearest[waiting] = np.minimum(nearest[waiting], distance)
            same = distance < self.same
            place[waiting[same]] = candidate[same]
            low[waiting] += 1
            waiting = waiting[~same & (low[waiting] < high[waiting])]
        self._refuse_near(nearest[place < 0])
        return place

    def add(self, flat: Rows) -> Places:
        """Append the distinct elements of a batch of new ones; returns where in the batch each was seen first.

        Raises:
            ArgumentError: If two are nearly, but not surely, the same.
        """
        marks = flat @ self.directions
        order = np.argsort(marks[:, 0], kind="stable")
        keys = marks[order, 0]
        equal: list[tuple[Places, Places]] = []
        here, offset = np.arange(len(keys) - 1), 1
        while True:
            here = here[here + offset < len(keys)]
            here = here[keys[here + offset] - keys[here] < self.window]
            if not len(here):
                break
            one, other = order[here], order[here + offset]
            distance = self._distance((flat, marks), one, (flat, marks), other)
            same = distance < self.same
            self._refuse_near(distance[~same])
            equal.append((one[same], other[same]))
            offset += 1
        starts, stops = ([pair[k] for pair in equal] for k in (0, 1))
        none = np.empty(0, dtype=np.int64)
        roots = connected_roots(len(flat), np.concatenate([none, *starts]), np.concatenate([none, *stops]))
        first: Places = np.flatnonzero(roots == np.arange(len(flat)))
        self.flat = np.concatenate([self.flat, flat[first]])
        self._sort()
        return first

    def _distance(self, left: tuple[Rows, Rows], one: Places, right: tuple[Rows, Rows], two: Places) -> Rows:
        """Largest difference of the entries of pairs of rows; infinite where their projections differ already."""
        distance = np.full(len(one), np.inf)
        close = np.flatnonzero((np.abs(left[1][one, 1:] - right[1][two, 1:]) < self.window).all(1))
        distance[close] = np.abs(left[0][one[close]] - right[0][two[close]]).max(1)
        return distance

    def _refuse_near(self, distance: Rows) -> None:
        near = distance[distance < self.near]
        if len(near):
            raise ArgumentError(
                "generators",
                expected="a finite group whose elements differ clearly",
                got=f"two that differ by {float(near[0]):.0e}",
                way_out="give the generators in double precision; if the group is infinite, use a Lie group",
            )


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
        right = self._right()
        by_right = np.empty((n, n), dtype=np.int64)  # row b holds a b for all a
        by_right[0] = np.arange(n)
        # b = s b' gives a b = (a s) b'
        for b in range(1, n):
            np.take(by_right[self._before[b]], right[self._step[b]], out=by_right[b])
        return torch.from_numpy(np.ascontiguousarray(by_right.T))

    def left(self) -> Int[Tensor, "k n"]:
        """For every generator s: the place of s a for all a."""
        rows = [self._known.find(self._multiply(generator, self._known.flat)) for generator in self._generators]
        return torch.from_numpy(np.stack(rows))

    def inverse(self) -> Int[Tensor, " n"]:
        """The inverse of every element, without the table."""
        back = [np.argsort(right).tolist() for right in self._right()]
        found = [0] * self.order
        for b in range(1, self.order):  # (s b')^-1 = b'^-1 s^-1
            found[b] = back[self._step[b]][found[self._before[b]]]
        return torch.tensor(found, dtype=torch.int64)

    def _right(self) -> list[Places]:
        """For every generator s: the place of a s for all a."""
        return [self._known.find(self._multiply(self._known.flat, generator)) for generator in self._generators]


def close(
    generators: Float[Tensor, "k d"],
    identity: Float[Tensor, " d"],
    multiply: Callable[[Rows, Rows], Rows],
    limit: int,
    *,
    same: float = SAME,
) -> tuple[Float[Tensor, "n d"], Products, list[int]]:
    """Breadth-first closure of generators under a product.

    Args:
        generators: Elements as flat rows, float64.
        identity: The identity as a flat row.
        multiply: Product of two broadcast batches of flat rows, as arrays.
        limit: Largest order that is accepted.
        same: Elements whose entries differ by less than this are the same.

    Returns:
        Elements (the identity first, then breadth first), their products, and the places of the generators.

    Raises:
        ArgumentError: If more than `limit` elements come up, or elements are too close to be told apart.
    """
    gens, known = generators.numpy(), _Known(identity.numpy()[None], same)
    step, before = [0], [0]
    done, k = 0, len(generators)
    while k and done < len(known.flat):
        front = np.arange(done, len(known.flat))
        done = len(known.flat)
        found = multiply(gens[None, :], known.flat[front][:, None]).reshape(-1, gens.shape[1])
        new = np.flatnonzero(known.find(found) < 0)
        if len(new):
            first = new[known.add(found[new])]
            before += front[first // k].tolist()
            step += (first % k).tolist()
        if len(known.flat) > limit or float(np.abs(found).max()) > _LARGEST:
            raise ArgumentError(
                "generators",
                expected=f"a finite group of at most {limit} elements",
                got="more (or an infinite group)",
                way_out="raise limit, use permutation_group(generators), symmetric(n) or a Lie group",
            )
    products = Products(known, gens, multiply, before, step)
    return torch.from_numpy(known.flat), products, known.find(gens).tolist() if k else []

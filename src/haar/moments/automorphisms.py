"""Automorphisms of a small coloured graph: a strong generating set, by refinement and backtracking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from haar.errors import ArgumentError

Labels = NDArray[np.int64]

#: More nodes are not searched.
MOST_NODES = 400
#: Most branches that a search may take before it gives up.
_PATIENCE = 20_000


def automorphisms(labels: Labels) -> Labels:
    """Generators of all permutations p with labels[p[i], p[j]] = labels[i, j]; the diagonal colours the nodes.

    A chain of stabilisers: with the first base points fixed, the next one is mapped to every point that refinement
    cannot tell from it and that the generators found so far do not reach. Colours are refined by the multisets of
    coloured edges (1-dimensional Weisfeiler-Leman) after every choice.

    Args:
        labels: Colour of every ordered pair of nodes, (nodes, nodes).

    Returns:
        (generators, nodes); the identity alone if there is no other.

    Raises:
        ArgumentError: If there are too many nodes, or the search takes too long.

    Example:
        >>> square = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
        >>> len({tuple(p) for p in automorphisms(square).tolist()}) >= 2
        True
    """
    n = labels.shape[0]
    if n > MOST_NODES:
        raise ArgumentError(
            "orbits",
            expected=f"at most {MOST_NODES} nodes where the symmetry is to be found",
            got=n,
            way_out="give the group, such as orbits=NodeOrbits.complete(n)",
        )
    return _Search(labels).run()


class _Search:
    def __init__(self, labels: Labels) -> None:
        _, flat = np.unique(labels.reshape(-1), return_inverse=True)
        self.n = labels.shape[0]
        self.labels: Labels = flat.reshape(self.n, self.n).astype(np.int64)
        # Random words for (label, colour): sums of them tell multisets apart, and the end is checked exactly.
        source = np.random.default_rng(0)
        self.words = source.integers(-(2**62), 2**62, size=(int(flat.max()) + 1, 2 * self.n + 2), dtype=np.int64)
        self.left = _PATIENCE

    def run(self) -> Labels:
        here = np.arange(self.n)
        colour, _ = self._refined(np.diagonal(self.labels), np.diagonal(self.labels))
        base: list[int] = []
        fixed = colour
        while len(np.unique(fixed)) < self.n:
            sizes = np.bincount(fixed)
            point = int(np.flatnonzero(sizes[fixed] > 1)[0])
            base.append(point)
            fixed, _ = self._refined(*self._chosen(fixed, fixed, point, point))
        found: list[Labels] = []
        # From the deepest stabiliser up, so that what is found below prunes above.
        for depth in reversed(range(len(base))):
            left = colour
            for point in base[:depth]:
                left, _ = self._refined(*self._chosen(left, left, point, point))
            point = base[depth]
            reached = self._orbit(point, found)
            for image in np.flatnonzero(left == left[point]):
                if int(image) in reached:
                    continue
                made = self._match(left, left, point, int(image))
                if made is not None:
                    found.append(made)
                    reached = self._orbit(point, found)
        return np.array(found) if found else here[None]

    def _orbit(self, point: int, generators: list[Labels]) -> set[int]:
        reached, front = {point}, [point]
        while front:
            images = {int(g[q]) for q in front for g in generators}
            front = list(images - reached)
            reached |= images
        return reached

    def _match(self, left: Labels, right: Labels, point: int, image: int) -> Labels | None:
        """An automorphism that respects two colourings and sends a point to an image, if there is one."""
        self.left -= 1
        if self.left < 0:
            raise ArgumentError(
                "orbits",
                expected="a graph whose symmetry is found soon",
                got=f"{self.n} nodes, {_PATIENCE} branches",
                way_out="give the group",
            )
        a, b = self._refined(*self._chosen(left, right, point, image))
        sizes = np.bincount(a, minlength=2 * self.n)
        if not np.array_equal(sizes, np.bincount(b, minlength=2 * self.n)):
            return None
        open_nodes = np.flatnonzero(sizes[a] > 1)
        if not open_nodes.size:
            made: Labels = np.empty(self.n, dtype=np.int64)
            made[np.argsort(a)] = np.argsort(b)
            return made if np.array_equal(self.labels[np.ix_(made, made)], self.labels) else None
        following = int(open_nodes[0])
        for candidate in np.flatnonzero(b == a[following]):
            found = self._match(a, b, following, int(candidate))
            if found is not None:
                return found
        return None

    def _chosen(self, left: Labels, right: Labels, point: int, image: int) -> tuple[Labels, Labels]:
        a, b = left.copy(), right.copy()
        a[point] = b[image] = max(int(left.max()), int(right.max())) + 1
        return a, b

    def _refined(self, left: Labels, right: Labels) -> tuple[Labels, Labels]:
        """The coarsest equitable colourings below two, with colours that mean the same on both sides."""
        both = np.concatenate([left, right])
        _, both = np.unique(both, return_inverse=True)
        while True:
            sides = []
            for part in (both[: self.n], both[self.n :]):
                words = self.words[self.labels, part[None, :]]
                back = self.words[self.labels.T, part[None, :]]
                sides.append(np.stack([part, words.sum(1), back.sum(1)], 1))
            _, finer = np.unique(np.concatenate(sides), axis=0, return_inverse=True)
            finer = finer.reshape(-1)
            if finer.max() == both.max():
                return finer[: self.n], finer[self.n :]
            both = finer

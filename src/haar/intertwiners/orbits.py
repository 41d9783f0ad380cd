"""Orbits of index pairs under a signed-permutation action of generators: the basis of Hom, without linear algebra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from haar.actions.representation import Representation
from haar.groups import LieGroup

#: Rows of the pair table whose edges are merged before the first full check.
_SAMPLED_ROWS = 32
#: Index pairs checked at once.
_CHUNK = 2_000_000


@dataclass(frozen=True)
class PairOrbits:
    """Orbits of pairs (o, i), with the sign carried along each orbit.

    Attributes:
        label: Number of the orbit of every pair ``(n_out, n_in)``, int32; -1 where the signs contradict one another, so
            that no equivariant map is supported there. Orbits are numbered in the order of their first pair, row by
            row.
        sign: +-1 for every pair, int8, +1 at the first pair of an orbit; 0 where `label` is -1.
        sizes: Pairs in every orbit, int64.
    """

    label: Int[Tensor, "out in"]
    sign: Int[Tensor, "out in"]
    sizes: Int[Tensor, " orbits"]

    @property
    def count(self) -> int:
        """Number of orbits that carry an equivariant map."""
        return len(self.sizes)


def pair_orbits(rep_in: Representation, rep_out: Representation) -> PairOrbits:
    """Orbits of index pairs of two signed-permutation representations of one group.

    A basis of Hom has one element for each orbit, +-1 on it: W commutes with a generator s iff W[s o, s i] = sign W[o,
    i]. The points i are visited along a spanning tree of their own orbits; this carries a labelling of the row at the
    tree's root to all rows. Every remaining generator edge then joins two labels, or reverses one against itself. Work
    and memory are proportional to n_out n_in; the graph that is searched has only n_out nodes for each orbit of points
    i.

    Args:
        rep_in: Representation on the columns, a signed permutation.
        rep_out: Representation on the rows, a signed permutation.
    """
    columns, column_signs = _generators(rep_in)
    rows, row_signs = _generators(rep_out)
    signed = bool((column_signs < 0).any() or (row_signs < 0).any())
    label, sign, roots = _spread(columns, column_signs, rows, row_signs, signed=signed)
    merged, flip = _merge(label, sign, roots * rep_out.dim, (columns, column_signs, rows, row_signs))
    orbit = merged[label]
    if sign is not None and flip is not None:
        sign *= flip[label]
    return _numbered(np.ascontiguousarray(orbit.T), None if sign is None else np.ascontiguousarray(sign.T))


def _generators(rep: Representation) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """For every generator s and point i: the point s i and the sign with R(s) e_i = sign e_(s i)."""
    gens = rep.group.generators()
    index, sign = rep.signed_permutation(gens)
    # (R v)_j = sign_j v_index(j): e_index(j) goes to sign_j e_j
    image = index.argsort(-1)
    return image.numpy(), sign.gather(-1, image).to(torch.int8).numpy()


def _spread(
    columns: NDArray[np.int64],
    column_signs: NDArray[np.int8],
    rows: NDArray[np.int64],
    row_signs: NDArray[np.int8],
    *,
    signed: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int8] | None, int]:
    """Labels ``(n_in, n_out)`` carried along spanning trees of the points i; a label is (root, o at the root)."""
    n_in, n_out = columns.shape[1], rows.shape[1]
    back = np.argsort(rows, axis=1)
    back_signs = np.take_along_axis(row_signs, back, 1)
    label = np.empty((n_in, n_out), dtype=np.int32)
    sign = np.ones((n_in, n_out), dtype=np.int8) if signed else None
    steps = columns.T.tolist()
    seen = [False] * n_in
    roots = 0
    for root in range(n_in):
        if seen[root]:
            continue
        label[root] = np.arange(roots * n_out, (roots + 1) * n_out, dtype=np.int32)
        roots += 1
        seen[root] = True
        front = [root]
        while front:
            following = []
            for i in front:
                for s, j in enumerate(steps[i]):
                    if seen[j]:
                        continue
                    seen[j] = True
                    following.append(j)
                    np.take(label[i], back[s], out=label[j])
                    if sign is not None:
                        np.multiply(sign[i][back[s]], back_signs[s] * column_signs[s, i], out=sign[j])
            front = following
    return label, sign, roots


def _merge(
    label: NDArray[np.int32],
    sign: NDArray[np.int8] | None,
    count: int,
    generators: tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int64], NDArray[np.int8]],
) -> tuple[NDArray[np.int32], NDArray[np.int8] | None]:
    """Join labels over all generator edges: every label's orbit (-1 where signs contradict) and its sign there."""
    columns, column_signs, rows, row_signs = generators
    n_in, n_out = label.shape
    orbit = np.arange(count, dtype=np.int32)
    flip = None if sign is None else np.ones(count, dtype=np.int8)
    edges: list[NDArray[np.int64]] = []
    few = np.linspace(0, n_in - 1, min(n_in, _SAMPLED_ROWS)).astype(np.int64)
    step = max(1, _CHUNK // n_out)
    for chunk in [few, *np.array_split(np.arange(n_in), -(-n_in // step))]:
        found: list[NDArray[np.int64]] = []
        for s in range(len(columns)):
            one, other = label[chunk], label[columns[s, chunk]][:, rows[s]]
            if sign is None or flip is None:
                bad = orbit[one] != orbit[other]
                twist = np.zeros(1, dtype=np.int64)
            else:
                relative = (
                    sign[chunk] * sign[columns[s, chunk]][:, rows[s]] * (row_signs[s] * column_signs[s, chunk][:, None])
                )
                twisted = (relative * flip[one] * flip[other] < 0) & (orbit[one] >= 0)
                bad = (orbit[one] != orbit[other]) | twisted
                twist = (relative[bad] < 0).astype(np.int64)
            if bad.any():
                pairs = (one[bad].astype(np.int64) * count + other[bad]) * 2 + twist
                found.append(np.unique(pairs))
        if found:
            edges = [np.unique(np.concatenate([*edges, *found]))]
            orbit, flip = _components(edges[0], count, signed=flip is not None)
    return orbit, flip


def _components(
    edges: NDArray[np.int64], count: int, *, signed: bool
) -> tuple[NDArray[np.int32], NDArray[np.int8] | None]:
    """Components of the labels; with signs on doubled nodes, where a label joined to its own negative is dropped."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    twist, pair = edges & 1, edges >> 1
    one, other = pair // count, pair % count
    if not signed:
        graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count))
        return connected_components(graph, directed=False)[1].astype(np.int32), None
    start, stop = (
        np.concatenate([one, one + count]),
        np.concatenate([other + twist * count, other + (1 - twist) * count]),
    )
    graph = coo_array((np.ones(len(start), dtype=np.int8), (start, stop)), shape=(2 * count, 2 * count))
    component = connected_components(graph, directed=False)[1].astype(np.int32)
    plus, minus = component[:count], component[count:]
    orbit = np.where(plus == minus, np.int32(-1), np.minimum(plus, minus)).astype(np.int32)
    return orbit, np.where(plus <= minus, 1, -1).astype(np.int8)


def _numbered(orbit: NDArray[np.int32], sign: NDArray[np.int8] | None) -> PairOrbits:
    """Orbits renumbered by their first pair, signs relative to it."""
    flat = orbit.reshape(-1)
    size = np.bincount(flat + 1)[1:]  # the dropped orbits, -1, are counted first
    first = _first_places(flat, len(size))
    present = np.flatnonzero(size)
    order = present[np.argsort(first[present], kind="stable")]
    rank = np.full(len(size) + 1, -1, dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    label = rank[orbit]  # orbit -1 reads the last entry, which stays -1
    if sign is None:
        signs = np.ones(orbit.shape, dtype=np.int8)
    else:
        lead = np.append(sign.reshape(-1)[first[order]], np.int8(0))
        signs = sign * lead[label]
    return PairOrbits(torch.from_numpy(label), torch.from_numpy(signs), torch.from_numpy(size[order].astype(np.int64)))


def _first_places(flat: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Flat index of the first pair of every orbit."""
    first = np.full(count + 1, flat.size, dtype=np.int64)
    # assigned from the back: the first place is written last
    first[flat[::-1]] = np.arange(flat.size - 1, -1, -1)
    return first[:count]


def applies(rep_in: Representation, rep_out: Representation) -> bool:
    """Whether both representations are signed permutations of a group that its generators generate."""
    return (
        rep_in.is_signed_permutation
        and rep_out.is_signed_permutation
        and not isinstance(rep_in.group, LieGroup)
        and rep_in.group.is_finite
    )

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
from haar.groups.connected import connected_roots
from haar.host import on_the_host

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


@on_the_host
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
    columns, rows = _generators(rep_in), _generators(rep_out)
    turned = rep_out.dim < rep_in.dim  # the tree is walked point by point, so it is that of the fewer points
    moves = _Moves(*rows, *columns) if turned else _Moves(*columns, *rows)
    code, roots = _spread(moves)
    points, labels = len(code), roots * code.shape[1]
    # Merging a few rows first leaves few labels, so that the check of all rows mostly finds nothing left to merge.
    few = np.linspace(0, points - 1, min(points, _SAMPLED_ROWS)).astype(np.int64)
    for some in (few, np.arange(points)):
        edges = _broken_edges(code, moves, some, labels)
        if len(edges):
            code = _components(edges, labels)[code]
    return _numbered(code.T if turned else code)


@dataclass(frozen=True)
class _Moves:
    """For every generator s: where it sends the points i and o, and 1 where it changes the sign there."""

    columns: NDArray[np.int64]
    column_flips: NDArray[np.int32]
    rows: NDArray[np.int64]
    row_flips: NDArray[np.int32]


def _generators(rep: Representation) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """For every generator s and point i: the point s i, and 1 where R(s) e_i = -e_(s i)."""
    gens = rep.group.generators()
    index, sign = rep.signed_permutation(gens)
    # (R v)_j = sign_j v_index(j): e_index(j) goes to sign_j e_j
    image = index.argsort(-1)
    return image.numpy(), (sign.gather(-1, image) < 0).to(torch.int32).numpy()


def _spread(moves: _Moves) -> tuple[NDArray[np.int32], int]:
    """Codes ``(n_in, n_out)`` carried along spanning trees of the points i, and the number of trees.

    A code is twice a label plus the sign's bit; a label is (tree, o at the tree's root).
    """
    n_in, n_out = moves.columns.shape[1], moves.rows.shape[1]
    back = np.argsort(moves.rows, axis=1)
    back_flips = np.take_along_axis(moves.row_flips, back, 1)
    turns = np.logical_or(back_flips.any(axis=1, keepdims=True), moves.column_flips != 0).tolist()
    code = np.empty((n_in, n_out), dtype=np.int32)
    steps = moves.columns.T.tolist()
    seen = [False] * n_in
    roots = 0
    for root in range(n_in):
        if seen[root]:
            continue
        code[root] = 2 * np.arange(roots * n_out, (roots + 1) * n_out, dtype=np.int32)
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
                    np.take(code[i], back[s], out=code[j])
                    if turns[s][i]:
                        code[j] ^= back_flips[s] ^ moves.column_flips[s, i]
            front = following
    return code, roots


def _broken_edges(code: NDArray[np.int32], moves: _Moves, rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Generator edges from pairs in some rows whose ends have different codes: two labels and the sign between."""
    found: list[NDArray[np.int64]] = []
    step = max(1, _CHUNK // code.shape[1])
    for chunk in np.array_split(rows, -(-len(rows) // step)):
        one = code[chunk]
        for s in range(len(moves.columns)):
            other = code[moves.columns[s, chunk]].take(moves.rows[s], axis=1)
            flips = moves.column_flips[s, chunk][:, None]
            if moves.row_flips[s].any():
                flips = flips ^ moves.row_flips[s]
            bad = (one ^ other) != flips
            bad &= (one >= 0) | (other >= 0)
            if not bad.any():
                continue
            a, b = one[bad].astype(np.int64), other[bad].astype(np.int64)
            twist = (a ^ b ^ np.broadcast_to(flips, bad.shape)[bad]) & 1
            # what touches a dropped orbit contradicts itself
            twist[(a < 0) | (b < 0)] = 1
            a, b = np.where(a < 0, b, a) >> 1, np.where(b < 0, a, b) >> 1
            found.append(_distinct((a * count + b) * 2 + twist))
    return _distinct(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def _distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sorted, without repetition; numpy's own function imports masked arrays at its first call."""
    ordered = np.sort(values)
    distinct: NDArray[np.int64] = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return distinct


def _components(edges: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    """New codes for old: components of the doubled set of labels; one joined to its own negative is dropped (-2)."""
    twist, pair = edges & 1, edges >> 1
    one, other = pair // count, pair % count
    # nodes are codes: twice the label plus the sign's bit
    start, stop = np.concatenate([2 * one, 2 * one + 1]), np.concatenate([2 * other + twist, 2 * other + 1 - twist])
    component = connected_roots(2 * count, start, stop)
    plus, minus = component[::2], component[1::2]
    smaller = np.unique(np.minimum(plus, minus), return_inverse=True)[1].astype(np.int32)
    table = np.empty(2 * count + 2, dtype=np.int32)
    table[:-2:2], table[1:-2:2] = 2 * smaller + (plus > minus), 2 * smaller + (minus > plus)
    table[:-2][np.repeat(plus == minus, 2)] = -2
    table[-2:] = -2  # codes of dropped orbits are negative and read the end
    return table


def _numbered(code: NDArray[np.int32]) -> PairOrbits:
    """Orbits renumbered by their first pair, row by row of the matrix, signs relative to it."""
    flat = np.ascontiguousarray(code.T).reshape(-1)
    old = flat >> 1  # -1 where dropped
    size = np.bincount(old + 1)[1:]
    first = _first_places(old, len(size))
    present = np.flatnonzero(size)
    order = present[np.argsort(first[present], kind="stable")]
    rank = np.full(len(size) + 1, -1, dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    label = rank[old]  # -1 reads the last entry, which stays -1
    lead = np.append(flat[first[order]] & 1, np.int32(0)).astype(np.int32)
    sign = (1 - 2 * ((flat & 1) ^ lead[label])).astype(np.int8)
    sign[label < 0] = 0
    shape = code.shape[::-1]
    return PairOrbits(
        torch.from_numpy(label.reshape(shape)),
        torch.from_numpy(sign.reshape(shape)),
        torch.from_numpy(size[order].astype(np.int64)),
    )


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

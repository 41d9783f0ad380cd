r"""Third and fourth cumulants in factors after an activation: what is carried, what is new, what is left over.

Notation of `haar.moments.slices` and `haar.moments.factors`; 1 is the unit matrix.

**Order 2+** carries nothing older than the activation. With Y_jr = c1_j rho_jr (j != r): the trees <D(c2 + kappa_iii
c5/6), Y, Y> and the edges (1, Y, g2 - 2 c1^2); what the slices iij and iijj have beyond these is <residual', 1, 1>
and a pairing (1, residual).

**Order 3** carries all generations. An activation multiplies the rows of what is carried by its mean slope. New are

* the trees <D(c2 + ..), L1, L1> and <D(c3), L1, L2>, L1 and L2 the first and second derivative along each other unit
  with what T and Q add to them;
* K_iijk c2_i c1_j c1_k/2 of the fourth cumulants that the activation before made;
* of the fourth cumulants the edges (1, L1, g2 - 2 c1^2 + ..), the stars (L1, D(c3)), the paths (D(c2), L1, rho), the
  pairs that repeat a unit (1, L1, k), k_ij = g1_i rho_ij c2_j + (g2_i/2 - c1_i^2) rho_ij^2 c3_j, whose second part
  repairs the stars where two of their leaves are one unit;
* the residuals of all three slices.

A component that passes is the activation z -> z, for which all of this is an identity of the slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from haar.moments.entries import Entries
from haar.moments.factors import Edge, Factors, Pairing, Path, Repeat, Star, Triple
from haar.moments.slices import After, Slices, Wick


@dataclass(frozen=True)
class Passage:
    """An activation between what was and what is.

    Args:
        wick: Its Wick coefficients.
        slices: Normalised cumulants before, damped where they had to be.
        after: Mean, covariance and slices after it.
        scale: w_i / s_i: weight over standard deviation before.
    """

    wick: Wick
    slices: Slices
    after: After
    scale: Tensor


def one_generation(passage: Passage, before: Factors, e: Entries) -> Factors:
    """Order 2+: trees and edges of this activation, and in the residuals whatever else its slices have in them."""
    del before
    c, g, slices, after = passage.wick.c, passage.wick.g, passage.slices, passage.after
    links = _off_diagonal(e.rows(c[1]) * slices.rho, e)
    bend = c[2] + slices.iii * c[5] / 6
    thickness = g[2] - 2 * c[1].square()
    edges = links.square() * e.columns(thickness)
    rest = _residual(after.iij - links.square() * e.columns(bend), e.diagonal(after.iij), e)
    pairs = _residual(after.iijj - edges - e.transpose(edges), e.diagonal(after.iijj), e)
    return Factors(
        (None, links, e.transpose(rest)),
        (Triple(0, 1, 1, bend), Triple(2, 0, 0)),
        (Edge(0, 1, thickness), Pairing(0, pairs)),
    )


def all_generations(passage: Passage, before: Factors, e: Entries) -> Factors:
    """Order 3: what is carried, multiplied by the mean slopes, and a new generation."""
    c, slices, after = passage.wick.c, passage.slices, passage.after
    gain = passage.scale * (c[1] + slices.iii * c[4] / 6 + slices.iiii * c[5] / 24)
    carried, (aab, aabb, aaab) = _carried(passage, before, gain, e)
    first, second = _links(passage, e)
    bend = c[2] + slices.iii * c[5] / 6 + slices.iiii * c[6] / 24
    aab = aab + first.square() * e.columns(bend) + 2 * first * second * e.columns(c[3])
    one = len(carried.matrices)
    thirds = (Triple(one, one + 1, one + 1, bend), Triple(one, one + 1, one + 2, c[3]), Triple(one + 3, one, one))
    rest = _residual(after.iij - aab, e.diagonal(after.iij - aab), e)

    g = passage.wick.g
    thickness = g[2] - 2 * c[1].square() + slices.iii * g[5] / 6
    repeated = e.rows(g[1]) * slices.rho * e.columns(c[2])
    repeated = repeated + e.rows(g[2] / 2 - c[1].square()) * slices.rho.square() * e.columns(c[3])
    repeated = _off_diagonal(repeated, e)
    edges = first.square() * e.columns(thickness)
    aabb = after.iijj - (aabb + edges + e.transpose(edges))
    aaab = after.iiij - (aaab + first.pow(3) * e.columns(c[3]) + 3 * repeated * first)
    middle = _off_diagonal(e.rows(c[2]) * slices.rho * e.columns(c[2]), e)
    fourths = (
        Edge(one, one + 1, thickness),
        Star(one + 1, one, c[3]),
        Path(one, one + 1, middle),
        Repeat(one, one + 1, repeated),
        Pairing(one, _residual(aabb, e.diagonal(aabb), e)),
        Star(one, one + 4),
    )
    matrices = (None, first, second, e.transpose(rest), e.transpose(_off_diagonal(aaab, e)))
    return Factors(
        (*carried.matrices, *matrices),
        (*carried.thirds, *thirds),
        (*carried.fourths, *fourths),
        fresh=len(carried.fourths),
    )


def _carried(
    passage: Passage, before: Factors, gain: Tensor, e: Entries
) -> tuple[Factors, tuple[Tensor, Tensor, Tensor]]:
    """What was there, its rows times the mean slopes; K_iijk/2 of the last fourth cumulants; and the slices of both."""
    slices, old = passage.slices, before.written
    spread = torch.where(passage.scale > 0, 1.0 / torch.where(passage.scale > 0, passage.scale, 1.0), 0.0)
    # gain = scale * slope, and the slices are normalised and damped already: slope on every index is left.
    slope = gain * spread
    left, right = e.rows(slope), e.columns(slope)
    aab = slices.iij * left.square() * right
    aabb, aaab = slices.iijj * (left * right).square(), slices.iiij * left.pow(3) * right
    matrices = [matrix * e.rows(gain) for matrix in old]
    half = e.rows(passage.wick.c[2] * passage.scale.square() / 2)
    lifted = []
    for fourth in before.fourths[before.fresh :]:
        for x, y, z in fourth.bent(old, e):
            matrices.append(half * x)
            lifted.append(Triple(len(matrices) - 1, y, z))
    for triple in lifted:
        aab = aab + triple.aab(tuple(matrices), e)
    return Factors(tuple(matrices), (*before.thirds, *lifted), before.fourths), (aab, aabb, aaab)


def _links(passage: Passage, e: Entries) -> tuple[Tensor, Tensor]:
    """First and second derivative of the mean of one unit along another, [j, r]."""
    c, slices = passage.wick.c, passage.slices
    rho, bend = slices.rho, e.rows(passage.wick.c[2])
    slope = e.rows(c[1] + slices.iii * c[4] / 6 + slices.iiii * c[5] / 24)
    first = slope * rho + bend * slices.iij / 2
    second = bend * rho.square() / 2 + e.rows(c[1]) * e.transpose(slices.iij) / 2 + bend * slices.iijj / 4
    return _off_diagonal(first, e), _off_diagonal(second, e)


def _residual(matrix: Tensor, own: Tensor, e: Entries) -> Tensor:
    """With a third of its own on the diagonal, which the three placements of one index make whole."""
    return e.with_diagonal(matrix, own / 3)


def _off_diagonal(matrix: Tensor, e: Entries) -> Tensor:
    return e.with_diagonal(matrix, torch.zeros_like(e.diagonal(matrix)))

"""The best rotation: orthogonal Procrustes for a residual stream, and inside attention heads."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from haar.align.assignment import assigned, whole
from haar.align.grams import Grams, blocks_of
from haar.nn.principal import nearest_orthogonal
from haar.weights import Heads, Rotation
from haar.weights.heads import rotary_matrix
from haar.weights.sites import SiteElement, across_ones

__all__ = ["match_heads", "match_rotation", "nearest_orthogonal"]
#: Turns between the order of the query heads in a group and what is turned inside it; one is nearly always enough.
_TURNS = 3


def match_rotation(site: Rotation, grams: Grams) -> SiteElement:
    """The rotation of a residual stream that brings B nearest to A, among those that the site has.

    Args:
        site: The site.
        grams: Inner products by port.
    """
    gram = whole(grams, "")
    if gram is None:
        return site.identity()
    if site.fixes_ones:
        basis = across_ones(site.count, gram.dtype)
        gram = basis.mT @ gram @ basis
    return site.element(site.inside(nearest_orthogonal(gram)))


class _Blocks(NamedTuple):
    """Inner products of coordinates, for every pair of groups, and of query heads in them."""

    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor


def match_heads(site: Heads, grams: Grams) -> SiteElement:
    """The order of groups, of the query heads in each, and what is turned inside them, that bring B nearest to A.

    Args:
        site: The site.
        grams: Inner products by port, of balanced networks.
    """
    n, r, h = site.groups, site.queries, site.size
    q, o = (_port(grams, port, site.heads, h).reshape(n, r, n, r, h, h).transpose(1, 2) for port in "qo")
    k, v = (_port(grams, port, n, h) for port in "kv")
    inner = torch.arange(r).repeat(n, n, 1)
    if r > 1:
        inner = _orders(_invariants(site, q, k) + (o * v[:, :, None, None]).sum((-2, -1)))
    blocks = _Blocks(q, k, v, o)
    scores, values, worth = _turned(site, blocks, inner)
    for _ in range(_TURNS if r > 1 else 0):
        each = (q * scores[:, :, None, None] + o * values[:, :, None, None]).sum((-2, -1))
        other = _orders(each)
        found = _turned(site, blocks, other)
        better = found[2] > worth
        if not bool(better.any()):
            break
        inner = torch.where(better[..., None], other, inner)
        scores, values, worth = _turned(site, blocks, inner)
    order = assigned(worth)
    places = torch.arange(n), order
    turned = None if site.scores == "fixed" else scores[places]
    return site.element(order, inner[places], turned, values[places])


def _port(grams: Grams, port: str, count: int, size: int) -> Tensor:
    gram = whole(grams, port)
    if gram is None:
        return torch.zeros(count, count, size, size, dtype=torch.float64)
    return blocks_of(gram, count)


def _orders(each: Float[Tensor, "n n r r"]) -> Tensor:
    """The best order of query heads for every pair of groups."""
    return torch.stack([torch.stack([assigned(pair) for pair in row]) for row in each])


def _invariants(site: Heads, q: Tensor, k: Tensor) -> Tensor:
    """How alike the scores of two query heads are, whatever is turned inside them."""
    if site.scores == "linear":
        return (q * k[:, :, None, None]).sum((-2, -1))
    if site.scores == "fixed":
        return q.diagonal(dim1=-2, dim2=-1).sum(-1)
    return (_phases(q) * _phases(k)[:, :, None, None].conj()).real.sum(-1)


def _phases(gram: Tensor) -> Tensor:
    """Complex inner products of the pairs (i, i + size / 2)."""
    half = gram.shape[-1] // 2
    corner = [gram[..., :half, :half], gram[..., half:, half:], gram[..., half:, :half], gram[..., :half, half:]]
    first, second, third, fourth = (one.diagonal(dim1=-2, dim2=-1) for one in corner)
    return torch.complex(first + second, third - fourth)


def _turned(site: Heads, found: _Blocks, inner: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is turned inside heads for every pair of groups, given the orders of their query heads, and its worth."""
    ordered = torch.arange(site.queries).expand_as(inner)
    rows = torch.arange(site.groups)[:, None, None], torch.arange(site.groups)[None, :, None]
    both = found.q[(*rows, ordered, inner)].sum(2) + found.k
    if site.scores == "linear":
        scores = nearest_orthogonal(both)
    elif site.scores == "rotary":
        z = _phases(both)
        size = z.abs()
        scores = rotary_matrix(torch.where(size > 0, z / torch.where(size > 0, size, 1), torch.ones_like(z)))
    else:
        scores = torch.eye(site.size, dtype=both.dtype).expand_as(both)
    outputs = found.o[(*rows, ordered, inner)].sum(2) + found.v
    values = nearest_orthogonal(outputs)
    worth = (both * scores).sum((-2, -1)) + (outputs * values).sum((-2, -1))
    return scores, values, worth

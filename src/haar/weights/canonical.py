"""Canonical forms: of all parameters that a non-compact gauge joins, those of least norm."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.weights.action import ParameterAction
from haar.weights.experts import Experts
from haar.weights.gauge import Gauge
from haar.weights.heads import Heads, rotary_matrix
from haar.weights.singular import SINGULAR, between_singular
from haar.weights.sites import Site, SiteElement
from haar.weights.unit_scales import SCALED, balanced_units, balancing_factors

Squares = Mapping[tuple[str, bool], Tensor]


def balancing(action: ParameterAction, state: Mapping[str, Tensor]) -> Gauge:
    """The element that takes parameters to the least norm of their orbit, unique up to its compact part.

    Scaled units get incoming and outgoing weights of one norm (of 1 where only one of the two is there); queries and
    keys of a head, and its values and output map, equal Gram matrices. What a softmax does not see is set to 0: a
    router's mean over experts, keys' biases. What is left to be matched is compact: orders, signs, rotations, phases.
    The orbit of a head with a singular Gram matrix has no least norm: what of values nothing reads, and what of output
    maps nothing is given to, gets norm 1 there.

    Args:
        action: The table.
        state: Parameters by name.

    Example:
        >>> from haar.weights import Units
        >>> action = ParameterAction({"hidden": Units(1, "positive")}, {"w": ("hidden",), "v": ("hidden*",)})
        >>> state = {"w": torch.tensor([8.0]), "v": torch.tensor([2.0])}
        >>> action.act(balancing(action, state), state)
        {'w': tensor([4.]), 'v': tensor([4.])}
    """
    sites: dict[str, SiteElement] = balanced_units(action, state)
    for name, site in action.sites.items():
        if name in sites:
            continue
        squares = _squares(action, state, name) if _scaled(site) else {}
        sites[name] = _BALANCED[type(site)](site, squares) if squares else site.identity()
    linear = Gauge(sites)
    shifts = {}
    for name, entry in action.entries.items():
        if any(leg.shifts for legs in entry.axes for leg in legs):
            shifts[name] = _unseen(action, linear, name, state)
    return Gauge(sites, shifts)


def _scaled(site: Site) -> bool:
    """Whether what a site does is not compact."""
    return isinstance(site, Heads) or (isinstance(site, Experts) and site.scales in SCALED)


def _unseen(action: ParameterAction, gauge: Gauge, name: str, state: Mapping[str, Tensor]) -> Tensor:
    """Minus what is not seen of a tensor after it was moved."""
    entry = action.entries[name]
    tensor = entry.move(gauge, entry.read(state))
    shift = torch.zeros_like(tensor)
    for axis in range(tensor.ndim):
        for part in entry.parts(axis, tensor.shape[axis]):
            piece = tensor.narrow(axis, part.start, part.length)
            if part.leg.mark == "+":
                shift.narrow(axis, part.start, part.length).sub_(piece.mean(axis, keepdim=True))
            elif part.leg.mark == "~":
                shift.narrow(axis, part.start, part.length).copy_(-piece)
    return shift


def _squares(action: ParameterAction, state: Mapping[str, Tensor], site: str) -> dict[tuple[str, bool], Tensor]:
    """For each port, and for its dual, the Gram matrix of every block with itself, in float64."""
    found: dict[tuple[str, bool], Tensor] = {}
    identity = action.sites[site].identity()
    for name in action.touching(site):
        entry = action.entries[name]
        for leg, rows in entry.rows(entry.read(state)):
            if leg.site != site or leg.mark == "~":
                continue
            element = identity[leg.port]
            blocks = rows.reshape(len(element.order), element.size, -1).double()
            key = (leg.port, leg.dual)
            square = blocks @ blocks.mT
            found[key] = found[key] + square if key in found else square
    return found


def _factors(squares: Squares, port: str) -> Float[Tensor, " units"] | None:
    """Factors that make a port and its dual of one norm."""
    if (port, False) not in squares or (port, True) not in squares:
        return None
    return balancing_factors(*(squares[port, dual].flatten() for dual in (False, True)))


def _balanced_experts(site: Site, squares: Squares) -> SiteElement:
    if not isinstance(site, Experts):
        return site.identity()
    factors = _factors(squares, "units")
    inner = torch.arange(site.units).repeat(site.count, 1)
    scale = None if factors is None else factors.reshape(site.count, site.units)
    return site.element(torch.arange(site.count), inner, scale)


def _balanced_heads(site: Site, squares: Squares) -> SiteElement:
    if not isinstance(site, Heads):
        return site.identity()

    def of(port: str) -> Tensor:
        if (port, False) not in squares:
            raise ArgumentError("action", expected=f"parameters for port {port!r} of heads", got="none in the table")
        blocks = squares[port, False]
        return blocks.reshape(site.groups, -1, site.size, site.size).sum(1)

    scores = None
    if site.scores == "linear":
        scores = torch.stack([_between(q, k) for q, k in zip(of("q"), of("k"), strict=True)])
    elif site.scores == "rotary":
        q, k = (of(port).diagonal(dim1=-2, dim2=-1).reshape(site.groups, 2, -1).sum(1) for port in ("q", "k"))
        sizes = balancing_factors(q, k)
        scores = rotary_matrix(torch.complex(sizes, torch.zeros_like(sizes)))
    values = torch.stack([_between(v, o) for v, o in zip(of("v"), of("o"), strict=True)])
    inner = torch.arange(site.queries).repeat(site.groups, 1)
    return site.element(torch.arange(site.groups), inner, scores, values)


def _between(here: Float[Tensor, "n n"], there: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """The symmetric a with a here a = a^-1 there a^-1: the square root of the geometric mean of here^-1 and there."""
    values, vectors = torch.linalg.eigh(here)
    others = torch.linalg.eigvalsh(there)
    if float(values[0]) <= SINGULAR * float(values[-1]) or float(others[0]) <= SINGULAR * float(others[-1]):
        return between_singular(here, there)
    root, back = ((vectors * values**power) @ vectors.mT for power in (0.5, -0.5))
    mean = back @ _power(root @ there @ root, 0.5) @ back
    return _power((mean + mean.mT) / 2, 0.5)


def _power(matrix: Float[Tensor, "n n"], power: float) -> Float[Tensor, "n n"]:
    values, vectors = torch.linalg.eigh(matrix)
    raised: Tensor = (vectors * values.clamp_min(0) ** power) @ vectors.mT
    return raised


_BALANCED: Mapping[type[Site], Callable[[Site, Squares], SiteElement]] = {
    Heads: _balanced_heads,
    Experts: _balanced_experts,
}

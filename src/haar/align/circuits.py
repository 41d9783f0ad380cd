"""Circuits of attention heads: means of products of factors, brought back to factors of the same shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.weights import Heads, ParameterAction
from haar.weights.entries import Entry

State = Mapping[str, Tensor]
#: Below this share of the largest, a singular value is rounding.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class _Place:
    """Where some rows of a head's port stand: a part of an axis of a row of the table."""

    entry: Entry
    axis: int
    start: int
    length: int


def mean_circuits(
    action: ParameterAction, states: Sequence[State], parts: Sequence[float]
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The mean of networks in which heads have the mean of their circuits, as nearly as their size allows.

    What a head computes depends on two products alone: queries with keys, and values with the output map. The mean of
    such products of two networks has up to twice a head's rank; it is cut to the head's size by singular values. Scores
    with rotary positions are no product of two matrices: their factors are averaged.

    Args:
        action: The table.
        states: Aligned networks, in canonical form.
        parts: How much of each; together 1.

    Returns:
        Parameters of the same shapes; and for each site and circuit the share of the squared singular values that was
        cut off.
    """
    found = {
        name: sum((part * state[name] for part, state in zip(parts[1:], states[1:], strict=True)), parts[0] * value)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
    lost = {}
    for site, heads in action.sites.items():
        if not isinstance(heads, Heads):
            continue
        for left, right in (("q", "k"), ("v", "o")):
            if left == "q" and heads.scores != "linear":
                continue
            both = [[port_of(action, state, site, port, heads) for port in (left, right)] for state in states]
            one, other, share = _truncated(both, parts, heads.size)
            lost[f"{site}: {'scores' if left == 'q' else 'values'}"] = share
            _write(action, found, site, left, heads, values=one)
            _write(action, found, site, right, heads, values=other)
    return found, lost


def port_of(action: ParameterAction, state: State, site: str, port: str, heads: Heads) -> Tensor:
    """(groups, size, features) of a port of heads, the query heads of a group side by side; in float64.

    Args:
        action: The table.
        state: Parameters by name.
        site: Name of the heads' site.
        port: One of its ports.
        heads: The site.
    """
    found = []
    for place in _places(action, state, site, port):
        piece = place.entry.read(state).narrow(place.axis, place.start, place.length).movedim(place.axis, 0)
        rows = piece.reshape(heads.groups, -1, heads.size, piece[0].numel()).transpose(1, 2)
        found.append(rows.reshape(heads.groups, heads.size, -1).double())
    return torch.cat(found, -1)


def _places(action: ParameterAction, state: State, site: str, port: str) -> Iterator[_Place]:
    """Where a port's coordinates stand, but for what nobody sees."""
    for row in action.touching(site):
        entry = action.entries[row]
        shape = entry.read(state).shape
        for axis in range(len(entry.axes)):
            for part in entry.parts(axis, shape[axis]):
                if part.leg.site == site and part.leg.port == port and part.leg.mark != "~":
                    yield _Place(entry, axis, part.start, part.length)


def _write(
    action: ParameterAction, state: dict[str, Tensor], site: str, port: str, heads: Heads, *, values: Tensor
) -> None:
    """Put (groups, size, features) back where they stand."""
    at = 0
    for place in _places(action, state, site, port):
        tensor = place.entry.read(state).clone()
        piece = tensor.narrow(place.axis, place.start, place.length).movedim(place.axis, 0)
        each = piece[0].numel()
        queries = place.length // (heads.groups * heads.size)
        mine = values[..., at : at + queries * each].reshape(heads.groups, heads.size, queries, each)
        piece.copy_(mine.transpose(1, 2).reshape(piece.shape))
        at += queries * each
        state.update(place.entry.write(tensor, state))


def _truncated(both: Sequence[Sequence[Tensor]], parts: Sequence[float], size: int) -> tuple[Tensor, Tensor, float]:
    """Factors of `size` rows whose product is nearest to the mean of products, and the energy that they lack."""
    left = torch.cat([part * pair[0] for part, pair in zip(parts, both, strict=True)], 1)
    right = torch.cat([pair[1] for pair in both], 1)
    (one, first), (other, second) = torch.linalg.qr(left.mT), torch.linalg.qr(right.mT)
    u, s, vh = torch.linalg.svd(first @ second.mT, full_matrices=False)
    energy = s.square()
    cut, whole = float(energy[:, size:].sum()), float(energy.sum())
    roots = s[:, :size, None].sqrt()
    share = cut / whole if whole else 0.0
    return roots * (one @ u[..., :size]).mT, roots * (other @ vh.mT[..., :size]).mT, share if share > _ROUNDING else 0.0

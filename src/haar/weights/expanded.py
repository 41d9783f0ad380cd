"""A residual stream with more coordinates: a transformer of a greater width that computes the same function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.weights.action import ParameterAction
from haar.weights.entries import Entry
from haar.weights.folding import folded
from haar.weights.heads import Heads
from haar.weights.sites import Rotation, Site, across_ones

State = Mapping[str, Tensor]


def expanded(
    action: ParameterAction, state: State, width: int, *, head_size: int | None = None
) -> tuple[ParameterAction, dict[str, Tensor]]:
    """A transformer of the same function whose residual stream has more coordinates.

    What is written to the stream is mapped into the greater space by an isometry O, and what reads it reads through O,
    times c = sqrt(old width / width), for the stream's root mean square is c times what it was. **The eps of every norm
    has to be multiplied with c^2**, which is no parameter: `haar.align.as_wide_as` does that with models. Where norms
    subtract the mean, O takes (1, ..., 1) to a multiple of (1, ..., 1).

    Args:
        action: The table, whose residual stream is a `Rotation`.
        state: Parameters by name; norms are folded first.
        width: Coordinates of the wider stream.
        head_size: Coordinates of a head, where these have to grow too, as in GPT-2, whose heads share the width: new
            ones are 0, and queries are multiplied so that the scores stay. By default heads stay as they are.

    Returns:
        The table of the wider network, and its parameters.

    Raises:
        ArgumentError: If there is no such stream, the width or a head is to become smaller, or heads with rotary
            positions are to grow.

    Source: Theus et al., arXiv 2506.22712 (width-heterogeneous transformers).

    Example:
        >>> from haar.weights import adapted
        >>> from haar.weights.small import SmallGPT2
        >>> model = SmallGPT2(5, 4, layers=1, dim=8, heads=2, hidden=6)
        >>> table, wide = expanded(adapted(model.state_dict(), model.config), model.state_dict(), 12, head_size=6)
        >>> table.sites["residual"].count, tuple(wide["transformer.h.0.attn.c_attn.weight"].shape)
        (12, (12, 36))
    """
    name, stream = next(((n, s) for n, s in action.sites.items() if isinstance(s, Rotation)), ("", None))
    if stream is None:
        raise ArgumentError("action", expected="a residual stream that may be rotated", got="none")
    if width < stream.count:
        raise ArgumentError("width", expected=f"at least {stream.count}", got=width)
    sites = {site: _grown(site, one, head_size) for site, one in action.sites.items()}
    sites[name] = replace(stream, count=width)
    table = ParameterAction(sites, action.tensors, action.norms, action.ignored)
    biases = {norm.bias for norm in action.norms if norm.site == name}
    into = _isometry(stream, width)
    shrunk = (stream.count / width) ** 0.5
    plain, found = folded(action, state), dict(state)
    for row, entry in action.entries.items():
        tensor = entry.read(plain)
        for axis, legs in enumerate(entry.axes):
            if legs[0].site != name:
                tensor = _padded(entry, table.entries[row], tensor, axis)
            elif legs[0].port == "order":
                tensor = torch.ones(width, dtype=tensor.dtype)  # gains, which are folded
            else:
                factor = shrunk if legs[0].dual else 1 / shrunk if row in biases else 1.0
                tensor = (factor * tensor.movedim(axis, -1) @ into.to(tensor.dtype)).movedim(-1, axis)
        found.update(entry.write(tensor.contiguous(), plain))
    return table, found


def _grown(name: str, site: Site, head_size: int | None) -> Site:
    if not isinstance(site, Heads) or head_size in (None, site.size):
        return site
    size = head_size or 0
    if size < site.size:
        raise ArgumentError("head_size", expected=f"at least {site.size}, of {name}", got=size)
    if site.scores != "linear":
        got = f"{size} instead of {site.size} at {name}"
        raise ArgumentError("head_size", expected=f"heads of one size, for their scores are {site.scores}", got=got)
    return replace(site, size=size)


def _isometry(stream: Rotation, width: int) -> Float[Tensor, "narrow wide"]:
    """Orthonormal rows; of a centred stream (1, ..., 1) goes to a multiple of (1, ..., 1)."""
    if not stream.fixes_ones:
        return torch.eye(stream.count, width, dtype=torch.float64)
    rest = torch.eye(stream.count - 1, width - 1, dtype=torch.float64)
    ones = torch.full((stream.count, width), (stream.count * width) ** -0.5, dtype=torch.float64)
    return across_ones(stream.count) @ rest @ across_ones(width).mT + ones


def _padded(before: Entry, after: Entry, tensor: Tensor, axis: int) -> Tensor:
    """An axis of heads with coordinates of 0 behind those of each head; queries keep the size of their scores."""
    pieces = []
    for part in before.parts(axis, tensor.shape[axis]):
        piece = tensor.narrow(axis, part.start, part.length)
        old, new = (entry.site_of.get(part.leg.site) for entry in (before, after))
        if isinstance(old, Heads) and isinstance(new, Heads) and old.size != new.size:
            heads = piece.movedim(axis, 0).unflatten(0, (-1, old.size))
            if part.leg.port == "q":
                heads = heads * (new.size / old.size) ** 0.5
            more = heads.new_zeros(heads.shape[0], new.size - old.size, *heads.shape[2:])
            piece = torch.cat([heads, more], 1).flatten(0, 1).movedim(0, axis)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, axis)

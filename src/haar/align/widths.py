"""Unequal widths: a narrow network is made as wide as another, by copies of the units that are nearest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from haar.align.assignment import assigned
from haar.errors import ArgumentError
from haar.weights import Copies, Heads, ParameterAction, Rotation, Units, expanded, widened
from haar.weights.bare import bare
from haar.weights.models import Given, State, action_of, state_of, with_state

#: What norms call the number that is added to a mean square.
_EPS_NAMES = ("eps", "variance_epsilon")


def as_wide_as(
    wide: Given,
    narrow: Given,
    *,
    symmetry: ParameterAction | str = "auto",
    config: Mapping[str, Any] | None = None,
    example: Any = None,
) -> Any:
    """The narrow network with as many units as the wide one has: the same function, in the shapes of the wide one.

    Every unit of the narrow network is copied to the places of the wide one whose incoming weights are nearest, and its
    copies share what it writes. The residual stream of a known transformer is mapped into a wider one, see
    `haar.weights.expanded`. What comes back can be aligned to the wide network and averaged with it.

    Args:
        wide: A model, or parameters by name.
        narrow: A model of the same architecture with fewer units at some sites, or its parameters by name.
        symmetry: A table of the narrow network, or a word; see `align`.
        config: Configuration of the narrow network; by default the model's own.
        example: As for `align`.

    Returns:
        A new model, or parameters by name, as the wide one was given.

    Raises:
        ArgumentError: If the two differ in anything but numbers of units and width of the stream, or the narrow one has
            more at a site; or a norm goes over the units of a site, and the wide one's are no multiple of them; or the
            streams differ and no models are given, whose norms get an eps of their own.

    Source: Theus et al., arXiv 2506.22712, section 3 (semi-permutations).

    Example:
        >>> wide, narrow = (nn.Sequential(nn.Linear(2, n), nn.ReLU(), nn.Linear(n, 1)).double() for n in (7, 3))
        >>> x = torch.randn(5, 2, dtype=torch.float64)
        >>> bool(torch.allclose(as_wide_as(wide, narrow, example=x)(x), narrow(x)))
        True
    """
    wide, narrow = bare(wide), bare(narrow)
    target, state = state_of(wide, "wide"), state_of(narrow, "narrow")
    action = action_of(narrow, state, symmetry, config=config, example=example)
    action.check(state, "narrow")
    for name in state:
        if name not in target:
            raise ArgumentError(f"wide: {name}", expected="the tensors of the narrow one", got="none of that name")
    grown: State = state
    width, size = _stream(action, target, state)
    eps: dict[str, tuple[str, float]] = {}
    if width:
        eps = _eps(action, narrow, wide, width)
        action, grown = expanded(action, state, width, head_size=size)
    counts = _counts(action, target)
    for name, site in action.sites.items():
        if not isinstance(site, Units) or counts[name] in (None, site.count):
            continue
        copies = _nearest(action, name, target, grown, int(counts[name] or 0))
        action, grown = widened(action, grown, {name: copies})
    for name, value in grown.items():
        if target[name].shape != value.shape:
            raise ArgumentError(
                f"wide: {name}",
                expected=f"a tensor of shape {tuple(value.shape)}, for only units can be copied",
                got=tuple(target[name].shape),
                way_out="vocabulary, experts and numbers of heads have to be the same, and the size of rotary heads",
            )
    if not isinstance(wide, nn.Module):
        return dict(grown)
    made = with_state(wide, grown)
    for path, (attribute, small) in eps.items():
        setattr(made.get_submodule(path), attribute, small)
    return made


def _stream(action: ParameterAction, target: State, state: State) -> tuple[int, int | None]:
    """Coordinates of the wide network's residual stream and of its heads, if it has more than the narrow one's."""
    width, size = 0, None
    for row, entry in action.entries.items():
        for axis, legs in enumerate(entry.axes):
            site = action.sites.get(legs[0].site)
            if "*" in row or row not in target or target[row].ndim != len(entry.axes):
                continue
            mine, other = state[row].shape[axis], target[row].shape[axis]
            if isinstance(site, Rotation) and legs[0].port == "" and other > mine:
                width = other
            elif isinstance(site, Heads) and other != mine and other * site.size % mine == 0:
                size = other * site.size // mine
    return width, size


def _eps(action: ParameterAction, narrow: Given, wide: Given, width: int) -> dict[str, tuple[str, float]]:
    """For each norm the eps under which the wider network computes what the narrow one does."""
    if not isinstance(narrow, nn.Module) or not isinstance(wide, nn.Module):
        raise ArgumentError(
            "wide",
            expected="models, for the eps of norms over a wider stream is another",
            got="parameters by name",
            way_out="haar.weights.expanded changes parameters alone",
        )
    found = {}
    for norm in action.norms:
        path, count = norm.gain.rpartition(".")[0], action.sites[norm.site].ports[""]
        layers = [model.get_submodule(path) for model in (narrow, wide)]
        names = [next((name for name in _EPS_NAMES if hasattr(layer, name)), "") for layer in layers]
        if not all(names):
            raise ArgumentError(f"wide: {path}", expected=f"a norm with {' or '.join(_EPS_NAMES)}", got="none of them")
        found[path] = names[1], float(getattr(layers[0], names[0])) * count / width
    return found


def _counts(action: ParameterAction, target: State) -> dict[str, int | None]:
    """For each site of units how many the wide network has."""
    found: dict[str, int | None] = dict.fromkeys(action.sites)
    for row, entry in action.entries.items():
        for axis, legs in enumerate(entry.axes):
            site = action.sites.get(legs[0].site)
            if not isinstance(site, Units) or len(legs) > 1 or "*" in row or legs[0].dual or row not in target:
                continue
            if target[row].ndim == len(entry.axes):
                count = target[row].shape[axis]
                if count < site.count:
                    raise ArgumentError(
                        f"wide: {row}", expected=f"at least {site.count} units at {legs[0].site}", got=count
                    )
                if site.normed and count % site.count:  # copies would change its mean and its variance
                    raise ArgumentError(
                        f"wide: {row}",
                        expected=f"a multiple of {site.count} units at {legs[0].site}, over which a norm goes",
                        got=count,
                    )
                if site.groups > 1 and count != site.count:
                    raise ArgumentError(
                        f"wide: {row}",
                        expected=f"{site.count} units at {legs[0].site}, for a norm goes over {site.groups} groups",
                        got=count,
                    )
                found[legs[0].site] = count
    return found


def _nearest(action: ParameterAction, site: str, wide: State, narrow: State, count: int) -> Copies:
    """Which unit each of the wide network's units is a copy of; every unit has a place of its own first."""
    units = action.sites[site]
    old = units.ports[""]
    cost = torch.zeros(count, old, dtype=torch.float64)
    for row in action.touching(site):
        entry = action.entries[row]
        for axis, legs in enumerate(entry.axes):
            if legs[0].site != site or legs[0].dual or len(legs) > 1 or "*" in row:
                continue
            mine, other = (_rows(state[row], axis, n) for state, n in ((wide, count), (narrow, old)))
            if mine.shape[1] == other.shape[1]:  # of layers that are of one width by now
                cost += other.square().sum(1) - 2 * mine @ other.mT
    if isinstance(units, Units) and units.normed:
        return Copies(assigned(-cost.repeat(1, count // old)) % old)
    least, source = cost.min(1)
    padded = torch.zeros(count, count, dtype=torch.float64)
    padded[:, :old] = least[:, None] - cost  # what it costs that a place does not take the unit nearest to it
    order = assigned(padded)
    own = order < old
    source[own] = order[own]
    return Copies(source)


def _rows(tensor: Tensor, axis: int, count: int) -> Tensor:
    return tensor.detach().movedim(axis, 0).reshape(count, -1).double()

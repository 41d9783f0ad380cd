"""The factors of a model's gauge group: each kind of move that leaves the function alone, drawn by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from haar.weights import Gauge, Heads, ParameterAction, Rotation, Units, folded
from haar.weights.heads import rotary_matrix
from haar.weights.sites import SiteElement, random_factors, random_invertible, random_orthogonal

State = Mapping[str, Tensor]
#: Spread of the logarithms of random sizes, as far as in `haar.weights`.
_SPREAD = 0.3


@dataclass(frozen=True)
class Factor:
    """One kind of move.

    Attributes:
        name: What it is called in tables.
        group: Its group, in words.
        draw: From a state and a generator to the state moved by a random element.
        base: From a state to the one that it starts from: norms without gains, where a rotation has to pass them.
    """

    name: str
    group: str
    draw: Callable[[State, torch.Generator], dict[str, Tensor]]
    base: Callable[[State], dict[str, Tensor]] = dict


def factors_of(action: ParameterAction) -> tuple[Factor, ...]:
    """All factors that a table has.

    Scalings and invertible maps are not compact, so nothing can be averaged over them: they are drawn (log-normal),
    acted with, and brought to a canonical form.

    Args:
        action: The table.

    Example:
        >>> from haar.weights import Units
        >>> action = ParameterAction({"a": Units(3, "positive")}, {"w": ("a", None), "v": (None, "a*")})
        >>> [factor.name for factor in factors_of(action)]
        ['units: order', 'units: scale']
    """
    found = [
        _sites(action, "units: order", "S_n", _order),
        _sites(action, "units: scale", "(R > 0)^n or (R \\ 0)^n", _scale),
        Factor("norms: gain", "(R \\ 0)^d", lambda state, generator: _gains(action, state, generator))
        if action.norms
        else None,
        _sites(action, "values: diagonal", "(R \\ 0)^h", _values("diagonal")),
        _sites(action, "values: orthogonal", "O(h)", _values("orthogonal")),
        _sites(action, "values: invertible", "GL(h)", _values("invertible")),
        _sites(action, "queries and keys", "GL(h), or (C \\ 0)^(h/2) with rotary positions", _scores),
        _sites(action, "heads: order", "S_h, or S_h wr S_g", _heads),
        _sites(action, "residual stream", "O(d), or the part that fixes (1, ..., 1)", _stream, plain=True),
    ]
    return tuple(factor for factor in found if factor is not None)


Draw = Callable[[object, torch.Generator], SiteElement | None]


def _sites(action: ParameterAction, name: str, group: str, draw: Draw, *, plain: bool = False) -> Factor | None:
    """The factor of all sites that have such elements; None if none has."""
    probe = torch.Generator().manual_seed(0)
    names = [key for key, site in action.sites.items() if draw(site, probe) is not None]
    if not names:
        return None

    def moved(state: State, generator: torch.Generator) -> dict[str, Tensor]:
        elements = {key: site.identity() for key, site in action.sites.items()}
        for key in names:
            drawn = draw(action.sites[key], generator)
            elements[key] = elements[key] if drawn is None else drawn
        return action.act(Gauge(elements), state)

    return Factor(name, group, moved, _plain(action) if plain else dict)


def _plain(action: ParameterAction) -> Callable[[State], dict[str, Tensor]]:
    return lambda state: dict(folded(action, state)) if action.norms else dict(state)


def _order(site: object, generator: torch.Generator) -> SiteElement | None:
    if not isinstance(site, Units):
        return None
    return site.element(torch.randperm(site.count, generator=generator))


def _scale(site: object, generator: torch.Generator) -> SiteElement | None:
    if not isinstance(site, Units) or site.scales == "none":
        return None
    return site.element(torch.arange(site.count), random_factors(site.count, site.scales, generator, torch.float64))


def _same(site: Heads, **maps: Tensor) -> SiteElement:
    return site.element(torch.arange(site.groups), torch.arange(site.queries).repeat(site.groups, 1), **maps)


def _values(kind: str) -> Draw:
    def draw(site: object, generator: torch.Generator) -> SiteElement | None:
        if not isinstance(site, Heads):
            return None
        made: Mapping[str, Callable[[], Tensor]] = {
            "diagonal": lambda: torch.diag(random_factors(site.size, "any", generator, torch.float64)),
            "orthogonal": lambda: random_orthogonal(site.size, generator),
            "invertible": lambda: random_invertible(site.size, generator),
        }
        return _same(site, values=torch.stack([made[kind]() for _ in range(site.groups)]))

    return draw


def _scores(site: object, generator: torch.Generator) -> SiteElement | None:
    if not isinstance(site, Heads) or site.scores == "fixed":
        return None
    if site.scores == "linear":
        return _same(site, scores=torch.stack([random_invertible(site.size, generator) for _ in range(site.groups)]))
    sizes = (_SPREAD * torch.randn(site.groups, site.size // 2, generator=generator, dtype=torch.float64)).exp()
    turns = 2 * torch.pi * torch.rand(sizes.shape, generator=generator, dtype=torch.float64)
    return _same(site, scores=rotary_matrix(torch.polar(sizes, turns)))


def _heads(site: object, generator: torch.Generator) -> SiteElement | None:
    if not isinstance(site, Heads):
        return None
    inner = torch.stack([torch.randperm(site.queries, generator=generator) for _ in range(site.groups)])
    return site.element(torch.randperm(site.groups, generator=generator), inner)


def _stream(site: object, generator: torch.Generator) -> SiteElement | None:
    return site.random(generator) if isinstance(site, Rotation) else None


def _gains(action: ParameterAction, state: State, generator: torch.Generator) -> dict[str, Tensor]:
    """Gains times a, biases too, and what reads the norm over a."""
    moved = dict(state)
    for norm in action.norms:
        if not norm.readers:
            continue
        gain = moved[norm.gain]
        factor = random_factors(len(gain), "any", generator, torch.float64).to(gain)
        moved[norm.gain] = gain * factor
        if norm.bias is not None:
            moved[norm.bias] = moved[norm.bias] * factor
        for reader, _ in norm.readers:
            entry = action.entries[reader]
            axis = entry.axis_of(norm.site, dual=True)
            tensor = entry.read(moved)
            shape = [-1 if k == axis else 1 for k in range(tensor.ndim)]
            moved.update(entry.write(tensor / factor.reshape(shape), moved))
    return moved


def everything(action: ParameterAction, state: State, generator: torch.Generator) -> dict[str, Tensor]:
    """A state moved by random elements of all factors, norms' gains last.

    Args:
        action: The table.
        state: Parameters by name.
        generator: Of the elements.
    """
    plain = _plain(action)(state)
    moved = action.act(action.random(generator, state=plain), plain)
    return _gains(action, moved, generator) if action.norms else moved

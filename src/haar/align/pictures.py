"""Matched pairs as pictures: incoming weights of units, and the score maps of heads, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from haar.align.circuits import port_of
from haar.report.drawing import new_figure
from haar.weights import Heads, ParameterAction

State = Mapping[str, Tensor]
#: The most sites, units or heads, and features that are drawn.
_SITES, _UNITS, _HEADS, _FEATURES = 3, 16, 4, 48


def draw_units(action: ParameterAction, a: State, b: State) -> Figure | None:
    """Incoming weights of the strongest units of A, of those of B in their places, and the differences.

    None where no tensor tells them.

    Args:
        action: The table.
        a: Parameters of the first network, in canonical form.
        b: Parameters of the second, moved.
    """
    found: list[tuple[str, list[Tensor]]] = []
    for site in action.sites:
        pair = [_incoming(action, state, site) for state in (a, b)]
        if pair[0] is not None and pair[1] is not None and len(found) < _SITES:
            strongest = pair[0].norm(dim=1).argsort(descending=True)[:_UNITS]
            rows = [one[strongest, :_FEATURES] for one in pair if one is not None]
            found.append((site, [*rows, rows[0] - rows[1]]))
    return _panels(found, "unit") if found else None


def draw_heads(action: ParameterAction, a: State, b: State) -> Figure | None:
    """Score maps, queries times keys, of heads of A and of those of B in their places; None where there are no heads.

    Args:
        action: The table.
        a: Parameters of the first network, in canonical form.
        b: Parameters of the second, moved.
    """
    for name, site in action.sites.items():
        if isinstance(site, Heads):
            pair = [_scores(action, state, name, site) for state in (a, b)]
            rows = []
            for k in range(min(_HEADS, site.groups)):
                one, other = (maps[k, :_FEATURES, :_FEATURES] for maps in pair)
                rows.append((f"{name}: head {k}", [one, other, one - other]))
            return _panels(rows, "coordinate", square=True)
    return None


def _incoming(action: ParameterAction, state: State, site: str) -> Tensor | None:
    """What is written to a site's units by the first tensor that is no bias."""
    if isinstance(action.sites[site], Heads):
        return None
    for row in action.touching(site):
        entry = action.entries[row]
        for leg, rows in entry.rows(entry.read(state)):
            inner = not action.sites[site].nested or leg.port in action.sites[site].nested
            if leg.site == site and not leg.dual and inner and rows.shape[0] > 1 and rows.shape[1] > 1:
                return rows.detach().double()
    return None


def _scores(action: ParameterAction, state: State, name: str, site: Heads) -> Tensor:
    """(groups, features, features): of the first query head of each group."""
    queries, keys = (port_of(action, state, name, port, site) for port in ("q", "k"))
    width = queries.shape[-1] // site.queries
    found: Tensor = queries[..., :width].mT @ keys
    return found


def _panels(found: Sequence[tuple[str, Sequence[Tensor]]], axis: str, *, square: bool = False) -> Figure:
    """A row for each, with A, B and the difference in one scale of colours."""
    figure = new_figure(7.2, (2.2 if square else 1.7) * len(found) + 0.4)
    panels = figure.subplots(len(found), 3, squeeze=False)
    for (name, images), row in zip(found, panels, strict=True):
        top = max(float(image.abs().max()) for image in images[:2]) or 1.0
        for axes, image, title in zip(row, images, ("A", "B, matched", "A - B"), strict=True):
            axes.imshow(image.numpy(), cmap="RdBu_r", vmin=-top, vmax=top, aspect="equal" if square else "auto")
            axes.set_title(f"{name}: {title}" if axes is row[0] else title, fontsize=8, loc="left")
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(axis, fontsize=7)
    return figure

"""Grids of other sizes than the one a model was wrapped on: a stride that was exact there may not be so here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from haar.errors import NotEquivariantError
from haar.probing import defect, some_elements
from haar.probing.disturbed import disturb
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.precision import DOUBLE, SINGLE
from haar.relax.wrapping.verification import first_break

Sizes = tuple[tuple[int, ...], ...]


def grid_sizes(homotopy: Homotopy, args: Sequence[Any]) -> Sizes:
    """Points along the axes of every input on a grid that the group moves; empty where there is none."""
    found: list[tuple[int, ...]] = []

    def note(action: Any, x: Any) -> Any:
        if action.axes.space and action.group.space_dim is not None and isinstance(x, Tensor):
            found.append(tuple(x.shape[axis] for axis in action.axes.space))
        return x

    if len(args) == len(homotopy.symmetry.inputs):
        homotopy.symmetry.map_inputs(note, tuple(args))
    return tuple(found)


def check_grid(homotopy: Homotopy, args: Sequence[Any]) -> None:
    """Measure the model at gamma = 0 on grids of a size that it has not seen, once for each size.

    Args:
        homotopy: The wrapped model; only its memory of sizes is changed.
        args: What it is called with.

    Raises:
        NotEquivariantError: If it is not equivariant there; the message names the step and sizes that fit.
    """
    known = homotopy.known_sizes
    sizes = grid_sizes(homotopy, args)
    if not sizes or sizes in known or homotopy.approximate:
        return
    worst, where, element = _measured(homotopy, args)
    precision = DOUBLE if homotopy.error <= DOUBLE.exact else SINGLE
    if not worst <= precision.exact:
        group = homotopy.symmetry.group
        fit = "; ".join(" and ".join("x".join(map(str, one)) for one in size) for size in sorted(known))
        raise NotEquivariantError(
            f"on inputs of size {' and '.join('x'.join(map(str, one)) for one in sizes)} the model is not equivariant "
            f"at gamma = 0 under {group.describe(element)} of {group.name}: relative error {worst:.1e}, first broken "
            f"by {where}; size {fit} is fine: pad or crop to sizes on which strides and pools reach both ends alike"
        )
    known.add(sizes)


def _measured(homotopy: Homotopy, args: Sequence[Any]) -> tuple[float, str, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def random(action: Any, x: Any) -> Any:
        del action
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x[:2] if isinstance(x, Tensor) else x
        return torch.randn(min(len(x), 2), *x.shape[1:], generator=generator, dtype=torch.float64).to(x.device)

    symmetry = homotopy.symmetry
    elements = some_elements(symmetry.group, every=0, drawn=2)
    with torch.no_grad():
        inputs = symmetry.map_inputs(random, tuple(args))
        tried: Homotopy = disturb(DOUBLE.of(homotopy), fixed=("gamma",))  # type: ignore[assignment]
        tried.check_size = None
        with tried.at(0.0):
            found = defect(tried, symmetry, inputs, elements)
            worst, element = found.worst, elements[found.place[0]]
            where = first_break(tried, symmetry, element, inputs) if not worst <= DOUBLE.exact else ""
    return worst, where, element

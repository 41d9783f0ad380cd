"""The sample on which a model breaks the symmetry most: input, f(x), the back-turned f(g x), and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from haar.actions import Action, Symmetry
from haar.actions.on_grid import OnGrid
from haar.actions.trees import action_leaves, value_leaves
from haar.audit.batches import Batch, has_sample_axis
from haar.audit.parts import Outputs
from haar.audit.worst_bodies import bodies_figure
from haar.errors import ShapeError
from haar.report import Section
from haar.report.drawing import INK, draw_field, figure_of, new_figure

#: Rows of pictures, one a field: more are not looked at.
_MOST_ROWS = 6
#: Numbers of one tensor beyond which a sample that is no field is not kept.
_MOST_NUMBERS = 20_000


@dataclass(frozen=True)
class WorstSample:
    """One sample and one element.

    Attributes:
        size: Mean square difference, each field in units of its spread where there are several.
        number: Which sample it is of those that were read, from 0.
        element: Place of the element among those audited.
        x: The input: a field (channel, *space), or the tensors of whatever else is put in.
        base: The prediction f(x): a field, or the tensors of the outputs.
        moved: The prediction for g x, moved back.
    """

    size: float
    number: int
    element: int
    x: Shaped[Tensor, "channel_in *space_in"] | list[Tensor]
    base: Shaped[Tensor, "channel *space"] | list[Tensor]
    moved: Shaped[Tensor, "channel *space"] | list[Tensor]


def worse(one: WorstSample | None, other: WorstSample | None, seen: int = 0) -> WorstSample | None:
    """The worse of two samples; of equals the first.

    Args:
        one: Of the samples before.
        other: Of samples that come after these.
        seen: How many samples there were before.
    """
    if other is None or (one is not None and one.size >= other.size):
        return one
    return WorstSample(other.size, other.number + seen, other.element, other.x, other.base, other.moved)


class WorstOf:
    """Looks for the worst sample of every batch, where inputs and outputs can be shown.

    Args:
        symmetry: How the group acts.
    """

    def __init__(self, symmetry: Symmetry) -> None:
        inputs = symmetry.inputs
        shown = len(inputs) == 1 and all(isinstance(action, OnGrid) for action in (inputs[0], symmetry.outputs))
        self._actions: tuple[OnGrid, OnGrid] | None = (inputs[0], symmetry.outputs) if shown else None
        self._symmetry = symmetry
        self._on_grids = any(isinstance(one, OnGrid) for one in action_leaves((inputs, symmetry.outputs)))
        self._units: list[float] | None = None

    def measure_in(self, energies: Float[Tensor, "rows parts"]) -> list[float]:
        """The units of several parts of the outputs: those of the first batch that is known.

        Args:
            energies: Square of the predictions about their mean.
        """
        if self._units is None:
            several = energies.shape[1] > 1
            self._units = [float(e) or 1.0 for e in energies.mean(0)] if several else [1.0]
        return self._units

    def find(
        self,
        batch: Batch,
        orbit: Sequence[Any],
        deviations: Float[Tensor, "rows parts m"],
        energies: Float[Tensor, "rows parts"],
    ) -> WorstSample | None:
        """The worst sample of one batch; None where it cannot be shown.

        Args:
            batch: The batch.
            orbit: Predictions for every element, moved back; the identity's first.
            deviations: Mean square difference from the identity's, by sample, part of the output and element.
            energies: Square of the predictions about their mean: the first batch's are the units of several parts.
        """
        units = deviations.new_tensor(self.measure_in(energies))
        total = (deviations / units.unsqueeze(-1)).mean(1)
        row, element = divmod(int(total.argmax()), total.shape[1])
        size = float(total[row, element])
        if self._actions is not None and not batch.single and isinstance(orbit[0], Tensor):
            return _on_grids(self._actions, batch, orbit, size, row=row, element=element)
        if self._on_grids:
            return None
        sides = ((self._symmetry.inputs, batch.inputs), *((self._symmetry.outputs, orbit[k]) for k in (0, element)))
        which = None if batch.single else row
        rows = [found for side in sides if (found := _of_one(*side, row=which, rows=len(batch.clusters)))]
        return WorstSample(size, row, element, *rows) if len(rows) == len(sides) else None


def _on_grids(
    actions: tuple[OnGrid, OnGrid], batch: Batch, orbit: Sequence[Any], size: float, *, row: int, element: int
) -> WorstSample | None:
    """The worst sample of fields, channels first."""
    if not isinstance(batch.inputs[0], Tensor):
        return None
    before, after = actions
    shown = ((batch.inputs[0], before), (orbit[0], after), (orbit[element], after))
    x, base, moved = (_channels_first(tensor[row].detach().cpu().clone(), action) for tensor, action in shown)
    return WorstSample(size, row, element, x, base, moved)


def _of_one(actions: Any, values: Any, *, row: int | None, rows: int) -> list[Tensor] | None:
    """The tensors of one sample; None where one is too large to be kept, or does not tell samples apart."""
    found = []
    for action, x in zip(action_leaves(actions), value_leaves(actions, values), strict=True):
        if not isinstance(x, Tensor):
            continue
        one = x
        if row is not None and action.batched and has_sample_axis(action, x):
            if len(x) != rows:
                return None
            one = x[row]
        if one.numel() > _MOST_NUMBERS:
            return None
        found.append(one.detach().cpu().clone())
    return found


def _channels_first(x: Tensor, action: OnGrid) -> Tensor:
    axis = action.axes.channel
    return x.unsqueeze(0) if axis is None else x.movedim(axis, 0)


def worst_section(worst: WorstSample, outputs: Outputs, symmetry: Symmetry, element: str) -> Section:
    """The pictures, one row a field.

    Args:
        worst: The sample.
        outputs: The parts of the outputs.
        symmetry: How the group acts.
        element: Name of the element.
    """
    words = (
        f"Of all samples and elements, sample {worst.number} and {element} differ most. Of a model that respects "
        f"{element} the second and the third picture are the same, and the fourth is empty."
    )
    if worst.size == 0:
        return Section("Your worst sample", "Every sample is predicted alike in every frame, to the last digit.")
    if isinstance(worst.x, Tensor):
        words += " Of a volume the middle slice is shown." if worst.x.ndim > 3 else ""
        figure = worst_figure(worst, outputs, symmetry, element)
    else:
        words += (
            " Clouds of points are shown in the plane that shows most of them, arrows of the predictions to one scale; "
            "vectors as bars."
        )
        figure = bodies_figure(worst.x, _leaves(worst, outputs), element)
    return Section(
        "Your worst sample",
        words,
        figure=figure,
        caption=f"The input, the prediction f(x), the prediction for the moved input moved back, and their difference; "
        f"g = {element}. The second and third share their colours.",
    )


def _leaves(worst: WorstSample, outputs: Outputs) -> list[tuple[str, Action, Tensor, Tensor]]:
    """Every output that is measured, with its name."""
    actions = action_leaves(outputs.symmetry.outputs)
    found = []
    for place, leaf in enumerate(dict.fromkeys(part.leaf for part in outputs.parts)):
        names = [part.name for part in outputs.parts if part.leaf == leaf]
        heads = {name.partition(": ")[0] for name in names}
        name = names[0] if len(names) == 1 else heads.pop() if len(heads) == 1 else ""
        found.append(("" if name == "output" else name, actions[leaf], worst.base[place], worst.moved[place]))
    return found


def worst_figure(worst: WorstSample, outputs: Outputs, symmetry: Symmetry, element: str) -> Figure:
    """Input, f(x), back-turned f(g x) and their difference, one row a field."""
    if not (isinstance(worst.x, Tensor) and isinstance(worst.base, Tensor) and isinstance(worst.moved, Tensor)):
        raise ShapeError("worst", expected="a sample of fields", got="another")
    rows = [part for part in outputs.parts if part.channels][:_MOST_ROWS]
    inputs = symmetry.inputs[0].channel_blocks(len(worst.x))
    line = worst.base.ndim == 2
    figure = new_figure(11.5, (1.6 if line else 2.55) * len(rows) + 0.3)
    grid = figure.subplots(len(rows), 4, squeeze=False)
    for axes, part in zip(grid, rows, strict=True):
        channels = list(part.channels)
        name = part.name if len(channels) == 1 else f"|{part.name}|"
        seen = _channels_of(inputs, part.name, len(channels))
        given, base, moved = (
            _shown(t[c]) for t, c in ((worst.x, seen), (worst.base, channels), (worst.moved, channels))
        )
        gap = _shown(worst.moved[channels] - worst.base[channels])
        both = (min(base.min(), moved.min()), max(base.max(), moved.max()))
        top = float(np.abs(gap).max()) or 1.0
        spans = ((given.min(), given.max()), both, both, (0.0, top) if gap.min() >= 0 else (-top, top))
        titles = (f"input, {name}", "f(x)", f"f({element} x), moved back", "difference")
        maps = ("viridis", "viridis", "viridis", "inferno" if gap.min() >= 0 else "RdBu_r")
        for panel, values, span, title, colours in zip(
            axes, (given, base, moved, gap), spans, titles, maps, strict=True
        ):
            panel.set_title(title, fontsize=9, loc="left", color=INK)
            _draw(panel, values, (float(span[0]), float(span[1])), colours)
    return figure


def _draw(axes: Axes, values: np.ndarray, span: tuple[float, float], colours: str) -> None:
    if values.ndim == 1:
        axes.plot(values, linewidth=1.2)
        axes.set_ylim(*((span[0] - 0.05, span[1] + 0.05) if span[0] == span[1] else span))
        axes.tick_params(labelsize=7)
        return
    image = draw_field(axes, values, limits=span, map_name=colours)
    bar = figure_of(axes).colorbar(image, ax=axes, shrink=0.85, pad=0.03, aspect=18)
    bar.ax.tick_params(labelsize=7)


def _channels_of(inputs: list[tuple[str, tuple[int, ...]]], name: str, count: int) -> list[int]:
    """Channels of the input that hold a field of the output, of the last time step; else the first that are enough."""
    same = [channels for label, channels in inputs if label == name and len(channels) >= count]
    enough = [channels for _, channels in inputs if len(channels) >= count]
    return list(same[0][-count:] if same else enough[0][:count] if enough else inputs[0][1])


def _shown(x: Tensor) -> np.ndarray:
    """One number a point: a scalar as it is, of several channels the length; of a volume the middle slice."""
    x = x.to(torch.complex128 if x.is_complex() else torch.float64)
    values = torch.linalg.vector_norm(x, dim=0) if len(x) > 1 or x.is_complex() else x[0]
    while values.ndim > 2:
        values = values[..., values.shape[-1] // 2]
    return np.asarray(values)

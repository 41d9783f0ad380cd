"""The symmetry path: fits along the weight of a ridge on gamma, drawn as a lasso path is, chosen by validation."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure

from haar.errors import ArgumentError, known_keywords
from haar.relax.baselines.fixed_ridge import FixedRidge
from haar.relax.diagnosis.dashboard import LayerReading, read_layers
from haar.relax.diagnosis.gradients import Loss
from haar.relax.fit import fit
from haar.relax.wrapping.homotopy import Homotopy
from haar.report import Report, Section, Table
from haar.report.drawing import BASE, COLOURS, WARNING, draw_curves, new_figure, style_axes
from haar.watch import Unwatched, Watch

#: Ridge weights from nearly free to nearly strict.
WEIGHTS = tuple(float(10.0**e) for e in (-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3))
#: Steps between checkpoints.
_EVERY = 500
#: Effective asymmetry below which a fit counts as symmetric.
_SMALL = 0.01


@dataclass(frozen=True)
class PathPoint:
    """One fit.

    Attributes:
        weight: The ridge weight.
        loss: Validation loss with the gammas kept.
        strict_loss: Validation loss at gamma = 0.
        train_loss: Mean training loss of the last tenth of the steps.
        layers: Every gamma with its effective size.
        defect: Relative equivariance error on the validation inputs with the gammas kept; None if not measured.
    """

    weight: float
    loss: float
    strict_loss: float
    train_loss: float
    layers: list[LayerReading]
    defect: float | None = None

    def __str__(self) -> str:
        """In a line."""
        broken = "" if self.defect is None else f"; broken symmetry, relative, {self.defect:.3g}"
        return (
            f"ridge weight {self.weight:.3g}: validation loss {self.loss:.4g} with the gammas kept, "
            f"{self.strict_loss:.4g} at gamma = 0; training loss {self.train_loss:.4g}{broken}"
        )


class SymmetryPath(Report):
    """Fits along the ridge weight, from free to strict.

    Attributes:
        points: One for every weight, in increasing order.
        model: The model of the best point by validation, with its gammas.
        names: Names of the groups along the chain, the largest first; empty without a chain.
    """

    kind: ClassVar[str] = "symmetry-path"

    def __init__(self, group: str, points: Sequence[PathPoint], model: Homotopy, names: Sequence[str] = ()) -> None:
        self.group, self.points, self.model, self.names = group, list(points), model, list(names)
        self.title = f"The symmetry path of {group}"

    @property
    def best(self) -> PathPoint:
        """The point of least validation loss; of equal ones the most symmetric."""
        return min(reversed(self.points), key=lambda point: point.loss)

    @property
    def summary(self) -> str:
        """The choice in a sentence."""
        best, end = self.best, self.points[-1]
        size, left = max(map(_size, best.layers)), max(map(_size, end.layers))
        symmetric = left <= _SMALL
        if best is end:
            which = "the symmetric fit" if symmetric else "the fit of the largest weight, which is not symmetric yet,"
            further = "" if symmetric else "; give larger weights to see where it ends"
            return (
                f"Validation chooses {which} of {self.group} (ridge weight {best.weight:g}, {_asymmetry(best, size)})"
                f"{further}."
            )
        where = "at the symmetric end" if symmetric else "at the largest weight"
        more = "" if symmetric else f" and {end.strict_loss:.4g} there with gamma = 0; larger weights lead on"
        return (
            f"Validation chooses ridge weight {best.weight:g} ({_asymmetry(best, size)}): loss {best.loss:.4g} against "
            f"{end.loss:.4g} {where} ({_asymmetry(end, left)}){more}."
        )

    @property
    def made_of(self) -> Mapping[str, object]:
        """Conventions."""
        return {
            "conventions": "gamma = 0: the layers that commute with the group; losses as they were given",
        }

    def contents(self) -> dict[str, Any]:
        """All points."""
        return {
            "group": self.group,
            "chain": self.names,
            "best_weight": self.best.weight,
            "points": [asdict(point) for point in self.points],
        }

    def sections(self) -> Sequence[Section]:
        """The picture, and the numbers."""
        rows = [
            (p.weight, p.loss, p.strict_loss, p.train_loss, max(map(_size, p.layers)), p.defect, p is self.best)
            for p in self.points
        ]
        columns = (
            "ridge weight",
            "validation loss",
            "at gamma = 0",
            "training loss",
            "largest size",
            "defect",
            "chosen",
        )
        return [
            Section(
                "Path",
                text="Every fit starts where the one before it ended, from the free end towards the symmetric one: "
                "near gamma = 0 the free weights no longer learn, so that the other way would find nothing.",
                table=Table("", columns, rows),
                figure=self._draw(),
                caption="Above: effective asymmetry of every gamma against the ridge weight. Below: validation loss "
                "with gammas kept and at gamma = 0; the dotted line marks the choice.",
            )
        ]

    def _draw(self) -> Figure:
        figure = new_figure(8, 5.6)
        above, below = figure.subplots(2, 1, sharex=True)
        weights = [point.weight for point in self.points]
        sizes = {
            self._label(layer.layer): [_size(point.layers[k]) for point in self.points]
            for k, layer in enumerate(self.points[0].layers)
        }
        losses = {"gammas kept": [p.loss for p in self.points], "gamma = 0": [p.strict_loss for p in self.points]}
        draw_curves(style_axes(above, title="Effective asymmetry", y="|gamma| ||W_free|| / ||W_eq||"), weights, sizes)
        colours = (COLOURS[0], WARNING)
        axes = style_axes(below, title="Validation loss", x="ridge weight", y="loss")
        draw_curves(axes, weights, losses, colours, style={"gammas kept": "o-", "gamma = 0": ".--"})
        axes.set_xscale("log")
        for panel in (above, below):
            panel.legend(fontsize=7, frameon=False)
            panel.axvline(self.best.weight, color=BASE, linestyle=":", linewidth=1.2)
        return figure

    def _label(self, name: str) -> str:
        """A chain's gamma by the step it stands for."""
        if self.names and name.endswith("]"):
            layer, _, number = name[:-1].rpartition("[")
            k = int(number)
            if k + 1 < len(self.names):
                return f"{layer}: {self.names[k]} to {self.names[k + 1]}"
        return name or "layer"


def _asymmetry(point: PathPoint, size: float) -> str:
    defect = "" if point.defect is None else f", defect {point.defect:.2g}"
    return f"effective asymmetry at most {size:.2g}{defect}"


def _size(layer: LayerReading) -> float:
    return abs(layer.gamma) if layer.effective is None else layer.effective


@known_keywords
def path(
    model: Homotopy,
    loss: Loss,
    train: tuple[Any, Any],
    validation: tuple[Any, Any],
    *,
    weights: Sequence[float | int] = WEIGHTS,
    steps: int = 500,
    batch_size: int = 64,
    learning_rate: float | int = 3e-3,
    gamma_rate: float | int = 0.02,
    names: Sequence[str] = (),
    seed: int = 0,
    checkpoints: str | os.PathLike[str] | None = None,
    watch: Watch = Unwatched(),
) -> SymmetryPath:
    """Fit a wrapped model for one ridge weight after the other, each from where the last one ended.

    A model that was wrapped with a chain of groups has one gamma for every step of the chain in each layer; their
    curves say which subgroup the data keep.

    Args:
        model: A wrapped model; it is copied, not changed.
        loss: The task's loss of (prediction, target), a mean over samples.
        train: Inputs and targets.
        validation: Inputs and targets that choose.
        weights: Ridge weights, increasing.
        steps: Steps of each fit; the first takes twice as many.
        batch_size: Samples a step.
        learning_rate: Of Adam, falling along a cosine in every fit.
        gamma_rate: Of the gammas: slow beside the weights, which have to learn what a gamma is worth.
        names: Names of the groups along the chain, the largest first, for the figure.
        seed: Seed of the batches.
        checkpoints: A folder of one file for each fit, from which a killed path goes on.
        watch: Told of every fit.

    Returns:
        The path: `.best`, `.model`, and a report.

    Raises:
        ArgumentError: If weights are not positive and increasing, or there are fewer than two.
    """
    values = [float(weight) for weight in weights]
    if len(values) < 2 or values[0] <= 0 or any(a >= b for a, b in pairwise(values)):
        raise ArgumentError("weights", expected="at least two positive numbers, increasing", got=values)
    folder = None if checkpoints is None else Path(checkpoints)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    current = copy.deepcopy(model)
    points: list[PathPoint] = []
    kept: list[dict[str, Any]] = []
    with watch.stage("fits", len(values)) as advance:
        for k, weight in enumerate(values):
            duration = 2 * steps if k == 0 else steps
            rule = FixedRidge(current, weight, steps=duration, gamma_rate=gamma_rate)
            done = fit(
                rule,
                loss,
                train,
                steps=duration,
                validation=validation,
                batch_size=batch_size,
                learning_rate=learning_rate,
                every=min(duration, _EVERY),
                checkpoint=None if folder is None else folder / f"fit_{k}.pt",
                seed=seed + k,
            )
            last = done.dashboard.last  # type: ignore[union-attr]
            tail = done.losses[-max(1, duration // 10) :]
            points.append(
                PathPoint(weight, last.loss_on, last.loss_off, sum(tail) / len(tail), read_layers(rule), last.defect)
            )
            kept.append({name: value.clone() for name, value in current.state_dict().items()})
            advance()
    made = SymmetryPath(model.symmetry.group.name, points, current, names)
    with torch.no_grad():
        current.load_state_dict(kept[points.index(made.best)])
    current.eval()
    return made

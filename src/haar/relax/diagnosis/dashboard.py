"""The constraint dashboard: gammas, multipliers, slacks and losses of a run, layer by layer, as training goes."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure

from haar.constants import TINY
from haar.errors import ArgumentError
from haar.files import atomic_path
from haar.probing import ForwardOnly, all_or_drawn, check_finite, defect, undisturbed
from haar.relax.diagnosis.bounds import Bounds, bounds
from haar.relax.diagnosis.gradients import Loss
from haar.relax.rule import Rule, at
from haar.report import Report, Section, Table
from haar.report.drawing import AVERAGED, BASE, WARNING, draw_curves, new_figure, style_axes

#: Elements on which the symmetry of a model is read, at most.
_ELEMENTS = 16


@dataclass(frozen=True)
class LayerReading:
    """One layer (or one step of its chain of subgroups) at one moment.

    Attributes:
        layer: The user's own name.
        gamma: The homotopy parameter.
        effective: |gamma| ||W_free|| / ||W_eq||: comparable between layers, as gamma alone is not.
        multiplier: lambda; -dJ/dgamma at the constraint, in the direction in which the free part points.
        slack: u, for resilient problems.
        violation: gamma, or |gamma| - u.
        equivariant_norm: Norm ||W_eq|| of the equivariant part.
        free_norm: Norm ||W_free|| of the rest.
    """

    layer: str
    gamma: float
    effective: float | None
    multiplier: float | None
    slack: float | None
    violation: float | None
    equivariant_norm: float | None
    free_norm: float | None


@dataclass(frozen=True)
class Reading:
    """A whole model at one moment.

    Attributes:
        step: Steps of the optimiser so far.
        loss_on: Validation loss with the gammas as they are.
        loss_off: Validation loss at gamma = 0.
        defect: Relative equivariance error with the gammas as they are.
        layers: One entry for every gamma.
    """

    step: int
    loss_on: float
    loss_off: float
    defect: float
    layers: list[LayerReading]


class Dashboard(Report):
    """Readings of a run; `read` adds one.

    Args:
        rule: The run's duals, or any other rule.
        loss: The task's loss of (prediction, target).
        inputs: Inputs of the validation data.
        target: Targets of the validation data.

    Example:
        >>> from haar.actions import Defining, Symmetry, Vector
        >>> from haar.groups import cyclic
        >>> from haar.relax import homotopise
        >>> from haar.relax.duals.duals import Duals
        >>> C4 = cyclic(4)
        >>> symmetry = Symmetry(C4, Vector(Defining(C4)), Vector(Defining(C4)))
        >>> model = homotopise(torch.nn.Linear(2, 2), symmetry)
        >>> x = torch.randn(8, 2)
        >>> board = Dashboard(Duals(model, steps=100), torch.nn.functional.mse_loss, x, x)
        >>> board.read().layers[0].gamma
        1.0
    """

    kind: ClassVar[str] = "relaxation-dashboard"

    def __init__(self, rule: Rule, loss: Loss, inputs: Any, target: Any) -> None:
        check_finite("inputs", inputs)
        self.rule, self.loss, self.inputs, self.target = rule, loss, inputs, target
        self.readings: list[Reading] = []
        self.title = f"Relaxation of {getattr(getattr(rule.model, 'symmetry', None), 'group', rule).name}"

    def read(self) -> Reading:
        """Add one reading; the model's mode and gammas are left as they were."""
        model = self.rule.model
        with undisturbed(model):
            on = self._loss()
            with at(model, 0.0):
                off = self._loss()
            arguments = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)
            elements = all_or_drawn(model.symmetry.group, _ELEMENTS)
            broken = defect(model, model.symmetry, arguments, elements, norm="squares").mean
        reading = Reading(self.rule.taken, on, off, broken, read_layers(self.rule))
        self.readings.append(reading)
        return reading

    @property
    def last(self) -> Reading:
        """The last reading.

        Raises:
            ArgumentError: If there is none.
        """
        if not self.readings:
            raise ArgumentError("dashboard", expected="at least one reading", got="none", way_out="call read() first")
        return self.readings[-1]

    @property
    def gap(self) -> float:
        """How much worse the last model is at gamma = 0, relative to gamma as it is."""
        return self.last.loss_off / max(self.last.loss_on, TINY) - 1

    def bounds(self) -> Bounds:
        """Proved bounds on the model as it stands, or why there are none."""
        return bounds(self.rule.model)

    @property
    def summary(self) -> str:
        """The last reading in a sentence."""
        last = self.last
        largest = max(last.layers, key=lambda layer: layer.effective or 0.0)
        size = 0.0 if largest.effective is None else largest.effective
        return (
            f"After {last.step} steps: loss {last.loss_on:.4g}, at gamma = 0 {last.loss_off:.4g}; equivariance error "
            f"{last.defect:.2g}; largest effective asymmetry {size:.2g} in {largest.layer or 'the layer'}."
        )

    @property
    def made_of(self) -> Mapping[str, object]:
        """Conventions."""
        return {
            "conventions": "gamma = 0: the layers that commute with the group; broken symmetry relative to the output",
        }

    def contents(self) -> dict[str, Any]:
        """All readings."""
        found = self.bounds()
        return {"rule": self.rule.name, "readings": [asdict(r) for r in self.readings], "bounds": asdict(found)}

    def sections(self) -> Sequence[Section]:
        """The last reading, the course, the bounds."""
        last = self.last
        columns = ("layer", "gamma", "effective", "lambda", "u", "violation", "||W_eq||", "||W_free||")
        rows = [tuple(asdict(layer).values()) for layer in last.layers]
        overall = [(last.step, last.loss_on, last.loss_off, last.defect)]
        found = self.bounds()
        if found.approximation is None or found.equivariance is None:
            told = f"No bound applies: {found.reason}. The equivariance error above is measured."
        else:
            told = (
                f"||f(x) - f_0(x)|| <= {found.approximation:.4g} ||x|| and "
                f"||g f(x) - f(g x)|| <= {found.equivariance:.4g} ||x||, for every x and g."
            )
        return [
            Section(
                "Layers",
                text="Compare effective sizes, not gammas: gamma times the free weight is all that the model sees. "
                "Which layer takes up a break depends on the seed.",
                table=Table("", columns, rows),
                figure=self._draw(),
                caption="Gammas, effective sizes, multipliers and validation losses in the course of training.",
            ),
            Section(
                "Model",
                table=Table("", ("steps", "loss", "loss at gamma = 0", "equivariance error"), overall),
            ),
            Section("Bounds", text=told),
        ]

    def state_dict(self) -> dict[str, Any]:
        """All readings, as plain values."""
        return {"readings": [asdict(reading) for reading in self.readings]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the readings of a checkpoint."""
        self.readings = [
            Reading(**{**entry, "layers": [LayerReading(**layer) for layer in entry["layers"]]})
            for entry in state["readings"]
        ]

    def write_csv(self, path: str | os.PathLike[str]) -> Path:
        """One row for every layer of every reading, whole or not at all."""
        text = io.StringIO()
        writer = csv.writer(text)
        names = list(LayerReading.__dataclass_fields__)
        writer.writerow(["step", "loss_on", "loss_off", "defect", *names])
        for r in self.readings:
            for layer in r.layers:
                writer.writerow([r.step, r.loss_on, r.loss_off, r.defect, *asdict(layer).values()])
        with atomic_path(path) as part:
            part.write_text(text.getvalue(), encoding="utf-8")
        return Path(path)

    def _loss(self) -> float:
        arguments = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)
        return float(self.loss(ForwardOnly(self.rule.model)(*arguments), self.target))

    def _draw(self) -> Figure:
        figure = new_figure(10, 5.4)
        panels = figure.subplots(2, 2)
        steps = [r.step for r in self.readings]
        names = [layer.layer for layer in self.last.layers]
        for panel, key, title in (
            (panels[0, 0], "gamma", "gamma"),
            (panels[0, 1], "effective", "Effective size |gamma| ||W_free|| / ||W_eq||"),
            (panels[1, 0], "multiplier", "Multiplier"),
        ):
            axes = style_axes(panel, title=title, x="step")
            curves = {
                name or "layer": [getattr(r.layers[k], key) for r in self.readings] for k, name in enumerate(names)
            }
            draw_curves(axes, steps, curves, style=".-")
            axes.axhline(0, color=BASE, linewidth=0.8)
        panels[0, 0].legend(fontsize=7, frameon=False)
        axes = style_axes(panels[1, 1], title="Validation loss", x="step")
        losses = {
            "gamma as it is": [r.loss_on for r in self.readings],
            "gamma = 0": [r.loss_off for r in self.readings],
        }
        draw_curves(axes, steps, losses, (AVERAGED, WARNING), style={"gamma as it is": "-", "gamma = 0": "--"})
        axes.legend(fontsize=7, frameon=False)
        return figure


def read_layers(rule: Rule) -> list[LayerReading]:
    """Every gamma with what is known of it; a chain's gammas one by one."""
    layers = getattr(rule.model, "layers", {})
    multipliers, slacks = getattr(rule, "multipliers", {}), getattr(rule, "slacks", {})
    problem = getattr(rule, "problem", None)
    found = []
    for name, parameter in rule.gammas.items():
        layer = layers.get(name)
        with torch.no_grad():
            sizes = None if layer is None else torch.as_tensor(layer.effective_size()).reshape(-1)
            norms = _norms(layer)
        for k, gamma in enumerate(parameter.detach().reshape(-1).tolist()):
            slack = float(slacks[name].reshape(-1)[k]) if problem == "resilient" else None
            found.append(
                LayerReading(
                    layer=name if parameter.ndim == 0 else f"{name}[{k}]",
                    gamma=gamma,
                    effective=None if sizes is None else float(sizes[k]),
                    multiplier=float(multipliers[name].reshape(-1)[k]) if name in multipliers else None,
                    slack=slack,
                    violation=None if problem is None else gamma if slack is None else abs(gamma) - slack,
                    equivariant_norm=norms[0],
                    free_norm=norms[1],
                )
            )
    return found


def _norms(layer: Any) -> tuple[float | None, float | None]:
    if not hasattr(layer, "equivariant_weight"):
        return None, None
    return float(layer.equivariant_weight().norm()), float(layer.free_weight().norm())

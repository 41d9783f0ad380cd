"""barrier: how much the loss rises on the straight line between two networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import nn

from haar.align.losses import Loss, batches_for, loss_of
from haar.align.recalibrated import recalibrated
from haar.align.states import mean_loss, mixed
from haar.errors import ArgumentError, check_count
from haar.report import Report, Section, Table
from haar.report.drawing import draw_curves, new_figure, style_axes
from haar.report.table import Cell
from haar.watch import Unwatched, Watch
from haar.weights.bare import bare
from haar.weights.models import Given, state_of, with_state

#: Points on a path, ends included: a step of 0.05.
POINTS = 21


@dataclass(frozen=True)
class Barrier(Report):
    """Losses along straight lines between networks.

    Attributes:
        shares: How much of the second network each point has, from 0 to 1.
        losses: For each line, by its name, the loss at every point.
    """

    shares: tuple[float, ...]
    losses: Mapping[str, tuple[float, ...]]

    kind = "barrier"
    title = "The loss between two networks"

    def height(self, line: str | None = None) -> float:
        """The barrier: the most by which the loss exceeds the line between the two ends, at least 0.

        Args:
            line: Name of the line; the only one by default.
        """
        losses = self._of(line)
        chord = [(1 - t) * losses[0] + t * losses[-1] for t in self.shares]
        return max(loss - level for loss, level in zip(losses, chord, strict=True))

    def middle(self, line: str | None = None) -> float:
        """The loss of the equal mean of both."""
        return self._of(line)[len(self.shares) // 2]

    def beside(self, **others: Barrier) -> Barrier:
        """Several lines in one report, by new names.

        Args:
            others: Barriers of one line each, on the same points.

        Raises:
            ArgumentError: If their points differ.
        """
        found = dict(self.losses)
        for name, other in others.items():
            if other.shares != self.shares:
                raise ArgumentError(name, expected=f"{len(self.shares)} points", got=len(other.shares))
            found[name.replace("_", " ")] = other._of(None)  # noqa: SLF001 (one of its own kind)
        return Barrier(self.shares, found)

    def contents(self) -> dict[str, Any]:
        """Points, losses, barriers."""
        lines = {
            name: {"losses": list(losses), "barrier": self.height(name), "middle": self.middle(name)}
            for name, losses in self.losses.items()
        }
        return {"shares": list(self.shares), "lines": lines}

    @property
    def summary(self) -> str:
        """The barriers."""
        told = (f"{name}: {self.height(name):.4g}" for name in self.losses)
        return f"Barriers: {', '.join(told)}."

    def sections(self) -> Sequence[Section]:
        """A row and a curve for each line."""
        rows: list[list[Cell]] = [
            [name, losses[0], losses[-1], self.middle(name), self.height(name)] for name, losses in self.losses.items()
        ]
        columns = ("line", "loss at A", "loss at B", "loss half way", "barrier")
        figure = new_figure(6.4, 3.4)
        self.draw(figure.subplots())
        return [Section("On the way", _WORDS, Table("Barriers", columns, rows), figure, "Loss along each line.")]

    def draw(self, axes: Axes) -> None:
        """The losses along each line."""
        style_axes(axes, x="share of B", y="loss")
        together: dict[tuple[float, ...], list[str]] = {}
        for name, losses in self.losses.items():  # of lines that coincide only the last would be seen
            together.setdefault(losses, []).append(name)
        draw_curves(axes, list(self.shares), {", ".join(names): list(losses) for losses, names in together.items()})
        axes.legend(fontsize=8, frameon=False)

    def _of(self, line: str | None) -> tuple[float, ...]:
        if line is None and len(self.losses) == 1:
            return next(iter(self.losses.values()))
        if line is None or line not in self.losses:
            raise ArgumentError("line", expected=f"one of {', '.join(self.losses)}", got=repr(line))
        return self.losses[line]


def barrier(
    a: Given,
    b: Given,
    loss: Loss,
    data: Iterable[Any],
    *,
    model: nn.Module | None = None,
    points: int = POINTS,
    name: str = "straight",
    calibration: Iterable[Any] | None = None,
    watch: Watch = Unwatched(),
) -> Barrier:
    """How much the loss rises on the straight line between two networks.

    max over t of L((1 - t) A + t B) - ((1 - t) L(A) + t L(B)), with what is given: two models that were not aligned
    are compared as they stand. Use data that neither was trained on.

    Args:
        a: A model, or parameters by name.
        b: The same, of the same shapes.
        loss: Called with a model (a function that runs one, in eval mode) and a batch; a tensor of one number. Or one
            of torch's losses of outputs and targets (`torch.nn.MSELoss()`), for batches that are pairs.
        data: Batches of one size; they are gone through once for every point. With torch's loss also inputs and
            targets, as one batch.
        model: The model whose parameters `a` and `b` are, where they are no models.
        points: Points on the line, both ends included.
        name: What the line is called.
        calibration: Batches of training inputs, by which batch norms get their statistics anew at every point.
        watch: Told of every point.

    Raises:
        ArgumentError: If nothing can be run, the parameters differ in names or shapes, there is no batch, `loss` is no
            function, or `points` is no odd number of at least 3.

    Example:
        >>> one, other = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        >>> _ = one.weight.data.fill_(1.0), other.weight.data.fill_(-1.0)
        >>> x = torch.ones(1, 1)
        >>> barrier(one, other, lambda model, x: 1 - model(x).square().mean(), [x], points=3).height()
        1.0
    """
    check_count("points", points, least=3)
    if points % 2 == 0:
        raise ArgumentError("points", expected="an odd number, so that one is half way", got=points)
    a, b, model = bare(a), bare(b), bare(model)
    run = next((one for one in (model, a) if isinstance(one, nn.Module)), None)
    if run is None:
        raise ArgumentError("model", expected="a model to run, for a is none", got="None")
    first, second = state_of(a, "a"), state_of(b, "b")
    check_alike(first, second)
    batches, task = batches_for(loss, data), loss_of(loss)
    known = None if calibration is None else list(calibration)
    shares = torch.linspace(0, 1, points, dtype=torch.float64).tolist()
    losses = []
    with watch.stage(f"losses: {name}", points) as advance:
        for share in shares:
            between = mixed(first, second, share)
            if known is not None:
                between = recalibrated(with_state(run, between), known).state_dict()
            losses.append(mean_loss(run, between, task, batches))
            advance()
    return Barrier(tuple(shares), {name: tuple(losses)})


def check_alike(a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    """Refuse parameters that differ in names or shapes.

    Raises:
        ArgumentError: If they do; it names the first tensor.
    """
    for name in [*a, *b]:
        if name not in a or name not in b:
            raise ArgumentError("b", expected="tensors of the same names", got=f"{name!r} in one alone")
        if a[name].shape != b[name].shape:
            raise ArgumentError(f"b: {name}", expected=f"shape {tuple(a[name].shape)}", got=tuple(b[name].shape))


_WORDS = (
    "The loss at points of the straight line from A to B in parameters. The barrier is the most by which it exceeds "
    "the line between the losses of both ends. A flat line says that the two can be averaged."
)

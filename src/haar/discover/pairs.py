"""Symmetry of data (x, y): found on a regressor, claimed only if it helps, or does not hurt, on data not yet seen."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.discover.coordinates import Coordinates
from haar.discover.discover import discover
from haar.discover.discovery import Discovery
from haar.discover.step import Step
from haar.errors import ArgumentError, DataError, known_keywords
from haar.probing.undisturbed import undisturbed
from haar.report import Report, Section, Table
from haar.statistics import Estimate
from haar.training import Plan, Run, draw

#: A regressor with a larger relative error leaves no power.
LARGEST_ERROR = 0.35
#: A claim needs the upper end of the difference below this share of the plain error.
EQUIVALENT = 0.02
#: Share of the fitting half that decides when to stop.
_STOPPING = 0.15
_TWO_SIDED = 1.959963984540054
#: Elements of an average over the group, for a model that is not fitted here.
_ELEMENTS = 16


class PairsDiscovery(Report):
    """What a regressor has, and whether the data bear it out.

    Attributes:
        found: The discovery on the regressor.
        error: Relative error of the regressor on held-out pairs.
        difference: Of squared errors on held-out pairs, with the symmetry less without it, in units of the variance;
            None if no symmetry could be tried.
        plain: Squared error without it, in the same units.
    """

    kind = "discovery from pairs"
    title = "Which symmetry do the data have?"

    def __init__(
        self, found: Discovery, error: float, plain: float, difference: Estimate | None, samples: tuple[int, int]
    ) -> None:
        self.found, self.error, self.plain, self.difference, self.samples = found, error, plain, difference, samples

    @property
    def claimed(self) -> bool:
        """Whether held-out pairs bear the symmetry out."""
        difference = self.difference
        return difference is not None and self.error <= LARGEST_ERROR and difference.high <= EQUIVALENT * self.plain

    @property
    def symmetry(self) -> Symmetry | None:
        """The symmetry, if it is claimed."""
        return self.found.symmetry if self.claimed else None

    @property
    def staircase(self) -> list[Step]:
        """What is claimed."""
        return self.found.staircase if self.claimed else []

    @property
    def failed_gate(self) -> str:
        """``"regressor"``, the gate at which the discovery failed, or ``"data"``."""
        if self.error > LARGEST_ERROR:
            return "regressor"
        if self.found.symmetry is None:
            return self.found.failed_gate or "group"
        return "" if self.claimed else "data"

    @property
    def summary(self) -> str:
        """The answer in a sentence or two."""
        told = f"Regressor's relative error {self.error:.2g} on {self.samples[1]} held-out pairs."
        if self.error > LARGEST_ERROR:
            return f"These data cannot tell yet: fit a better model first. {told} On it: {self.found.summary}"
        if self.difference is None:
            return f"{self.found.summary} {told} Nothing to try on the data."
        effect = (
            f"With it the squared error changes by {self.difference.value:+.2g} "
            f"({self.difference.low:+.2g} to {self.difference.high:+.2g}) of {self.plain:.2g}"
        )
        if not self.claimed:
            return f"No symmetry of the data established. The regressor has one ({self.found.summary}) {effect}. {told}"
        floor = f" Defects below {self.error / 2:.2g} are not told from the regressor's own error."
        return f"{self.found.summary} {effect}: borne out. {told}{floor}"

    def contents(self) -> dict[str, Any]:
        """Numbers."""
        return {
            "sentence": self.summary,
            "claimed": self.claimed,
            "failed_gate": self.failed_gate,
            "error": self.error,
            "plain": self.plain,
            "difference": None if self.difference is None else self.difference.to_dict(),
            "samples": list(self.samples),
            "found": self.found.to_dict(),
        }

    def sections(self) -> Sequence[Section]:
        """The answer on the data, then the discovery on the regressor."""
        difference = self.difference
        rows = [
            ("relative error of the regressor", self.error, None),
            ("squared error without the symmetry", self.plain, None),
            (
                "difference with it",
                None if difference is None else difference.value,
                None if difference is None else difference.interval,
            ),
            ("borne out", self.claimed, None),
        ]
        own = Table("On held-out pairs", ("what", "value", "95 %"), rows)
        return [Section("What the data say", text=self.summary, table=own), *self.found.sections()]

    def save(self, path: Any) -> Any:
        """Write the symmetry, if it is claimed.

        Raises:
            ArgumentError: If it is not.
        """
        if not self.claimed:
            raise ArgumentError("found", expected="a symmetry that the data bear out", got=self.summary)
        return self.found.save(path)


@known_keywords
def pairs(
    x: Any,
    y: Any,
    model: Callable[..., Any] | None = None,
    *,
    outputs: str = "auto",
    dictionary: Any = None,
    shared: bool | None = None,
    tolerance: float = 0.2,
    significance: float = 0.05,
    steps: int = 1500,
    seed: int = 0,
) -> PairsDiscovery:
    """Find the symmetry of data (x, y): fit a regressor on one half, look there, and judge on the other half.

    The claim is judged without trusting the regressor: a second one is fitted with random elements of the group found
    applied to its training pairs, and must not do worse on pairs that neither has seen. A model of the caller's own is
    averaged over the group instead.

    Args:
        x: Inputs ``(N, ...)``.
        y: Outputs ``(N, ...)``.
        model: A fitted model of the caller's own; by default a network of two hidden layers is fitted here.
        outputs: As for `discover`.
        dictionary: `Linear` or `Affine`.
        shared: As for `discover`.
        tolerance: The largest relative defect of what is called a symmetry.
        significance: Level of the tests.
        steps: Of fitting, at most.
        seed: Of the halves, fitting, and elements.

    Raises:
        ArgumentError: If x and y do not fit, or an option is out of range.
        DataError: If numbers are not finite, or pairs too few.

    Example:
        >>> import torch
        >>> x = torch.randn(1200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> found = pairs(x, x.norm(dim=1, keepdim=True), steps=300)
        >>> found.error < 0.35
        True
    """
    x, y = _table("x", x), _table("y", y)
    if len(x) != len(y):
        raise ArgumentError("y", expected=f"one output for each of {len(x)} inputs", got=len(y))
    if len(x) < 40:
        raise DataError(f"x: {len(x)} pairs, and fewer than 40 say nothing")
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    spread = float((y[second] - y[second].mean(0)).square().sum() / len(second))
    if spread == 0:
        raise DataError("y: constant, and every group is a symmetry of a constant")
    fitted = model if model is not None else _fit(x[first], y[first], None, steps, seed)
    given = x[first] if model is None else x[first].to(_dtype(model, x.dtype))
    found = discover(
        fitted,
        given,
        outputs=outputs,
        kinds="lie",
        dictionary=dictionary,
        shared=shared,
        tolerance=tolerance,
        significance=significance,
        seed=seed,
    )
    plain = _squares(fitted, x[second], y[second]) / spread
    error = math.sqrt(float(plain.mean()))
    difference = None
    symmetry = found.symmetry
    if symmetry is not None and error <= LARGEST_ERROR:
        if model is None:
            other: Callable[..., Any] = _fit(x[first], y[first], (symmetry, found.coordinates), steps, seed)
        else:
            other = _Averaged(found.model(model), symmetry, found, seed)
        difference = _paired(_squares(other, x[second], y[second]) / spread - plain)
    return PairsDiscovery(found, error, float(plain.mean()), difference, (len(first), len(second)))


def _paired(difference: Float[Tensor, " u"]) -> Estimate:
    middle = float(difference.mean())
    error = float(difference.std() / len(difference) ** 0.5)
    return Estimate(middle, middle - _TWO_SIDED * error, middle + _TWO_SIDED * error)


def _squares(model: Callable[..., Any], x: Tensor, y: Tensor) -> Float[Tensor, " u"]:
    with undisturbed(model), torch.no_grad():
        answers = model(x.to(_dtype(model, x.dtype))).to(torch.float64)
    found: Tensor = (answers.reshape(y.shape) - y).flatten(1).square().sum(1)
    return found


class _Scaled(nn.Module):
    """A network between whitened inputs and outputs."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        super().__init__()
        n, m = x[0].numel(), y[0].numel()
        self.net = nn.Sequential(
            nn.Linear(n, 128, dtype=torch.float64),
            nn.SiLU(),
            nn.Linear(128, 128, dtype=torch.float64),
            nn.SiLU(),
            nn.Linear(128, m, dtype=torch.float64),
        )
        self.shape = y.shape[1:]
        for name, value in (("x", x.flatten(1)), ("y", y.flatten(1))):
            self.register_buffer(f"{name}_mean", value.mean(0))
            self.register_buffer(f"{name}_scale", value.std(0).clamp_min(1e-12))
        self.x_mean: Tensor
        self.x_scale: Tensor

    def forward(self, x: Tensor) -> Tensor:
        out = self.net((x.flatten(1) - self.x_mean) / self.x_scale) * self.y_scale + self.y_mean
        found: Tensor = out.unflatten(1, self.shape) if self.shape else out.squeeze(1)
        return found


def _fit(x: Tensor, y: Tensor, found: tuple[Symmetry, Coordinates | None] | None, steps: int, seed: int) -> nn.Module:
    """Early stopped by a share of the pairs; with a symmetry in its coordinates, on pairs moved by random elements."""
    kept = max(int(_STOPPING * len(x)), 8)
    stop_x, stop_y, x, y = x[:kept], y[:kept], x[kept:], y[kept:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _Scaled(x, y)
    scale = y.flatten(1).std(0).clamp_min(1e-12)
    moved = None if found is None else _moved_pairs(*found, x, y)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = draw(len(x), 128, generator)
        a, b = (x[rows], y[rows]) if moved is None else moved(rows, generator)
        found: Tensor = ((model(a) - b).flatten(1) / scale).square().mean()
        return found

    plan = Plan(steps=steps, learning_rate=2e-3, schedule="cosine", weight_decay=1e-4, optimizer="adamw", every=50)
    run = Run(model.parameters(), loss, plan, seed=seed)
    best, state = math.inf, copy.deepcopy(model.state_dict())
    for step in run:
        if plan.due(step):
            with torch.no_grad():
                value = float(((model(stop_x) - stop_y).flatten(1) / scale).square().mean())
            if value < best:
                best, state = value, copy.deepcopy(model.state_dict())
    model.load_state_dict(state)
    return model.eval()


def _moved_pairs(
    symmetry: Symmetry, place: Coordinates | None, x: Tensor, y: Tensor
) -> Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]:
    def moved(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        g = symmetry.group.sample(len(rows), generator)
        a, b = x[rows], y[rows]
        if place is None:
            return symmetry.act_inputs(g, (a,))[0], symmetry.act_outputs(g, b)
        inside = place.of_inputs(a)
        turned = place.inputs.outwards(symmetry.act_inputs(g, (inside,))[0]).reshape(a.shape)
        flat = b if place.output_shape is None else b.flatten(1)
        out = place.outputs.outwards(symmetry.act_outputs(g, place.outputs.inwards(flat))).reshape(b.shape)
        return turned, out

    return moved


class _Averaged(nn.Module):
    """A model averaged over random elements of a found group."""

    def __init__(self, model: Callable[..., Any], symmetry: Symmetry, found: Discovery, seed: int) -> None:
        super().__init__()
        self.model, self.symmetry, self.found = model, symmetry, found
        self.elements = self.symmetry.group.sample(_ELEMENTS, torch.Generator().manual_seed(seed))

    def forward(self, x: Tensor) -> Tensor:
        group, inside = self.symmetry.group, self.found.inputs(x)
        backs = []
        for g in self.elements:
            turned = self.symmetry.act_inputs(g, (inside,))[0]
            backs.append(self.symmetry.act_outputs(group.inverse(g), self.model(turned)))
        mean = torch.stack(backs).mean(0)
        place = self.found.coordinates
        return mean if place is None else place.outputs.outwards(mean)


def _dtype(model: Callable[..., Any], other: torch.dtype) -> torch.dtype:
    if isinstance(model, nn.Module):
        return next((p.dtype for p in model.parameters() if p.is_floating_point()), other)
    return other


def _table(name: str, value: Any) -> Tensor:
    if not isinstance(value, (Tensor, np.ndarray)):
        raise ArgumentError(name, expected="a tensor or an array", got=type(value).__name__)
    table = torch.as_tensor(value).detach().cpu().to(torch.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim < 2:
        raise ArgumentError(name, expected="an axis of samples, (N, ...)", got=tuple(table.shape))
    bad = torch.nonzero(~table.flatten(1).isfinite().all(1)).flatten()
    if len(bad):
        raise DataError(f"{name}: row {int(bad[0])} is not finite; leave it out")
    return table

"""The result of a propagation: moments of the output, how they were made, and how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.dense import DenseState
from haar.moments.layer import LayerReport
from haar.moments.program import Program
from haar.moments.vector import VectorCumulants
from haar.report import Report, Section, Table
from haar.report.table import Cell

_ROWS = 20
#: Outputs that a sentence tells one by one.
_IN_WORDS = 4
_CANCELS = 0.1


@dataclass(frozen=True)
class ErrorEstimate:
    """What is known of the error of a propagation.

    Args:
        mean_indicator: |order >= 3 minus order 2| of the mean: an indicator of what order 2 missed, not a bound.
        cov_indicator: The same for the covariance.
        mean_bound: Rigorous bound on the error of the mean from a non-normal input, where one is known.

    Example:
        >>> ErrorEstimate().mean_bound is None
        True
    """

    mean_indicator: Float[Tensor, "*batch outputs"] | None = None
    cov_indicator: Float[Tensor, "*batch outputs outputs"] | None = None
    mean_bound: Float[Tensor, "*batch outputs"] | None = None


@dataclass(frozen=True)
class Propagation(Report):
    """Moments of a model's output.

    Args:
        cumulants: Joint cumulants of the flattened output; the third from order 3 on, the fourth at order 4.
        output_shape: Shape of one output.
        order: Order of the propagation.
        backend: How cumulants were stored.
        exact: Whether mean and covariance are exact (up to rounding and quadrature).
        layers: What was done, step by step.
        error: What is known of the error.

    Example:
        >>> from torch import nn
        >>> from haar.moments import Gaussian, propagate
        >>> propagate(nn.Identity(), Gaussian([1.0])).mean.tolist()
        [1.0]
    """

    kind: ClassVar[str] = "moments"
    title: ClassVar[str] = "Moments of the output"  # type: ignore[misc]

    cumulants: VectorCumulants
    output_shape: tuple[int, ...]
    order: int | str
    backend: str
    exact: bool
    layers: tuple[LayerReport, ...]
    error: ErrorEstimate = field(default_factory=ErrorEstimate)

    @classmethod
    def of(
        cls, state: DenseState, program: Program, *, order: int | str, backend: str, error: ErrorEstimate | None = None
    ) -> Propagation:
        """Read the result off a finished state.

        Raises:
            ArgumentError: If its moments are no numbers: they left the range of float64 on the way.
        """
        if bool(state.joint.mean.isnan().any()) or bool(state.joint.cov.isnan().any()):
            raise ArgumentError(
                "model",
                expected="moments within the range of float64",
                got="NaN: a mean or a variance inside the model is too large for it",
                way_out="give the law, or the model's weights, in other units",
            )
        return cls(
            state.joint,
            output_shape=program.shapes[program.output],
            order=order,
            backend=backend,
            exact=state.exact and all(x.evaluation.converged for x in state.layers),
            layers=tuple(state.layers),
            error=error or ErrorEstimate(),
        )

    @property
    def mean(self) -> Float[Tensor, "*batch outputs"]:
        """Means of the flattened output."""
        return self.cumulants.mean

    @property
    def cov(self) -> Float[Tensor, "*batch outputs outputs"]:
        """Covariances of the outputs."""
        return self.cumulants.cov

    @property
    def third(self) -> Float[Tensor, "*batch outputs outputs outputs"] | None:
        """Third joint cumulants, from order "2+" on; written out when asked for where they are kept in factors."""
        return self.cumulants.whole_third()

    @property
    def fourth(self) -> Float[Tensor, "*batch outputs outputs outputs outputs"] | None:
        """Fourth joint cumulants, at order 4."""
        return self.cumulants.fourth

    @property
    def mean_indicator(self) -> Float[Tensor, "*batch outputs"] | None:
        """|order >= 3 minus order 2| of the mean: an indicator of what order 2 missed, not a bound."""
        return self.error.mean_indicator

    @property
    def cov_indicator(self) -> Float[Tensor, "*batch outputs outputs"] | None:
        """The same for the covariance."""
        return self.error.cov_indicator

    @property
    def mean_bound(self) -> Float[Tensor, "*batch outputs"] | None:
        """Rigorous bound on the error of the mean from a non-normal input, where one is known."""
        return self.error.mean_bound

    def to_dense(self) -> Propagation:
        """This result, as it is: what `OrbitPropagation.to_dense` makes of its blocks."""
        return self

    @property
    def variance(self) -> Float[Tensor, "*batch outputs"]:
        """Variances of the outputs."""
        return self.cov.diagonal(dim1=-2, dim2=-1).clamp(min=0.0)

    @property
    def sd(self) -> Float[Tensor, "*batch outputs"]:
        """Standard deviations of the outputs."""
        return self.variance.sqrt()

    @property
    def skewness(self) -> Float[Tensor, "*batch outputs"] | None:
        """Third cumulant over sd^3, from order "2+" on; zero for an output that does not move."""
        own = self.cumulants.own(3)
        return None if own is None else self._standardised(own, 3)

    @property
    def kurtosis(self) -> Float[Tensor, "*batch outputs"] | None:
        """Excess kurtosis: fourth cumulant over sd^4, at order 4 and in factors."""
        own = self.cumulants.own(4)
        return None if own is None else self._standardised(own, 4)

    def _standardised(self, own: Tensor, order: int) -> Tensor:
        moves = self.variance > 0
        return torch.where(moves, own / torch.where(moves, self.variance, torch.ones_like(own)).pow(order / 2), 0.0)

    @property
    def truncation(self) -> float:
        """The largest rigorous bound on Mehler's series over the layers (relative, per layer)."""
        return max((layer.evaluation.bound for layer in self.layers), default=0.0)

    @property
    def answer(self) -> str:
        """Means and standard deviations in a sentence."""
        mean, sd = self.mean.detach().reshape(-1), self.sd.detach().reshape(-1)
        if not mean.numel():
            return "No output."
        if mean.numel() <= _IN_WORDS:
            told = ", ".join(f"{m:.4g} ± {s:.3g}" for m, s in zip(mean.tolist(), sd.tolist(), strict=True))
            return f"The output is {told} (mean ± standard deviation)."
        (low, high), (least, most) = (x.aminmax() for x in (mean, sd))
        return (
            f"{mean.numel()} outputs: means from {low:.4g} to {high:.4g}, standard deviations from {least:.3g} to "
            f"{most:.3g}."
        )

    @property
    def summary(self) -> str:
        """The answer, and how far to trust it."""
        return f"{self.answer} {self.trust}"

    @property
    def trust(self) -> str:
        """One sentence on how far to trust the numbers."""
        small = [x for x in self.layers if x.cancellation is not None and x.cancellation < _CANCELS]
        warning = ""
        if small and not self.exact:
            warning = (
                f" Layer {small[-1].name!r} cancels: its output keeps {small[-1].cancellation:.2g} of the variance "
                "that uncorrelated inputs would give, and relative errors are largest there."
            )
        if self.exact:
            return f"Order {self.order}: mean and covariance are exact."
        if any(layer.how == "sampled" for layer in self.layers):
            return f"Order {self.order}: sampled, the moments of draws that went through the whole model."
        extra = ", with parts linearised" if any(layer.how == "linearised" for layer in self.layers) else ""
        damped = sum(layer.damped for layer in self.layers)
        if damped:
            warning += (
                f" The series diverges on {damped} units, too far from normal: third and fourth cumulants were made "
                "smaller there; draw, before you trust them."
            )
        # the tensors are closed as those of a normal law; slices of the third and fourth cumulants are carried on
        closed = "third and fourth cumulants in factors" if self.backend == "factored" else "normal closure"
        return (
            f"Order {self.order}: an approximation ({closed} between layers){extra}; check it with `compare`." + warning
        )

    @property
    def made_of(self) -> Mapping[str, object]:
        """Order, back-end and conventions."""
        return {
            "propagation": f"order {self.order}, {self.backend}, output {tuple(self.output_shape)}",
            "conventions": "sd: square root of the variance; skewness and excess kurtosis: cumulants over powers of sd",
        }

    def contents(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "order": self.order,
            "backend": self.backend,
            "exact": self.exact,
            "output_shape": self.output_shape,
            "mean": self.mean.detach(),
            "sd": self.sd.detach(),
            "cov": self.cov.detach(),
            "skewness": None if self.skewness is None else self.skewness.detach(),
            "kurtosis": None if self.kurtosis is None else self.kurtosis.detach(),
            "mean_indicator": None if self.mean_indicator is None else self.mean_indicator.detach(),
            "mean_bound": None if self.mean_bound is None else self.mean_bound.detach(),
            "truncation": self.truncation,
            "layers": [layer.to_dict() for layer in self.layers],
        }

    def sections(self) -> list[Section]:
        """Outputs, then layers."""
        return [
            Section(
                "Output", self.trust, self._outputs(), self._figure(), "Mean and one standard deviation of outputs."
            ),
            Section("Layers", "What each step did to the cumulants.", self._layers()),
        ]

    def _outputs(self) -> Table:
        mean, sd = self.mean.detach().reshape(-1), self.sd.detach().reshape(-1)
        columns = ["output", "mean", "sd"]
        data: list[list[float]] = [mean.tolist(), sd.tolist()]
        for name, value in (
            ("skewness", self.skewness),
            ("excess kurtosis", self.kurtosis),
            (f"|order {self.order} - order 2| of the mean (indicator)", self.mean_indicator),
            ("bound on the mean's error", self.mean_bound),
        ):
            if value is not None:
                columns.append(name)
                data.append(value.detach().reshape(-1).tolist())
        rows: list[list[Cell]] = [[str(k), *(column[k] for column in data)] for k in range(min(mean.numel(), _ROWS))]
        note = f"first {_ROWS} of {mean.numel()}" if mean.numel() > _ROWS else ""
        return Table("Moments of the output", columns, rows, note)

    def _layers(self) -> Table:
        rows = [
            (x.name, x.kind, x.size, x.live, x.how, *vars(x.evaluation).values(), x.cancellation, x.clipped, x.damped)
            for x in self.layers
        ]
        columns = (
            "layer",
            "kind",
            "size",
            "live",
            "how",
            "coefficients",
            "Mehler order",
            "closed pairs",
            "bound",
            "quadrature",
            "cancellation",
            "clipped",
            "damped",
        )
        return Table("Layers", columns, rows)

    def _figure(self) -> Any:
        from matplotlib.ticker import MaxNLocator

        from haar.report.drawing import AVERAGED, new_figure, style_axes

        figure = new_figure(6, 3)
        axes = style_axes(figure.add_subplot(), title="Output", x="output", y="mean and one sd")
        mean, sd = self.mean.detach().reshape(-1)[:200], self.sd.detach().reshape(-1)[:200]
        axes.errorbar(range(mean.numel()), mean.tolist(), yerr=sd.tolist(), fmt="o", markersize=3, color=AVERAGED)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return figure

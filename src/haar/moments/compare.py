"""compare: the propagated moments against Monte Carlo, with standard errors, z-scores and the time of both."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.constants import TINY
from haar.errors import ArgumentError, formerly, known_keywords
from haar.moments.backends import Backend, Dense, backend_for
from haar.moments.joint import InputLaw, shape_under
from haar.moments.kstatistics import KStatistics, kstats
from haar.moments.propagate import propagate
from haar.moments.propagation import Propagation
from haar.moments.registry import Registered
from haar.moments.seeding import seeded_by
from haar.probing import ForwardOnly
from haar.report import Report, Section, Table
from haar.seeding import Seed, generator_of

#: Relative rounding of a model in single precision, and what an output of zeros is measured by.
_ROUNDING, _LEAST = 1e-6, 1e-12

_CHUNK = 8192
_ROWS = 20


@dataclass(frozen=True)
class Comparison(Report):
    """Propagated moments beside sampled ones.

    Args:
        propagation: The analytic result.
        sampled: k-statistics of every output.
        sampled_cov: Covariance matrix of the samples.
        z_mean: (propagated - sampled) / standard error, of the means.
        z_variance: The same for the variances.
        z_third: The same for the third cumulants, from order 3 on.
        seconds_propagation: Time of the propagation.
        seconds_sampling: Time of the sampling.

    Example:
        >>> from haar.moments import Gaussian
        >>> found = compare(nn.Sequential(nn.Linear(2, 4), nn.ReLU()), Gaussian([0.0, 0.0]), 2000)
        >>> bool(found.z_mean.abs().max() < 6)
        True
    """

    kind: ClassVar[str] = "moments-comparison"
    title: ClassVar[str] = "Propagation against Monte Carlo"  # type: ignore[misc]

    propagation: Propagation
    sampled: KStatistics
    sampled_cov: Float[Tensor, "outputs outputs"]
    z_mean: Float[Tensor, "outputs"]
    z_variance: Float[Tensor, "outputs"]
    z_third: Float[Tensor, "outputs"] | None
    seconds_propagation: float
    seconds_sampling: float

    @property
    def time_ratio(self) -> float:
        """Time of the sampling over time of the propagation."""
        return self.seconds_sampling / self.seconds_propagation

    @property
    def equal_time_samples(self) -> float:
        """How many samples the propagation's time would have paid for."""
        return self.sampled.count / self.time_ratio

    @property
    def mean_error(self) -> float:
        """Mean over the outputs of |mean error| / sd, sampled values as the truth."""
        sd = self.sampled.values[1].clamp(min=0).sqrt()
        gap = (self.propagation.mean.detach() - self.sampled.values[0]).abs()
        return float(torch.where(sd > 0, gap / torch.where(sd > 0, sd, torch.ones_like(sd)), 0.0).mean())

    @property
    def cov_error(self) -> float:
        """Relative Frobenius error of the covariance, the sampled one as the truth."""
        gap = torch.linalg.matrix_norm(self.propagation.cov.detach() - self.sampled_cov)
        return float(gap / torch.linalg.matrix_norm(self.sampled_cov).clamp(min=TINY))

    @property
    def summary(self) -> str:
        """The answer, then the largest z-scores, and which of the two was faster."""
        return f"{self.propagation.answer} {self.checked}"

    @property
    def checked(self) -> str:
        """Largest z-scores, and which of the two was faster."""
        return (
            f"Over {self.sampled.count} samples the largest |z| is {float(self.z_mean.abs().max()):.2f} "
            f"for the means and {float(self.z_variance.abs().max()):.2f} for the variances. "
            f"The propagation took as long as "
            f"{self.equal_time_samples:.0f} samples."
        )

    @property
    def trust(self) -> str:
        """Whether the propagation is exact, and what sampling says to it."""
        return f"{self.propagation.trust} {self.checked}"

    @property
    def made_of(self) -> Mapping[str, object]:
        """As the propagation, and the samples."""
        return {
            **self.propagation.made_of,
            "samples": f"{self.sampled.count}; z = (propagated - sampled) / standard error of the k-statistic",
        }

    def contents(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "propagation": self.propagation.to_dict(),
            "sampled": self.sampled.to_dict(),
            "z_mean": self.z_mean,
            "z_variance": self.z_variance,
            "z_third": self.z_third,
            "mean_error": self.mean_error,
            "cov_error": self.cov_error,
            "seconds_propagation": self.seconds_propagation,
            "seconds_sampling": self.seconds_sampling,
            "equal_time_samples": self.equal_time_samples,
        }

    def sections(self) -> list[Section]:
        """Outputs side by side."""
        return [
            Section(
                "Side by side",
                self.trust,
                self._table(),
                self._figure(),
                "z-scores of means and variances.",
            ),
            *self.propagation.sections()[1:],
        ]

    def _table(self) -> Table:
        mean, sd = self.propagation.mean.detach(), self.propagation.sd.detach()
        sampled, error = self.sampled.values, self.sampled.errors
        columns = ["output", "mean", "sampled mean", "standard error", "z", "sd", "sampled sd", "z of the variance"]
        spread = sampled[1].clamp(min=0).sqrt()
        parts = [mean, sampled[0], error[0], self.z_mean, sd, spread, self.z_variance]
        if self.z_third is not None and self.propagation.skewness is not None:
            columns += ["skewness", "sampled skewness", "z of the third cumulant"]
            parts += [self.propagation.skewness.detach(), sampled[2] / spread**3, self.z_third]
        data = [part.tolist() for part in parts]
        rows = [[str(k), *(column[k] for column in data)] for k in range(min(mean.numel(), _ROWS))]
        note = f"first {_ROWS} of {mean.numel()}" if mean.numel() > _ROWS else ""
        return Table("Propagation and Monte Carlo", columns, rows, note)

    def _figure(self) -> Any:
        from matplotlib.ticker import MaxNLocator

        from haar.report.drawing import AVERAGED, BASE, draw_curves, new_figure, style_axes

        figure = new_figure(6, 3)
        axes = style_axes(figure.add_subplot(), title="z-scores", x="output", y="z")
        series = {"mean": self.z_mean.tolist(), "variance": self.z_variance.tolist()}
        draw_curves(axes, range(self.z_mean.numel()), series, (AVERAGED, BASE), style={"mean": "o", "variance": "s"})
        axes.axhspan(-2, 2, alpha=0.15, color=BASE)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8)
        return figure


@formerly(n="samples")
@known_keywords
def compare(
    model: nn.Module,
    law: InputLaw,
    samples: int = 100_000,
    *,
    order: int | str = 2,
    generator: Seed | None = None,
    backend: str | Backend | None = None,
    input_shape: Sequence[int] | None = None,
    activations: Mapping[object, Registered] | None = None,
    affine: Sequence[type[nn.Module]] = (),
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
) -> Comparison:
    """Propagate, sample, and put both side by side.

    Sampling runs the model as it is, in its own dtype, in chunks.

    Args:
        model: The module to be followed and sampled.
        law: Law of the flattened input, without batch axes.
        samples: Number of samples, at least 100.
        order: Order of the propagation.
        generator: Source of the samples, or its seed (0 if None); those of a `Dense` back-end without one included.
        backend: As in `propagate`.
        input_shape: Shape of one input.
        activations: As in `propagate`.
        affine: As in `propagate`.
        constants: Values for further inputs of the model.
        on_unsupported: As in `propagate`.

    Raises:
        ArgumentError: If there are too few samples or the law has batch axes.

    Example:
        >>> from haar.moments import Gaussian
        >>> compare(nn.Linear(1, 1), Gaussian([1.0]), 100).sampled.count
        100
    """
    if samples < 100:
        raise ArgumentError("samples", expected="at least 100 samples", got=samples)
    shape_under(law, input_shape)
    if law.batch:
        raise ArgumentError(
            "law", expected="a law without batch axes", got=f"batch {law.batch}", way_out="compare one at a time"
        )
    source = None if generator is None else generator_of(generator, law.mean.device, argument="generator")
    start = time.perf_counter()
    with torch.no_grad():
        engine = backend_for(backend, order)
        if isinstance(engine, Dense) and engine.generator is None:  # the others draw nothing
            engine = replace(engine, generator=source)
        found = propagate(
            model,
            law,
            order=order,
            backend=engine,
            input_shape=input_shape,
            activations=activations,
            affine=affine,
            constants=constants,
            on_unsupported=on_unsupported,
        )
    middle = time.perf_counter()
    outputs = sample_outputs(model, law, samples, generator=source, input_shape=input_shape, constants=constants)
    end = time.perf_counter()
    statistics = kstats(outputs)
    third = None
    own = found.cumulants.own(3)
    if own is not None:
        third = _score(own, statistics.values[2], statistics.errors[2])
    return Comparison(
        propagation=found,
        sampled=statistics,
        sampled_cov=torch.cov(outputs.mT).reshape(outputs.shape[1], outputs.shape[1]),
        z_mean=_score(found.mean, statistics.values[0], statistics.errors[0]),
        z_variance=_score(found.variance, statistics.values[1], statistics.errors[1]),
        z_third=third,
        seconds_propagation=middle - start,
        seconds_sampling=end - middle,
    )


def _score(mine: Tensor, theirs: Tensor, error: Tensor) -> Tensor:
    """How many standard errors lie between two values."""
    # An output that does not move has no standard error: rounding of the model's own dtype is the yardstick.
    floor = _ROUNDING * theirs.abs().clamp(min=_LEAST)
    return (mine - theirs) / torch.maximum(error, floor)


@formerly(n="samples")
@known_keywords
def sample_outputs(
    model: nn.Module,
    law: InputLaw,
    samples: int,
    *,
    generator: Seed | None = None,
    input_shape: Sequence[int] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> Float[Tensor, "samples outputs"]:
    """Outputs of the model on draws from the law, flattened, float64.

    The model is run as it is, in its own mode; buffers and the random state of the process are left as they are.

    Args:
        model: The module; the random numbers of its own are seeded by the generator.
        law: Law of the flattened input, without batch axes.
        samples: Number of draws.
        generator: Source of the draws, or its seed (0 if None).
        input_shape: Shape of one input.
        constants: Values for further inputs of the model.

    Example:
        >>> from haar.moments import Gaussian
        >>> sample_outputs(nn.Identity(), Gaussian([0.0]), 10).shape
        torch.Size([10, 1])
    """
    shape = shape_under(law, input_shape)
    source = generator_of(0 if generator is None else generator, law.mean.device, argument="generator")
    floating = [p.dtype for p in [*model.parameters(), *model.buffers()] if p.is_floating_point()]
    dtype = floating[0] if floating else torch.float64
    found = []
    run = ForwardOnly(model)
    with seeded_by(source, model), torch.no_grad():
        for start in range(0, samples, _CHUNK):
            x = law.sample(min(_CHUNK, samples - start), source)
            made = run(x.to(dtype, copy=True).reshape(-1, *shape), **dict(constants or {}))
            found.append(made.reshape(x.shape[0], -1).to(torch.float64))
    return torch.cat(found)

"""The learned spectrum: with which factor a trained network multiplies every cumulant of its input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.kstatistics import kstats
from haar.moments.laws import Exponential, Gamma, Laplace, Law, Normal, Rademacher, TwoBump, Uniform
from haar.systems.renormalisation.block import eigenvalue, one_shot

SPECTRUM_LAWS: Mapping[str, Law] = {
    "gauss": Normal(),
    "gauss x1.5": Normal(0, 1.5),
    "gauss x0.7": Normal(0, 0.7),
    "gauss +0.5": Normal(0.5, 1),
    "gauss -0.5": Normal(-0.5, 1),
    "uniform": Uniform(),
    "laplace": Laplace(),
    "rademacher": Rademacher(),
    "mixture": TwoBump(),
    "exponential": Exponential(),
    "-exponential": Exponential().affine(-1, 0),
    "gamma(4)": Gamma(4, 0.5),
    "-gamma(4)": Gamma(4, 0.5).affine(-1, 0),
}
"""Laws along which every one of the first four cumulants varies; all have moments of every order."""

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Spectrum:
    """Slopes of the output's cumulants over the input's, orders 1 to 4.

    Args:
        learned: Of every network.
        sampled: Of the exact map on the same samples: what sampling noise leaves of the truth.
        exact: b^(1 - n/2).
    """

    learned: Float[Tensor, "networks 4"]
    sampled: Float[Tensor, "4"]
    exact: Float[Tensor, "4"]

    @property
    def relative_error(self) -> Float[Tensor, "networks 4"]:
        """|learned - sampled| / sampled."""
        return (self.learned - self.sampled).abs() / self.sampled.abs()


@torch.no_grad()
def learned_spectrum(
    step: Step,
    inputs: int,
    *,
    laws: Mapping[str, Law] = SPECTRUM_LAWS,
    samples: int = 40_000,
    seed: int = 0,
) -> Spectrum:
    """Regress the cumulants of a step's output (k-statistics) on those of its input (exact), over a family of laws.

    Args:
        step: From (samples, inputs) to (networks, samples), such as an `Ensemble`.
        inputs: Block size b.
        laws: At least two, between which the cumulants differ.
        samples: Blocks a law; the same for the network and the exact map.
        seed: Of the samples.

    Raises:
        ArgumentError: If there are fewer than two laws.

    Example:
        >>> found = learned_spectrum(lambda x: one_shot(x)[None], 2, samples=1000)
        >>> bool(torch.equal(found.learned[0], found.sampled)), found.exact.round(decimals=3).tolist()
        (True, [1.414, 1.0, 0.707, 0.5])
    """
    if len(laws) < 2:
        raise ArgumentError("laws", expected="at least two laws", got=len(laws))
    given, made = [], []
    for number, law in enumerate(laws.values()):
        x = law.sample((samples, inputs), torch.Generator().manual_seed(1000 * seed + number))
        both = torch.cat([one_shot(x)[None], step(x)])
        given.append([law.require(n) for n in range(1, 5)])
        made.append(kstats(both.mT).values.mT)
    cumulants = torch.tensor(given, dtype=torch.float64)  # law, order
    away = cumulants - cumulants.mean(0)
    slopes = (away[:, None] * torch.stack(made)).sum(0) / away.square().sum(0)
    exact = torch.tensor([float(eigenvalue(n, inputs)) for n in range(1, 5)], dtype=torch.float64)
    return Spectrum(slopes[1:], slopes[0], exact)

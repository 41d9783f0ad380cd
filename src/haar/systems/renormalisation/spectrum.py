"""The learned spectrum: with which factor a trained network multiplies every cumulant of its input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.kstatistics import kstats
from haar.moments.laws import Exponential, Laplace, Law, Normal, Rademacher, TwoBump, Uniform
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
}
"""Laws along which every one of the first four cumulants varies; all have moments of every order."""

MIRRORED_LAWS: Mapping[str, Law] = {**SPECTRUM_LAWS, "-exponential": Exponential().affine(-1, 0)}
"""The same with the mirror image of the skewed law: to first order in its bend a network errs oppositely on the
two, and the slope averages over that."""

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

    Orders 1 and 2 use all laws; orders 3 and 4 those of mean 0 and variance 1, so that no lower order varies with them.

    Args:
        step: From (samples, inputs) to (networks, samples), such as an `Ensemble`.
        inputs: Block size b.
        laws: Between which every cumulant differs.
        samples: Blocks a law; the same for the network and the exact map.
        seed: Seed of the samples.

    Raises:
        ArgumentError: If a cumulant is the same for all laws that are used for it.

    Example:
        >>> found = learned_spectrum(lambda x: one_shot(x)[None], 2, samples=1000)
        >>> bool(torch.equal(found.learned[0], found.sampled)), found.exact.round(decimals=3).tolist()
        (True, [1.414, 1.0, 0.707, 0.5])
    """
    return _regressed(laws, *_cumulants(step, inputs, laws, samples, seed), inputs)


def spectrum_and_mirrored(
    step: Step, inputs: int, *, samples: int = 40_000, seed: int = 0
) -> tuple[Spectrum, Spectrum]:
    """`learned_spectrum` over `SPECTRUM_LAWS` and over `MIRRORED_LAWS`, on the same samples.

    Example:
        >>> found, mirrored = spectrum_and_mirrored(lambda x: one_shot(x)[None], 2, samples=100)
        >>> bool(torch.equal(found.learned, mirrored.learned))
        False
    """
    given, made = _cumulants(step, inputs, MIRRORED_LAWS, samples, seed)
    without = len(SPECTRUM_LAWS)  # the mirror image is the last
    first = _regressed(SPECTRUM_LAWS, given[:without], made[:without], inputs)
    return first, _regressed(MIRRORED_LAWS, given, made, inputs)


def _cumulants(
    step: Step, inputs: int, laws: Mapping[str, Law], samples: int, seed: int
) -> tuple[Float[Tensor, "laws 4"], Float[Tensor, "laws maps 4"]]:
    """Of a coordinate, exact, and of what the exact map (first) and all networks make of blocks of them."""
    given, made = [], []
    for number, law in enumerate(laws.values()):
        x = law.sample((samples, inputs), torch.Generator().manual_seed(1000 * seed + number))
        both = torch.cat([one_shot(x)[None], step(x)])
        given.append([law.require(n) for n in range(1, 5)])
        made.append(kstats(both.mT).values.mT)
    return torch.tensor(given, dtype=torch.float64), torch.stack(made)


def _regressed(
    laws: Mapping[str, Law], cumulants: Float[Tensor, "laws 4"], made: Float[Tensor, "laws maps 4"], inputs: int
) -> Spectrum:
    standard = (cumulants[:, 0] == 0) & (cumulants[:, 1] == 1)
    columns = []
    for n in range(4):
        used = standard if n >= 2 else torch.ones_like(standard)
        k, out = cumulants[used, n], made[used, :, n]
        away = k - k.mean()
        if away.numel() == 0 or not bool(away.any()):
            raise ArgumentError("laws", expected=f"laws with different cumulants of order {n + 1}", got=", ".join(laws))
        columns.append((away[:, None] * out).sum(0) / away.square().sum())
    slopes = torch.stack(columns, -1)
    exact = torch.tensor([float(eigenvalue(n, inputs)) for n in range(1, 5)], dtype=torch.float64)
    return Spectrum(slopes[1:], slopes[0], exact)

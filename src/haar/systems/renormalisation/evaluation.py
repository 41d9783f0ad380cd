"""Errors of trained networks, in and out of distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.laws import Exponential, Laplace, Law, Normal, Rademacher, StudentT, TwoBump, Uniform
from haar.systems.renormalisation.block import one_shot
from haar.systems.renormalisation.ensemble import Ensemble

LAWS: Mapping[str, Law] = {
    "gauss": Normal(),
    "uniform": Uniform(),
    "laplace": Laplace(),
    "exponential": Exponential(),
    "rademacher": Rademacher(),
    "mixture": TwoBump(),
    "t5": StudentT(5),
    "gauss x3": Normal(0, 3),
    "gauss +2": Normal(2, 1),
}
"""The laws of a coordinate that networks are tested on: mean 0 and variance 1 but for the last two."""

DEAD = 1e-6
"""A network is dead if its output varies by less than this share of the target's variance on the training law."""

_CHUNK = 4096


def find_law(name: str) -> Law:
    """The law of a name.

    Raises:
        ArgumentError: If there is none.

    Example:
        >>> find_law("laplace").cumulant(4)
        Fraction(3, 1)
    """
    if name not in LAWS:
        raise ArgumentError("law", expected=f"one of {', '.join(LAWS)}", got=repr(name))
    return LAWS[name]


@dataclass(frozen=True)
class Errors:
    """Normalised mean squared errors E(y - y*)^2 / Var y*.

    Args:
        laws: Names of the laws.
        nmse: One row a network, one column a law.
        standard_error: Of these, from the spread over the samples.
        dead: Networks with a constant output on the training law.
    """

    laws: tuple[str, ...]
    nmse: Float[Tensor, "networks laws"]
    standard_error: Float[Tensor, "networks laws"]
    dead: Bool[Tensor, "networks"]

    def column(self, law: str) -> Float[Tensor, "networks"]:
        """The errors on one law."""
        return self.nmse[:, self.laws.index(law)]


@torch.no_grad()
def evaluate(
    ensemble: Ensemble,
    *,
    laws: Mapping[str, Law] = LAWS,
    train_law: str = "gauss",
    samples: int = 20_000,
    seed: int = 0,
) -> Errors:
    """Test all networks on fresh samples of every law, the same samples for all of them.

    Args:
        ensemble: The trained networks.
        laws: Laws of one coordinate, by name.
        train_law: On which of `LAWS` a network must move to count as alive.
        samples: Vectors a law.
        seed: Seed of the samples; every law has a stream of its own.

    Raises:
        ArgumentError: If there are fewer than two samples or the training law is unknown.

    Example:
        >>> from haar.systems.renormalisation import PerceptronEnsemble, Sizes
        >>> found = evaluate(PerceptronEnsemble("free", "relu", Sizes(), seeds=range(2)), samples=100)
        >>> found.nmse.shape, found.laws[0]
        (torch.Size([2, 9]), 'gauss')
    """
    if samples < 2:
        raise ArgumentError("samples", expected="at least 2", got=samples)
    errors, spreads = [], []
    for number, law in enumerate(laws.values()):
        x = _draw(law, samples, ensemble.inputs, 1000 * seed + number)
        squares = _each(outputs(ensemble, x) - ensemble.target(x)).square().mean(-1) / law.require(2)
        errors.append(squares.mean(-1))
        spreads.append(squares.std(-1) / samples**0.5)
    x = _draw(find_law(train_law), 1000, ensemble.inputs, 1000 * seed + 999)
    dead = _each(outputs(ensemble, x)).var(1).mean(-1) < DEAD * one_shot(x).var()
    return Errors(tuple(laws), torch.stack(errors, -1), torch.stack(spreads, -1), dead)


@torch.no_grad()
def outputs(ensemble: Ensemble, x: Float[Tensor, "*networks batch inputs"]) -> Float[Tensor, "all batch *outputs"]:
    """Outputs in chunks of samples, so that memory stays small.

    Example:
        >>> from haar.systems.renormalisation import PerceptronEnsemble, Sizes
        >>> outputs(PerceptronEnsemble("free", "relu", Sizes(), seeds=[0]), torch.ones(3, 4, dtype=torch.float64)).shape
        torch.Size([1, 3])
    """
    return torch.cat([ensemble(part) for part in x.split(_CHUNK, -2)], 1)


def _each(found: Float[Tensor, "all batch *outputs"]) -> Float[Tensor, "all batch numbers"]:
    """One number, or all that a network says, on the last axis."""
    return found.reshape(*found.shape[:2], -1)


def _draw(law: Law, samples: int, inputs: int, seed: int) -> Tensor:
    return law.sample((samples, inputs), torch.Generator().manual_seed(seed))

r"""Weight symmetries: which networks a family contains, built from free parameters and never projected.

A family says which numbers are free and how the full weights are made of them, for many networks at once. The symmetry
then holds exactly at every step of the training, whatever the optimiser does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError

BIAS_SD = 0.5
"""Biases start from N(0, 1/4)."""

Parameters = Mapping[str, Tensor]


class AffineLayer(NamedTuple):
    """One affine layer of many networks: weights (networks, out, in), biases (networks, out) or None."""

    weight: Tensor
    bias: Tensor | None


class Start(NamedTuple):
    """Shape of a free parameter of one network, and the standard deviation it starts from."""

    shape: tuple[int, ...]
    sd: float


@dataclass(frozen=True)
class Sizes:
    """Sizes of a multilayer perceptron with one output.

    Args:
        inputs: Number of variables in a block.
        width: Units of every hidden layer.
        depth: Number of hidden layers.

    Raises:
        ArgumentError: If one of them is less than 1.

    Example:
        >>> Sizes(4, 16, 1).depth
        1
    """

    inputs: int = 4
    width: int = 16
    depth: int = 1

    def __post_init__(self) -> None:
        for name in ("inputs", "width", "depth"):
            if getattr(self, name) < 1:
                raise ArgumentError(name, expected="at least 1", got=getattr(self, name))


class WeightFamily(ABC):
    """A constraint on the weights of a perceptron.

    Attributes:
        name: Name of it in tables.
        meaning: The constraint in words.
    """

    name: str
    meaning: str

    @abstractmethod
    def start(self, sizes: Sizes) -> dict[str, Start]:
        """The free parameters of one network, by name: W ~ N(0, 1/fan_in), b ~ N(0, 1/4)."""

    @abstractmethod
    def layers(self, free: Parameters, sizes: Sizes) -> list[AffineLayer]:
        """The full weights, hidden layers first, from free parameters with a leading axis of networks."""

    def check(self, sizes: Sizes) -> None:
        """Refuse sizes that the family cannot have."""
        del sizes

    def count(self, sizes: Sizes) -> int:
        """Number of free parameters of one network."""
        return sum(math.prod(one.shape) for one in self.start(sizes).values())


class Free(WeightFamily):
    """No constraint.

    Example:
        >>> Free().count(Sizes(4, 16, 1)), Free().count(Sizes(4, 16, 2))
        (97, 369)
    """

    name = "free"
    meaning = "no constraint"

    def first(self, sizes: Sizes) -> Start:
        """The free part of the first matrix."""
        return Start((sizes.width, sizes.inputs), sizes.inputs**-0.5)

    def start(self, sizes: Sizes) -> dict[str, Start]:
        """Every weight and bias."""
        h = sizes.width
        found = {"weight0": self.first(sizes), "bias0": Start((h,), BIAS_SD)}
        for depth in range(1, sizes.depth):
            found |= {f"weight{depth}": Start((h, h), h**-0.5), f"bias{depth}": Start((h,), BIAS_SD)}
        return found | {"out_weight": Start((1, h), h**-0.5), "out_bias": Start((1,), BIAS_SD)}

    def layers(self, free: Parameters, sizes: Sizes) -> list[AffineLayer]:
        """The parameters themselves; the first matrix along all inputs."""
        first = free["weight0"].expand(-1, sizes.width, sizes.inputs)
        hidden = [AffineLayer(free[f"weight{k}"], free[f"bias{k}"]) for k in range(1, sizes.depth)]
        return [AffineLayer(first, free["bias0"]), *hidden, AffineLayer(free["out_weight"], free["out_bias"])]


class SumInvariant(Free):
    """The first layer sees the sum of the inputs alone, W = w 1^T: the target's own symmetry S_N.

    Example:
        >>> SumInvariant().count(Sizes(4, 16, 1)), SumInvariant().count(Sizes(4, 16, 2))
        (49, 321)
    """

    name = "sum"
    meaning = "invariant to permutations of the inputs: W1 = w 1^T"

    def first(self, sizes: Sizes) -> Start:
        """One number a unit."""
        return Start((sizes.width, 1), sizes.inputs**-0.5)


class Tied(WeightFamily):
    """All units of a layer are equal: the parameters are symmetric under S_h, and one effective unit is left.

    Example:
        >>> Tied().count(Sizes(4, 16, 1))
        7
    """

    name = "tied"
    meaning = "all units of a layer equal: one effective unit"

    def first(self, sizes: Sizes) -> Start:
        """One row for all units."""
        return Start((1, sizes.inputs), sizes.inputs**-0.5)

    def start(self, sizes: Sizes) -> dict[str, Start]:
        """One row, then one scalar a matrix and one a bias."""
        h = sizes.width
        found = {"weight0": self.first(sizes), "bias0": Start((1,), BIAS_SD)}
        for depth in range(1, sizes.depth):
            found |= {f"weight{depth}": Start((1, 1), h**-0.5), f"bias{depth}": Start((1,), BIAS_SD)}
        return found | {"out_weight": Start((1, 1), h**-0.5), "out_bias": Start((1,), BIAS_SD)}

    def layers(self, free: Parameters, sizes: Sizes) -> list[AffineLayer]:
        """Every number repeated over the units."""
        h = sizes.width
        inputs = [sizes.inputs] + [h] * (sizes.depth - 1)
        hidden = [
            AffineLayer(free[f"weight{k}"].expand(-1, h, size), free[f"bias{k}"].expand(-1, h))
            for k, size in enumerate(inputs)
        ]
        return [*hidden, AffineLayer(free["out_weight"].expand(-1, 1, h), free["out_bias"])]


class Full(Tied):
    """Tied units that see the sum of the inputs: one scalar a layer.

    Example:
        >>> Full().count(Sizes(4, 16, 1))
        4
    """

    name = "full"
    meaning = "tied and sum: one scalar a layer"

    def first(self, sizes: Sizes) -> Start:
        """One number."""
        return Start((1, 1), sizes.inputs**-0.5)


class Odd(WeightFamily):
    """Units in pairs (w, b), (-w, b) with outputs (v, -v): f(-x) = -f(x) exactly; no output bias.

    Hidden matrices are [[P, Q], [Q, P]] with bias (b, b), so that they commute with the exchange of the halves.

    Example:
        >>> Odd().count(Sizes(4, 16, 1))
        48
    """

    name = "odd"
    meaning = "f(-x) = -f(x): units in pairs of opposite sign"

    def check(self, sizes: Sizes) -> None:
        """Refuse an odd width.

        Raises:
            ArgumentError: If units cannot be paired.
        """
        if sizes.width % 2:
            raise ArgumentError("width", expected="an even number of units for the family odd", got=sizes.width)

    def start(self, sizes: Sizes) -> dict[str, Start]:
        """Half of the units."""
        h, half = sizes.width, sizes.width // 2
        found = {"weight0": Start((half, sizes.inputs), sizes.inputs**-0.5), "bias0": Start((half,), BIAS_SD)}
        for depth in range(1, sizes.depth):
            found |= {
                f"same{depth}": Start((half, half), h**-0.5),
                f"cross{depth}": Start((half, half), h**-0.5),
                f"bias{depth}": Start((half,), BIAS_SD),
            }
        return found | {"out_weight": Start((1, half), h**-0.5)}

    def layers(self, free: Parameters, sizes: Sizes) -> list[AffineLayer]:
        """Both halves."""
        first, out = free["weight0"], free["out_weight"]
        found = [AffineLayer(torch.cat([first, -first], 1), free["bias0"].repeat(1, 2))]
        for depth in range(1, sizes.depth):
            same, cross = free[f"same{depth}"], free[f"cross{depth}"]
            matrix = torch.cat([torch.cat([same, cross], 2), torch.cat([cross, same], 2)], 1)
            found.append(AffineLayer(matrix, free[f"bias{depth}"].repeat(1, 2)))
        return [*found, AffineLayer(torch.cat([out, -out], 2), None)]


FAMILIES: Mapping[str, WeightFamily] = {one.name: one for one in (Free(), SumInvariant(), Tied(), Full(), Odd())}
"""By name: free, sum, tied, full, odd."""


def find_family(name: str) -> WeightFamily:
    """The weight symmetry of a name.

    Raises:
        ArgumentError: If there is none.

    Example:
        >>> find_family("odd").meaning
        'f(-x) = -f(x): units in pairs of opposite sign'
    """
    if name not in FAMILIES:
        raise ArgumentError("family", expected=f"one of {', '.join(FAMILIES)}", got=repr(name))
    return FAMILIES[name]


def drawn(
    starts: Mapping[str, Start], generators: list[torch.Generator]
) -> dict[str, Float[Tensor, "networks *shape"]]:
    """Starting values of every free parameter; network i depends on generator i alone.

    Example:
        >>> values = drawn({"a": Start((2,), 0.5)}, [torch.Generator().manual_seed(k) for k in (0, 1)])
        >>> values["a"].shape
        torch.Size([2, 2])
    """
    rows = [
        {name: one.sd * torch.randn(one.shape, dtype=torch.float64, generator=source) for name, one in starts.items()}
        for source in generators
    ]
    return {name: torch.stack([row[name] for row in rows]) for name in starts}

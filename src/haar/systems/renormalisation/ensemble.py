"""Many small networks of one architecture, trained and evaluated in one tensor operation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.constants import ConstantsModule
from haar.errors import ArgumentError
from haar.systems.renormalisation.block import one_shot
from haar.systems.renormalisation.families import AffineLayer, Sizes, Start, WeightFamily, drawn, find_family
from haar.systems.renormalisation.nonlinearity import Nonlinearity, find_nonlinearity


class Ensemble(ConstantsModule, ABC):
    """Networks that differ in their parameters alone; every parameter has a leading axis of networks.

    Networks do not see each other: a loss that is summed over them trains each as if it were alone.

    Attributes:
        activation: The activation of the hidden layers.
        inputs: Number of variables in a block.
        networks: Number of there are.
        outputs: Axes of one output, for one number none.
    """

    activation: Nonlinearity
    inputs: int
    networks: int
    outputs: tuple[int, ...] = ()

    def __init__(self, activation: str, inputs: int, starts: Mapping[str, Start], seeds: Sequence[int]) -> None:
        super().__init__()
        if not seeds:
            raise ArgumentError("seeds", expected="at least one network", got="none")
        self.activation, self.inputs, self.networks = find_nonlinearity(activation), inputs, len(seeds)
        sources = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.free = nn.ParameterDict({name: nn.Parameter(value) for name, value in drawn(starts, sources).items()})

    @property
    @abstractmethod
    def name(self) -> str:
        """What tables call it."""

    @abstractmethod
    def layers(self) -> list[AffineLayer]:
        """The same networks as plain perceptrons: dense weights of every layer, the output last."""

    @property
    def parameter_count(self) -> int:
        """Free parameters of one network."""
        return sum(int(value.numel()) for value in self.free.values()) // self.networks

    def target(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*outputs"]:
        """What the networks are to imitate: the sum of the block, rescaled."""
        return one_shot(x)

    def forward(self, x: Float[Tensor, "*networks batch inputs"]) -> Float[Tensor, "all batch *outputs"]:
        """Outputs of all networks: of the same x, or of one x a network.

        Args:
            x: (batch, inputs) or (networks, batch, inputs).
        """
        hidden = x.mT.expand(self.networks, -1, -1)
        *inner, last = self.layers()
        for layer in inner:
            hidden = self.activation(affine(layer, hidden))
        return affine(last, hidden)[:, 0]

    def member(self, index: int) -> nn.Sequential:
        """One network by itself, as a plain module with a copy of its weights.

        Args:
            index: Number of the network.

        Raises:
            ArgumentError: If there is no such network.
        """
        if not 0 <= index < self.networks:
            raise ArgumentError("index", expected=f"0 to {self.networks - 1}", got=index)
        parts: list[nn.Module] = []
        for layer in self.layers():
            weight = layer.weight[index].detach().clone()
            linear = nn.Linear(weight.shape[1], weight.shape[0], bias=layer.bias is not None, dtype=weight.dtype)
            linear.weight.data.copy_(weight)
            if layer.bias is not None:
                linear.bias.data.copy_(layer.bias[index].detach())
            parts += [linear, self.activation.module()]
        return nn.Sequential(*parts[:-1])


class PerceptronEnsemble(Ensemble):
    """Multilayer perceptrons of one weight symmetry.

    Args:
        family: free, sum, tied, full or odd.
        activation: linear, relu, quadratic, tanh or gelu.
        sizes: Inputs, width and depth.
        seeds: One a network.

    Raises:
        ArgumentError: If a name is unknown, a size impossible or there is no seed.

    Example:
        >>> nets = PerceptronEnsemble("odd", "tanh", Sizes(2, 4, 1), seeds=range(3))
        >>> x = torch.randn(5, 2, dtype=torch.float64)
        >>> nets(x).shape, bool(torch.allclose(nets(-x), -nets(x)))
        (torch.Size([3, 5]), True)
    """

    def __init__(self, family: str, activation: str, sizes: Sizes, *, seeds: Sequence[int]) -> None:
        self_family = find_family(family)
        self_family.check(sizes)
        super().__init__(activation, sizes.inputs, self_family.start(sizes), seeds)
        self.family: WeightFamily = self_family
        self.sizes = sizes

    @property
    def name(self) -> str:
        """For example ``relu tied, depth 1``."""
        return f"{self.activation.name} {self.family.name}, depth {self.sizes.depth}"

    def layers(self) -> list[AffineLayer]:
        """Full weights, made of the free parameters."""
        return self.family.layers(dict(self.free.items()), self.sizes)


def affine(layer: AffineLayer, x: Float[Tensor, "networks units batch"]) -> Float[Tensor, "networks out batch"]:
    """W x + b for every network, units before samples.

    Example:
        >>> affine(AffineLayer(torch.ones(1, 1, 2), torch.ones(1, 1)), torch.ones(1, 2, 3)).tolist()
        [[[3.0, 3.0, 3.0]]]
    """
    return layer.weight @ x if layer.bias is None else torch.baddbmm(layer.bias[:, :, None], layer.weight, x)

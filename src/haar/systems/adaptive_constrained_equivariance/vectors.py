"""Three vectors of the plane to one: a task whose symmetry is exact, or broken by a dial."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Defining, Symmetry, Vector, direct_sum
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.relax.wrapping.homotopise import homotopise
from haar.relax.wrapping.homotopy import Homotopy
from haar.systems.adaptive_constrained_equivariance.task import Task

#: Standard deviation that the targets are divided by, so that losses are of order 1.
_SCALE = 1.6


@dataclass(frozen=True)
class VectorTask(Task):
    """y = sum_j 0.7 (|x_j| - 1) x_j + 0.5 (x_1 . x_2) x_3 + beta (cos 1.5 x_3y - 0.3, sin x_3x), over 1.6.

    The first two terms turn with the x_j under all rotations; the third is fixed in space and depends on x_3 alone.

    Args:
        beta: How much the symmetry is broken; 0 keeps it.
        order: Order of the cyclic group of rotations.
        noise: Standard deviation of the noise on training targets.

    Raises:
        ArgumentError: If the order is below 2.

    Example:
        >>> task = VectorTask(beta=0.0)
        >>> x, y = task.sample("train", 5, torch.Generator().manual_seed(0))
        >>> x.shape, y.shape, task.symmetry.group.order
        (torch.Size([5, 6]), torch.Size([5, 2]), 4)
    """

    beta: float = 0.0
    order: int = 4
    noise: float = 0.05

    def __post_init__(self) -> None:
        if self.order < 2:
            raise ArgumentError("order", expected="at least 2", got=self.order)

    @property
    def symmetry(self) -> Symmetry:
        """Rotations by multiples of 360 / order degrees, of all vectors together."""
        turned = Defining(cyclic(self.order))
        return Symmetry(turned.group, inputs=Vector(direct_sum([turned] * 3)), outputs=Vector(turned))

    def target(self, x: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 2"]:
        """The target without noise."""
        one, two, three = (x[..., 2 * j : 2 * j + 2] for j in range(3))
        kept = sum(0.7 * (v.norm(dim=-1, keepdim=True) - 1) * v for v in (one, two, three))
        kept = kept + 0.5 * (one * two).sum(-1, keepdim=True) * three
        fixed = torch.stack([torch.cos(1.5 * three[..., 1]) - 0.3, torch.sin(three[..., 0])], dim=-1)
        out: Tensor = (kept + self.beta * fixed) / _SCALE
        return out

    def sample(
        self, part: str, count: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "count 6"], Float[Tensor, "count 2"]]:
        """Independent samples; x is standard normal. Test targets carry no noise."""
        x = torch.randn(count, 6, generator=generator)
        y = self.target(x)
        return x, y if part == "test" else y + self.noise * torch.randn(y.shape, generator=generator)

    def model(
        self, generator: torch.Generator, branches: torch.Generator, *, mode: str = "weight", kappa: bool = True
    ) -> Homotopy:
        """A perceptron, wrapped."""
        return homotopise(perceptron(generator), self.symmetry, mode=mode, kappa=kappa, generator=branches)


def perceptron(generator: torch.Generator, *, width: int = 32) -> nn.Sequential:
    """The network of the task, 6 -> width -> width -> 2 with SiLU: weights uniform in +-1/sqrt(fan-in), biases zero.

    Args:
        generator: Source of the weights.
        width: Width of both hidden layers.
    """
    model = nn.Sequential(nn.Linear(6, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear):
                bound = layer.in_features**-0.5
                layer.weight.copy_((torch.rand(layer.weight.shape, generator=generator) * 2 - 1) * bound)
                layer.bias.zero_()
    return model

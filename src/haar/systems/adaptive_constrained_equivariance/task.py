"""What a task of the experiments offers: its symmetry, its data, its network, its loss."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.groups import FiniteGroup
from haar.relax.wrapping.homotopy import Homotopy

#: The parts of a data set.
PARTS = ("train", "validation", "test")
_DRAWN = 12


class Task(ABC):
    """A supervised task with a symmetry that holds, or nearly does.

    Attributes:
        beta: How much the symmetry is broken; 0 keeps it.
    """

    beta: float
    #: Whether targets are numbers; else classes.
    numbers = True

    @property
    @abstractmethod
    def symmetry(self) -> Symmetry:
        """What is claimed of it."""

    @abstractmethod
    def sample(self, part: str, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs and targets of one part of the data, the first axis over samples.

        Args:
            part: ``"train"``, ``"validation"`` or ``"test"``.
            count: Number of samples to draw.
            generator: The source of randomness.
        """

    @abstractmethod
    def model(
        self, generator: torch.Generator, branches: torch.Generator, *, mode: str = "weight", kappa: bool = True
    ) -> Homotopy:
        """The network with a gamma in every layer.

        Args:
            generator: Source of its weights.
            branches: Of free branches.
            mode: Of `haar.relax.homotopise`, where the task's network is wrapped by it.
            kappa: Whether equivariant weights keep the norm of whole ones, as in `homotopise`.
        """

    def losses(self, out: Float[Tensor, "model batch ..."], y: Float[Tensor, "model batch ..."]) -> Tensor:
        """The loss of every model of an ensemble; by default the mean square."""
        return (out - y).square().flatten(1).mean(1)

    def constant(self, y: Tensor) -> Tensor:
        """The one output for all inputs that fits these targets best; by default their mean.

        Args:
            y: Targets of the training part.
        """
        return y.mean(0)

    def moving(self, x: Tensor) -> tuple[Tensor, Tensor] | None:
        """Where bodies are and the way each goes in a unit of time, of the targets' shape; None where nothing moves.

        Args:
            x: Inputs.
        """
        del x
        return None

    def elements(self) -> Tensor:
        """The group's elements, or some of a group without a list of them."""
        group = self.symmetry.group
        if isinstance(group, FiniteGroup):
            return group.elements()
        return group.sample(_DRAWN, torch.Generator().manual_seed(11))


def started(module: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw the weights and biases of plain linear layers from +-1/sqrt(fan-in), as torch does, from a given source."""
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                bound = layer.in_features**-0.5
                for value in layer.parameters(recurse=False):
                    drawn = torch.rand(value.shape, generator=generator, dtype=torch.float64)
                    value.copy_((2 * drawn - 1) * bound)
    return module

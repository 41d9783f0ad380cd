"""The torus: a product of circles, the group of shifts along periodic axes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, check_count
from haar.groups.class_rules import LARGEST_CLASS_RULE, ClassRule
from haar.groups.lie import LieGroup, equal_weights


class Torus(LieGroup):
    """A product of `circles` copies of SO(2): block-diagonal rotations ``(*batch, 2 n, 2 n)``, one angle a circle.

    Args:
        circles: How many circles, at least 1.

    Raises:
        ArgumentError: If there is none.

    Example:
        >>> Torus(2).angles(Torus(2).element(torch.tensor([0.5, -1.0]))).tolist()
        [0.5, -1.0]
    """

    def __init__(self, circles: int) -> None:
        check_count("circles", circles)
        self.circles = int(circles)
        algebra = torch.zeros(circles, 2 * circles, 2 * circles, dtype=torch.float64)
        for k in range(circles):
            algebra[k, 2 * k, 2 * k + 1], algebra[k, 2 * k + 1, 2 * k] = -1, 1
        super().__init__(f"T{circles}", algebra)

    def _verify(self) -> None:
        """Known to be one."""

    def element(self, angles: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch m m"]:
        """The element that turns every circle by its angle, in radians; m = 2 n.

        Raises:
            ArgumentError: If there is not one angle for each circle.
        """
        if angles.shape[-1] != self.circles:
            raise ArgumentError("angles", expected=f"{self.circles}, one for each circle", got=angles.shape[-1])
        angles = angles.to(torch.float64)
        turn = torch.stack([angles.cos(), -angles.sin(), angles.sin(), angles.cos()], -1).unflatten(-1, (2, 2))
        matrix = torch.zeros(*angles.shape[:-1], 2 * self.circles, 2 * self.circles, dtype=torch.float64)
        for k in range(self.circles):
            matrix[..., 2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = turn[..., k, :, :]
        return matrix

    def angles(self, g: Float[Tensor, "*batch m m"]) -> Float[Tensor, "*batch n"]:
        """The angle of every circle, in radians between -pi and pi."""
        even = torch.arange(0, 2 * self.circles, 2)
        return torch.atan2(g[..., even + 1, even], g[..., even, even])

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Haar measure: independent uniform angles."""
        return self.element(2 * math.pi * torch.rand(count, self.circles, generator=generator, dtype=torch.float64))

    def describe(self, g: Tensor | int) -> str:
        """The angles in degrees."""
        angles = self.angles(torch.as_tensor(g)).tolist()
        return "t(" + ",".join(f"{math.degrees(angle):.4g}" for angle in angles) + ")"

    def euler_steps(self, degree: int) -> list[tuple[Tensor, Tensor]]:
        """Equispaced angles on every circle: exact for harmonics up to `degree` on each."""
        line = 2 * math.pi * torch.arange(degree + 1, dtype=torch.float64) / (degree + 1)
        return [
            (self.element(line[:, None] * unit), equal_weights(degree + 1))
            for unit in torch.eye(self.circles, dtype=torch.float64)
        ]

    def class_rule(self, degree: int = 0) -> ClassRule | None:
        """The quadrature: every element is a class of its own. None where it needs too many points."""
        return self.quadrature(degree) if (degree + 1) ** self.circles <= LARGEST_CLASS_RULE else None

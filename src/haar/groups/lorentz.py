"""The Lorentz group: rotations and boosts, which is not compact, and so has elements and no mean over them."""

from __future__ import annotations

import math
from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, check_count, check_rate
from haar.groups.group import Group
from haar.groups.rotations import SO

#: Largest rapidity: e^(2 a) has to stay far from the 16 digits of a number.
_LARGEST = 10.0


class LorentzGroup(Group):
    """SO(1, n), the part of it that holds the identity: matrices that keep t^2 - x_1^2 - ... - x_n^2 and the future.

    Coordinates are (t, x_1, ..., x_n), in units in which light has the speed 1; of momenta (E, p_1, ..., p_n). Its
    elements can be applied, inverted and drawn; there is no invariant probability on it, so that `haar.average`,
    `haar.relax` and equivariant layers refuse it. The rotations in it, ``SO(n)``, are compact.

    Args:
        n: Dimension of space.
        rapidity: Boosts are drawn with rapidities up to this: 1 is 76 % of the speed of light, and stretches by e.

    Raises:
        ArgumentError: If n is no positive number, or the rapidity is not positive.

    Example:
        >>> group = LorentzGroup(rapidity=0.5)
        >>> p = torch.tensor([2.0, 0.0, 0.0, 1.0], dtype=torch.float64)
        >>> moved = group.sample(100, torch.Generator().manual_seed(0)) @ p
        >>> bool(((moved[:, 0] ** 2 - moved[:, 1:].square().sum(1) - 3).abs() < 1e-12).all())
        True

    Source: the usual form of special relativity.
    """

    is_finite = False
    is_compact = False
    element_dtype = torch.float64

    def __init__(self, n: SupportsIndex = 3, *, rapidity: float | int = 1.0) -> None:
        check_count("n", n)
        check_rate("rapidity", rapidity)
        self.n, self.rapidity = int(n), float(rapidity)
        if self.rapidity > _LARGEST:
            raise ArgumentError(
                "rapidity", expected=f"at most {_LARGEST:g}, beyond which digits are lost", got=rapidity
            )
        self.name = f"SO(1,{self.n})"
        self.element_shape = (self.n + 1, self.n + 1)
        self.defining_dim = self.n + 1
        self.metric = torch.diag(torch.tensor([1.0, *[-1.0] * self.n], dtype=torch.float64))

    def _content(self) -> tuple[object, ...]:
        return (self.n, self.rapidity)

    @property
    def order(self) -> None:
        """It is infinite."""
        return None

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """The matrix product."""
        return a @ b

    def inverse(self, a: Tensor) -> Tensor:
        """The adjoint in the metric."""
        return self.metric @ a.transpose(-1, -2) @ self.metric

    def identity(self) -> Tensor:
        """The identity matrix."""
        return torch.eye(self.n + 1, dtype=torch.float64)

    def generators(self) -> Tensor:
        """None: its one component is reached by `boost` and rotations."""
        return torch.zeros(0, self.n + 1, self.n + 1, dtype=torch.float64)

    def defining_matrix(self, g: Tensor) -> Tensor:
        """The element itself."""
        return g

    def boost(self, velocity: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch d d"]:
        """Boosts along directions, by rapidities that are their lengths.

        Args:
            velocity: A direction times a rapidity.

        Raises:
            ArgumentError: If it has another number of components.
        """
        if velocity.shape[-1] != self.n:
            raise ArgumentError("velocity", expected=f"{self.n} components", got=velocity.shape[-1])
        v = velocity.to(torch.float64)
        size = v.norm(dim=-1, keepdim=True)
        along = v / size.clamp_min(1e-300)
        cosh, sinh = size.cosh(), size.sinh()
        boosted = (
            torch.eye(self.n, dtype=torch.float64) + (cosh - 1)[..., None] * along[..., :, None] * along[..., None, :]
        )
        above = torch.cat([cosh, sinh * along], -1)[..., None, :]
        below = torch.cat([(sinh * along)[..., :, None], boosted], -1)
        return torch.cat([above, below], -2)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """A rotation by Haar's measure, then a boost in any direction with a rapidity up to the largest, all as likely.

        It is no invariant law: there is none.
        """
        turns = torch.eye(self.n + 1, dtype=torch.float64).repeat(count, 1, 1)
        if self.n > 1:
            turns[:, 1:, 1:] = SO(self.n).sample(count, generator)
        direction = torch.randn(count, self.n, generator=generator, dtype=torch.float64)
        size = self.rapidity * torch.rand(count, 1, generator=generator, dtype=torch.float64)
        return self.boost(size * direction / direction.norm(dim=-1, keepdim=True)) @ turns

    def describe(self, g: Tensor | int) -> str:
        """Its rapidity."""
        return f"boost by {math.acosh(max(1.0, float(torch.as_tensor(g)[0, 0]))):.2f}"

    def __repr__(self) -> str:
        return f"<LorentzGroup {self.name}, boosts up to {self.rapidity:g}>"

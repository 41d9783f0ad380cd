"""Rules for compact Lie groups: quadrature, rotation designs, quasi-random points."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from haar.average.weighted import How, WeightedSet, equal_weights
from haar.errors import ArgumentError
from haar.groups import FiniteGroup, Group, LieGroup, design
from haar.groups.lie import quaternion_matrix, rotation_of_quaternion


@dataclass(frozen=True)
class Quadrature(How):
    """Quadrature of a Lie group: exact for outputs whose dependence on the element has no harmonics above `degree`.

    Args:
        degree: Band limit: harmonics up to it are averaged exactly.
        seed: If given, the rule is turned by one random element (unbiased beyond its degree).

    Example:
        >>> from haar.groups import SO
        >>> len(Quadrature(4).weighted(SO(2)))
        5
    """

    degree: int
    seed: int | None = None

    def weighted(self, group: Group) -> WeightedSet:
        """The rule.

        Raises:
            ArgumentError: If the group is finite, no rule is known for it, or the degree is negative.
        """
        if self.degree < 0:
            raise ArgumentError("degree", expected="0 or more", got=self.degree)
        if not isinstance(group, LieGroup):
            raise ArgumentError(
                "how", expected="a Lie group for a quadrature", got=group.name, way_out='use how="orbit"'
            )
        generator = None if self.seed is None else torch.Generator().manual_seed(self.seed)
        elements, weights = group.quadrature(self.degree, generator)
        return WeightedSet(
            elements, weights, f"exact up to degree {self.degree}; compare with degree {2 * self.degree}"
        )


@dataclass(frozen=True)
class Design(How):
    """The rotations of a Platonic solid as equal-weight nodes for SO(3): 12, 24 or 60 for degree 2, 3 or 5.

    Args:
        strength: 1 to 5.
        seed: If given, the design is turned by one random rotation (unbiased beyond its degree).

    Example:
        >>> from haar.groups import SO
        >>> len(Design(3).weighted(SO(3)))
        24
    """

    strength: int
    seed: int | None = None

    def weighted(self, group: Group) -> WeightedSet:
        """The design's elements.

        Raises:
            ArgumentError: If the group is not SO(3), or the strength not 1 to 5.
        """
        if not isinstance(group, LieGroup) or group.name != "SO(3)":
            raise ArgumentError(
                "how", expected="SO(3) for a rotation design", got=group.name, way_out="use Quadrature(degree)"
            )
        elements = design(self.strength)
        if self.seed is not None:
            elements = group.sample(1, torch.Generator().manual_seed(self.seed)) @ elements
        return equal_weights(elements, f"exact up to degree {self.strength}")


@dataclass(frozen=True)
class QuasiRandom(How):
    """Scrambled Sobol points mapped to the group: SO(2), SO(3), SU(2), or the numbers of an enumerated group.

    Args:
        m: How many elements; powers of two are best.
        seed: Seed of the scrambling.

    Example:
        >>> from haar.groups import SO
        >>> QuasiRandom(16).weighted(SO(3)).elements.shape
        torch.Size([16, 3, 3])
    """

    m: int
    seed: int = 0

    def weighted(self, group: Group) -> WeightedSet:
        """Map the points.

        Raises:
            ArgumentError: If no map from the cube to the group is known.
        """
        dims = {"SO(2)": 1, "SO(3)": 3, "SU(2)": 3}
        dim = 1 if isinstance(group, FiniteGroup) else dims.get(group.name)
        if dim is None or self.m < 1:
            raise ArgumentError(
                "how",
                expected="SO(2), SO(3), SU(2) or an enumerated group, and m >= 1",
                got=f"{group.name}, m = {self.m}",
            )
        u = torch.quasirandom.SobolEngine(dim, scramble=True, seed=self.seed).draw(self.m, dtype=torch.float64)
        note = "quasi-random: compare two seeds"
        if isinstance(group, FiniteGroup):
            return equal_weights((u[:, 0] * group.order).floor().to(torch.int64).clamp(max=group.order - 1), note)
        turn = 2 * torch.pi * u
        if dim == 1:
            angle = turn[:, 0]
            return equal_weights(
                torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).reshape(-1, 2, 2), note
            )
        # Shoemake's map from the cube to uniform unit quaternions.
        inner, outer = (1 - u[:, 0]).sqrt(), u[:, 0].sqrt()
        q = torch.stack(
            [outer * turn[:, 2].cos(), inner * turn[:, 1].sin(), inner * turn[:, 1].cos(), outer * turn[:, 2].sin()], -1
        )
        return equal_weights(rotation_of_quaternion(q) if group.name == "SO(3)" else quaternion_matrix(q), note)

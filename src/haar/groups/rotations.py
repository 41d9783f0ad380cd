"""Rotations, and rotations with reflections, of n-dimensional space: their own Haar measure and rules."""

from __future__ import annotations

import math
from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.class_rules import ClassRule, reflections_rule, rotations_rule
from haar.groups.lie import LieGroup, equal_weights, gauss_legendre
from haar.groups.rotation_names import rotation_name
from haar.host import on_the_host


class RotationGroup(LieGroup):
    """SO(n), or O(n) with the second component that `components` holds; made by `SO` and `O`."""

    def __init__(self, n: int, components: Float[Tensor, "k d d"] | None = None) -> None:
        _check_dimension(n)
        super().__init__(f"SO({n})" if components is None else f"O({n})", _rotation_algebra(n), components)

    def _verify(self) -> None:
        """Known to be one."""

    def describe(self, g: Tensor | int) -> str:
        """An angle and an axis, as `rotation_name` writes them."""
        return rotation_name(torch.as_tensor(g))

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Haar measure, by QR of a Gaussian matrix with the signs of R's diagonal divided out."""
        gauss = torch.randn(count, self.n, self.n, generator=generator, dtype=torch.float64)
        frame, r = torch.linalg.qr(gauss)
        q: Tensor = frame * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
        if not len(self.components):
            # det -1 is moved to det +1 by reversing the first column: this keeps the Haar measure of SO(n).
            flip = torch.ones(count, self.n, dtype=torch.float64)
            flip[:, 0] = torch.linalg.det(q).sign()
            q = q * flip.unsqueeze(-2)
        return q

    def class_rule(self, degree: int = 0) -> ClassRule | None:
        """Weyl's integration formula on the maximal torus of SO(n), and of both components of O(n)."""
        turning = rotations_rule(self.n, degree)
        if turning is None or not len(self.components):
            return turning
        turned = reflections_rule(self.n, degree)
        if turned is None:
            return None
        return torch.cat([turning[0], turned[0]]), torch.cat([turning[1], turned[1]]) / 2

    def euler_steps(self, degree: int) -> list[tuple[Tensor, Tensor]]:
        """Of the plane one angle; of space rotations about z, y, z.

        For z equispaced angles, for y Gauss-Legendre nodes in cos(beta), where averages over z leave Legendre
        polynomials of degree at most `degree`.

        Raises:
            ArgumentError: If n is larger than 3.
        """
        if self.n == 2:
            return [(_plane_rotations(degree + 1), equal_weights(degree + 1))]
        return _space_steps(degree) if self.n == 3 else super().euler_steps(degree)


@on_the_host
def SO(n: int) -> LieGroup:  # noqa: N802
    """Rotations of n-dimensional space.

    Example:
        >>> SO(3).algebra.shape
        torch.Size([3, 3, 3])
    """
    return RotationGroup(n)


@on_the_host
def O(n: int) -> LieGroup:  # noqa: N802, E743
    """Rotations and reflections of n-dimensional space; in odd dimensions the second component is -1, else a mirror."""
    _check_dimension(n)
    mirror = -torch.eye(n, dtype=torch.float64)
    if n % 2 == 0:
        mirror = -mirror
        mirror[-1, -1] = -1
    return RotationGroup(n, mirror[None])


def _check_dimension(n: int) -> None:
    if isinstance(n, bool) or not isinstance(n, SupportsIndex) or n < 2:
        raise ArgumentError("n", expected="a dimension of at least 2", got=repr(n))


def _rotation_algebra(n: int) -> Tensor:
    # in space: the generators of rotations about x, y and z
    pairs = [(2, 1), (0, 2), (1, 0)] if n == 3 else [(j, i) for i in range(n) for j in range(i + 1, n)]
    basis = torch.zeros(len(pairs), n, n, dtype=torch.float64)
    for k, (i, j) in enumerate(pairs):
        basis[k, i, j], basis[k, j, i] = 1, -1
    return basis


def _plane_rotations(n: int) -> Tensor:
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).reshape(n, 2, 2)


def _space_steps(degree: int) -> list[tuple[Tensor, Tensor]]:
    z = torch.zeros(degree + 1, 3, 3, dtype=torch.float64)
    z[:, :2, :2] = _plane_rotations(degree + 1)
    z[:, 2, 2] = 1
    cosine, weight = gauss_legendre(degree // 2 + 1)
    sine = (1 - cosine**2).clamp(min=0).sqrt()
    zero, one = torch.zeros_like(sine), torch.ones_like(sine)
    y = torch.stack([cosine, zero, sine, zero, one, zero, -sine, zero, cosine], -1).reshape(-1, 3, 3)
    return [(z, equal_weights(degree + 1)), (y, weight), (z, equal_weights(degree + 1))]

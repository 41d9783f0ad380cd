"""Data of elastic materials with a closed form: neo-Hookean solids, cubic crystals with a nonlinear energy."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import from_mandel, to_mandel
from haar.errors import ArgumentError, check_count
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry

#: A strain whose Cauchy tensor has a smaller determinant than this is drawn again.
_SMALLEST_DETERMINANT = 0.2


def random_strains(
    count: int, size: float, generator: torch.Generator, *, dim: int = 3, principal: bool = False
) -> Float[Tensor, "count n"]:
    """Strains in Mandel's coordinates, every component of the tensor uniform in [-size, size].

    Args:
        count: How many.
        size: Largest component.
        generator: Source.
        dim: 2 or 3.
        principal: Whether principal strains are uniform, in axes that are turned at random.

    Raises:
        ArgumentError: If the size is not positive.
    """
    check_count("count", count)
    if not size > 0:
        raise ArgumentError("size", expected="a strain above 0", got=size)
    kept: list[Tensor] = []
    while sum(map(len, kept)) < count:
        A = size * (2 * torch.rand(count, dim, dim, dtype=torch.float64, generator=generator) - 1)
        if principal:
            Q = torch.linalg.qr(torch.randn(count, dim, dim, dtype=torch.float64, generator=generator)).Q
            E = (Q * A.diagonal(dim1=1, dim2=2).unsqueeze(1)) @ Q.mT
        else:
            E = A.triu() + A.triu(1).mT
        eye = torch.eye(dim, dtype=torch.float64)
        kept.append(to_mandel(E)[torch.linalg.det(eye + 2 * E) > _SMALLEST_DETERMINANT])
    return torch.cat(kept)[:count]


class NeoHookean(Law):
    """S = mu (1 - C^-1) + lambda ln J C^-1 with C = 1 + 2 E and J^2 = det C, in the plane (plane strain) or in space.

    Args:
        mu: Shear modulus.
        lam: Lame's other modulus.
        dim: 2 or 3.

    Example:
        >>> NeoHookean()(torch.zeros(1, 6, dtype=torch.float64)).abs().max().item()
        0.0

    Source: Ogden, Non-Linear Elastic Deformations, section 4.3.
    """

    def __init__(self, *, mu: float = 1.0, lam: float = 1.0, dim: int = 3) -> None:
        super().__init__()
        self.mu, self.lam = mu, lam
        self.material = material_symmetry("isotropic" if dim == 3 else "plane O(2)")

    def energy(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """mu (tr E - ln J) + lambda (ln J)^2 / 2."""
        E = from_mandel(strain)
        log_J = 0.5 * torch.logdet(torch.eye(self.material.dim, dtype=E.dtype) + 2 * E)
        return self.mu * (E.diagonal(dim1=-2, dim2=-1).sum(-1) - log_J) + 0.5 * self.lam * log_J**2

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        eye = torch.eye(self.material.dim, dtype=strain.dtype)
        C = eye + 2 * from_mandel(strain)
        inverse = torch.linalg.inv(C)
        log_J = 0.5 * torch.logdet(C)[..., None, None]
        return to_mandel(self.mu * (eye - inverse) + self.lam * log_J * inverse)


class CubicCrystal(Law):
    """A cubic solid with an energy of its own: Hooke's law for a cube, a Fung-like stiffening along its axes.

    W = E : C E / 2 + k (exp(q sum_i E_ii^4 / e^4) - 1) with three moduli: the quartic term has cubic symmetry and no
    more.

    Args:
        c11: Modulus C11.
        c12: Modulus C12.
        c44: Modulus C44 (half the anisotropy ratio's numerator).
        stiffening: k q, the strength of the quartic term.

    Example:
        >>> CubicCrystal().material.name
        'm-3m'
    """

    def __init__(self, *, c11: float = 1.68, c12: float = 1.21, c44: float = 0.75, stiffening: float = 40.0) -> None:
        super().__init__()
        self.material: MaterialSymmetry = material_symmetry("m-3m")
        self.c11, self.c12, self.c44, self.stiffening = c11, c12, c44, stiffening

    def energy(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Strain energy."""
        normal, shear = strain[..., :3], strain[..., 3:]
        linear = 0.5 * ((self.c11 - self.c12) * normal.square().sum(-1) + self.c12 * normal.sum(-1).square())
        return (
            linear
            + self.c44 * shear.square().sum(-1)
            + 0.25 * self.stiffening * (normal**4).sum(-1).exp()
            - 0.25 * self.stiffening
        )

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        normal, shear = strain[..., :3], strain[..., 3:]
        quartic = self.stiffening * (normal**4).sum(-1, keepdim=True).exp() * normal**3
        first = (self.c11 - self.c12) * normal + self.c12 * normal.sum(-1, keepdim=True) + quartic
        return torch.cat([first, 2 * self.c44 * shear], -1)

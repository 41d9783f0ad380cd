"""Compact Lie groups of matrices: Lie algebra, Haar sampler, quadrature and spherical designs."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import vector_norm

from haar.constants import on_the_host
from haar.errors import ArgumentError
from haar.groups.class_rules import ClassRule, reflections_rule, rotations_rule
from haar.groups.group import Group


class LieGroup(Group):
    """A compact group of real orthogonal matrices ``(*batch, d, d)`` in float64, its defining representation.

    Args:
        name: The field's name.
        algebra: Basis ``(dim, d, d)`` of the Lie algebra, antisymmetric matrices.
        components: One matrix of every connected component but the identity's.
    """

    is_finite = False
    element_dtype = torch.float64
    #: exp(t X) for a basis element X of the algebra returns to the identity after this t.
    period: float = 2 * math.pi

    def __init__(self, name: str, algebra: Float[Tensor, "dim d d"], components: Float[Tensor, "k d d"]) -> None:
        self.name = name
        self.algebra = algebra
        self.components = components
        self.n = int(algebra.shape[-1])
        self.element_shape = (self.n, self.n)
        self.defining_dim = self.n

    @property
    def order(self) -> None:
        """A Lie group has no order."""
        return None

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """The matrix product."""
        return a @ b

    def inverse(self, a: Tensor) -> Tensor:
        """The transpose."""
        return a.transpose(-1, -2)

    def identity(self) -> Tensor:
        """The identity matrix."""
        return torch.eye(self.n, dtype=torch.float64)

    def generators(self) -> Tensor:
        """One matrix of every other connected component."""
        return self.components

    def defining_matrix(self, g: Tensor) -> Tensor:
        """The element itself."""
        return g

    def exp(self, coefficients: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch d d"]:
        """The one-parameter subgroups: exp of a combination of the algebra's basis."""
        turned: Tensor = torch.linalg.matrix_exp(
            torch.einsum("...a,aij->...ij", coefficients.to(torch.float64), self.algebra)
        )
        return turned

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Haar measure, by QR of a Gaussian matrix with the signs of R's diagonal divided out."""
        gauss = torch.randn(n, self.n, self.n, generator=generator, dtype=torch.float64)
        frame, r = torch.linalg.qr(gauss)
        q: Tensor = frame * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
        if not len(self.components):
            # det -1 is moved to det +1 by reversing the first column: this keeps the Haar measure of SO(n).
            flip = torch.ones(n, self.n, dtype=torch.float64)
            flip[:, 0] = torch.linalg.det(q).sign()
            q = q * flip.unsqueeze(-2)
        return q

    def quadrature(
        self, degree: int, generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "m d d"], Float[Tensor, " m"]]:
        """Elements and weights that average every polynomial of the matrix entries up to `degree` exactly.

        Args:
            degree: Band limit (for SO(2) the largest harmonic, for SO(3) the largest l).
            generator: If given, the rule is turned by one Haar-random element: still exact, and unbiased beyond its
                degree.

        Raises:
            ArgumentError: If no rule is known for this group.
        """
        elements, weights = self._rule(degree)
        if len(self.components):
            both = torch.cat([elements, *[component @ elements for component in self.components]])
            elements, weights = both, weights.repeat(1 + len(self.components)) / (1 + len(self.components))
        if generator is not None:
            elements = self.sample(1, generator) @ elements
        return elements, weights

    def class_rule(self, degree: int = 0) -> ClassRule | None:
        """Weyl's integration formula on the maximal torus of SO(n), and of both components of O(n)."""
        turning = rotations_rule(self.n, degree)
        if turning is None or not len(self.components):
            return turning
        turned = reflections_rule(self.n, degree)
        if turned is None:
            return None
        return torch.cat([turning[0], turned[0]]), torch.cat([turning[1], turned[1]]) / 2

    def euler_steps(self, degree: int) -> list[tuple[Float[Tensor, "m d d"], Float[Tensor, " m"]]]:
        """Averages over one angle each, whose composition averages the identity's component exactly up to `degree`.

        For SO(3) and SU(2) rotations about z, y, z: equispaced angles for z, Gauss-Legendre nodes in cos(beta) for y,
        where averages over z leave Legendre polynomials of degree at most `degree`.

        Raises:
            ArgumentError: If no rule is known for this group.
        """
        if self.n == 2:
            return [(_plane_rotations(degree + 1), _equal_weights(degree + 1))]
        if self.n == 3:
            return _space_steps(degree)
        raise ArgumentError(
            "group",
            expected="SO(2), O(2), SO(3), O(3) or SU(2) for a quadrature",
            got=self.name,
            way_out='use how="sampled"',
        )

    def _rule(self, degree: int) -> tuple[Tensor, Tensor]:
        elements, weights = self.identity()[None], torch.ones(1, dtype=torch.float64)
        for step, weight in self.euler_steps(degree):
            elements = (elements[:, None] @ step).flatten(0, 1)
            weights = (weights[:, None] * weight).flatten()
        return elements, weights


class SU2(LieGroup):
    """SU(2) as unit quaternions acting from the left on R^4 = C^2: matrices ``(*batch, 4, 4)``, quaternionic type."""

    period = 4 * math.pi

    def __init__(self) -> None:
        units = torch.eye(4, dtype=torch.float64)[1:]
        super().__init__("SU(2)", quaternion_matrix(units) / 2, torch.zeros(0, 4, 4, dtype=torch.float64))

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Haar measure: uniform unit quaternions."""
        q = torch.randn(n, 4, generator=generator, dtype=torch.float64)
        return quaternion_matrix(q / vector_norm(q, dim=-1, keepdim=True))

    def class_rule(self, degree: int = 0) -> ClassRule | None:
        """Weyl's formula: quaternions cos a + k sin a with density 2 sin^2 a = 1 - cos 2a."""
        points = degree + 3
        angle = 2 * math.pi * torch.arange(points, dtype=torch.float64) / points
        zero = torch.zeros_like(angle)
        elements = quaternion_matrix(torch.stack([angle.cos(), zero, zero, angle.sin()], -1))
        return elements, (1 - (2 * angle).cos()) / points

    def euler_steps(self, degree: int) -> list[tuple[Tensor, Tensor]]:
        """Rotations about z, y, z on the double cover: z-angles over [0, 4 pi), and degree / 2 in cos(beta)."""
        half = 2 * math.pi * torch.arange(degree + 1, dtype=torch.float64) / (degree + 1)
        zero = torch.zeros_like(half)
        z = quaternion_matrix(torch.stack([half.cos(), zero, zero, half.sin()], -1))
        cosine, weight = _gauss_legendre(degree // 2 + 1)
        beta = cosine.arccos() / 2
        y = quaternion_matrix(torch.stack([beta.cos(), 0 * beta, beta.sin(), 0 * beta], -1))
        return [(z, _equal_weights(degree + 1)), (y, weight), (z, _equal_weights(degree + 1))]


@on_the_host
def SO(n: int) -> LieGroup:  # noqa: N802
    """Rotations of n-dimensional space.

    Example:
        >>> SO(3).algebra.shape
        torch.Size([3, 3, 3])
    """
    return LieGroup(f"SO({n})", _rotation_algebra(n), torch.zeros(0, n, n, dtype=torch.float64))


@on_the_host
def O(n: int) -> LieGroup:  # noqa: N802, E743
    """Rotations and reflections of n-dimensional space; in odd dimensions the second component is -1, else a mirror."""
    mirror = -torch.eye(n, dtype=torch.float64)
    if n % 2 == 0:
        mirror = -mirror
        mirror[-1, -1] = -1
    return LieGroup(f"O({n})", _rotation_algebra(n), mirror[None])


def quaternion_matrix(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4 4"]:
    """Matrix of multiplication by a quaternion (w, x, y, z) from the left."""
    w, x, y, z = q.unbind(-1)
    rows = [w, -x, -y, -z, x, w, -z, y, y, z, w, -x, z, -y, x, w]
    return torch.stack(rows, -1).reshape(*q.shape[:-1], 4, 4)


def rotation_of_quaternion(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation v -> q v q* of a unit quaternion (w, x, y, z)."""
    w, x, y, z = q.unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).reshape(*q.shape[:-1], 3, 3)


def design(strength: int) -> Float[Tensor, "m 3 3"]:
    """A rotation design: equal weights over a finite group that averages degrees 1 .. `strength` of SO(3) to zero.

    Args:
        strength: 1 or 2 (tetrahedral, 12 elements), 3 (octahedral, 24), 4 or 5 (icosahedral, 60).

    Raises:
        ArgumentError: If the strength is larger than 5; use `LieGroup.quadrature`.

    Example:
        >>> design(5).shape
        torch.Size([60, 3, 3])
    """
    if not 1 <= strength <= 5:
        raise ArgumentError("strength", expected="1 to 5", got=strength, way_out="use SO(3).quadrature(degree)")
    tetrahedral = _even_signed_permutations()
    if strength <= 2:
        return tetrahedral
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    if strength == 3:
        return torch.cat([tetrahedral, tetrahedral @ quarter])
    golden = (1 + math.sqrt(5)) / 2
    axis = torch.tensor([0, 1, golden], dtype=torch.float64)
    axis = axis / vector_norm(axis)
    angle = math.pi / 5
    fifth = torch.cat([torch.tensor([math.cos(angle)], dtype=torch.float64), math.sin(angle) * axis])
    turn = rotation_of_quaternion(fifth)
    # A4 has index 5 in A5, and the fivefold rotation's powers are coset representatives.
    powers = [torch.linalg.matrix_power(turn, k) for k in range(5)]
    return torch.cat([p @ tetrahedral for p in powers])


def _even_signed_permutations() -> Tensor:
    signs = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)
    cycle = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=torch.float64)
    turns = [torch.eye(3, dtype=torch.float64), cycle, cycle @ cycle]
    return torch.cat([torch.diag_embed(signs) @ turn for turn in turns])


def _rotation_algebra(n: int) -> Tensor:
    if n < 2:
        raise ArgumentError("n", expected="a dimension of at least 2", got=n)
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
    cosine, weight = _gauss_legendre(degree // 2 + 1)
    sine = (1 - cosine**2).clamp(min=0).sqrt()
    zero, one = torch.zeros_like(sine), torch.ones_like(sine)
    y = torch.stack([cosine, zero, sine, zero, one, zero, -sine, zero, cosine], -1).reshape(-1, 3, 3)
    return [(z, _equal_weights(degree + 1)), (y, weight), (z, _equal_weights(degree + 1))]


def _equal_weights(n: int) -> Tensor:
    return torch.full((n,), 1 / n, dtype=torch.float64)


def _gauss_legendre(n: int) -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return torch.from_numpy(nodes), torch.from_numpy(weights / 2)

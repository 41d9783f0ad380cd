"""Compact Lie groups of matrices: Lie algebra, Haar measure, quadrature and spherical designs."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Inexact
from torch import Tensor
from torch.linalg import vector_norm

from haar.errors import ArgumentError, ShapeError, check_count
from haar.groups.class_rules import LARGEST_CLASS_RULE, ClassRule
from haar.groups.components import check_components
from haar.groups.group import Group
from haar.groups.maximal_torus import MaximalTorus, adjoint, kernel, maximal_torus, orthonormal, span_error
from haar.groups.real import real_matrices
from haar.host import on_the_host

#: Commutators and turned matrices may leave the span of the algebra by so much: rounding of given entries.
_OUTSIDE = 1e-7

#: Matrices that differ by less than this are the same.
_SAME = 1e-8
#: Steps of the random walk: each takes off at least two thirds of every mean.
_STEPS = 34
#: Elements that a quadrature may have.
LARGEST_RULE = 5_000_000


class LieGroup(Group):
    """A compact group of real orthogonal matrices ``(*batch, d, d)`` in float64, its defining representation.

    Known groups have classes of their own: `SO`, `O`, `SU2`, `Torus`. For a group given by its algebra alone, Haar
    measure and class functions come from the algebra's structure: its centre, its maximal torus and its roots.

    Args:
        name: The field's name.
        algebra: Basis ``(dim, d, d)`` of the Lie algebra, antisymmetric matrices, float64.
        components: One matrix of every connected component but the identity's; by default there is no other.

    Raises:
        ShapeError: If matrices are not square or of different sizes.
        ArgumentError: If the matrices of the algebra are not antisymmetric, depend on one another, or have a commutator
            outside their span; or a component's matrix is not orthogonal or does not map the algebra to itself, or
            components are missing or stand twice.

    Example:
        >>> import torch
        >>> turn = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]], dtype=torch.float64)
        >>> about_z = LieGroup("about z", turn)
        >>> bool((about_z.sample(4)[:, 2, 2] == 1).all())
        True
    """

    is_finite = False
    element_dtype = torch.float64

    def __init__(
        self, name: str, algebra: Float[Tensor, "dim d d"], components: Float[Tensor, "k d d"] | None = None
    ) -> None:
        self.name = name
        self.algebra = real_matrices("algebra", algebra)
        d = int(self.algebra.shape[-1])
        self.components = (
            torch.zeros(0, d, d, dtype=torch.float64) if components is None else real_matrices("components", components)
        )
        self.n = d
        self.element_shape = (d, d)
        self.defining_dim = d
        self._verify()

    def _content(self) -> tuple[object, ...]:
        return (self.algebra, self.components)

    def _verify(self) -> None:
        """Refuse what is no basis of a Lie algebra of antisymmetric matrices with components that normalise it."""
        algebra, d = self.algebra, self.n
        scale = float(algebra.abs().max()) if algebra.numel() else 1.0
        if len(algebra) and float((algebra + algebra.transpose(-1, -2)).abs().max()) > _SAME * scale:
            raise ArgumentError(
                "algebra",
                expected="antisymmetric matrices, whose exponentials are orthogonal",
                got="others",
                way_out="change to an orthonormal basis of the space first",
            )
        basis = orthonormal(algebra)
        if len(basis) < len(algebra):
            raise ArgumentError(
                "algebra", expected="independent matrices", got=f"{len(algebra)} that span {len(basis)} dimensions"
            )
        for k, x in enumerate(basis):
            error = span_error(x @ basis[k:] - basis[k:] @ x, basis)
            if error > _OUTSIDE:
                raise ArgumentError(
                    "algebra",
                    expected="a Lie algebra, with every commutator X Y - Y X in its span",
                    got=f"a commutator outside it by {error:.1e}",
                    way_out="add the commutators to the basis",
                )
        if self.components.shape[-1] != d:
            raise ShapeError("components", expected=f"(k, {d}, {d})", got=tuple(self.components.shape))
        eye = torch.eye(d, dtype=torch.float64)
        for c in self.components:
            if float((c @ c.T - eye).abs().max()) > _SAME:
                raise ArgumentError("components", expected="orthogonal matrices, in double precision", got="another")
            if span_error(c @ basis @ c.T, basis) > _OUTSIDE:
                raise ArgumentError(
                    "components", expected="matrices that map the algebra to itself by c X c^T", got="another"
                )
        if type(self) is LieGroup and len(self.components):  # those of known groups are known
            check_components(basis, self.components)

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
        return exponential(torch.einsum("...a,aij->...ij", coefficients.to(torch.float64), self.algebra))

    @cached_property
    def maximal_torus(self) -> MaximalTorus:
        """A maximal torus of the identity's component, in angles of period 2 pi.

        Raises:
            ArgumentError: If the algebra is that of no closed group.
        """
        return maximal_torus(self.algebra)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Haar measure: a uniform angle for every circle of the centre, then a random walk on what does not commute.

        The walk's steps are exponentials of wide normal elements of the algebra in its Killing form, so that its mean
        in every irreducible representation but the trivial one is a small number at each step, and is below rounding
        at the end.

        Raises:
            ArgumentError: If the algebra is that of no closed group.
        """
        centre, rest = self._parts
        turns = 2 * math.pi * torch.rand(count, centre.rank, generator=generator, dtype=torch.float64)
        elements = centre.element(turns)
        for _ in range(_STEPS if len(rest) else 0):
            normal = torch.randn(count, len(rest), generator=generator, dtype=torch.float64)
            elements = elements @ exponential(torch.einsum("na,aij->nij", normal, rest))
        square = elements.transpose(-1, -2) @ elements
        elements = elements @ (1.5 * self.identity() - 0.5 * square)  # rounding of many products, taken off
        if len(self.components):
            every = torch.cat([self.identity()[None], self.components])
            elements = every[torch.randint(len(every), (count,), generator=generator)] @ elements
        return elements

    @cached_property
    def _parts(self) -> tuple[MaximalTorus, Float[Tensor, "m d d"]]:
        """The centre as a torus, and its complement, orthonormal in the Killing form and scaled to a wide step."""
        basis = orthonormal(self.algebra)
        if not len(basis):
            return maximal_torus(basis), basis
        ad = adjoint(basis, basis)
        central = kernel(ad.transpose(0, 2).flatten(0, 1))
        others = kernel(central) if len(central) else torch.eye(len(basis), dtype=torch.float64)
        centre = maximal_torus(torch.einsum("ka,aij->kij", central, basis))
        rest = torch.einsum("ka,aij->kij", others, basis)
        if not len(rest):
            return centre, rest
        turned = torch.einsum("ka,aij->kij", others, ad)
        killing = -torch.einsum("kij,lji->kl", turned, turned)
        values, vectors = torch.linalg.eigh(killing)
        wide = 4 * math.sqrt(len(rest)) * values.rsqrt()[:, None] * vectors.T
        return centre, torch.einsum("kl,lij->kij", wide, rest)

    def quadrature(
        self, degree: int, generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "m d d"], Float[Tensor, " m"]]:
        """Elements and weights that average every polynomial of the matrix entries up to `degree` exactly.

        Args:
            degree: Band limit (for SO(2) the largest harmonic, for SO(3) the largest l).
            generator: If given, the rule is turned by one Haar-random element: still exact, and unbiased beyond its
                degree.

        Raises:
            ArgumentError: If no rule is known for this group, or it has too many elements.
        """
        check_count("degree", degree, least=0)
        steps = self.euler_steps(degree)
        count = math.prod(len(weights) for _, weights in steps) * (1 + len(self.components))
        if count > LARGEST_RULE:
            raise ArgumentError(
                "degree",
                expected=f"a rule of at most {LARGEST_RULE} elements",
                got=f"{count} for degree {degree} of {self.name}",
                way_out='lower it, or use how="sampled"',
            )
        elements, weights = self.identity()[None], torch.ones(1, dtype=torch.float64)
        for step, weight in steps:
            elements = (elements[:, None] @ step).flatten(0, 1)
            weights = (weights[:, None] * weight).flatten()
        if len(self.components):
            both = torch.cat([elements, *[component @ elements for component in self.components]])
            elements, weights = both, weights.repeat(1 + len(self.components)) / (1 + len(self.components))
        if generator is not None:
            elements = self.sample(1, generator) @ elements
        return elements, weights

    def class_rule(self, degree: int = 0) -> ClassRule | None:
        """Weyl's integration formula on a maximal torus: its density is the product of |1 - exp(i alpha)|^2 over roots.

        None where the torus needs too many points, or where another component does not commute with the identity's.
        """
        torus = self.maximal_torus
        commute = all(bool(((c @ self.algebra - self.algebra @ c).abs() < _SAME).all()) for c in self.components)
        counts = torus.counts(degree)
        if (len(torus.roots) and not commute) or math.prod(counts) > LARGEST_CLASS_RULE:
            return None
        lines = [2 * math.pi * torch.arange(count, dtype=torch.float64) / count for count in counts]
        angles = torch.cartesian_prod(*lines).reshape(-1, torus.rank) if lines else torch.zeros(1, 0).double()
        elements, weights = torus.element(angles), torus.density(angles)
        every = [elements, *[component @ elements for component in self.components]]
        return torch.cat(every), (weights / weights.sum()).repeat(len(every)) / len(every)

    def euler_steps(self, degree: int) -> list[tuple[Float[Tensor, "m d d"], Float[Tensor, " m"]]]:
        """Averages over one angle each, whose composition averages the identity's component exactly up to `degree`.

        For a group whose elements commute, equispaced angles on every circle; for SO(3) and SU(2) Euler's angles.

        Raises:
            ArgumentError: If no rule is known for this group.
        """
        torus = self.maximal_torus
        if len(torus.roots):
            raise ArgumentError(
                "group",
                expected="SO(2), O(2), SO(3), O(3) or SU(2) for a quadrature, or a torus",
                got=self.name,
                way_out='use how="sampled"',
            )
        steps = []
        for axis, count in enumerate(torus.counts(degree)):
            angles = torch.zeros(count, torus.rank, dtype=torch.float64)
            angles[:, axis] = 2 * math.pi * torch.arange(count, dtype=torch.float64) / count
            steps.append((torus.element(angles), equal_weights(count)))
        return steps


class SU2(LieGroup):
    """SU(2) as unit quaternions acting from the left on R^4 = C^2: matrices ``(*batch, 4, 4)``, quaternionic type."""

    def __init__(self) -> None:
        units = torch.eye(4, dtype=torch.float64)[1:]
        super().__init__("SU(2)", quaternion_matrix(units) / 2)

    def _verify(self) -> None:
        """Known to be one."""

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Haar measure: uniform unit quaternions."""
        q = torch.randn(count, 4, generator=generator, dtype=torch.float64)
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
        cosine, weight = gauss_legendre(degree // 2 + 1)
        beta = cosine.arccos() / 2
        y = quaternion_matrix(torch.stack([beta.cos(), 0 * beta, beta.sin(), 0 * beta], -1))
        return [(z, equal_weights(degree + 1)), (y, weight), (z, equal_weights(degree + 1))]


def exponential(x: Inexact[Tensor, "*batch d d"]) -> Inexact[Tensor, "*batch d d"]:
    """The exponential of real or complex matrices, to rounding whatever their size.

    Torch's own uses too short a series between 3e-4 and 0.05, where it is off by 1e-9 of x: a multiple of the identity,
    taken off again, keeps it away from there.

    Example:
        >>> import math
        >>> turn = torch.tensor([[0.0, -0.03], [0.03, 0.0]], dtype=torch.float64)
        >>> abs(float(exponential(turn)[1, 0]) - math.sin(0.03)) < 1e-16
        True
    """
    shift = 0.5 * torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    turned: Tensor = torch.linalg.matrix_exp(x + shift) * math.exp(-0.5)
    return turned


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


@on_the_host
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


def equal_weights(n: int) -> Tensor:
    """The same weight for each of n, summing to one."""
    return torch.full((n,), 1 / n, dtype=torch.float64)


def gauss_legendre(n: int) -> tuple[Tensor, Tensor]:
    """Nodes in [-1, 1] and weights that sum to one, exact up to degree 2 n - 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return torch.from_numpy(nodes), torch.from_numpy(weights / 2)

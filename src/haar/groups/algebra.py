"""Lie algebras given by matrices: brackets, structure constants, the Killing form, and the name they have."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.algebra_names import named_simple, named_solvable
from haar.groups.ideals import simple_ideals
from haar.groups.real import real_matrices

#: What is smaller than this, relatively, is zero in an algebra that is exact.
EXACT = 1e-6
#: Elements in general position that are tried, and what rounding leaves of an eigenvalue that vanishes.
_TRIES, _ROUNDING = 5, 1e-8


class Signature(NamedTuple):
    """Numbers of positive, negative and vanishing eigenvalues of a symmetric form."""

    positive: int
    negative: int
    zero: int


class LieAlgebra:
    """A space of real matrices with its brackets, which it is told how closely to hold.

    The basis is made orthonormal, so that structure constants do not depend on how the matrices were scaled. Nothing
    here asks whether a group with this algebra is compact or closed: that is for what is done with it.

    Args:
        matrices: A basis ``(k, n, n)``, float64, not necessarily closed under brackets: `closure_defect` says how far
            it is.
        tolerance: What is zero, relatively, in ranks and signatures: the defect of the matrices, at least 1e-6.

    Raises:
        ArgumentError: If the matrices depend on one another, or there is none.

    Example:
        >>> from haar.groups import SO
        >>> algebra = LieAlgebra(SO(3).algebra)
        >>> algebra.name, algebra.signature
        ('so(3)', Signature(positive=0, negative=3, zero=0))
        >>> algebra.closure_defect < 1e-12
        True
    """

    def __init__(self, matrices: Float[Tensor, "k n n"], *, tolerance: float = EXACT) -> None:
        given = real_matrices("matrices", matrices)
        if not len(given):
            raise ArgumentError("matrices", expected="at least one matrix", got="none")
        values, vectors = torch.linalg.svd(given.flatten(1), full_matrices=False)[1:]
        if float(values[-1]) < 1e-10 * float(values[0]) or len(given) > given.shape[-1] ** 2:
            raise ArgumentError(
                "matrices", expected="independent matrices", got=f"{len(given)} that depend on one another"
            )
        self.dim = len(given)
        self.basis: Tensor = vectors.unflatten(-1, given.shape[1:])
        self.tolerance = max(float(tolerance), EXACT)

    @classmethod
    def of_constants(
        cls, constants: Float[Tensor, "k k k"], closure_defect: float, *, tolerance: float = EXACT
    ) -> LieAlgebra:
        """An algebra of vector fields, known by its structure constants alone: its matrices are those of ad.

        Args:
            constants: c with [X_a, X_b] = sum_e c_abe X_e, in a basis of size 1.
            closure_defect: How far brackets leave the span.
            tolerance: As for matrices.
        """
        made = cls.__new__(cls)
        made.dim, made.tolerance = len(constants), max(float(tolerance), EXACT)
        made.basis = constants.transpose(1, 2)
        vars(made).update(structure_constants=constants, closure_defect=closure_defect, of_fields=True)
        return made

    #: Whether matrices are those of ad, for fields that have none.
    of_fields = False

    @cached_property
    def brackets(self) -> Float[Tensor, "k k n n"]:
        """Commutators of the orthonormal basis."""
        products = torch.einsum("aij,bjk->abik", self.basis, self.basis)
        return products - products.transpose(0, 1)

    @cached_property
    def structure_constants(self) -> Float[Tensor, "k k k"]:
        """c with [M_a, M_b] = sum_e c_abe M_e + rest, by least squares in the orthonormal basis."""
        return torch.einsum("abij,eij->abe", self.brackets, self.basis)

    @cached_property
    def closure_defect(self) -> float:
        """The largest part of a bracket outside the span, relative to the two matrices."""
        rest = self.brackets - torch.einsum("abe,eij->abij", self.structure_constants, self.basis)
        return float(rest.flatten(2).norm(dim=-1).max())

    @cached_property
    def killing(self) -> Float[Tensor, "k k"]:
        """The Killing form, sum_de c_ade c_bed."""
        c = self.structure_constants
        return torch.einsum("ade,bed->ab", c, c)

    @cached_property
    def signature(self) -> Signature:
        """Of the Killing form."""
        values = torch.linalg.eigvalsh((self.killing + self.killing.T) / 2)
        size = float(values.abs().max())
        if self.is_abelian or size == 0:
            return Signature(0, 0, self.dim)
        cut = self.tolerance * max(size, float(self.structure_constants.square().max()))
        return Signature(int((values > cut).sum()), int((values < -cut).sum()), int((values.abs() <= cut).sum()))

    @cached_property
    def is_abelian(self) -> bool:
        """Whether all brackets vanish, beside what orthonormal matrices may have."""
        return float(self.structure_constants.abs().max()) <= float(max(10 * EXACT, self.tolerance) / self.dim**0.5)

    @cached_property
    def derived_dim(self) -> int:
        """Dimension of the span of all brackets."""
        if self.is_abelian:
            return 0
        return _rank(self.structure_constants.flatten(0, 1), self.tolerance)

    @cached_property
    def centre_dim(self) -> int:
        """Dimension of what commutes with everything."""
        if self.is_abelian:
            return self.dim
        return self.dim - _rank(self.structure_constants.flatten(1).T, self.tolerance)

    @cached_property
    def is_solvable(self) -> bool:
        """By Cartan's criterion: the Killing form vanishes between the algebra and its derived algebra."""
        if self.is_abelian:
            return True
        derived = self.structure_constants.flatten(0, 1)
        size = float(self.structure_constants.abs().max()) ** 3
        return float((derived @ self.killing).abs().max()) <= 10 * self.tolerance * size

    @cached_property
    def ad(self) -> Float[Tensor, "k k k"]:
        """Matrices of [M_a, .] on the algebra itself: column b holds the coefficients of [M_a, M_b]."""
        return self.structure_constants.transpose(1, 2)

    @cached_property
    def rank(self) -> int:
        """Nullity of [X, .] for an X in general position, counted with its generalised kernel."""
        if self.is_abelian:
            return self.dim
        general = torch.randn(_TRIES, self.dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        values = torch.linalg.eigvals(torch.einsum("ra,aij->rij", general, self.ad)).abs().sort().values
        return min(_nullity(each, max(self.tolerance**0.5, 1e-4)) for each in values)

    @cached_property
    def name(self) -> str:
        """The field's name, or what is known of an algebra that the catalogue has not.

        A reductive algebra is named by its simple ideals and its centre.
        """
        told = _name(self)
        if told:
            return told
        return f"a {self.dim}-dimensional Lie algebra, Killing signature {tuple(self.signature)}, not in the catalogue"

    @property
    def is_named(self) -> bool:
        """Whether the catalogue has it."""
        return not self.name.endswith("not in the catalogue")

    @cached_property
    def ideals(self) -> tuple[LieAlgebra, ...]:
        """The simple ideals of the derived algebra, if the algebra is the sum of its centre and a semisimple one."""
        if self.is_abelian or self.derived_dim + self.centre_dim != self.dim:
            return ()
        derived = self.subalgebra(_row_space(self.structure_constants.flatten(0, 1), self.derived_dim))
        if derived.signature.zero or derived.rank >= derived.dim:
            return ()
        found = [derived.subalgebra(basis) for basis in simple_ideals(derived.structure_constants, derived.rank)]
        return tuple(found) if sum(ideal.dim for ideal in found) == derived.dim else ()

    def subalgebra(self, coefficients: Float[Tensor, "j k"]) -> LieAlgebra:
        """What combinations of the orthonormal basis span."""
        if self.of_fields:
            frame = torch.linalg.qr(coefficients.T).Q
            constants = torch.einsum("ap,bq,abe,er->pqr", frame, frame, self.structure_constants, frame)
            return LieAlgebra.of_constants(constants, self.closure_defect, tolerance=self.tolerance)
        return LieAlgebra(torch.einsum("pa,aij->pij", coefficients, self.basis), tolerance=self.tolerance)

    def invariant_forms(self, tolerance: float | None = None) -> Float[Tensor, "f n n"]:
        """Symmetric P with M'P + P M = 0 for every M, as an orthonormal list; the most invariant first.

        Args:
            tolerance: Largest relative size of what is left of a form; by default ten times the algebra's own.
        """
        n = self.basis.shape[-1]
        row, column = torch.triu_indices(n, n)
        forms = torch.zeros(len(row), n, n, dtype=torch.float64)
        each = torch.arange(len(row))
        weight = torch.where(row == column, 1.0, 0.5**0.5).to(torch.float64)
        forms[each, row, column] = weight
        forms[each, column, row] = weight
        moved = torch.einsum("aji,fjk->faik", self.basis, forms)
        moved = (moved + moved.transpose(-1, -2)).flatten(1)
        # There are at least as many equations as forms.
        values, vectors = torch.linalg.svd(moved.T, full_matrices=False)[1:]
        cut = (10 * self.tolerance if tolerance is None else tolerance) * float(values.max())
        chosen = vectors[values <= cut].flip(0)
        return torch.einsum("fg,gij->fij", chosen, forms)

    def casimir(self) -> Float[Tensor, "n n"]:
        """-sum e_a e_a over a basis with Killing form -2, which for so(3) has eigenvalues l (l + 1).

        Raises:
            ArgumentError: If the Killing form is not negative definite.
        """
        e = self.normal_basis()
        return -torch.einsum("aij,ajk->ik", e, e)

    def normal_basis(self) -> Float[Tensor, "k n n"]:
        """A basis with Killing form -2; for so(3) oriented so that [e1, e2] = e3.

        The sparsest choice is not made here: any rotation of it is as good.

        Raises:
            ArgumentError: If the Killing form is not negative definite.
        """
        if self.signature != Signature(0, self.dim, 0):
            raise ArgumentError(
                "algebra", expected="a compact semisimple algebra", got=f"Killing signature {tuple(self.signature)}"
            )
        values, vectors = torch.linalg.eigh(-(self.killing + self.killing.T) / 4)
        e = torch.einsum("ba,bij->aij", vectors * values.rsqrt(), self.basis)
        if self.dim == 3 and float(((e[0] @ e[1] - e[1] @ e[0]) * e[2]).sum()) < 0:
            e = -e
        return e

    def __repr__(self) -> str:
        return f"<LieAlgebra {self.name}, dimension {self.dim}>"


def _name(algebra: LieAlgebra) -> str:
    if algebra.is_abelian:
        return _abelian(algebra)
    ideals = algebra.ideals
    if ideals:
        names = [named_simple(ideal.dim, ideal.signature.positive, ideal.rank) for ideal in ideals]
        if not all(names):
            return ""
        told = "+".join(sorted(name for name in names if name))
        told = {"so(3)+so(3)": "so(4) = so(3)+so(3)"}.get(told, told)
        centre = algebra.dim - sum(ideal.dim for ideal in ideals)
        return told if not centre else f"{told} + {'R' if centre == 1 else f'R^{centre}'}"
    return named_solvable(algebra.dim, tuple(algebra.signature), algebra.derived_dim, algebra.centre_dim)


def _abelian(algebra: LieAlgebra) -> str:
    """By the eigenvalues of every element: imaginary (turns), real (scalings), none (shifts)."""
    if algebra.of_fields:
        return "one parameter" if algebra.dim == 1 else f"abelian, {algebra.dim} parameters"
    kinds = [_kind(m, algebra.tolerance) for m in _general(algebra.basis)]
    if len(set(kinds)) > 1 or kinds[0] == "mixed":
        return f"R^{algebra.dim}, abelian" if algebra.dim > 1 else "R, one parameter"
    word = {"turns": "u(1)", "shifts": "translations", "scalings": "scalings"}[kinds[0]]
    if word == "u(1)":
        return word if algebra.dim == 1 else f"u(1)^{algebra.dim}"
    return word if algebra.dim == 1 else f"{word}, {algebra.dim} of them"


def _general(basis: Tensor) -> Tensor:
    if len(basis) == 1:
        return basis
    mixed = torch.randn(3, len(basis), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return torch.einsum("ra,aij->rij", mixed, basis)


def _kind(m: Tensor, tolerance: float) -> str:
    values = torch.linalg.eigvals(m)
    size, whole = float(values.abs().max()), float(torch.linalg.matrix_norm(m, ord=2))
    if size <= max(tolerance, 1e-5) * whole or float((m @ m).abs().max()) <= tolerance * whole**2:
        return "shifts"
    slack = max(3 * tolerance, 1e-6) * size
    if float(values.real.abs().max()) <= slack:
        return "turns"
    return "scalings" if float(values.imag.abs().max()) <= slack else "mixed"


def _rank(matrix: Tensor, tolerance: float) -> int:
    values = torch.linalg.svdvals(matrix)
    return int((values > tolerance * float(values.max())).sum()) if values.numel() and float(values.max()) else 0


def _nullity(sizes: Tensor, cut: float) -> int:
    """How many of some sizes, sorted, vanish: those before the widest gap that begins at a small one."""
    largest = float(sizes[-1])
    small = int((sizes <= cut * largest).sum())
    if largest == 0 or small == len(sizes):
        return len(sizes)
    ratios = sizes[1 : small + 1] / sizes[:small].clamp(min=_ROUNDING * largest)
    return int(ratios.argmax()) + 1


def _row_space(matrix: Tensor, rank: int) -> Tensor:
    space: Tensor = torch.linalg.svd(matrix, full_matrices=False).Vh[:rank]
    return space

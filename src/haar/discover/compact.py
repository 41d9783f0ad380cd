"""The compact part of an algebra: what can be averaged over."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.groups.algebra import LieAlgebra


def is_compact(basis: Float[Tensor, "k n n"], tolerance: float) -> bool:
    """Whether elements in general position turn: imaginary eigenvalues, none of them all zero.

    Args:
        basis: Matrices.
        tolerance: Relative size of real parts that is taken for zero.
    """
    mixed = torch.randn(6, len(basis), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for m in [*torch.einsum("ra,aij->rij", mixed, basis), *basis]:
        values = torch.linalg.eigvals(m)
        size = float(values.abs().max())
        if size <= max(10 * tolerance, 1e-4) * float(torch.linalg.matrix_norm(m, ord=2)):
            return False  # nilpotent: a shift or a shear
        if float(values.real.abs().max()) > max(3 * tolerance, 1e-6) * size:
            return False
    return True


def compact_part(
    algebra: LieAlgebra, sides: tuple[Float[Tensor, "k a a"], Float[Tensor, "k b b"]]
) -> Float[Tensor, "j k"] | None:
    """Coefficients of a maximal compact subalgebra that the data's own coordinates choose; None if there is none.

    Args:
        algebra: The algebra found.
        sides: Its orthonormal basis on inputs and outputs in the coordinates as given, homogeneous: last column shifts.
    """
    every = torch.eye(algebra.dim, dtype=torch.float64)
    if is_compact(algebra.basis, algebra.tolerance):
        return every
    for rows in (_traces(sides), _shifts(sides)):
        every = _within(every, rows, algebra.tolerance)
        if not len(every):
            return None
        if is_compact(_combined(every, algebra.basis), algebra.tolerance):
            return every
    linear = [side[:, :-1, :-1] for side in sides]
    rows = [_antisymmetry(_combined(every, side), algebra.tolerance) for side in linear if float(side.abs().max()) > 0]
    chosen = _within(torch.eye(len(every), dtype=torch.float64), torch.cat(rows, 1), algebra.tolerance) @ every
    if len(chosen) and is_compact(_combined(chosen, algebra.basis), algebra.tolerance):
        return chosen
    return None


def positive_form(form: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """A positive form adapted to an indefinite one: the absolute values of its eigenvalues."""
    values, vectors = torch.linalg.eigh(form)
    return vectors * values.abs() @ vectors.T


def _antisymmetry(basis: Tensor, tolerance: float) -> Tensor:
    """What is symmetric of every matrix in a positive form adapted to the most invariant form."""
    n = basis.shape[-1]
    forms = LieAlgebra(basis, tolerance=tolerance).invariant_forms(max(10 * tolerance, 1e-6)) if len(basis) else []
    adapted = positive_form(forms[0]) if len(forms) else torch.eye(n, dtype=torch.float64)
    if float(torch.linalg.eigvalsh(adapted)[0]) <= 1e-6 * float(adapted.abs().max()):
        adapted = torch.eye(n, dtype=torch.float64)
    moved = adapted @ basis
    return (moved + moved.transpose(-1, -2)).flatten(1)


def _traces(sides: tuple[Tensor, Tensor]) -> Tensor:
    return torch.stack([side.diagonal(dim1=1, dim2=2).sum(-1) for side in sides], 1)


def _shifts(sides: tuple[Tensor, Tensor]) -> Tensor:
    return torch.cat([side[:, :-1, -1] for side in sides], 1)


def _combined(coefficients: Tensor, basis: Tensor) -> Tensor:
    return torch.einsum("jk,kab->jab", coefficients, basis)


def _within(space: Float[Tensor, "j k"], rows: Float[Tensor, "k w"], tolerance: float) -> Float[Tensor, "i k"]:
    """What of a space of coefficients has no rows."""
    image = space @ rows
    left, values, _ = torch.linalg.svd(image, full_matrices=True)
    values = torch.cat([values, values.new_zeros(len(space) - len(values))])
    size = float(rows.norm(dim=1).max())
    kernel = left.T[values <= max(5 * tolerance, 1e-6) * max(size, 1e-300)]
    return kernel @ space

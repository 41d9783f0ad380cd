"""The compact part of an algebra: what can be averaged over."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.groups.algebra import LieAlgebra


def is_compact(algebra: LieAlgebra) -> bool:
    """Whether it is the algebra of a compact group as it acts: no Killing signature but that, and elements that turn.

    Args:
        algebra: Matrices.
    """
    if algebra.signature.positive or algebra.signature.zero != algebra.centre_dim:
        return False
    basis, tolerance = algebra.basis, algebra.tolerance
    mixed = torch.randn(6, len(basis), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for m in [*torch.einsum("ra,aij->rij", mixed, basis), *basis]:
        values = torch.linalg.eigvals(m)
        size = float(values.abs().max())
        if size <= min(max(10 * tolerance, 1e-4), 0.3) * float(torch.linalg.matrix_norm(m, ord=2)):
            return False  # nilpotent: a shift or a shear
        if float(values.real.abs().max()) > 3 * tolerance * size:
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
    if is_compact(algebra):
        return every
    sizes = [max(float(side.norm()), 1e-300) for side in sides]
    one, other = (side / size for side, size in zip(sides, sizes, strict=True))
    for rows in (_traces((one, other)), _shifts((one, other))):
        every = _within(every, rows, algebra.tolerance)
        if not len(every):
            return None
        if is_compact(algebra.subalgebra(every)):
            return every
    linear = [
        _combined(every, side[:, :-1, :-1]) for side, size in zip((one, other), sizes, strict=True) if size > 1e-200
    ]
    for of in (_adapted, _plain):
        rows = torch.cat([_antisymmetry(side, of(side, algebra.tolerance)) for side in linear], 1)
        chosen = _within(torch.eye(len(every), dtype=torch.float64), rows, algebra.tolerance) @ every
        if len(chosen) and is_compact(algebra.subalgebra(chosen)):
            return chosen
    return None


def positive_form(form: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """A positive form adapted to an indefinite one: the absolute values of its eigenvalues."""
    values, vectors = torch.linalg.eigh(form)
    found: Tensor = vectors * values.abs() @ vectors.T
    return found


def _adapted(basis: Tensor, tolerance: float) -> Tensor:
    """A positive form adapted to the most invariant form, if that is not degenerate."""
    parts = torch.linalg.svd(basis.flatten(1), full_matrices=False)
    keep = tolerance * float(parts.S[0]) < parts.S
    independent = parts.Vh[keep].unflatten(-1, basis.shape[1:])
    if not len(independent) or len(independent) > basis.shape[-1] ** 2:
        return _plain(basis, tolerance)
    forms = LieAlgebra(independent, tolerance=tolerance).invariant_forms(10 * tolerance)
    form = positive_form(forms[0]) if len(forms) else _plain(basis, tolerance)
    values = torch.linalg.eigvalsh(form)
    return form if float(values[0]) > 1e-6 * float(values[-1]) else _plain(basis, tolerance)


def _plain(basis: Tensor, tolerance: float) -> Tensor:
    del tolerance
    return torch.eye(basis.shape[-1], dtype=torch.float64)


def _antisymmetry(basis: Tensor, form: Tensor) -> Tensor:
    """What is symmetric of every matrix in a form."""
    moved = form @ basis
    return (moved + moved.transpose(-1, -2)).flatten(1) / float(form.norm())


def _traces(sides: tuple[Tensor, Tensor]) -> Tensor:
    return torch.stack([side.diagonal(dim1=1, dim2=2).sum(-1) for side in sides], 1)


def _shifts(sides: tuple[Tensor, Tensor]) -> Tensor:
    return torch.cat([side[:, :-1, -1] for side in sides], 1)


def _combined(coefficients: Tensor, basis: Tensor) -> Tensor:
    return torch.einsum("jk,kab->jab", coefficients, basis)


def _within(space: Float[Tensor, "j k"], rows: Float[Tensor, "k w"], tolerance: float) -> Float[Tensor, "i k"]:
    """What of a space of coefficients has no rows; all rows together come from matrices of size 1."""
    image = space @ rows
    left, values, _ = torch.linalg.svd(image, full_matrices=True)
    values = torch.cat([values, values.new_zeros(len(space) - len(values))])
    kernel = left.T[values <= 5 * tolerance / len(rows) ** 0.5]
    found: Tensor = kernel @ space
    return found

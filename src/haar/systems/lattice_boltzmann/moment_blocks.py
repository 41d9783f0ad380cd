"""Moments by degree and by irreducible representation: what a collision may relax at rates of its own.

Functionals on populations are polynomials of the velocities; made orthogonal in the inner product ``sum w a b`` degree
by degree, they are the Hermite moments. Degrees 0 and 1 are conserved, degree 2 is the stress (its trace is the bulk,
the rest the shear), higher ones are the ghosts. Every degree is stable under the group and splits into its irreducible
representations. Under D4 and O_h the shear splits into two: such a lattice has two shear viscosities.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.characters import isotypic_projector_coefficients, real_irreducibles
from haar.systems.lattice_boltzmann.stencil import Stencil

#: Monomials that are no new functions on the velocities leave less than this of their length.
_NEW = 1e-8
SHEAR, BULK, GHOST = "shear", "bulk", "ghost"


@dataclass(frozen=True)
class Block:
    """Moments that the group mixes among themselves alone.

    Attributes:
        kind: ``"shear"``, ``"bulk"`` or ``"ghost"``.
        irreducible: Name of the irreducible representation, such as ``"B1"``.
        degree: Degree of the polynomials.
        functionals: Orthonormal in ``sum w a b``, one a column, ``[Q, k]``.
        projection: ``[Q, Q]``, of populations; it commutes with the group and leaves what is conserved alone.
    """

    kind: str
    irreducible: str
    degree: int
    functionals: Float[Tensor, "q k"]
    projection: Float[Tensor, "q q"]

    @property
    def name(self) -> str:
        """For example ``"shear B1"`` or ``"ghost 3 E"``."""
        return f"{self.kind} {self.irreducible}" if self.kind != GHOST else f"ghost {self.degree} {self.irreducible}"


def moment_blocks(stencil: Stencil) -> list[Block]:
    """The blocks that are not conserved.

    Args:
        stencil: With its group.

    Example:
        >>> [block.name for block in moment_blocks(Stencil.named("D2Q9"))]
        ['bulk A1', 'shear B1', 'shear B2', 'ghost 3 E', 'ghost 4 A1']
    """
    root = stencil.weights.sqrt()
    matrices = stencil.element_matrices()
    found = []
    for degree, basis in _graded(stencil):
        parts = _split(stencil, degree, basis)
        for kind, columns in parts:
            projector = columns @ columns.T
            for irreducible in real_irreducibles(stencil.group):
                isotypic = torch.einsum("g,gij->ij", isotypic_projector_coefficients(irreducible), matrices)
                part = projector @ isotypic
                values, vectors = torch.linalg.eigh((part + part.T) / 2)
                kept = vectors[:, values > 0.5]
                if kept.shape[1]:
                    projection = root[:, None] * (kept @ kept.T) / root
                    found.append(Block(kind, irreducible.name, degree, kept / root[:, None], projection))
    return found


def blocks_of(stencil: Stencil, name: str) -> list[Block]:
    """The blocks that a name stands for: ``"shear"``, ``"bulk"``, ``"ghost"``, or one block's own name.

    Args:
        stencil: With its group.
        name: The name.

    Raises:
        ArgumentError: If there is none of that name.

    Example:
        >>> [block.irreducible for block in blocks_of(Stencil.named("D2Q9"), "shear")]
        ['B1', 'B2']
    """
    blocks = moment_blocks(stencil)
    found = [block for block in blocks if name in (block.name, block.kind)]
    if not found:
        known = dict.fromkeys([block.kind for block in blocks] + [block.name for block in blocks])
        raise ArgumentError("rates", expected=f"names among {', '.join(known)}", got=repr(name))
    return found


def _graded(stencil: Stencil) -> list[tuple[int, Tensor]]:
    """Orthonormal columns of every degree from 2 on, in the coordinates f / sqrt(w): the group is orthogonal there."""
    c, root = stencil.velocities, stencil.weights.sqrt()
    held = torch.linalg.qr(root[:, None] * stencil.conserved).Q
    found, degree = [], 2
    while held.shape[1] < stencil.size:
        new: list[Tensor] = []
        for powers in itertools.combinations_with_replacement(range(stencil.dim), degree):
            column = root * c[:, list(powers)].prod(1)
            for _ in range(2):  # twice is enough for rounding
                column = column - held @ (held.T @ column)
                for other in new:
                    column = column - other * (other @ column)
            if float(column.norm()) > _NEW:
                new.append(column / column.norm())
        if new:
            block = torch.stack(new, 1)
            found.append((degree, block))
            held = torch.cat([held, block], 1)
        degree += 1
    return found


def _split(stencil: Stencil, degree: int, basis: Tensor) -> list[tuple[str, Tensor]]:
    """Degree two is the trace and the rest."""
    if degree > 2:
        return [(GHOST, basis)]
    root = stencil.weights.sqrt()
    trace = basis @ (basis.T @ (root * stencil.velocities.square().sum(1)))
    if float(trace.norm()) < _NEW:
        return [(SHEAR, basis)]
    trace = trace / trace.norm()
    left = torch.linalg.svd(basis - trace[:, None] * (trace @ basis), full_matrices=False)
    rest = left.U[:, left.S > _NEW]
    return [(BULK, trace[:, None]), *([(SHEAR, rest)] if rest.shape[1] else [])]

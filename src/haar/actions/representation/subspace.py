"""A representation on an invariant subspace of another."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation.representation import Representation, check_representation
from haar.constants import HOMOMORPHISM_ERROR
from haar.errors import ArgumentError, ShapeError
from haar.groups.real import real


class Subspace(Representation):
    """What a representation does to an invariant subspace: B^T R(g) B for an orthonormal basis B.

    Args:
        rep: The representation on the whole space.
        basis: Orthonormal columns ``(n, m)`` that span an invariant subspace, float64.
        name: A short name.

    Raises:
        ShapeError: If `basis` has not ``rep.dim`` rows.
        ArgumentError: If the columns are not orthonormal, or the subspace is not invariant under generators and random
            elements.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import symmetric
        >>> points = Defining(symmetric(3))
        >>> differences = torch.tensor([[1.0, 1], [-1, 1], [0, -2]], dtype=torch.float64)
        >>> Subspace(points, differences / differences.norm(dim=0), "standard")
        <standard of S3, dimension 2>
    """

    def __init__(self, rep: Representation, basis: Float[Tensor, "n m"], name: str = "subspace") -> None:
        check_representation("rep", rep)
        basis = real("basis", basis)
        if basis.ndim != 2 or basis.shape[0] != rep.dim:
            raise ShapeError("basis", expected=f"({rep.dim}, m)", got=tuple(basis.shape))
        self.rep, self.basis = rep, basis
        self.group, self.dim, self.name = rep.group, int(basis.shape[1]), name
        eye = torch.eye(self.dim, dtype=torch.float64)
        error = float((self.basis.T @ self.basis - eye).abs().max()) if self.dim else 0.0
        if error > HOMOMORPHISM_ERROR:
            raise ArgumentError(
                "basis", expected="orthonormal columns", got=f"off by {error:.1e}", way_out="use torch.linalg.qr"
            )
        some = torch.cat([rep.group.generators(), rep.group.sample(4, torch.Generator().manual_seed(0))])
        for g in some:
            moved = rep.act(g, self.basis.T)
            leak = float((moved - moved @ self.basis @ self.basis.T).abs().max()) if self.dim else 0.0
            if leak > HOMOMORPHISM_ERROR:
                raise ArgumentError(
                    "basis",
                    expected=f"an invariant subspace of {rep.name}",
                    got=f"one that {rep.group.describe(g)} leaves by {leak:.1e}",
                )

    @property
    def degree(self) -> int | None:
        """As the whole."""
        return self.rep.degree

    def matrix(self, g: Tensor) -> Float[Tensor, "*batch m m"]:
        """B^T R(g) B, by acting on the columns of B."""
        moved = self.rep.act(g.unsqueeze(g.ndim - len(self.group.element_shape)), self.basis.T)
        return (moved @ self.basis).transpose(-1, -2)

    def algebra(self) -> Float[Tensor, "k m m"]:
        """B^T dR(X) B."""
        images: Tensor = self.basis.T @ self.rep.algebra() @ self.basis
        return images

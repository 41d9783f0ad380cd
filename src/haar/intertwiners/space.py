"""The space of maps that commute with a symmetry: what every route to it offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Inexact
from torch import Tensor
from torch.linalg import vector_norm

from haar.actions.representation import Representation
from haar.actions.representation.dtypes import require_floating
from haar.errors import ShapeError
from haar.host import Hosted


class Intertwiners(Hosted, ABC):
    """Hom_G(V_in, V_out) = {W : R_out(g) W = W R_in(g) for all g}, with an orthonormal parametrisation.

    The parameters of a map are its coordinates in the basis that `basis` returns; lengths and angles are those of the
    Frobenius inner product.

    Attributes:
        rep_in: Representation on the columns of W.
        rep_out: Representation on the rows of W.
        dim: Dimension of the space.
    """

    rep_in: Representation
    rep_out: Representation
    dim: int

    @abstractmethod
    def from_parameters(self, p: Inexact[Tensor, "*batch dim"]) -> Inexact[Tensor, "*batch out in"]:
        """The map with these coordinates, in their dtype and on their device; differentiable.

        Raises:
            ShapeError: If the last axis is not `dim`.
        """

    @abstractmethod
    def parameters_of(self, W: Inexact[Tensor, "*batch out in"]) -> Inexact[Tensor, "*batch dim"]:
        """Coordinates of the orthogonal projection of any matrices onto the space; differentiable.

        Raises:
            ShapeError: If the last axes are not (n_out, n_in).
        """

    @property
    @abstractmethod
    def structure(self) -> object:
        """What the basis is made of: orbits of index pairs, or blocks between isotypic classes."""

    def project(self, W: Inexact[Tensor, "*batch out in"]) -> Inexact[Tensor, "*batch out in"]:
        """The nearest commuting matrices, which are the averages of R_out(g) W R_in(g)^-1 over the group."""
        return self.from_parameters(self.parameters_of(W))

    def basis(self) -> Float[Tensor, "dim out in"]:
        """An orthonormal basis as dense matrices, float64; made on demand and not kept."""
        return self.from_parameters(torch.eye(self.dim, dtype=torch.float64))

    def contains(self, W: Inexact[Tensor, "out in"], *, tolerance: float = 1e-10) -> bool:
        """Whether W commutes with the symmetry, to `tolerance` times its norm."""
        return bool(vector_norm(W - self.project(W)) <= tolerance * vector_norm(W))

    def _check_parameters(self, p: Tensor) -> None:
        require_floating(p, "p", "coordinates")
        if p.shape[-1:] != (self.dim,):
            raise ShapeError("p", expected=f"{self.dim} parameters on the last axis", got=tuple(p.shape))

    def _check_matrix(self, W: Tensor) -> None:
        require_floating(W, "W", "projections")
        wanted = (self.rep_out.dim, self.rep_in.dim)
        if W.shape[-2:] != wanted:
            raise ShapeError("W", expected=f"last axes {wanted} (out, in)", got=tuple(W.shape))

    def __repr__(self) -> str:
        maps = f"{self.rep_in.dim} -> {self.rep_out.dim}"
        return f"<{type(self).__name__} of {self.rep_in.group.name}, {maps}, dimension {self.dim}>"

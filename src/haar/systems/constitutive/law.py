"""What a constitutive law is: from strain to stress and tangent, exactly symmetric in the material's axes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry
from haar.actions.representation import from_mandel, to_mandel
from haar.errors import ArgumentError, ShapeError
from haar.systems.constitutive.symmetry import MaterialSymmetry
from haar.systems.constitutive.units import InUnits


class Law(InUnits):
    """A law without history: S = f(E) in Mandel's coordinates, along the material's axes.

    E is Green and Lagrange's strain and S the second Piola and Kirchhoff stress (for small strain both are what they
    are called there), so that rotations of the body never enter: every law here is objective.

    Attributes:
        material: The symmetry that it has by construction.
    """

    material: MaterialSymmetry

    @property
    def symmetry(self) -> Symmetry:
        """As `haar.audit` verifies it."""
        return self.material.laws

    @abstractmethod
    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress, in Mandel's coordinates."""

    def response(
        self, strain: Float[Tensor, "*batch n"]
    ) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch n n"]]:
        """Stress and its consistent tangent dS/dE, in Mandel's coordinates; by automatic differentiation.

        Laws that have a closed form give it here, and then second derivatives cost no graph.
        """
        return automatic_response(self, strain)

    def energy(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Strain energy.

        Raises:
            ArgumentError: If the law derives from none.
        """
        del strain
        raise ArgumentError("law", expected="a law that derives from an energy", got=type(self).__name__)

    @property
    def has_energy(self) -> bool:
        """Whether stress is the gradient of an energy."""
        return type(self).energy is not Law.energy

    def stress(self, E: Float[Tensor, "*batch d d"]) -> Float[Tensor, "*batch d d"]:
        """Stress tensors of strain tensors."""
        self._check(E)
        return from_mandel(self(to_mandel(E)))

    def tangent(self, E: Float[Tensor, "*batch d d"]) -> Float[Tensor, "*batch d d d d"]:
        """dS_ij / dE_kl, with both minor symmetries."""
        self._check(E)
        return fourth_order(self.response(to_mandel(E))[1])

    def _check(self, E: Tensor) -> None:
        d = self.material.dim
        if E.ndim < 2 or E.shape[-2:] != (d, d):
            raise ShapeError("E", expected=f"strain tensors, {d} x {d} on the last axes", got=tuple(E.shape))


def automatic_response(law: Callable[[Tensor], Tensor], strain: Float[Tensor, "*batch n"]) -> tuple[Tensor, Tensor]:
    """Stress and tangent of any law whose samples do not mix, one backward pass a component.

    It computes within `torch.enable_grad`: finite-element solvers run without gradients, and a tangent that is silently
    zero is the oldest trap of this kind.
    """
    wanted = torch.is_grad_enabled()
    with torch.enable_grad():
        x = strain if strain.requires_grad and wanted else strain.detach().requires_grad_()
        stress = law(x)
        rows = [
            torch.autograd.grad(stress[..., k].sum(), x, retain_graph=True, create_graph=wanted, allow_unused=True)[0]
            for k in range(stress.shape[-1])
        ]
    zero = torch.zeros_like(strain)
    tangent = torch.stack([zero if row is None else row for row in rows], -2)
    return (stress, tangent) if wanted else (stress.detach(), tangent.detach())


def fourth_order(C: Float[Tensor, "*batch n n"]) -> Float[Tensor, "*batch d d d d"]:
    """The tensor C_ijkl of a matrix in Mandel's coordinates.

    Example:
        >>> import torch
        >>> bool(torch.allclose(fourth_order(torch.eye(6))[0, 1], torch.tensor([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])))
        True
    """
    columns = from_mandel(C.transpose(-1, -2))  # (..., kl, i, j)
    return from_mandel(columns.movedim(-3, -1))

"""Laws in torch-fem: a material of its own kind, finite strain, consistent tangent."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

from haar.actions.representation import from_mandel, to_mandel
from haar.errors import ArgumentError, HaarError
from haar.systems.constitutive.law import Law, fourth_order


def to_torchfem(law: Law) -> Any:
    """A material for torch-fem's solids: first Piola stress P = F S(E) and dP/dF.

    torch-fem solves under `torch.no_grad`; the tangent here is in closed form, or computed with gradients on.

    Args:
        law: In three dimensions.

    Raises:
        ArgumentError: If the law is one of the plane.
        HaarError: Without torch-fem.
    """
    if law.material.dim != 3:
        raise ArgumentError("law", expected="a law in space", got=f"{law.material}, of the plane")
    try:
        kind = importlib.import_module("torchfem.materials.base").MechanicsMaterial
    except ImportError as error:
        raise HaarError(f"torch-fem is not installed: pip install torch-fem ({error})") from error

    class Learned(kind):  # type: ignore[misc, valid-type]  # torch-fem's own class
        """The law, for all elements at once."""

        finite_strain = True
        symmetric_tangent = law.has_energy

        def __init__(self) -> None:
            super().__init__()
            self.is_vectorized, self.law = True, law

        def step(
            self, H_inc: Tensor, F: Tensor, stress: Tensor, state: Tensor, *_: Any
        ) -> tuple[Tensor, Tensor, Tensor]:
            """Stress, state and tangent at the end of an increment."""
            del stress
            return _with_state(law, F + H_inc, state)

    return Learned()


def _with_state(law: Law, F: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    P, A = piola(law, F)
    return P, state, A


def piola(law: Law, F: Tensor) -> tuple[Tensor, Tensor]:
    """First Piola stress P_iJ and dP_iJ / dF_kL of deformation gradients.

    Example:
        >>> from haar.systems.constitutive.generators.elastic import NeoHookean
        >>> P, A = piola(NeoHookean(), torch.eye(3, dtype=torch.float64)[None])
        >>> P.abs().max().item(), A.shape
        (0.0, torch.Size([1, 3, 3, 3, 3]))
    """
    eye = torch.eye(3, dtype=F.dtype)
    S, C = law.response(to_mandel(0.5 * (F.mT @ F - eye)))
    stress, tangent = from_mandel(S), fourth_order(C)
    A = torch.einsum("...ia,...ajbl,...kb->...ijkl", F, tangent, F)
    return F @ stress, A + torch.einsum("ik,...jl->...ijkl", eye, stress)

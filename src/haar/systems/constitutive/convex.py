"""A convex energy of tensor features: stress in closed form, tangent positive semi-definite, no work in loops."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Representation
from haar.constants import ConstantsModule
from haar.errors import check_count
from haar.groups import Group
from haar.nn import Linear
from haar.nn.tensor_function import tensor_function
from haar.seeding import Seed, generator_of
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry
from haar.systems.constitutive.tensor_response import potential_response


class SpectralPotential(ConstantsModule):
    """W(x) = sum_c k_c tr log cosh((L x)_c) + |Q x|^2 / 2, k_c > 0: convex, invariant, with W(0) = 0 and grad W(0) = 0.

    L and Q commute with the group and have no bias; log cosh is of eigenvalues. The gradient is
    L^T (k tanh(L x)) + Q^T Q x, and needs no second derivative to be trained.

    Args:
        S: Symmetric tensors of the material.
        channels: Tensors that it takes.
        units: Hidden tensors, c.
        generator: Source of the weights.

    Source: input-convex networks (Amos, Xu and Kolter 2017) with isotropic tensor functions.
    """

    def __init__(self, S: Representation, channels: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        before, hidden = channels * S if channels > 1 else S, units * S if units > 1 else S
        made: dict[str, Any] = {"bias": False, "generator": generator, "dtype": torch.float64}
        self.inner = Linear(before, hidden, **made)
        self.square = Linear(before, before, **made)
        self.strength = nn.Parameter(torch.zeros(units, dtype=torch.float64))
        self.units = units

    def energy(self, x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """The potential."""
        inner = (x @ self.inner.matrix().mT).unflatten(-1, (self.units, -1))
        # the trace of a tensor function is a sum over eigenvalues; log cosh t = softplus(2 t) - t - log 2
        each = _trace(tensor_function(2 * inner, "softplus") - inner) - inner_dim(inner) * math.log(2)
        made: Tensor = each @ nn.functional.softplus(self.strength) + 0.5 * self.square(x).square().sum(-1)
        return made

    def forward(self, x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """The gradient."""
        L, Q = self.inner.matrix(), self.square.matrix()
        inner = (x @ L.mT).unflatten(-1, (self.units, -1))
        weighted = nn.functional.softplus(self.strength)[:, None] * tensor_function(inner, "tanh")
        return weighted.flatten(-2) @ L + (x @ Q.mT) @ Q

    def response(self, x: Float[Tensor, "*batch n"]) -> tuple[Tensor, Tensor]:
        """Gradient and second derivative, positive semi-definite; without a graph."""
        with torch.no_grad():
            L, Q = self.inner.matrix(), self.square.matrix()
            return potential_response(L, Q.mT @ Q, nn.functional.softplus(self.strength), x)


def _trace(x: Tensor) -> Tensor:
    return x[..., : inner_dim(x)].sum(-1)


def inner_dim(x: Tensor) -> int:
    """2 for tensors of the plane, 3 for those of space."""
    return 2 if x.shape[-1] == 3 else 3


class ConvexLaw(Law):
    """A law from a convex energy: stable (tangent positive semi-definite) everywhere, also before it is trained.

    Convexity in E does not imply polyconvexity; `haar constitutive check` looks at the acoustic tensor.

    Args:
        group: The material's.
        units: Hidden tensors.
        generator: Source of the weights.

    Raises:
        ArgumentError: If `units` is too small or the group unknown.

    Example:
        >>> law = ConvexLaw("m-3m", units=3)
        >>> law(torch.zeros(1, 6, dtype=torch.float64)).abs().max().item()
        0.0
    """

    def __init__(self, group: str | MaterialSymmetry | Group, *, units: int = 16, generator: Seed = 0) -> None:
        super().__init__()
        check_count("units", units)
        self.material = material_symmetry(group)
        self.potential = SpectralPotential(self.material.tensors, 1, units, generator_of(generator))

    def energy(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Strain energy."""
        return self.potential.energy(self.scaled(strain)) * (self.strain_unit * self.stress_unit)

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        out: Tensor = self.potential(self.scaled(strain)) * self.stress_unit
        return out

    def response(self, strain: Float[Tensor, "*batch n"]) -> tuple[Tensor, Tensor]:
        """Stress and tangent, in closed form where the strain is not differentiated."""
        if strain.requires_grad and torch.is_grad_enabled():
            return super().response(strain)
        stress, tangent = self.potential.response(self.scaled(strain))
        return stress * self.stress_unit, tangent.mul_(self.stress_unit / self.strain_unit)

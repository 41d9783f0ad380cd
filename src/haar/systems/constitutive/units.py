"""Units of a law: one number for strain and one for stress, so that scaling commutes with every rotation."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import ConstantsModule
from haar.errors import ArgumentError, ShapeError
from haar.systems.constitutive.symmetry import MaterialSymmetry


class InUnits(ConstantsModule):
    """A law that computes in units of its data.

    Attributes:
        made: How `haar.systems.constitutive.law_file.make_law` made it; None for laws made otherwise.
    """

    made: dict[str, Any] | None = None
    material: MaterialSymmetry
    strain_unit: Tensor
    stress_unit: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("strain_unit", torch.ones((), dtype=torch.float64))
        self.register_buffer("stress_unit", torch.ones((), dtype=torch.float64))

    def scaled(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Strains over their unit, after a look at their components and precision.

        Raises:
            ShapeError: If the last axis does not hold the components.
            ArgumentError: If they are no floating-point tensor, or of another precision than the law.
        """
        n = self.material.tensors.dim
        if not isinstance(strain, Tensor):
            got, way_out = type(strain).__name__, "torch.as_tensor makes one of an array"
            raise ArgumentError("strain", expected="a tensor", got=got, way_out=way_out)
        if strain.shape[-1:] != (n,):
            expected = f"{n} components in Mandel's coordinates on the last axis"
            way_out = "components_to_mandel reads other notations; law.stress takes tensors"
            raise ShapeError("strain", expected=expected, got=tuple(strain.shape), way_out=way_out)
        own = self.strain_unit.dtype
        if strain.is_floating_point() and strain.dtype != own:
            theirs, ours = (str(dtype).removeprefix("torch.") for dtype in (strain.dtype, own))
            way_out = f"convert it with .to(torch.{ours}), or the law with .to(torch.{theirs})"
            raise ArgumentError("strain", expected=f"{ours}, as the law's numbers", got=theirs, way_out=way_out)
        return strain / self.strain_unit

    def set_units(self, strain: Float[Tensor, "*batch n"], stress: Float[Tensor, "*batch n"]) -> None:
        """Scale by the root mean squares of data: anything component by component would break the symmetry.

        Args:
            strain: Strains.
            stress: Their stresses.

        Raises:
            ArgumentError: If all strains or all stresses are zero.
        """
        for name, values in (("strain", strain), ("stress", stress)):
            size = values.detach().double().square().mean().sqrt()
            if not bool(size > 0):
                raise ArgumentError(name, expected="data that are not all zero", got="zeros")
            getattr(self, f"{name}_unit").copy_(size)

"""Units of a law: one number for strain and one for stress, so that scaling commutes with every rotation."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import ConstantsModule
from haar.errors import ArgumentError


class InUnits(ConstantsModule):
    """A law that computes in units of its data.

    Attributes:
        made: How `haar.systems.constitutive.law_file.make_law` made it; None for laws made otherwise.
    """

    made: dict[str, Any] | None = None
    strain_unit: Tensor
    stress_unit: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("strain_unit", torch.ones((), dtype=torch.float64))
        self.register_buffer("stress_unit", torch.ones((), dtype=torch.float64))

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

"""The verb for what must hold: the user's network with the symmetry built in, as plain layers."""

from __future__ import annotations

from typing import Any

from torch import nn

from haar.actions import Symmetry
from haar.relax.wrapping.homotopise import homotopise


def enforce(model: nn.Module, symmetry: Symmetry, **options: Any) -> nn.Module:
    """The equivariant model at gamma = 0 of the homotopy of a module, with plain torch layers.

    Args:
        model: The user's module; it is copied, not changed.
        symmetry: The symmetry it shall have.
        options: Further arguments of `homotopise`.
    """
    return homotopise(model, symmetry, **options).export(0.0)

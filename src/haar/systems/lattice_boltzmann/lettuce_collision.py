"""A collision in lettuce (package lettucecfd), the PyTorch solver."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, HaarError
from haar.systems.lattice_boltzmann.collision import Collision
from haar.systems.lattice_boltzmann.stencil import Stencil

#: Velocities of lettuce may be integers.
_SAME = 1e-9


def as_lettuce(collision: Collision, stencil: Stencil) -> Any:
    """A collision as lettuce calls it: on a flow, whose populations stand on the first axis.

    The order of lettuce's velocities is read from the flow, and populations are moved to ours and back.

    Args:
        collision: Any callable on the last axis.
        stencil: Its velocities.

    Returns:
        An object of a subclass of ``lettuce.Collision``.

    Raises:
        HaarError: If lettuce is not installed.
        ArgumentError: Called, if the flow has another stencil.
    """
    try:
        lettuce: Any = importlib.import_module("lettuce")
    except ImportError as error:
        way_out = "pip install lettucecfd, before Python 3.12 with --no-deps --ignore-requires-python"
        raise HaarError(f"lettuce is needed here and is not installed; {way_out}") from error

    class LatticeCollisionOfHaar(lettuce.Collision):  # type: ignore[misc]
        def __call__(self, flow: Any) -> Tensor:
            place = _places(flow.stencil.e, stencil)
            if isinstance(collision, nn.Module):
                collision.to(flow.f.device)
            cells = flow.f[place].movedim(0, -1)
            return collision(cells).movedim(-1, 0)[place.argsort()].to(flow.f.dtype)

        def native_available(self) -> bool:
            return False

        def native_generator(self, index: int) -> None:
            del index

    return LatticeCollisionOfHaar()


def _places(theirs: Any, stencil: Stencil) -> Tensor:
    """For each of our velocities its place among theirs."""
    velocities = torch.as_tensor(theirs, dtype=torch.float64)
    if velocities.shape != stencil.velocities.shape:
        raise ArgumentError(
            "collision",
            expected=f"a flow on {stencil.name}",
            got=f"one on D{velocities.shape[-1]}Q{len(velocities)}",
            way_out="give the flow the same stencil",
        )
    near = torch.cdist(stencil.velocities, velocities).min(1)
    if bool((near.values > _SAME).any()):
        raise ArgumentError("collision", expected=f"a flow with the velocities of {stencil.name}", got="others")
    return near.indices

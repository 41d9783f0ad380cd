"""Lightning Fabric's processes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from haar.errors import ArgumentError
from haar.processes.ranks import Ranks


def ranks_of(fabric: Any) -> AbstractContextManager[Ranks | None]:
    """The processes of a launched Fabric, or of `Ranks`, as a context; None where there is one process alone.

    Args:
        fabric: A `lightning.fabric.Fabric` that was launched, a `Ranks` that was entered, or None.

    Raises:
        ArgumentError: If it is neither, or was not launched.

    Example:
        >>> with ranks_of(None) as ranks:
        ...     print(ranks)
        None
    """
    if fabric is None or isinstance(fabric, Ranks):
        return nullcontext(fabric)
    world = getattr(fabric, "world_size", None)
    if not isinstance(world, int) or not hasattr(fabric, "global_rank"):
        got = type(fabric).__name__
        raise ArgumentError("fabric", expected="a Lightning Fabric, or haar.processes.Ranks", got=got)
    if world == 1:
        return nullcontext(None)
    return Ranks()

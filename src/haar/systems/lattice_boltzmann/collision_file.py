"""Learned collisions as files: safetensors, with what they are in the header."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from haar.errors import ArgumentError, DataError
from haar.files import write_safetensors
from haar.systems.lattice_boltzmann.contenders import MODELS, contender
from haar.systems.lattice_boltzmann.learned import SCALE
from haar.systems.lattice_boltzmann.stencil import Stencil

_KEY, _SCHEMA = "haar.lattice_boltzmann", 1


@dataclass(frozen=True)
class Design:
    """What a learned collision is made of.

    Args:
        collision: One of ``naive``, ``cons``, ``sym``, ``gavg``, ``lenn``, ``locked``, ``nco``.
        stencil: A stencil's name.
        viscosity: That it was learned at, in lattice units.
        scale: Size of ``f / w - 1`` in the data.
        channels: Copies of the populations in hidden layers of ``lenn`` and ``locked``.
        speed: The largest speed in the data, if it is known.

    Raises:
        ArgumentError: If a name is unknown.
    """

    collision: str = "locked"
    stencil: str = "D2Q9"
    viscosity: float = 1 / 30
    scale: float = SCALE
    channels: int = 8
    speed: float | None = None

    def __post_init__(self) -> None:
        if self.collision not in MODELS:
            raise ArgumentError("collision", expected=f"one of {', '.join(MODELS)}", got=repr(self.collision))

    def build(self, seed: int = 0) -> nn.Module:
        """The collision with weights of a seed."""
        stencil = Stencil.named(self.stencil)
        made = contender(
            self.collision, stencil, viscosity=self.viscosity, scale=self.scale, channels=self.channels, seed=seed
        )
        note_speed(made, self.speed)
        return made


def note_speed(collision: nn.Module, speed: float | None) -> None:
    """Keep the largest speed that a collision was trained on; simulations warn beyond it.

    Args:
        collision: A learned collision, or an average of one.
        speed: The largest speed, in lattice units.
    """
    inner: Any = getattr(collision, "model", collision)
    inner.trained_speed = speed


def write_collision(path: str | os.PathLike[str], collision: nn.Module, design: Design) -> None:
    """Write a learned collision.

    Args:
        path: Ends in .safetensors.
        collision: As `Design.build` makes it, after its training.
        design: What it is.
    """
    told = json.dumps({"schema": _SCHEMA, **asdict(design)}, sort_keys=True)
    write_safetensors(path, dict(collision.state_dict()), {_KEY: told})


def read_collision(path: str | os.PathLike[str]) -> tuple[nn.Module, Design]:
    """Read a learned collision.

    Args:
        path: What `write_collision` wrote.

    Raises:
        DataError: If it is no such file, or its tensors do not fit what it says it is.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(Path(path)), framework="pt") as file:
            told = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: expected a .safetensors file of a learned collision: {error}") from error
    if told is None:
        raise DataError(f"{path}: expected a learned collision of haar lattice train, got another safetensors file")
    try:
        facts = json.loads(told)
        if facts.pop("schema") != _SCHEMA:
            raise DataError(f"{path}: expected a learned collision of schema {_SCHEMA}")
        design = Design(**facts)
        collision = design.build()
        collision.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected tensors that fit what its header says: {reason}") from error
    return collision, design

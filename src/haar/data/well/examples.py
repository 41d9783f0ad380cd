"""A small Well folder, for examples in the documentation and for trying things out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from haar.actions.layout import FieldSpec
from haar.data.well.axis import Axis
from haar.data.well.dataset import write_well


@contextmanager
def small_well(*, trajectories: int = 2, steps: int = 6, size: int = 8, seed: int = 0) -> Iterator[Path]:
    """A temporary Well folder with a tracer carried by a steady shear: exact, smooth and quick.

    u_x = sin(2 pi y), u_y = 0, and c(x, y, t) = cos(2 pi (x - u_x t) + phase) solves c_t + u . grad c = 0 on the unit
    square with periodic boundaries.

    Args:
        trajectories: In each split; they differ in the phase.
        steps: Time steps, 0.1 apart.
        size: Points of each axis.
        seed: Seed of the random phases.

    Yields:
        The folder; it is removed at the end.

    Example:
        >>> with small_well() as root:
        ...     sorted(path.name for path in root.iterdir())
        ['data', 'stats.yaml']
    """
    random = np.random.default_rng(seed)
    axes = [Axis.periodic_nodes(name, size, length=1.0) for name in "xy"]
    x, y = np.meshgrid(*(axis.coordinates for axis in axes), indexing="ij")
    times = 0.1 * np.arange(steps)
    shear = np.sin(2 * np.pi * y)
    velocity = np.broadcast_to(np.stack([shear, np.zeros_like(shear)], axis=-1), (steps, size, size, 2))

    def run() -> dict[str, np.ndarray]:
        phase = random.uniform(0.0, 2 * np.pi)
        return {"tracer": np.cos(2 * np.pi * (x - shear * times[:, None, None]) + phase), "velocity": velocity}

    with tempfile.TemporaryDirectory() as folder:
        splits = {split: [run() for _ in range(trajectories)] for split in ("train", "valid", "test")}
        fields = [FieldSpec("tracer"), FieldSpec("velocity", order=1)]
        yield write_well(folder, splits, name="shear", axes=axes, fields=fields, times=times)

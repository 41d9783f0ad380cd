"""Charged particles: the four ``.npy`` files a split that N-body comparisons of equivariant networks share."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from haar.data.particles import ParticleTrajectories
from haar.data.published.arrays import checked, load_array
from haar.errors import DataError


def read_particles(
    folder: str | os.PathLike[str],
    split: str,
    *,
    name: str = "charged5_initvel1small",
    limit: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> ParticleTrajectories:
    """Read ``loc_``, ``vel_`` and ``charges_<split>_<name>.npy``, as the charged N-body generators write them.

    On disk the vector's components stand before the particles: (sample, frame, 3, particle).

    Args:
        folder: Where the files lie.
        split: ``"train"``, ``"valid"`` or ``"test"``.
        name: The end of the files' names.
        limit: Only so many of the first samples.
        dtype: Precision of the tensors.

    Raises:
        DataError: If a file is missing, or their shapes do not agree.

    Source:
        Kipf et al., arXiv 1802.04687 (the simulator); Satorras et al., arXiv 2102.09844 (in three dimensions).
    """
    files = {part: Path(folder) / f"{part}_{split}_{name}.npy" for part in ("loc", "vel", "charges")}
    arrays = {part: load_array(path)[:limit] for part, path in files.items()}
    positions = checked(arrays["loc"], (None, None, 3, None), what=str(files["loc"]), dtype=dtype)
    velocities = checked(arrays["vel"], tuple(positions.shape), what=str(files["vel"]), dtype=dtype)
    samples, _, _, particles = positions.shape
    if arrays["charges"].size != samples * particles:
        raise DataError(f"{files['charges']}: expected {samples} x {particles} charges, got {arrays['charges'].shape}")
    charges = checked(
        arrays["charges"].reshape(samples, particles), (None, None), what=str(files["charges"]), dtype=dtype
    )
    return ParticleTrajectories(positions.transpose(2, 3), velocities.transpose(2, 3), charges)

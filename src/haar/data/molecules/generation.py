"""Surfaces made one geometry at a time; a killed run goes on where it was."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from haar.data.molecules.ab_initio import ab_initio
from haar.data.molecules.geometries import Scan, find_scan
from haar.data.molecules.molecules import Molecules
from haar.errors import DataError, require
from haar.folders import claimed_file
from haar.watch import Unwatched, Watch

_EVERY = 10


def generate(
    name: str, out: str | Path, *, count: int | None = None, seed: int = 0, watch: Watch = Unwatched()
) -> Molecules:
    """Compute a surface and write it as ``.npz``.

    Finished geometries are kept in ``OUT.part.npz`` every ten of them; the same call goes on from there.

    Args:
        name: ``lih`` (FCI/6-31G), ``nh3`` or ``h2o`` (MP2/6-31G).
        out: Where the finished set belongs.
        count: Number of geometries; by default the shipped set's own.
        seed: Seed of the random geometries.
        watch: Told of the progress.

    Returns:
        The set that was written.

    Raises:
        ArgumentError: If there is no such surface, or another process computes this file.
        DataError: If the unfinished file belongs to other geometries.
        MissingExtraError: If PySCF is not installed.
    """
    scan = find_scan(name)
    positions = scan.positions(count, seed=seed)
    with claimed_file(out) as target:
        return _computed(name, scan, positions, target, seed=seed, watch=watch)


def _computed(name: str, scan: Scan, positions: Tensor, target: Path, *, seed: int, watch: Watch) -> Molecules:
    part = target.with_suffix(".part.npz")
    energy, forces = torch.zeros(0, dtype=torch.float64), torch.zeros(0, *positions.shape[1:], dtype=torch.float64)
    if part.is_file():
        begun = Molecules.load(part)
        if begun.species != scan.species or not torch.equal(begun.positions, positions[: len(begun)]):
            raise DataError(f"{part}: begun with other geometries; remove it or choose another name")
        energy, forces = begun.energy, begun.forces
    version = require("pyscf", "chemistry").__version__
    origin = f"{scan.method}/{scan.basis}, PySCF {version}, geometries of seed {seed}"
    with watch.stage(f"{name}: {scan.method}/{scan.basis}", len(positions)) as advance:
        for _ in range(len(energy)):
            advance()
        for index in range(len(energy), len(positions)):
            one, push = ab_initio(scan.species, positions[index], method=scan.method, basis=scan.basis)
            energy = torch.cat([energy, torch.tensor([one], dtype=torch.float64)])
            forces = torch.cat([forces, push[None]])
            if (index + 1) % _EVERY == 0:
                Molecules(scan.species, positions[: index + 1], energy, forces, origin).save(part)
            advance()
    made = Molecules(scan.species, positions, energy, forces, origin)
    made.save(target)
    part.unlink(missing_ok=True)
    return made

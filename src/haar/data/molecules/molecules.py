"""A set of geometries of one molecule with energies and forces: one class, one file, one pair of units."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.data.molecules.ab_initio import check_apart
from haar.data.molecules.geometries import SCANS, find_scan
from haar.errors import ArgumentError, DataError, ShapeError
from haar.files import atomic_path
from haar.groups import SO
from haar.received import Archive
from haar.report import Table
from haar.report.table import Cell
from haar.seeding import Seed, generator_of

_SCHEMA = 1
FRAMES = ("canonical", "rotated", "augmented")


@dataclass(frozen=True, eq=False)
class Molecules:
    """Geometries of one molecule, the central atom first.

    Args:
        species: Chemical symbols of the atoms.
        positions: Positions of all atoms, in Angstrom.
        energy: Energies, in Hartree.
        forces: In Hartree per Angstrom.
        origin: Where they come from, in words.

    Raises:
        ShapeError: If shapes do not fit each other.
        ArgumentError: If something is not finite, or atoms coincide.

    Example:
        >>> surface = Molecules.shipped("lih")
        >>> len(surface), surface.species, surface.active.shape
        (160, ('Li', 'H'), torch.Size([160, 1, 3]))
    """

    species: tuple[str, ...]
    positions: Float[Tensor, "n atoms 3"]
    energy: Float[Tensor, " n"]
    forces: Float[Tensor, "n atoms 3"]
    origin: str = ""

    def __post_init__(self) -> None:
        expected = (len(self.energy), len(self.species), 3)
        for name in ("positions", "forces"):
            value = getattr(self, name)
            if tuple(value.shape) != expected:
                raise ShapeError(name, expected=f"{expected} for species and energy", got=tuple(value.shape))
        for name in ("positions", "energy", "forces"):
            if not getattr(self, name).isfinite().all():
                raise ArgumentError(name, expected="finite numbers", got="infinity or NaN")
        check_apart(self.positions, "positions")

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, index: Int[Tensor, " k"] | slice) -> Molecules:
        """Some of the geometries."""
        return replace(self, positions=self.positions[index], energy=self.energy[index], forces=self.forces[index])

    @property
    def active(self) -> Float[Tensor, "n m 3"]:
        """Vectors from the central atom to the others: what models take."""
        return self.positions[:, 1:] - self.positions[:, :1]

    @property
    def active_forces(self) -> Float[Tensor, "n m 3"]:
        """Forces on all atoms but the central one."""
        return self.forces[:, 1:]

    def in_frame(self, frame: str, *, seed: Seed = 0) -> Molecules:
        """The same molecules seen otherwise.

        Args:
            frame: ``canonical`` (as they are), ``rotated`` (a Haar random rotation each), or ``augmented`` (a rotation
                and a random exchange of the atoms behind the central one, each).
            seed: Seed of the random motions.

        Raises:
            ArgumentError: If the frame is unknown, or unlike atoms would be exchanged.

        Example:
            >>> surface = Molecules.shipped("nh3")
            >>> turned = surface.in_frame("augmented", seed=1)
            >>> bool(torch.allclose(turned.active.norm(dim=-1).sum(1), surface.active.norm(dim=-1).sum(1)))
            True
        """
        if frame not in FRAMES:
            raise ArgumentError("frame", expected=f"one of {', '.join(FRAMES)}", got=repr(frame))
        if frame == "canonical":
            return self
        source = generator_of(seed)
        turn = SO(3).sample(len(self), source)
        moved = [torch.einsum("nij,naj->nai", turn, value) for value in (self.positions, self.forces)]
        if frame == "augmented":
            self.check_alike()
            order = torch.rand(len(self), len(self.species) - 1, generator=source).argsort(-1) + 1
            order = torch.cat([torch.zeros(len(self), 1, dtype=order.dtype), order], 1)
            moved = [value.gather(1, order[..., None].expand(-1, -1, 3)) for value in moved]
        return replace(self, positions=moved[0], forces=moved[1])

    def check_alike(self) -> None:
        """Refuse a molecule whose atoms behind the central one are not all of one species.

        Raises:
            ArgumentError: With the species found.
        """
        if len(set(self.species[1:])) > 1 or self.species[0] in self.species[1:]:
            raise ArgumentError(
                "species",
                expected="the central atom first, then equal atoms (N, H, H, H)",
                got=", ".join(self.species),
                way_out="reorder the atoms",
            )

    def table(self, name: str) -> Table:
        """The set in one row.

        Args:
            name: Name of the surface in the table.
        """
        lengths = self.active.norm(dim=-1)
        row: list[Cell] = [
            name,
            ", ".join(self.species),
            len(self),
            float(self.energy.min()),
            float(self.energy.max()),
            float(1e3 * self.energy.std()),
            float(1e3 * self.active_forces.square().mean().sqrt()),
            f"{float(lengths.min()):.3f} … {float(lengths.max()):.3f}",
        ]
        columns = (
            "data",
            "atoms",
            "geometries",
            "least E (Ha)",
            "largest E (Ha)",
            "std (mHa)",
            "force (mHa/A)",
            "bonds (A)",
        )
        return Table("Molecules", columns, [row], self.origin)

    def save(self, path: str | Path) -> None:
        """Write an ``.npz`` without pickles."""
        head = {"schema": _SCHEMA, "species": self.species, "origin": self.origin, "units": "Angstrom, Hartree"}
        arrays = {name: getattr(self, name).numpy() for name in ("positions", "energy", "forces")}
        with atomic_path(path) as part, part.open("wb") as stream:
            np.savez_compressed(stream, head=np.array(json.dumps(head)), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Molecules:
        """Read what `save` wrote.

        Raises:
            DataError: If the file is no such set.
        """
        stored = Archive(path)
        try:
            head = json.loads(str(stored["head"]))
            schema = head.get("schema")
            species, origin = tuple(map(str, head["species"])), str(head["origin"])
            positions, energy, forces = (torch.from_numpy(stored[n]) for n in ("positions", "energy", "forces"))
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(f"{path}: not a set of molecules ({type(error).__name__}: {error})") from error
        if schema != _SCHEMA:
            raise DataError(f"{path}: schema {schema}, this version reads {_SCHEMA}")
        shape = (len(energy) if energy.ndim else 0, len(species), 3)
        for name, found, wanted in (
            ("energy", energy, shape[:1]),
            ("positions", positions, shape),
            ("forces", forces, shape),
        ):
            if tuple(found.shape) != wanted or not found.is_floating_point():
                raise DataError(f"{path}: {name} is {found.dtype} {tuple(found.shape)}, expected numbers {wanted}")
            if not bool(found.isfinite().all()):
                raise DataError(f"{path}: {name} has NaN or infinity")
        return cls(species, positions.double(), energy.double(), forces.double(), origin)

    @classmethod
    def shipped(cls, name: str) -> Molecules:
        """A surface that comes with the library: ``lih``, ``nh3`` or ``h2o``.

        Raises:
            ArgumentError: If there is none of that name.
        """
        find_scan(name)
        with as_file(files("haar.data.molecules") / "surfaces" / f"{name}.npz") as path:
            return cls.load(path)


def open_molecules(data: str) -> Molecules:
    """A shipped surface by name, or a file that `Molecules.save` wrote.

    Raises:
        ArgumentError: If it is neither.
        DataError: If the file is damaged.
    """
    if data in SCANS:
        return Molecules.shipped(data)
    if not data.endswith(".npz"):
        raise ArgumentError("data", expected=f"one of {', '.join(SCANS)}, or an .npz file", got=repr(data))
    if not Path(data).is_file():
        raise DataError(f"{data}: no such file")
    return Molecules.load(data)

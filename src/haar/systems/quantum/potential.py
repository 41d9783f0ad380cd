"""A trained model in physical units: energies and forces of a molecule, saved as one file without pickles."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError, DataError
from haar.files import write_safetensors
from haar.nn.circuits.exchange import ExchangeCircuit
from haar.nn.circuits.graph import GraphCircuit
from haar.nn.circuits.rotational import RotationCircuit, WaterCircuit
from haar.received import read_tensors
from haar.systems.quantum.generic import GenericCircuit
from haar.systems.quantum.invariants import CoordinateNetwork, DistanceSets, MeanEnergy

MODELS: Mapping[str, Callable[..., nn.Module]] = {
    "generic": GenericCircuit,
    "rotation": RotationCircuit,
    "exchange": ExchangeCircuit,
    "graph": GraphCircuit,
    "water": WaterCircuit,
    "distances": DistanceSets,
    "coordinates": CoordinateNetwork,
    "mean": MeanEnergy,
}
"""What a potential may be made of."""


def build(name: str, atoms: int, **options: Any) -> nn.Module:
    """A model by name.

    Args:
        name: One of `MODELS`.
        atoms: Number of atoms around the central one.
        options: Of the model's constructor.

    Raises:
        ArgumentError: If the name or an option is unknown, or the model is for another number of atoms.

    Example:
        >>> build("graph", 3, layers=6).parameter_count
        41
    """
    if name not in MODELS:
        raise ArgumentError("model", expected=f"one of {', '.join(MODELS)}", got=repr(name))
    if name == "water" and atoms != 2:
        raise ArgumentError("model", expected="a molecule XH2 for 'water'", got=f"{atoms} atoms around the centre")
    known = [key for key in inspect.signature(MODELS[name]).parameters if key != "atoms"]
    try:
        return MODELS[name](**options) if name == "water" else MODELS[name](atoms, **options)
    except TypeError as error:
        raise ArgumentError(
            "options", expected=f"options of {name} ({', '.join(known)})", got=f"{options} ({error})"
        ) from error


class Potential(nn.Module):
    """A model with the scale it was trained in: E = middle + scale * model(x) in Hartree.

    Args:
        name: Which of `MODELS`.
        species: Chemical symbols, the central atom first.
        options: Of the model's constructor.

    Raises:
        ArgumentError: If the atoms behind the central one are not alike.

    Example:
        >>> potential = Potential("graph", ("N", "H", "H", "H"))
        >>> potential(torch.randn(2, 3, 3, dtype=torch.float64)).shape
        torch.Size([2])
    """

    middle: Tensor
    scale: Tensor

    def __init__(self, name: str, species: Sequence[str], **options: Any) -> None:
        super().__init__()
        if len(species) < 2 or len(set(species[1:])) > 1 or species[0] in species[1:]:
            raise ArgumentError(
                "species",
                expected="the central atom first, then equal atoms (N, H, H, H)",
                got=", ".join(species),
                way_out="reorder the atoms",
            )
        self.name, self.species, self.options = name, tuple(species), dict(options)
        self.model = build(name, len(species) - 1, **options)
        self.register_buffer("middle", torch.zeros((), dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    @property
    def symmetry(self) -> Symmetry:
        """What the model claims."""
        claimed: Symmetry = self.model.symmetry  # type: ignore[assignment]
        return claimed

    @torch.no_grad()
    def fit_scale(self, energy: Float[Tensor, " n"], x: Float[Tensor, "n atoms 3"]) -> None:
        """Take the scale from training data alone: energies to [-1, 1], distances to unit variance.

        Raises:
            ArgumentError: If all energies are equal.
        """
        low, high = energy.min(), energy.max()
        if not high > low:
            raise ArgumentError("energy", expected="energies that differ", got="one value")
        self.middle.copy_((high + low) / 2)
        self.scale.copy_((high - low) / 2)
        if isinstance(self.model, DistanceSets):
            self.model.standardise(x)
        if isinstance(self.model, MeanEnergy):
            self.model.set_level((energy - self.middle) / self.scale)

    def forward(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, " batch"]:
        """Energies in Hartree.

        Args:
            x: Vectors from the central atom, in Angstrom.
        """
        energy: Tensor = self.middle + self.scale * self.model(x)
        return energy

    def save(self, path: str | Path) -> None:
        """Write a ``.safetensors`` file."""
        tensors = {name: value.detach().contiguous() for name, value in self.state_dict().items()}
        head = {"haar": "quantum potential 1", "model": self.name, "options": json.dumps(self.options)}
        write_safetensors(path, tensors, {**head, "species": json.dumps(self.species)})

    @classmethod
    def load(cls, path: str | Path) -> Potential:
        """Read what `save` wrote.

        Raises:
            DataError: If the file is damaged or something else.
        """
        tensors, head = read_tensors(path)
        if head.get("haar") != "quantum potential 1":
            raise DataError(f"{path}: not a potential of this library")
        most = sum(value.numel() for value in tensors.values())
        try:
            options = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(head["options"]).items()}
            # A model has a number for each of its layers and units: what names more than the file holds is no model.
            if any(isinstance(value, int) and key != "seed" and abs(value) > most for key, value in options.items()):
                raise DataError(f"{path}: options {options} for a file of {most} numbers")  # noqa: TRY301
            potential = cls(head["model"], json.loads(head["species"]), **options)
        except Exception as error:  # whatever a stranger's settings make of a constructor
            raise DataError(f"{path}: no potential can be built from it ({error})") from error
        try:
            potential.load_state_dict(tensors)
        except RuntimeError as error:
            raise DataError(f"{path}: weights do not fit {head['model']} ({error})") from error
        return potential

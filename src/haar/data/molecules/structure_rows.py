"""Frames of one molecule as rows of positions, and a calculator of ASE as a function of such rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.molecules.results import check_calculator, results_of
from haar.errors import ArgumentError

_WAY = "haar.audit_force_field(calculator, structures), haar audit --ase on the command line, takes any structures"


def are_structures(data: Any) -> bool:
    """Whether data are a list of ``ase.Atoms``.

    Example:
        >>> from ase import Atoms
        >>> are_structures([Atoms("H2")]), are_structures([torch.zeros(2, 3)])
        (True, False)
    """
    return isinstance(data, (list, tuple)) and bool(data) and all(_is_structure(one) for one in data)


def is_calculator(model: Any) -> bool:
    """Whether a model is a calculator of ASE."""
    return hasattr(model, "implemented_properties") and callable(getattr(model, "get_potential_energy", None))


class EnergyOfPositions:
    """The energy of a molecule as a function of its atoms' positions, with the derivative that forces give.

    Args:
        calculator: A calculator of ASE that knows energies and forces.
        structure: A frame of the molecule, for its atoms.

    Raises:
        ArgumentError: If it is none.

    Example:
        >>> from ase import Atoms
        >>> from ase.calculators.lj import LennardJones
        >>> pair = Atoms("Ar2", [[0, 0, 0], [1.2, 0, 0]])
        >>> energy = EnergyOfPositions(LennardJones(), pair)
        >>> x = torch.tensor([[[0.0, 0, 0], [1.2, 0, 0]]], dtype=torch.float64, requires_grad=True)
        >>> (slope,) = torch.autograd.grad(energy(x).sum(), x)
        >>> bool(torch.allclose(-slope[0], torch.from_numpy(LennardJones().get_forces(pair))))
        True
    """

    def __init__(self, calculator: Any, structure: Any) -> None:
        check_calculator("model", calculator)
        if "forces" not in calculator.implemented_properties:
            known = ", ".join(calculator.implemented_properties)
            raise ArgumentError("model", expected="a calculator that knows forces", got=f"one of {known}")
        self.calculator, self._structure = calculator, structure.copy()

    def __call__(self, positions: Float[Tensor, "b atoms 3"]) -> Float[Tensor, "b 1"]:
        """Energies in eV."""
        found: Tensor = _Energy.apply(positions, self._asked)  # type: ignore[no-untyped-call]
        return found

    def _asked(self, positions: Tensor, *, forces: bool) -> tuple[Tensor, Tensor | None]:
        """Energies, and forces where a derivative may follow: without them a calculator has half the work or less."""
        asked = ("energy", "forces") if forces else ("energy",)
        energies, slopes, atoms = [], [], self._structure
        for one in positions.detach().cpu().double().numpy():
            atoms.set_positions(one, apply_constraint=False)
            told = results_of(atoms, self.calculator, "data", asked=asked)
            energies.append(float(told["energy"]))
            if forces:
                slopes.append(np.asarray(told["forces"], dtype=np.float64))
        energy = torch.tensor(energies, dtype=torch.float64)[:, None].to(positions)
        return energy, torch.from_numpy(np.stack(slopes)).to(positions) if forces else None


class _Energy(torch.autograd.Function):
    """Energies forwards, minus the forces backwards."""

    @staticmethod
    def forward(ctx: Any, positions: Tensor, asked: Callable[..., tuple[Tensor, Tensor | None]]) -> Tensor:
        energy, forces = asked(positions, forces=ctx.needs_input_grad[0])
        if forces is not None:
            ctx.save_for_backward(forces)
        return energy

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (forces,) = ctx.saved_tensors
        return -gradient[..., None] * forces, None


def structure_rows(
    structures: Sequence[Any], *, labels: bool = True, argument: str = "data"
) -> tuple[Float[Tensor, "b atoms 3"], Float[Tensor, "b 1"] | None]:
    """Positions of frames of one molecule, and their energies where all frames have them.

    Args:
        structures: ``ase.Atoms``, all of the same atoms in the same order, without a cell.
        labels: Whether energies are taken.
        argument: What the caller calls them, for messages.

    Raises:
        ArgumentError: If frames are of other atoms, or periodic.

    Example:
        >>> from ase import Atoms
        >>> structure_rows([Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])])[0].shape
        torch.Size([1, 2, 3])
    """
    first = structures[0].get_atomic_numbers()
    for number, one in enumerate(structures):
        if not np.array_equal(one.get_atomic_numbers(), first):
            got = f"{one.get_chemical_formula()} at {number}, {structures[0].get_chemical_formula()} at 0"
            expected = "frames of one molecule, its atoms in one order"
            raise ArgumentError(argument, expected=expected, got=got, way_out=_WAY)
        if one.pbc.any():
            raise ArgumentError(
                argument, expected="molecules, which turn freely", got=f"a periodic cell at {number}", way_out=_WAY
            )
    positions = torch.from_numpy(np.stack([one.get_positions() for one in structures])).double()
    held = [getattr(one.calc, "results", {}).get("energy") if one.calc is not None else None for one in structures]
    known = [float(value) for value in held if value is not None]
    if not labels or len(known) < len(held):
        return positions, None
    return positions, torch.tensor(known, dtype=torch.float64)[:, None]


def as_rows(model: Any, data: Any, *, labels: bool = True) -> tuple[Any, Any]:
    """A calculator and structures as a function and rows; anything else as it is.

    Args:
        model: A calculator of ASE, or a model of positions ``(b, atoms, 3)``.
        data: A list of ``ase.Atoms``, or what other verbs take.
        labels: Whether energies are taken.

    Raises:
        ArgumentError: If a calculator comes with other data, or structures are not of one molecule.
    """
    if not are_structures(data):
        if is_calculator(model):
            way_out = "haar.data.molecules.read_structures(path)"
            raise ArgumentError(
                "data", expected="a list of ase.Atoms beside a calculator", got=type(data).__name__, way_out=way_out
            )
        return model, data
    positions, energies = structure_rows(data, labels=labels)
    made = EnergyOfPositions(model, data[0]) if is_calculator(model) else model
    return made, positions if energies is None else (positions, energies)


def _is_structure(one: Any) -> bool:
    return callable(getattr(one, "get_atomic_numbers", None)) and callable(getattr(one, "get_positions", None))

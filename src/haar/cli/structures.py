"""DATA as structures on the command line: frames of one molecule, for a calculator of ASE or a model of positions."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haar.cli.made_once import seen
from haar.received import Archive

if TYPE_CHECKING:
    from collections.abc import Sequence

_ASE = (".xyz", ".extxyz", ".traj", ".db", ".pdb", ".vasp", ".cif")
#: Bytes of a pickle in which its first class is named.
_LOOKED_AT = 2**16
_ROWS = ("x", "inputs", "input")


def holds_structures(model: str, data: Path) -> bool:
    """Whether DATA is a file of structures: by its name, by what an archive holds, or by MODEL being a calculator.

    Args:
        model: MODEL as it was typed.
        data: DATA.
    """
    if data.suffix.lower() in _ASE:
        return True
    if data.suffix == ".npz" and data.is_file():
        held = set(Archive(data))
        return not held & set(_ROWS) and bool(held & {"z", "numbers", "nuclear_charges", "atomic_numbers"})
    return data.suffix in (".pt", ".pth") and (names_calculator(model) or _holds_graphs(data))


def _holds_graphs(data: Path) -> bool:
    """Whether a file of torch.save names classes of PyTorch Geometric; nothing is unpickled."""
    try:
        with zipfile.ZipFile(data) as held:
            (table,) = (name for name in held.namelist() if name.endswith("/data.pkl"))
            with held.open(table) as words:
                return b"torch_geometric" in words.read(_LOOKED_AT)
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def names_calculator(model: str) -> bool:
    """Whether MODEL is ``module:calculator``: a calculator of ASE, its class, or a function that says so by its name.

    Args:
        model: MODEL as it was typed.
    """
    from haar.entry import imported
    from haar.errors import ArgumentError

    if ":" not in model:
        return False
    try:
        found: Any = imported(model, "MODEL")
    except ArgumentError:
        return False
    return hasattr(found, "implemented_properties") or hasattr(_made(found), "implemented_properties")


def _made(found: Any) -> Any:
    """What a function without arguments gives; nothing where it needs some, or fails."""
    return None if isinstance(found, type) or not callable(found) else seen(found)


def energy_model(model: str, arguments: Sequence[str], structures: Sequence[Any]) -> Any:
    """The energy of positions by a calculator.

    Args:
        model: MODEL as it was typed, a calculator.
        arguments: Of its class or function.
        structures: Frames of one molecule.
    """
    from haar.cli.calculator_entry import calculator_of
    from haar.data.molecules.structure_rows import EnergyOfPositions

    return EnergyOfPositions(calculator_of(model, arguments), structures[0])

"""A torch model of atoms as a calculator of ASE: its arguments by their names, with neighbour lists and cells."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from haar.data.molecules.asked_model import Asked
from haar.data.molecules.results import Results
from haar.errors import ArgumentError, known_keywords, require

#: Names that models have for one argument; the first is what is told of it.
_ARGUMENTS = {
    "positions": ("positions", "pos", "coordinates", "coords", "xyz", "r", "R", "x"),
    "numbers": ("numbers", "z", "Z", "atomic_numbers", "species", "charges"),
    "cell": ("cell", "lattice", "box"),
    "pbc": ("pbc", "periodic"),
    "edge_index": ("edge_index", "edges", "neighbours", "neighbors"),
    "shifts": ("shifts", "unit_shifts", "edge_shift", "cell_offsets", "images"),
    "batch": ("batch",),
}
_NEEDS_CUTOFF = ("edge_index", "shifts")


def _check_cutoff(cutoff: float | int | None, wanted: Sequence[str]) -> None:
    if cutoff is None and any(name in _NEEDS_CUTOFF for name in wanted):
        raise ArgumentError("cutoff", expected="the radius of the neighbour list in Angstrom", got="none")
    if cutoff is not None and not 0 < cutoff < float("inf"):
        raise ArgumentError("cutoff", expected="a length in Angstrom above 0", got=cutoff)


@known_keywords
def model_calculator(
    model: Callable[..., Any],
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | str = "energy",
    cutoff: float | int | None = None,
    graph: bool = False,
    batched: bool = False,
) -> Any:
    """An ASE calculator of a torch model of atoms, such as the average of one.

    What the model does not return is a derivative of its energy: forces by the positions, stress by a strain of
    positions and cell together.

    Args:
        model: A module or callable of atoms in Angstrom that says energies in eV.
        inputs: Names of its arguments in order; by default those of its signature. Known are positions ``(atoms, 3)``,
            numbers ``(atoms,)``, cell ``(3, 3)`` with vectors as rows, pbc ``(3,)``, edge_index ``(2, edges)`` with the
            neighbour first and the centre second, shifts ``(edges, 3)`` (whole lattice vectors that are added to the
            neighbour) and batch ``(atoms,)``, and what else models call these.
        outputs: Names of what it returns, if that is a tensor or a tuple; of a dict the keys are read.
        cutoff: Radius of the neighbour list, in Angstrom, for models that take one.
        graph: Whether it takes one graph of PyTorch Geometric with these names, ``pos`` and ``z`` among them.
        batched: Whether it takes several structures in one call, their atoms told apart by ``batch``, with cells
            ``(structures, 3, 3)`` and pbc ``(structures, 3)``, and says an energy for each (or for each atom), and a
            stress for each. Then `haar.average.averaged_calculator` asks once for all orientations, with one
            neighbour list.

    Returns:
        An ``ase.calculators.calculator.Calculator`` of energy, forces and stress.

    Raises:
        ArgumentError: If an argument's name is not known, a cutoff is missing, no output is an energy, or a model of
            several structures has no argument that tells them apart.
        MissingExtraError: If ASE is not installed, or PyTorch Geometric for a graph.

    Example:
        >>> from ase.build import molecule
        >>> def springs(positions, numbers):
        ...     return torch.pdist(positions).sub(1).square().sum()
        >>> water = molecule("H2O")
        >>> water.calc = model_calculator(springs)
        >>> water.get_forces().sum(0).round(12).tolist()
        [0.0, 0.0, 0.0]
    """
    module = require("ase.calculators.calculator", "chemistry")
    wanted = (
        ("positions", "numbers", "cell", "pbc", "edge_index", "shifts", "batch") if graph else _wanted(model, inputs)
    )
    if graph and cutoff is None:
        wanted = tuple(name for name in wanted if name not in _NEEDS_CUTOFF)
    _check_cutoff(cutoff, wanted)
    named = [one.strip().partition(":")[0] for one in (outputs.split(",") if isinstance(outputs, str) else outputs)]
    if "energy" not in named:
        raise ArgumentError("outputs", expected="names with an energy among them", got=", ".join(named))
    if batched and "batch" not in wanted:
        raise ArgumentError(
            "batched",
            expected="a model with an argument batch",
            got=f"one of {', '.join(wanted)}",
            way_out="give inputs=[..., 'batch']",
        )
    asked = Asked(model, wanted, tuple(named), cutoff, graph=graph, batched=batched)

    class ModelCalculator(module.Calculator):  # type: ignore[misc, name-defined]
        """Energies, forces and stresses of a torch model."""

        implemented_properties = ("energy", "free_energy", "forces", "stress")

        @property
        def name(self) -> str:
            """Of the model."""
            return asked.name

        def __reduce__(self) -> tuple[Any, ...]:
            """A local class has no name to be found by: it is made again."""
            again = partial(
                model_calculator, inputs=inputs, outputs=tuple(named), cutoff=cutoff, graph=graph, batched=batched
            )
            return again, (model,)

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = None) -> None:
            """Called by ASE."""
            super().calculate(atoms, properties, system_changes or module.all_changes)
            with torch.inference_mode(mode=False):  # forces are derivatives, whoever asks for them
                self.results = asked.results(self.atoms)

    class BatchedCalculator(ModelCalculator):
        """The same of a model that takes several structures."""

        def oriented_results(self, atoms: Any, matrices: Float[np.ndarray, "m 3 3"]) -> list[Results]:
            """Of a structure in many orientations, in one evaluation.

            Args:
                atoms: An ``ase.Atoms``.
                matrices: Orthogonal matrices.
            """
            with torch.inference_mode(mode=False):
                return asked.oriented(atoms, matrices)

    return BatchedCalculator() if batched else ModelCalculator()


def _wanted(model: Any, inputs: Sequence[str] | None) -> tuple[str, ...]:
    """What its arguments are, by the first of their names."""
    if inputs is None:
        named = model
        while isinstance(getattr(named, "model", None), nn.Module) or callable(getattr(named, "model", None)):
            named = named.model  # averages and other wrappers have the signature of what they wrap
        function = named.forward if isinstance(named, nn.Module) else named
        parameters = inspect.signature(function).parameters.values()
        inputs = [
            p.name
            for p in parameters
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    found = []
    for name in inputs:
        first = next((first for first, names in _ARGUMENTS.items() if name in names), None)
        if first is None:
            raise ArgumentError(
                "inputs",
                expected=f"names among {', '.join(_ARGUMENTS)}",
                got=repr(name),
                way_out="give inputs=[...], or wrap the model in a function of these",
            )
        found.append(first)
    return tuple(found)

"""A torch model of atoms as a calculator of ASE: its arguments by their names, with neighbour lists and cells."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from haar.containers import named_parts
from haar.data.molecules.results import full_stress, voigt
from haar.errors import ArgumentError, DataError, known_keywords, require

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
_PROPERTIES = ("energy", "forces", "stress")


@known_keywords
def model_calculator(
    model: Callable[..., Any],
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | str = "energy",
    cutoff: float | int | None = None,
    graph: bool = False,
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

    Returns:
        An ``ase.calculators.calculator.Calculator`` of energy, forces and stress.

    Raises:
        ArgumentError: If an argument's name is not known, a cutoff is missing, or no output is an energy.
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
    if cutoff is None and any(name in _NEEDS_CUTOFF for name in wanted):
        raise ArgumentError("cutoff", expected="the radius of the neighbour list in Angstrom", got="none")
    if cutoff is not None and not 0 < cutoff < float("inf"):
        raise ArgumentError("cutoff", expected="a length in Angstrom above 0", got=cutoff)
    named = [one.strip().partition(":")[0] for one in (outputs.split(",") if isinstance(outputs, str) else outputs)]
    if "energy" not in named:
        raise ArgumentError("outputs", expected="names with an energy among them", got=", ".join(named))
    asked = _Asked(model, wanted, tuple(named), cutoff, graph)

    class ModelCalculator(module.Calculator):  # type: ignore[misc, name-defined]
        """Energies, forces and stresses of a torch model."""

        implemented_properties = ("energy", "free_energy", "forces", "stress")

        @property
        def name(self) -> str:
            """Of the model."""
            return asked.name

        def __reduce__(self) -> tuple[Any, ...]:
            """A local class has no name to be found by: it is made again."""
            return _again, (model, inputs, tuple(named), cutoff, graph)

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = None) -> None:
            """Called by ASE."""
            super().calculate(atoms, properties, system_changes or module.all_changes)
            with torch.inference_mode(mode=False):  # forces are derivatives, whoever asks for them
                self.results = asked.results(self.atoms)

    return ModelCalculator()


def _again(model: Any, inputs: Any, outputs: Any, cutoff: float | int | None, graph: bool) -> Any:  # noqa: FBT001
    return model_calculator(model, inputs=inputs, outputs=outputs, cutoff=cutoff, graph=graph)


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


class _Asked:
    """A model, with what it takes and what it returns."""

    def __init__(
        self,
        model: Callable[..., Any],
        wanted: tuple[str, ...],
        outputs: tuple[str, ...],
        cutoff: float | int | None,
        graph: bool,  # noqa: FBT001
    ) -> None:
        self.model, self.wanted, self.outputs, self.cutoff, self.graph = model, wanted, outputs, cutoff, graph
        self.name = getattr(model, "__name__", type(model).__name__)

    def results(self, atoms: Any) -> dict[str, Any]:
        """What ASE wants to know."""
        tensors = [*self.model.parameters(), *self.model.buffers()] if isinstance(self.model, nn.Module) else []
        real = next((x for x in tensors if x.is_floating_point()), torch.zeros(0, dtype=torch.float64))
        cell = torch.tensor(np.asarray(atoms.cell), dtype=real.dtype, device=real.device)
        with torch.set_grad_enabled(mode=True):
            positions = torch.tensor(atoms.get_positions()).to(real).requires_grad_()
            strain = torch.zeros(3, 3, dtype=real.dtype, device=real.device, requires_grad=True)
            stretch = torch.eye(3, dtype=real.dtype, device=real.device) + (strain + strain.T) / 2
            made = self._told(self._said(atoms, positions @ stretch, cell @ stretch))
            slopes = _slopes(made, positions, strain)
        if "forces" in slopes:
            made["forces"] = -slopes["forces"]
        if "stress" in slopes and atoms.pbc.all():
            made["stress"] = slopes["stress"] / atoms.get_volume()
        arrays = {key: made[key].detach().to("cpu", torch.float64).numpy() for key in _PROPERTIES if key in made}
        energy = float(arrays["energy"].sum())
        results: dict[str, Any] = {"energy": energy, "free_energy": energy}
        if "forces" in arrays:
            results["forces"] = arrays["forces"].reshape(len(atoms), 3)
        if "stress" in arrays and atoms.pbc.all():
            stress = arrays["stress"]
            results["stress"] = voigt(full_stress(stress.reshape(-1) if stress.size == 6 else stress.reshape(3, 3)))
        return results

    def _said(self, atoms: Any, positions: Tensor, cell: Tensor) -> Any:
        held: dict[str, Any] = {
            "positions": positions,
            "numbers": torch.tensor(atoms.get_atomic_numbers(), dtype=torch.int64, device=positions.device),
            "cell": cell,
            "pbc": torch.tensor(atoms.pbc.tolist(), device=positions.device),
            "batch": torch.zeros(len(atoms), dtype=torch.int64, device=positions.device),
        }
        if self.cutoff is not None:
            pairs = require("ase.neighborlist", "chemistry").neighbor_list("ijS", atoms, self.cutoff)
            centre, neighbour, images = (torch.from_numpy(np.ascontiguousarray(one)) for one in pairs)
            held["edge_index"] = torch.stack([neighbour, centre]).to(positions.device)
            held["shifts"] = images.to(positions)
        if not self.graph:
            return self.model(*(held[name] for name in self.wanted))
        names = {"positions": "pos", "numbers": "z"}
        data = require("torch_geometric.data", "graphs").Data(
            **{names.get(name, name): held[name] for name in self.wanted}
        )
        return self.model(data)

    def _told(self, said: Any) -> dict[str, Tensor]:
        """By ASE's names."""
        if isinstance(said, Tensor):
            return {"energy": said}
        if isinstance(said, (tuple, list)) and not hasattr(said, "_fields"):
            return dict(zip(self.outputs, said, strict=False))
        parts: Mapping[str, Any] | None = said if isinstance(said, Mapping) else named_parts(said)
        if parts is None or not isinstance(parts.get("energy"), Tensor):
            got = type(said).__name__ if parts is None else ", ".join(map(str, parts))
            raise DataError(f"model: expected a tensor of energies, a tuple, or a dict with energy, got {got}")
        return {key: value for key, value in parts.items() if key in _PROPERTIES and isinstance(value, Tensor)}


def _slopes(made: Mapping[str, Tensor], positions: Tensor, strain: Tensor) -> dict[str, Tensor]:
    """Derivatives of the energy that stand for what the model does not say.

    Raises:
        DataError: If it says no forces, and its energy has no derivative.
    """
    total, missing = made["energy"].sum(), "forces" not in made
    if not missing and "stress" in made:
        return {}
    found: dict[str, Tensor | None] = {}
    try:
        slopes = torch.autograd.grad(total, [positions, strain], allow_unused=True)
        found = dict(zip(("forces", "stress"), slopes, strict=True))
    except RuntimeError:  # no graph, or one that the model itself has used up: then nothing is found
        found = {}
    if missing and found.get("forces") is None:
        raise DataError("model: expected forces, or an energy with a derivative by positions, got neither")
    return {key: slope for key, slope in found.items() if slope is not None and key not in made}

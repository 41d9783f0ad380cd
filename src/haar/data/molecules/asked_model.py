"""A torch model of atoms, asked about one structure, or about one in many orientations at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.containers import named_parts
from haar.data.molecules.results import ASKED, Results, full_stress, voigt
from haar.errors import DataError, require


class Asked:
    """A model, with what it takes and what it returns.

    Args:
        model: The model.
        wanted: What its arguments are.
        outputs: Names of what it returns.
        cutoff: Radius of the neighbour list.
        graph: Whether it takes one graph.
        batched: Whether it takes several structures.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        wanted: tuple[str, ...],
        outputs: tuple[str, ...],
        cutoff: float | int | None,
        *,
        graph: bool,
        batched: bool,
    ) -> None:
        self.model, self.wanted, self.outputs, self.cutoff = model, wanted, outputs, cutoff
        self.graph, self.batched = graph, batched
        self.name = getattr(model, "__name__", type(model).__name__)

    def results(self, atoms: Any) -> dict[str, Any]:
        """What ASE wants to know.

        Args:
            atoms: An ``ase.Atoms``.
        """
        (found,) = self._evaluated(atoms, atoms.get_positions()[None], np.asarray(atoms.cell)[None], np.ones(1))
        energy = float(found["energy"])
        told: dict[str, Any] = {**found, "energy": energy, "free_energy": energy}
        if "stress" in told:
            told["stress"] = voigt(found["stress"])
        return told

    def oriented(self, atoms: Any, matrices: Float[np.ndarray, "m 3 3"]) -> list[Results]:
        """Of the structure in many orientations, as `Motion` makes them, with one neighbour list.

        Args:
            atoms: An ``ase.Atoms``.
            matrices: Orthogonal matrices. Under a reflection the cell's vectors are reversed, and with them the counts
                of lattice vectors by which neighbours are away.
        """
        positions = atoms.get_positions()
        middle, back = positions.mean(0), matrices.swapaxes(1, 2)
        hands = np.sign(np.linalg.det(matrices))
        cells = hands[:, None, None] * (np.asarray(atoms.cell) @ back)
        return self._evaluated(atoms, (positions - middle) @ back + middle, cells, hands)

    def _evaluated(
        self,
        atoms: Any,
        positions: Float[np.ndarray, "m atoms 3"],
        cells: Float[np.ndarray, "m 3 3"],
        hands: Float[np.ndarray, " m"],
    ) -> list[Results]:
        count, periodic = len(positions), bool(atoms.pbc.all())
        tensors = [*self.model.parameters(), *self.model.buffers()] if isinstance(self.model, nn.Module) else []
        real = next((x for x in tensors if x.is_floating_point()), torch.zeros(0, dtype=torch.float64))
        dtype, device = real.dtype, real.device
        with torch.set_grad_enabled(mode=True):
            at = torch.tensor(positions).to(real).requires_grad_()
            strain = torch.zeros(count, 3, 3, dtype=dtype, device=device, requires_grad=True)
            stretch = torch.eye(3, dtype=dtype, device=device) + (strain + strain.mT) / 2
            lattices = torch.tensor(cells, dtype=dtype, device=device) @ stretch
            said = self._said(atoms, at @ stretch, lattices, hands)
            made = self._told(said)
            slopes = _slopes(made, at, strain)
        if "forces" in slopes:
            made["forces"] = -slopes["forces"]
        if "stress" in slopes and periodic:
            made["stress"] = slopes["stress"] / atoms.get_volume()
        arrays = {key: made[key].detach().to("cpu", torch.float64).numpy() for key in ASKED if key in made}
        energies = arrays["energy"].ravel()
        if count > 1 and energies.size not in (count, count * len(atoms)):
            expected = f"an energy for each of {count} structures, or for each of their {count * len(atoms)} atoms"
            raise DataError(f"model: expected {expected}, got {energies.size} numbers; batched=False asks one by one")
        if not periodic:
            arrays.pop("stress", None)
        return _apart(arrays, count, len(atoms))

    def _said(self, atoms: Any, positions: Tensor, cells: Tensor, hands: np.ndarray) -> Any:
        count, here = len(positions), positions.device
        pbc = torch.tensor(atoms.pbc.tolist(), device=here)
        held: dict[str, Any] = {
            "positions": positions.flatten(0, 1),
            "numbers": torch.tensor(atoms.get_atomic_numbers(), dtype=torch.int64, device=here).repeat(count),
            "cell": cells if self.batched else cells[0],
            "pbc": pbc.expand(count, 3) if self.batched else pbc,
            "batch": torch.arange(count, device=here).repeat_interleave(len(atoms)),
        }
        if self.cutoff is not None:
            pairs = require("ase.neighborlist", "chemistry").neighbor_list("ijS", atoms, self.cutoff)
            centre, neighbour, images = (torch.from_numpy(np.ascontiguousarray(one)).to(here) for one in pairs)
            first = torch.arange(count, device=here) * len(atoms)
            edges = torch.stack([neighbour, centre])
            held["edge_index"] = (edges[:, None] + first[:, None]).flatten(1)
            held["shifts"] = (torch.from_numpy(hands).to(positions)[:, None, None] * images.to(positions)).flatten(0, 1)
        if not self.graph:
            return self.model(*(held[name] for name in self.wanted))
        names = {"positions": "pos", "numbers": "z"}
        graphs = require("torch_geometric.data", "graphs")
        told = {names.get(name, name): held[name] for name in self.wanted}
        if not self.batched:
            return self.model(graphs.Data(**told))
        return self.model(graphs.Batch(**told, ptr=torch.arange(count + 1, device=here) * len(atoms)))

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
        return {key: value for key, value in parts.items() if key in ASKED and isinstance(value, Tensor)}


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


def _apart(arrays: dict[str, np.ndarray], count: int, atoms: int) -> list[Results]:
    """What was said of several structures at once, one by one."""
    found: list[Results] = [{"energy": np.asarray(one.sum())} for one in arrays["energy"].reshape(count, -1)]
    for k, one in enumerate(found):
        if "forces" in arrays:
            one["forces"] = arrays["forces"].reshape(count, atoms, 3)[k]
        if "stress" in arrays:
            stress = arrays["stress"].reshape(count, -1)[k]
            one["stress"] = full_stress(stress if stress.size == 6 else stress.reshape(3, 3))
    return found

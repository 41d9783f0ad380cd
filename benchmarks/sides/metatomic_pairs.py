# ruff: noqa: ARG002, UP006, UP035, UP045 (TorchScript reads the annotations)
"""A potential of pairs with a dependence on the frame, in metatomic's format; imported in that environment alone.

No deferred annotations here: TorchScript reads them.
"""

from typing import Dict, List, Optional

import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import (
    AtomisticModel,
    ModelCapabilities,
    ModelMetadata,
    ModelOutput,
    NeighborListOptions,
    System,
)


class Pairs(torch.nn.Module):
    """One network for all pairs of all systems at once, as `sides/force_fields.py` has it."""

    def __init__(self, network: torch.nn.Module, cutoff: float) -> None:
        super().__init__()
        self.network = network
        self.options = NeighborListOptions(cutoff=cutoff, full_list=True, strict=True)

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:
        return [self.options]

    def forward(
        self, systems: List[System], outputs: Dict[str, ModelOutput], selected_atoms: Optional[Labels] = None
    ) -> Dict[str, TensorMap]:
        ways: List[torch.Tensor] = []
        numbers: List[torch.Tensor] = []
        owners: List[torch.Tensor] = []
        for k, system in enumerate(systems):
            pairs = system.get_neighbor_list(self.options)
            way = pairs.values.squeeze(-1)
            ways.append(way)
            first = pairs.samples.column("first_atom").to(torch.int64)
            second = pairs.samples.column("second_atom").to(torch.int64)
            types = system.types
            numbers.append(torch.stack([types[first], types[second]], 1))
            owners.append(torch.full((len(way),), k, dtype=torch.int64))
        way = torch.cat(ways)
        energies = self.network(torch.cat([way, torch.cat(numbers).to(way.dtype) / 10.0], 1)).squeeze(1)
        total = torch.zeros(len(systems), dtype=way.dtype).index_add(0, torch.cat(owners), energies)
        block = TensorBlock(
            values=total.unsqueeze(1),
            samples=Labels("system", torch.arange(len(systems)).unsqueeze(1).to(torch.int32)),
            components=torch.jit.annotate(List[Labels], []),
            properties=Labels("energy", torch.tensor([[0]], dtype=torch.int32)),
        )
        keys = Labels("_", torch.tensor([[0]], dtype=torch.int32))
        return {"energy": TensorMap(keys, [block])}


def calculator(network: torch.nn.Module, cutoff: float):
    """The calculator of metatomic."""
    from metatomic_ase import MetatomicCalculator

    capabilities = ModelCapabilities(
        outputs={"energy": ModelOutput(unit="eV", sample_kind="system")},
        atomic_types=list(range(1, 100)),
        interaction_range=cutoff,
        length_unit="angstrom",
        supported_devices=["cpu"],
        dtype="float64",
    )
    model = AtomisticModel(Pairs(network, cutoff).eval(), ModelMetadata(), capabilities)
    return MetatomicCalculator(model, device="cpu", do_gradients_with_energy=True)

"""Verification layer by layer: a checkpoint that is larger than memory, one layer of it at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from haar.align.checkpoints import Architecture, verified
from haar.errors import ArgumentError
from haar.weights import Verification

_LAYER = re.compile(r"(?P<before>.*?\.?(?:h|layers|layer)\.)(?P<number>\d+)(?P<after>\..*)")
_COUNTS = ("n_layer", "num_hidden_layers")


def verified_by_layer(
    checkpoint: Mapping[str, Tensor], of: Architecture, *, symmetry: str = "auto", seed: int = 0
) -> Verification:
    """Move a checkpoint within its symmetry and run it, as one network of one layer for each of its layers.

    Embeddings and head are in memory, and one layer at a time. Every row of every layer's table is tried as in the
    whole network, for what a layer reads and writes is the residual stream alone.

    Args:
        checkpoint: The parameters.
        of: How they are read: a configuration of a known architecture.
        symmetry: As for `haar.align`.
        seed: Seed of the elements.

    Raises:
        ArgumentError: If the configuration does not say how many layers there are, or as for `verified`.
    """
    key = next((name for name in _COUNTS if isinstance(of.config.get(name), int)), None)
    if key is None or of.model is not None:
        got = "a model of one's own" if of.model is not None else ", ".join(of.config) or "nothing"
        raise ArgumentError("config", expected=f"a number of layers, {' or '.join(_COUNTS)}", got=got)
    folding = shifts = 0.0
    sites: dict[str, float] = {}
    faults: list[str] = []
    for k in range(int(of.config[key])):
        alone = _Layer(checkpoint, k)
        found = verified(alone, Architecture(_config(of.config, key, k, alone)), symmetry=symmetry, seed=seed)
        folding, shifts = max(folding, found.folding), max(shifts, found.shifts)
        for name, change in found.sites.items():
            own = f"{name[:-1]}{k}" if name.endswith("0") else name
            sites[own] = max(sites.get(own, 0.0), change)
        faults += [f"layer {k}: {fault}" for fault in found.faults]
    return Verification(folding, sites, shifts, tuple(faults))


class _Layer(Mapping[str, Tensor]):
    """A checkpoint with one of its layers alone, which is the first then."""

    def __init__(self, state: Mapping[str, Tensor], number: int) -> None:
        self.state = state
        self._names: dict[str, str] = {}
        for name in state:
            hit = _LAYER.fullmatch(name)
            if hit is None:
                self._names[name] = name
            elif int(hit["number"]) == number:
                self._names[f"{hit['before']}0{hit['after']}"] = name

    def __getitem__(self, name: str) -> Tensor:
        return self.state[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def _config(config: Mapping[str, Any], key: str, number: int, layer: Mapping[str, Tensor]) -> dict[str, Any]:
    """The configuration of a network of one layer."""
    found = {**config, key: 1}
    if isinstance(config.get("layer_types"), list):
        found["layer_types"] = [config["layer_types"][number]]
    if "mlp_only_layers" in config or "decoder_sparse_step" in config:
        found["decoder_sparse_step"] = 1
        found["mlp_only_layers"] = [] if any(".experts." in name for name in layer) else [0]
    return found

"""What the masks are now: densities layer by layer, and what has moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch import Tensor

from haar.compress.sparse.layer import MaskedLayer
from haar.nn import Conv, Linear
from haar.report import Report, Section, Table
from haar.report.table import Cell


@dataclass(frozen=True)
class LayerSparsity:
    """One masked parameter.

    Attributes:
        name: Its name.
        regime: The name of its regime.
        units: ``"entries"``, ``"coordinates"`` or ``"orbits"``.
        entries: Entries of the dense weight.
        active: Those that are active.
        nonzero: Share of the dense weight's entries that are not 0: in isotypic coordinates most are not, however
            sparse these are.
        dropped: Units that were dropped so far.
        grown: Units that have grown so far.
        explored: Share of the units that have been active at some time.
    """

    name: str
    regime: str
    units: str
    entries: int
    active: int
    nonzero: float
    dropped: int
    grown: int
    explored: float


@dataclass(frozen=True, eq=False)
class SparsityReport(Report):
    """How sparse a model is, and where.

    Attributes:
        layers: The masked parameters.
        dense: Names of the weights that no mask is on.
    """

    kind: ClassVar[str] = "sparsity"
    title: ClassVar[str] = "Sparse training"  # type: ignore[misc]  # the same for all

    layers: tuple[LayerSparsity, ...]
    dense: tuple[str, ...]

    @property
    def sparsity(self) -> float:
        """Share of the masked weights' entries that are inactive."""
        return 1 - sum(one.active for one in self.layers) / sum(one.entries for one in self.layers)

    @property
    def summary(self) -> str:
        """In a sentence."""
        moved = sum(one.grown for one in self.layers)
        dense = f"; dense: {', '.join(self.dense)}" if self.dense else ""
        return f"{self.sparsity:.1%} of the masked weights are zero, {moved} units have grown{dense}."

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {"sparsity": self.sparsity, "layers": [asdict(one) for one in self.layers], "dense": list(self.dense)}

    def sections(self) -> Sequence[Section]:
        """A row for each layer."""
        columns = ("weight", "regime", "units", "active", "of", "nonzero", "grown", "explored")
        rows: list[list[Cell]] = [
            [one.name, one.regime, one.units, one.active, one.entries, one.nonzero, one.grown, one.explored]
            for one in self.layers
        ]
        note = (
            "active: entries of the dense weight, counted by units; nonzero: the share of it that is not 0; explored: "
            "share of the units that have been active at some time"
        )
        return [Section("Layers", "", Table("Masked weights", columns, rows, note))]


def _dense(layer: MaskedLayer) -> Tensor:
    """The weight that the layer multiplies with; of other modules the parameter."""
    module, own = layer.place.module, layer.place.own
    if own == "weight" and isinstance(module, Linear):
        return module.matrix()
    if own == "weight" and isinstance(module, Conv):
        return module.kernel()
    return layer.place.parameter


def told(layers: Sequence[MaskedLayer], dense: Sequence[str]) -> SparsityReport:
    """The report of some layers.

    Args:
        layers: The masked parameters.
        dense: Names of the others.
    """
    found = []
    for layer in layers:
        units = layer.place.units
        found.append(
            LayerSparsity(
                layer.name,
                type(layer.regime).__name__,
                units.kind,
                units.entries,
                units.counted(layer.active),
                float((_dense(layer).detach() != 0).double().mean()),
                layer.moves[0],
                layer.moves[1],
                float(layer.seen.double().mean()),
            )
        )
    return SparsityReport(tuple(found), tuple(dense))

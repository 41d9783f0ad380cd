"""One process's part of an audit: sums that add up to the audit of all data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.audit.batches import Batch
from haar.audit.closure import Closure
from haar.audit.conventions import ConventionAudit
from haar.audit.layers import LayerDefect, can_look_inside, layer_defects
from haar.audit.lie import LieDefect, lie_defects_anyway
from haar.audit.measure import OrbitMeter
from haar.audit.parts import Outputs
from haar.audit.sums import OrbitSums
from haar.audit.units import UnitTable
from haar.audit.worst import WorstSample, worse
from haar.containers import tensors_of
from haar.errors import ArgumentError
from haar.groups import LieGroup


@dataclass
class Share:
    """The sums of one process's part of an audit, without the model: what another process needs.

    Attributes:
        elements: The elements that were looked at.
        sums: Sums over samples; None before the first.
        outputs: What was measured.
        closure: Sums of the data's features.
        seen: Number of samples.
        moved: Whether some element moves some of the inputs: else they tell nothing.
        layers: What the first batch said of the layers.
        lie: The same of the Lie algebra's generators.
        input_shape: Shape of one input.
        worst: Where the symmetry is broken most.
        conventions: What the first labels said of the stated conventions.
        remarks: What could not be looked at as usual, and why.
    """

    elements: Tensor
    sums: OrbitSums | None = None
    outputs: Outputs | None = None
    closure: Closure | None = None
    seen: int = 0
    moved: bool = False
    layers: list[LayerDefect] = field(default_factory=list)
    lie: list[LieDefect] = field(default_factory=list)
    input_shape: tuple[int, ...] | None = None
    worst: WorstSample | None = None
    conventions: ConventionAudit | None = None
    remarks: list[str] = field(default_factory=list)

    def remark(self, words: str) -> None:
        """Keep words on what could not be looked at as usual, once."""
        if words and words not in self.remarks:
            self.remarks.append(words)

    def look_inside(self, model: Callable[..., Any], symmetry: Symmetry, batch: Batch, *, layers: bool) -> None:
        """What the first batch says of derivatives and of layers.

        Args:
            model: The model.
            symmetry: How the group acts.
            batch: The batch.
            layers: Whether to look into the layers.
        """
        if isinstance(first := batch.inputs[0], Tensor):
            self.input_shape = tuple(first.shape if batch.single else first.shape[1:])
        if isinstance(symmetry.group, LieGroup):
            self.lie, words = lie_defects_anyway(model, symmetry, batch.inputs)
            self.remark(words)
        if not layers or not isinstance(model, nn.Module) or not can_look_inside(symmetry):
            return
        if isinstance(model, torch.jit.ScriptModule):
            self.remark("A module of TorchScript takes no hooks: its layers were not looked into.")
        else:
            self.layers = layer_defects(model, symmetry, *batch.inputs, elements=self.elements[1:17])

    def _check_alike(self, other: Share) -> None:
        if self.elements.shape != other.elements.shape or not torch.equal(self.elements, other.elements):
            raise ArgumentError(
                "other", expected="an audit over the same elements", got="others", way_out="use the same seed"
            )
        if self.outputs is not None and other.outputs is not None:
            self.outputs.check_same(other.outputs)
        if (self.closure is None) != (other.closure is None):
            raise ArgumentError("other", expected="data_symmetry as here", got="another choice")

    def add(self, other: Share) -> Share:
        """Add the sums of another share, whose samples come after these; returns self.

        Raises:
            ArgumentError: If they looked at different elements, outputs or inputs.
        """
        self._check_alike(other)
        if other.sums is not None:
            self.sums = other.sums.copy() if self.sums is None else self.sums.add(other.sums)
        if self.closure is not None and other.closure is not None:
            self.closure.add(other.closure)
        self.outputs = self.outputs or other.outputs
        self.worst = worse(self.worst, other.worst, self.seen)
        self.seen += other.seen
        self.moved = self.moved or other.moved
        self.layers, self.lie = self.layers or other.layers, self.lie or other.lie
        self.input_shape = self.input_shape or other.input_shape
        self.conventions = self.conventions or other.conventions
        for words in other.remarks:
            self.remark(words)
        return self

    def state(self) -> dict[str, Any]:
        """The sums as tensors and plain values, without what the first batch said; see `restored`."""
        worst = None if self.worst is None else dict(self.worst.__dict__)
        return {
            "sums": None if self.sums is None else self.sums.table.state(),
            "closure": None if self.closure is None else self.closure.state(),
            "seen": self.seen,
            "moved": self.moved,
            "worst": worst,
            "remarks": list(self.remarks),
        }

    def restored(self, state: Mapping[str, Any], outputs: Outputs) -> Share:
        """This empty share with sums that were kept; returns self.

        Args:
            state: What `state` gave, of a share of the same elements.
            outputs: What was measured.
        """
        if state["sums"] is not None:
            self.sums = OrbitSums(len(self.elements), [part.averaged for part in outputs.parts])
            self.sums.table = UnitTable.of_state(state["sums"])
            self.outputs = outputs
        if self.closure is not None and state["closure"] is not None:
            self.closure.restore(state["closure"])
        self.seen, self.remarks = state["seen"], list(state["remarks"])
        self.moved = bool(state.get("moved", True))
        self.worst = None if state["worst"] is None else WorstSample(**state["worst"])
        return self


class ShareReader:
    """Reads batches into shares.

    Args:
        meter: Runs the model on the orbit of a batch.
        symmetry: How the group acts.
        elements: The elements that are looked at, the identity first.
        listed: Elements that the data are tested for; None where they are not.
    """

    def __init__(self, meter: OrbitMeter, symmetry: Symmetry, elements: Tensor, listed: Tensor | None) -> None:
        self.meter, self.symmetry, self.elements, self._listed = meter, symmetry, elements, listed

    def empty(self) -> Share:
        """Of no batch."""
        closure = None if self._listed is None else Closure(self.symmetry, self._listed)
        return Share(self.elements, closure=closure)

    def read(self, batch: Batch, orbit: Sequence[Any] | None = None) -> Share:
        """One batch.

        Args:
            batch: The batch.
            orbit: What `OrbitMeter.predictions` gives for every element, where other processes have run the model.
        """
        made = self.empty()
        made.sums, made.outputs = self.meter.measure(batch, orbit), self.meter.outputs
        made.worst, made.seen = self.meter.worst, len(batch.clusters)
        made.moved = any(self._moves(g, batch) for g in self.elements[1:])
        if made.closure is not None:
            made.closure.update(batch)
        return made

    def _moves(self, g: Tensor, batch: Batch) -> bool:
        """Whether an element changes a batch's inputs."""
        moved = self.symmetry.act_inputs(g, batch.inputs)
        pairs = zip(tensors_of(moved), tensors_of(batch.inputs), strict=True)
        return any(after is not before and not torch.equal(after, before) for after, before in pairs)

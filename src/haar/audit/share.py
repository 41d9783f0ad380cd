"""One process's part of an audit: sums that add up to the audit of all data."""

from __future__ import annotations

from collections.abc import Callable
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
from haar.audit.parts import Outputs
from haar.audit.sums import OrbitSums
from haar.audit.worst import WorstSample, worse
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
        if layers and isinstance(model, nn.Module) and can_look_inside(symmetry):
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
        self.layers, self.lie = self.layers or other.layers, self.lie or other.lie
        self.input_shape = self.input_shape or other.input_shape
        self.conventions = self.conventions or other.conventions
        for words in other.remarks:
            self.remark(words)
        return self

"""One pass over the data: every metric's sums, of the model as it came and of each of its compressed copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.compress.batch import Batch
from haar.compress.clusters import by_unit
from haar.compress.layers import Layer
from haar.compress.metrics import Metric, Seen
from haar.errors import ArgumentError
from haar.probing.defect import all_or_drawn

#: Elements that stand for the mean over a large group.
MOST = 16


@dataclass
class Evaluation:
    """Metrics of models on the same batches.

    Args:
        batches: The batches.
        metrics: What is measured.
        symmetry: What moves the batches, for metrics of a symmetry.
        elements: How many elements stand for a large group.
        reader: Name of the layer that reads out, whose input is the representation.
        seed: Of drawn elements.
        trajectories: The number of the trajectory of every sample, where some are of one; see `units_of`.
    """

    batches: Sequence[Batch]
    metrics: Sequence[Metric]
    symmetry: Symmetry | None = None
    elements: int = MOST
    reader: str | None = None
    seed: int = 0
    trajectories: Tensor | None = None
    _before: list[tuple[Tensor | None, Tensor | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._needs = {need for metric in self.metrics for need in metric.needs}
        if "orbit" in self._needs and self.symmetry is None:
            raise ArgumentError("symmetry", expected="a symmetry for the metrics that ask for one", got="None")

    def measure(self, model: nn.Module) -> list[Tensor]:
        """For each metric its columns of every unit (a sample, or a trajectory), in order of the data.

        The first model that is measured is the one that others are compared with.

        Args:
            model: The model, in eval mode.
        """
        first = not self._before
        found: list[list[Tensor]] = [[] for _ in self.metrics]
        with torch.no_grad():
            for number, batch in enumerate(self.batches):
                seen = self._seen(model, batch, number, first=first)
                for columns, metric in zip(found, self.metrics, strict=True):
                    columns.append(metric.units(seen))
        whole = [torch.cat(columns) for columns in found]
        if self.trajectories is None:
            return whole
        return [by_unit(x, self.trajectories, metric.name) for x, metric in zip(whole, self.metrics, strict=True)]

    def _seen(self, model: nn.Module, batch: Batch, number: int, *, first: bool) -> Seen:
        outputs, representation = self._run(model, batch)
        if first:
            kept = outputs if "dense" in self._needs else None
            self._before.append((kept, representation))
        dense, before = self._before[number]
        orbit = self._orbit(model, batch) if "orbit" in self._needs else None
        return Seen(model, batch, outputs, dense, representation, before, orbit)

    def _run(self, model: nn.Module, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """Outputs and representation, where they are asked for."""
        if "representation" not in self._needs:
            return (batch.run(model) if "outputs" in self._needs else None), None
        if self.reader is None:
            raise ArgumentError("metrics", expected="a model with a layer that reads out, for 'cka'", got="none")
        read: list[Tensor] = []
        layer = model.get_submodule(self.reader)
        handle = layer.register_forward_pre_hook(lambda _, args: read.append(args[0]))
        try:
            outputs = batch.run(model)
        finally:
            handle.remove()
        return outputs, read[0] if read else None

    def _orbit(self, model: nn.Module, batch: Batch) -> Tensor:
        """g^-1 f(g x) for all elements, or for some."""
        symmetry = self.symmetry
        if symmetry is None or batch.kwargs:
            raise ArgumentError("data", expected="inputs in order for a symmetry, not by name", got="inputs by name")
        group = symmetry.group
        found = []
        for g in all_or_drawn(group, self.elements, seed=self.seed):
            moved = Batch(None, symmetry.act_inputs(g, batch.args))
            found.append(symmetry.act_outputs(group.inverse(g), moved.run(model)))
        return torch.stack(found)


def reader_of(model: nn.Module, layers: Sequence[Layer]) -> str | None:
    """The name of the layer that reads out: the last one with a weight that is not compressed, else the last.

    Args:
        model: The model.
        layers: Its layers that are compressed.
    """
    head: Any = getattr(model, "get_output_embeddings", None)
    module = head() if callable(head) else None
    if isinstance(module, nn.Module):
        return next((name for name, one in model.named_modules() if one is module), None)
    own = {id(layer.module) for layer in layers}
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    names = [name for name, one in model.named_modules() if isinstance(one, kinds) and id(one) not in own]
    return names[-1] if names else (layers[-1].name if layers else None)

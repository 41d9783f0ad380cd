"""The samples of a check: inputs, labels where there are some, and two halves of independent units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from haar.actions import Action, Symmetry
from haar.errors import ArgumentError
from haar.probing import check_finite

_SEVERAL = "for models of several inputs use haar.audit and haar.average"


@dataclass(frozen=True)
class Samples:
    """Rows of inputs and labels.

    Attributes:
        inputs: ``(rows, *shape)``.
        labels: ``(rows, ...)``, or None.
        units: Which independent unit, such as a trajectory, each row belongs to.
    """

    inputs: Tensor
    labels: Tensor | None
    units: Tensor

    @classmethod
    def of(cls, data: Any, symmetry: Symmetry | None = None) -> Samples:
        """Read inputs, ``(inputs, labels)``, ``(inputs, labels, clusters)``, or batches of these.

        Args:
            data: The data.
            symmetry: Where it is known, it says whether what an iterable holds is a batch or one sample.

        Raises:
            ArgumentError: If they are no tensors of one shape, differ in number, or are not finite.
        """
        batches = [data] if _is_rows(data) else list(data) if isinstance(data, Iterable) else [data]
        rows = [_parts(batch, symmetry) for batch in batches]
        if not rows:
            raise ArgumentError("data", expected="inputs, or inputs and labels", got="none")
        inputs = torch.cat([row[0] for row in rows])
        known = [row[1] for row in rows if row[1] is not None]
        labels = torch.cat(known) if len(known) == len(rows) else None
        marks = [row[2] for row in rows if row[2] is not None]
        units = torch.arange(len(inputs)) if len(marks) < len(rows) else torch.cat(marks).unique(return_inverse=True)[1]
        for name, part in (("labels", labels), ("clusters", units)):
            if part is not None and len(part) != len(inputs):
                raise ArgumentError("data", expected=f"{len(inputs)} {name}, one an input", got=len(part))
        check_finite("data", (inputs, labels))
        check_finite("clusters", marks)
        return cls(inputs, labels, units)

    @property
    def independent(self) -> int:
        """How many independent units there are."""
        return len(self.units.unique())

    def halves(self, seed: int) -> tuple[Samples, Samples]:
        """Samples to look at, and samples held out; no unit is in both.

        Raises:
            ArgumentError: If there is only one unit.
        """
        count = self.independent
        if count < 2:
            raise ArgumentError(
                "data",
                expected="at least two independent samples or trajectories, one of them held out",
                got=f"{len(self.inputs)} rows of one",
                way_out="give more trajectories",
            )
        first = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[: (count + 1) // 2]
        seen = torch.isin(self.units.unique(return_inverse=True)[1], first)
        return self._rows(seen), self._rows(~seen)

    def given(self) -> Any:
        """As other verbs take them."""
        return (self.inputs, self.labels)

    def _rows(self, chosen: Tensor) -> Samples:
        return Samples(self.inputs[chosen], None if self.labels is None else self.labels[chosen], self.units[chosen])


def check_moving(symmetry: Symmetry) -> None:
    """Refuse a group of one element, under which everything is symmetric.

    Args:
        symmetry: What is asked of the model.

    Raises:
        ArgumentError: If its group has no other.
    """
    if symmetry.group.order == 1:
        raise ArgumentError(
            "symmetry", expected="a group with more than one element", got=f"{symmetry.group.name}, of order 1"
        )


def _is_rows(data: Any) -> bool:
    if isinstance(data, (Tensor, np.ndarray)):
        return True
    parts = data if isinstance(data, (tuple, list)) else ()
    return 1 < len(parts) <= 3 and all(isinstance(part, (Tensor, np.ndarray)) or part is None for part in parts)


def _parts(batch: Any, symmetry: Symmetry | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    made = [None if part is None else torch.as_tensor(part) for part in _tensors(parts)]
    first = made[0] if made else None
    if _is_one(symmetry, first):
        made = [None if part is None else part[None] for part in made]
        first = made[0]
    if not 1 <= len(made) <= 3 or first is None or first.ndim < 2:
        raise ArgumentError(
            "data",
            expected="real inputs (rows, ...) as one tensor, with labels and clusters if there are any",
            got=", ".join(str(tuple(part.shape)) if isinstance(part, Tensor) else "none" for part in made),
            way_out="x[:, None] makes rows of numbers" if first is not None and first.ndim == 1 else _SEVERAL,
        )
    labels, marks = (*made, None, None)[1:3]
    return first, labels, marks


def _is_one(symmetry: Symmetry | None, x: Tensor | None) -> bool:
    """Whether it is one sample, without an axis that counts them; what holds no real numbers is refused.

    Raises:
        ArgumentError: If it holds others.
    """
    if x is None:
        return False
    if not x.is_floating_point():
        kind = str(x.dtype).removeprefix("torch.")
        way_out = "convert them, x.float(), if the model takes that"
        raise ArgumentError("data", expected="real inputs, in floating point", got=kind, way_out=way_out)
    action = symmetry.inputs[0] if symmetry is not None and len(symmetry.inputs) == 1 else None
    return isinstance(action, Action) and action.axes.count is not None and x.ndim == action.axes.count


def _tensors(parts: Iterable[Any]) -> list[Any]:
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind not in "fciub":
            raise ArgumentError("data", expected="arrays of numbers", got=f"an array of {part.dtype}")
        if part is not None and not isinstance(part, (Tensor, np.ndarray)):
            raise ArgumentError("data", expected="tensors or arrays", got=type(part).__name__, way_out=_SEVERAL)
    return list(parts)

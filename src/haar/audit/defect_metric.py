"""The defect of a model as a metric of torchmetrics: batch by batch, exact over any number of processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from haar.actions import Symmetry
from haar.audit.audited import Audit
from haar.audit.batches import batches
from haar.errors import check_count, known_keywords, require
from haar.groups import FiniteGroup, Group
from haar.probing import given_data

if TYPE_CHECKING:
    from torchmetrics import Metric

#: Groups of at most this order are measured whole; of larger ones so many elements are drawn, the identity among them.
_WHOLE = 16


@known_keywords
def defect_metric(
    model: Callable[..., Any],
    symmetry: Symmetry,
    *,
    elements: int | Tensor | None = None,
    samples: int | None = None,
    seed: int = 0,
) -> Metric:
    """A metric of torchmetrics that says by how much a model breaks a symmetry, element by element.

    `update` takes what `haar.audit` takes as one batch: inputs, or inputs and labels, graphs or atoms. `compute` gives
    ``defect/ELEMENT``, the root mean square of f(g x) - g f(x) over the spread of predictions, and of these
    ``defect/largest`` and ``defect/mean``. The numbers are those of `haar.audit` on the same samples.

    Args:
        model: What is measured, in eval mode; it is no part of the metric's state.
        symmetry: How the group acts on its inputs and outputs.
        elements: None (the whole group up to order 16, else 15 random elements), a number of random ones, or elements.
        samples: Rows after which no more are measured, until the next `reset`.
        seed: Of drawn elements.

    Raises:
        ArgumentError: If `elements` or `samples` is none of these.
        MissingExtraError: If torchmetrics is not installed.

    Example:
        >>> from haar.groups import dihedral
        >>> model = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
        >>> metric = defect_metric(model, Symmetry.of_fields(dihedral(4), "p"))
        >>> metric.update(torch.randn(4, 1, 8, 8))
        >>> len(metric.compute())
        9
    """
    base = require("torchmetrics", "lightning").Metric
    if samples is not None:
        check_count("samples", samples)
    chosen = _WHOLE - 1 if elements is None and not _is_small(symmetry.group) else elements

    class DefectMetric(base):  # type: ignore[misc]
        """Sums of an audit, which add up over batches and processes."""

        full_state_update = False
        is_differentiable = False
        higher_is_better = False

        def __init__(self) -> None:
            super().__init__()
            self._audit = self._empty()

        def _empty(self) -> Audit:
            return Audit(model, symmetry, elements=chosen, data_symmetry=False, seed=seed)

        def update(self, *batch: Any) -> None:
            """Add one batch."""
            given = batch if len(batch) != 1 else batch[0]
            left = None if samples is None else samples - self._audit.share().seen
            if left is not None and left < 1:
                return
            read = given_data([given], model, symmetry)
            for one in batches(read, max_samples=left, symmetry=symmetry):
                self._audit.update(one)

        def compute(self) -> dict[str, Tensor]:
            """What was found on all processes."""
            several = dist.is_available() and dist.is_initialized()
            return named_defects(self._audit.gather() if several else self._audit)

        def reset(self) -> None:
            """Begin anew."""
            super().reset()
            self._audit = self._empty()

    made: Metric = DefectMetric()
    return made


def named_defects(audit: Audit) -> dict[str, Tensor]:
    """The relative defects of an audit by the names that loggers show.

    Args:
        audit: With at least one sample.
    """
    sizes = {one.element: one.relative.value for one in audit.findings.elements}
    values = torch.tensor(list(sizes.values()), dtype=torch.float64)
    told = {f"defect/{name}": torch.tensor(value, dtype=torch.float64) for name, value in sizes.items()}
    return {**told, "defect/largest": values.max(), "defect/mean": values.square().mean().sqrt()}


def _is_small(group: Group) -> bool:
    return isinstance(group, FiniteGroup) and group.order <= _WHOLE

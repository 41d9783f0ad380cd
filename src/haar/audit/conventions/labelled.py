"""The first labelled samples of an audit, to be looked at for wrong conventions beside it."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.audit.batches import Batch
from haar.audit.conventions.audit import FEWEST, compared
from haar.audit.conventions.convention import Reading, fields_of
from haar.audit.conventions.report import ConventionAudit

_LOGGER = logging.getLogger(__name__)
#: Samples that are kept, and numbers that the fitted law may take of all of them together.
_ROWS, _NUMBERS = 32, 2**24


class LabelledRows:
    """Keeps a few labelled samples of fields, as they pass; of other data none.

    Args:
        symmetry: How the data are read.
    """

    def __init__(self, symmetry: Symmetry) -> None:
        self._reading = None if fields_of(symmetry) is None else Reading(symmetry)
        self._rows: list[tuple[Tensor, Tensor, Tensor]] = []
        self._most, self._passed = _ROWS, ""

    @property
    def _kept(self) -> int:
        return sum(len(marks) for *_, marks in self._rows)

    @property
    def full(self) -> bool:
        """Whether no more are kept."""
        return self._reading is None or self._kept >= self._most

    def add(self, batch: Batch) -> None:
        """Keep what there is room for."""
        if self._reading is None or self.full or batch.labels is None or batch.single:
            return
        x, y = batch.inputs[0], batch.labels
        if x.is_complex() or not x.is_floating_point() or not y.is_floating_point():
            self._reading, self._passed = None, "they are looked at for real fields with decimals only"
            return
        self._most = min(_ROWS, _NUMBERS // max(1, self._reading.numbers(x[0])))
        if self._most < FEWEST:
            size = " x ".join(map(str, self._reading.fields[0].axes.channels_first(x).shape[2:]))
            self._passed = f"on {size} points the laws that are fitted for it take longer than the audit"
        count = min(len(x), self._most - self._kept)
        marks = batch.clusters if not batch.numbered else torch.arange(len(x)) + 2**20 * len(self._rows)
        given = (x.detach(), y.detach(), marks)
        kept = [one[:count].to("cpu") for one in given]
        self._rows.append((kept[0].double(), kept[1].double(), kept[2]))

    @property
    def remark(self) -> str:
        """Why labelled fields were passed by, if they were."""
        if self._passed:
            told = "haar audit conventions, or haar.audit.audit_conventions, looks at them alone"
            return f"Conventions were not looked at beside the audit: {self._passed}; {told}."
        return ""

    def report(self, seed: int) -> ConventionAudit | None:
        """What they say of the conventions; None where they are too few, or the grid is too large to look at beside.

        Args:
            seed: Of the points that are fitted.
        """
        if self._reading is None or self._kept < FEWEST:
            return None
        found = compared(self._reading, *(torch.cat(side) for side in zip(*self._rows, strict=True)), seed=seed)
        if found is not None and found.warning:
            _LOGGER.warning("%s", found.warning)
        return found

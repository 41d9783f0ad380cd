"""Align: networks moved within the symmetry of their parameters, compared and averaged."""

from haar.align.align import align
from haar.align.alignment import Alignment, Distances
from haar.align.barrier import Barrier, barrier
from haar.align.difference import Difference, difference
from haar.align.learned import Learning
from haar.align.merge import Merging, merge, merging
from haar.align.recalibrated import recalibrated
from haar.align.widths import as_wide_as

__all__ = [
    "Alignment",
    "Barrier",
    "Difference",
    "Distances",
    "Learning",
    "Merging",
    "align",
    "as_wide_as",
    "barrier",
    "difference",
    "merge",
    "merging",
    "recalibrated",
]

"""Align: networks moved within the symmetry of their parameters, compared and averaged."""

from haar.align.align import align
from haar.align.alignment import Alignment, Distances
from haar.align.barrier import Barrier, barrier
from haar.align.learned import Learning

__all__ = ["Alignment", "Barrier", "Distances", "Learning", "align", "barrier"]

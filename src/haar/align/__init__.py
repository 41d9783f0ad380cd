"""Align: networks moved within the symmetry of their parameters, compared and averaged."""

from haar.align.align import align
from haar.align.alignment import Alignment, Distances
from haar.align.barrier import Barrier, barrier
from haar.align.difference import Difference, difference
from haar.align.learned import Learning
from haar.align.merge import merge

__all__ = ["Alignment", "Barrier", "Difference", "Distances", "Learning", "align", "barrier", "difference", "merge"]

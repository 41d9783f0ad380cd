"""How a stranger's model is met: run it and leave it, and the process around it, as they were found."""

from haar.probing.double_precision import in_double_precision
from haar.probing.drawn import drawn_like
from haar.probing.finite import check_finite
from haar.probing.forward_only import ForwardOnly
from haar.probing.left_alone import left_alone
from haar.probing.transformed import transformed
from haar.probing.undisturbed import undisturbed

__all__ = [
    "ForwardOnly",
    "check_finite",
    "drawn_like",
    "in_double_precision",
    "left_alone",
    "transformed",
    "undisturbed",
]

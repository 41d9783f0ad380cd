"""How a stranger's model is met: run it and leave it, and the process around it, as they were found."""

from haar.probing.defect import Defect, all_or_drawn, defect, some_elements, tolerance_of
from haar.probing.disturbed import disturbed
from haar.probing.double_precision import in_double_precision
from haar.probing.drawn import drawn_like
from haar.probing.examples import example_inputs, fitting_inputs
from haar.probing.finite import check_finite
from haar.probing.forward_only import ForwardOnly
from haar.probing.given import given_batches, given_data, given_rows
from haar.probing.kept_double import KeptDouble
from haar.probing.left_alone import left_alone
from haar.probing.pieces import pieces
from haar.probing.transformed import transformed
from haar.probing.undisturbed import modes_put_back, undisturbed

__all__ = [
    "Defect",
    "ForwardOnly",
    "KeptDouble",
    "all_or_drawn",
    "check_finite",
    "defect",
    "disturbed",
    "drawn_like",
    "example_inputs",
    "fitting_inputs",
    "given_batches",
    "given_data",
    "given_rows",
    "in_double_precision",
    "left_alone",
    "modes_put_back",
    "pieces",
    "some_elements",
    "tolerance_of",
    "transformed",
    "undisturbed",
]

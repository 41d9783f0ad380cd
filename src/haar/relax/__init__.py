"""Relax: a model between equivariant and free, the multipliers that pull it, and what they say about the data."""

from haar.relax.enforcement import enforce
from haar.relax.homotopise import homotopise
from haar.relax.homotopy import Homotopy
from haar.relax.homotopy_layer import HomotopyLayer, LayerSymmetry
from haar.relax.projection import Projection, TensorProjection
from haar.relax.relaxation import Relaxation, relax

__all__ = [
    "Homotopy",
    "HomotopyLayer",
    "LayerSymmetry",
    "Projection",
    "Relaxation",
    "TensorProjection",
    "enforce",
    "homotopise",
    "relax",
]

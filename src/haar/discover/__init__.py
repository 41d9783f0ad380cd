"""Discover: which symmetry does a model, or a data set, have, when nobody says?"""

from haar.discover.dictionaries import Affine, Linear
from haar.discover.discover import discover
from haar.discover.discovery import Discovery
from haar.discover.step import Step

__all__ = ["Affine", "Discovery", "Linear", "Step", "discover"]

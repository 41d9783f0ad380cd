"""Discover: which symmetry does a model, or a data set, have, when nobody says?"""

from haar.discover.coordinates import Coordinates
from haar.discover.dictionaries import Affine, Fields, Linear, Monomials
from haar.discover.discover import discover
from haar.discover.discovery import Discovery
from haar.discover.grid_fields import GridFields
from haar.discover.law import LawDiscovery, law
from haar.discover.pairs import PairsDiscovery, pairs
from haar.discover.step import Step

__all__ = [
    "Affine",
    "Coordinates",
    "Discovery",
    "Fields",
    "GridFields",
    "LawDiscovery",
    "Linear",
    "Monomials",
    "PairsDiscovery",
    "Step",
    "discover",
    "law",
    "pairs",
]

"""Intertwiners: what commutes with a symmetry, solved exactly and fast."""

from haar.intertwiners.count import hom_dimension
from haar.intertwiners.decomposition import Isotypic, IsotypicClass, Run, decompose, matched
from haar.intertwiners.division import right_multiplication
from haar.intertwiners.isotypic_maps import IsotypicIntertwiners, MapBlock, mix
from haar.intertwiners.orbit_maps import OrbitIntertwiners
from haar.intertwiners.orbits import PairOrbits, pair_orbits
from haar.intertwiners.solve import intertwiners, invariants
from haar.intertwiners.space import Intertwiners

__all__ = [
    "Intertwiners",
    "Isotypic",
    "IsotypicClass",
    "IsotypicIntertwiners",
    "MapBlock",
    "OrbitIntertwiners",
    "PairOrbits",
    "Run",
    "decompose",
    "hom_dimension",
    "intertwiners",
    "invariants",
    "matched",
    "mix",
    "pair_orbits",
    "right_multiplication",
]

"""Intertwiners: what commutes with a symmetry, solved exactly and fast."""

from haar.intertwiners.count import hom_dimension
from haar.intertwiners.decomposition import Isotypic, IsotypicClass, Run, decompose, matched
from haar.intertwiners.division import right_multiplication
from haar.intertwiners.irreducibles import irreducible, irreducibles, multiplicities
from haar.intertwiners.isotypic_maps import IsotypicIntertwiners, MapBlock, mix
from haar.intertwiners.molien import equivariant_polynomials, invariant_polynomials
from haar.intertwiners.orbit_maps import OrbitIntertwiners
from haar.intertwiners.orbits import PairOrbits, pair_orbits
from haar.intertwiners.reynolds import reynolds
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
    "equivariant_polynomials",
    "hom_dimension",
    "intertwiners",
    "invariant_polynomials",
    "invariants",
    "irreducible",
    "irreducibles",
    "matched",
    "mix",
    "multiplicities",
    "pair_orbits",
    "reynolds",
    "right_multiplication",
]

"""Groups: finite ones with integer elements, implicit ones with rows, Lie groups with matrices."""

from haar.groups.catalogue import (
    axial,
    cyclic,
    dihedral,
    hyperoctahedral,
    octahedral,
    reflections,
    sign,
    symmetric,
    trivial,
)
from haar.groups.characters import CharacterTable, RealIrreducible, isotypic_projector_coefficients, real_irreducibles
from haar.groups.finite import FiniteGroup, Subgroup, TableGroup
from haar.groups.generated import from_matrices, from_permutations
from haar.groups.grid import GridGroup, grid_group, shifts
from haar.groups.group import Group, Motion
from haar.groups.implicit import SignGroup, SymmetricGroup
from haar.groups.lie import SO, SU2, LieGroup, O, design
from haar.groups.products import FiniteProduct, MixedProduct, product

__all__ = [
    "SO",
    "SU2",
    "CharacterTable",
    "FiniteGroup",
    "FiniteProduct",
    "GridGroup",
    "Group",
    "LieGroup",
    "MixedProduct",
    "Motion",
    "O",
    "RealIrreducible",
    "SignGroup",
    "Subgroup",
    "SymmetricGroup",
    "TableGroup",
    "axial",
    "cyclic",
    "design",
    "dihedral",
    "from_matrices",
    "from_permutations",
    "grid_group",
    "hyperoctahedral",
    "isotypic_projector_coefficients",
    "octahedral",
    "product",
    "real_irreducibles",
    "reflections",
    "shifts",
    "sign",
    "symmetric",
    "trivial",
]

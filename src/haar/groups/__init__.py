"""Groups: finite ones with integer elements, implicit ones with rows, Lie groups with matrices."""

from haar.groups.catalogue import (
    alternating,
    axial,
    cyclic,
    dicyclic,
    dihedral,
    hyperoctahedral,
    icosahedral,
    inversion,
    octahedral,
    quaternion,
    reflections,
    sign,
    symmetric,
    trivial,
)
from haar.groups.chains import averaging_chain
from haar.groups.character_table import CharacterTable, character_table
from haar.groups.characters import RealIrreducible, isotypic_projector_coefficients, real_irreducibles
from haar.groups.crystal import POINT_GROUPS, PointGroup, crystal_group, find_point_group
from haar.groups.finite import FiniteGroup, Subgroup
from haar.groups.generated import from_matrices, from_permutations
from haar.groups.grid import GridGroup, grid_group, shifts
from haar.groups.group import Group, Motion
from haar.groups.implicit import SignGroup, SymmetricGroup
from haar.groups.lie import SU2, LieGroup, design
from haar.groups.listed_symmetric import ListedSymmetric
from haar.groups.lorentz import LorentzGroup
from haar.groups.permutation import PermutationGroup, permutation_group
from haar.groups.products import FiniteProduct, MixedProduct, product
from haar.groups.rotations import SO, O, RotationGroup
from haar.groups.semidirect import SemidirectProduct, semidirect
from haar.groups.table import TableGroup
from haar.groups.torus import Torus
from haar.groups.wreath import FiniteWreath, RowWreath, wreath

__all__ = [
    "POINT_GROUPS",
    "SO",
    "SU2",
    "CharacterTable",
    "FiniteGroup",
    "FiniteProduct",
    "FiniteWreath",
    "GridGroup",
    "Group",
    "LieGroup",
    "ListedSymmetric",
    "LorentzGroup",
    "MixedProduct",
    "Motion",
    "O",
    "PermutationGroup",
    "PointGroup",
    "RealIrreducible",
    "RotationGroup",
    "RowWreath",
    "SemidirectProduct",
    "SignGroup",
    "Subgroup",
    "SymmetricGroup",
    "TableGroup",
    "Torus",
    "alternating",
    "averaging_chain",
    "axial",
    "character_table",
    "crystal_group",
    "cyclic",
    "design",
    "dicyclic",
    "dihedral",
    "find_point_group",
    "from_matrices",
    "from_permutations",
    "grid_group",
    "hyperoctahedral",
    "icosahedral",
    "inversion",
    "isotypic_projector_coefficients",
    "octahedral",
    "permutation_group",
    "product",
    "quaternion",
    "real_irreducibles",
    "reflections",
    "semidirect",
    "shifts",
    "sign",
    "symmetric",
    "trivial",
    "wreath",
]

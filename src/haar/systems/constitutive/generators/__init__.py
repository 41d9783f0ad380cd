"""Generators of constitutive data: closed laws, trusses, representative volumes and their homogenisation."""

from haar.systems.constitutive.generators.cell import NonAffineCell
from haar.systems.constitutive.generators.elastic import CubicCrystal, NeoHookean, random_strains
from haar.systems.constitutive.generators.homogenisation import homogenise, laminate_stiffness
from haar.systems.constitutive.generators.microstructure import (
    cubic_stiffness,
    fibres,
    isotropic_stiffness,
    laminate,
    polycrystal,
    turned_stiffness,
)
from haar.systems.constitutive.generators.truss import LatticeCell, PlasticTruss, ZenerTruss, strain_paths

__all__ = [
    "CubicCrystal",
    "LatticeCell",
    "NeoHookean",
    "NonAffineCell",
    "PlasticTruss",
    "ZenerTruss",
    "cubic_stiffness",
    "fibres",
    "homogenise",
    "isotropic_stiffness",
    "laminate",
    "laminate_stiffness",
    "polycrystal",
    "random_strains",
    "strain_paths",
    "turned_stiffness",
]

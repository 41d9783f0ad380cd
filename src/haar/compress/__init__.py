"""Compress: models made small, and what is left of them."""

from haar.compress.sparse.densities import erdos_renyi, uniform
from haar.compress.sparse.lightning_callback import sparsity_callback
from haar.compress.sparse.regimes import Gradual, Growing, Regime, Revival, Rigl, Set, Static, module_specific
from haar.compress.sparse.report import LayerSparsity, SparsityReport
from haar.compress.sparse.sparsifier import Sparsifier
from haar.compress.sparse.sparsify import sparsify
from haar.compress.sparse.units import Units, coordinates, entries, orbits

__all__ = [
    "Gradual",
    "Growing",
    "LayerSparsity",
    "Regime",
    "Revival",
    "Rigl",
    "Set",
    "Sparsifier",
    "SparsityReport",
    "Static",
    "Units",
    "coordinates",
    "entries",
    "erdos_renyi",
    "module_specific",
    "orbits",
    "sparsify",
    "sparsity_callback",
    "uniform",
]

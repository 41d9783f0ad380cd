"""Basis layers: Kurkova-Kolmogorov-Arnold networks, their expansions, and symmetry in the coordinates."""

from haar.nn.basis.conditions import Conditions
from haar.nn.basis.coordinates import Coordinates, Factor, coordinates
from haar.nn.basis.network import KKAN
from haar.nn.basis.outer_block import OuterBlock
from haar.nn.basis.polynomials import chebyshev, legendre
from haar.nn.basis.residual_attention import ResidualAttention
from haar.nn.basis.residual_fit import derivative, fit_residual, laplacian
from haar.nn.basis.sine_map import sine_moments

__all__ = [
    "KKAN",
    "Conditions",
    "Coordinates",
    "Factor",
    "OuterBlock",
    "ResidualAttention",
    "chebyshev",
    "coordinates",
    "derivative",
    "fit_residual",
    "laplacian",
    "legendre",
    "sine_moments",
]

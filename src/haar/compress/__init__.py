"""Compress: what compression leaves of a model, its symmetry, and the choice of its parameters."""

from haar.compress.canonical import canonical, canonical_form
from haar.compress.catalogue import PERTURBATIONS
from haar.compress.entries import Magnitude, NofM, Noise, Random
from haar.compress.gauge import gauge, orbit_gap
from haar.compress.low_rank import LowRank
from haar.compress.perturbation import Perturbation
from haar.compress.quantise import Activations, Quantise
from haar.compress.sweep import sweep

__all__ = [
    "PERTURBATIONS",
    "Activations",
    "LowRank",
    "Magnitude",
    "NofM",
    "Noise",
    "Perturbation",
    "Quantise",
    "Random",
    "sweep",
]

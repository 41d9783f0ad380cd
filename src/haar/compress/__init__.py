"""Compress: models made small or trained sparse, and what that leaves of them and of their symmetry."""

from haar.compress.answers import AnswerCalibration, Calibrated, CalibratedAnswers, calibrate_answers
from haar.compress.calibrated import (
    Importance,
    ScaledQuantise,
    SparseGPT,
    Surgeon,
    Taylor,
    Wanda,
    WandaNofM,
    WeightedLowRank,
)
from haar.compress.canonical import Canonical, canonical, canonical_form
from haar.compress.catalogue import PERTURBATIONS
from haar.compress.crossing import Crossing
from haar.compress.curve import Curve
from haar.compress.decoding import Decoding
from haar.compress.entries import Magnitude, NofM, Noise, Random
from haar.compress.found import Sweep, Threshold
from haar.compress.gauge import gauge, orbit_gap
from haar.compress.gauge_report import GaugeAudit
from haar.compress.law import Law, fit_law
from haar.compress.low_rank import LowRank
from haar.compress.metrics import METRICS, Metric, Seen
from haar.compress.optimised import optimised
from haar.compress.perturbation import Perturbation
from haar.compress.projected import Projected
from haar.compress.quantise import Activations, Quantise
from haar.compress.sensitivity import Sensitivity, sensitivity
from haar.compress.sparse.densities import erdos_renyi, uniform
from haar.compress.sparse.lightning_callback import sparsity_callback
from haar.compress.sparse.regimes import Gradual, Growing, Regime, Revival, Rigl, Set, Static, module_specific
from haar.compress.sparse.report import LayerSparsity, SparsityReport
from haar.compress.sparse.sparsifier import Sparsifier
from haar.compress.sparse.sparsify import sparsify
from haar.compress.sparse.units import Units, coordinates, entries, orbits
from haar.compress.stacked import Stacked
from haar.compress.structured import AttentionHeads, Deepen, Depth, HiddenUnits
from haar.compress.sweep import sweep

__all__ = [
    "METRICS",
    "PERTURBATIONS",
    "Activations",
    "AnswerCalibration",
    "AttentionHeads",
    "Calibrated",
    "CalibratedAnswers",
    "Canonical",
    "Crossing",
    "Curve",
    "Decoding",
    "Deepen",
    "Depth",
    "GaugeAudit",
    "Gradual",
    "Growing",
    "HiddenUnits",
    "Importance",
    "Law",
    "LayerSparsity",
    "LowRank",
    "Magnitude",
    "Metric",
    "NofM",
    "Noise",
    "Perturbation",
    "Projected",
    "Quantise",
    "Random",
    "Regime",
    "Revival",
    "Rigl",
    "ScaledQuantise",
    "Seen",
    "Sensitivity",
    "Set",
    "SparseGPT",
    "Sparsifier",
    "SparsityReport",
    "Stacked",
    "Static",
    "Surgeon",
    "Sweep",
    "Taylor",
    "Threshold",
    "Units",
    "Wanda",
    "WandaNofM",
    "WeightedLowRank",
    "calibrate_answers",
    "canonical",
    "canonical_form",
    "coordinates",
    "entries",
    "erdos_renyi",
    "fit_law",
    "gauge",
    "module_specific",
    "optimised",
    "orbit_gap",
    "orbits",
    "sensitivity",
    "sparsify",
    "sparsity_callback",
    "sweep",
    "uniform",
]

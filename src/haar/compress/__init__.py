"""Compress: what compression leaves of a model, its symmetry, and the choice of its parameters."""

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
from haar.compress.perturbation import Perturbation
from haar.compress.quantise import Activations, Quantise
from haar.compress.sensitivity import Sensitivity, sensitivity
from haar.compress.stacked import Stacked
from haar.compress.structured import AttentionHeads, Deepen, Depth, HiddenUnits
from haar.compress.sweep import sweep

__all__ = [
    "METRICS",
    "PERTURBATIONS",
    "Activations",
    "AttentionHeads",
    "Canonical",
    "Crossing",
    "Curve",
    "Decoding",
    "Deepen",
    "Depth",
    "GaugeAudit",
    "HiddenUnits",
    "Importance",
    "Law",
    "LowRank",
    "Magnitude",
    "Metric",
    "NofM",
    "Noise",
    "Perturbation",
    "Quantise",
    "Random",
    "ScaledQuantise",
    "Seen",
    "Sensitivity",
    "SparseGPT",
    "Stacked",
    "Surgeon",
    "Sweep",
    "Taylor",
    "Threshold",
    "Wanda",
    "WandaNofM",
    "WeightedLowRank",
    "canonical",
    "canonical_form",
    "fit_law",
    "gauge",
    "orbit_gap",
    "sensitivity",
    "sweep",
]

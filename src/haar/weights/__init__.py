"""Weights: how a group acts on a network's parameters, and how far these are from symmetric."""

from haar.weights.action import ParameterAction
from haar.weights.adapters import ADAPTERS, adapted
from haar.weights.block_monomial import BlockMonomial
from haar.weights.canonical import balancing
from haar.weights.checkpoint import Checkpoint
from haar.weights.copies import Copies, widened, without_copies
from haar.weights.distances import breaking_distance, closest_pair, orbit_distance, pair_distances, unit_clusters
from haar.weights.expanded import expanded
from haar.weights.experts import Experts
from haar.weights.folding import folded
from haar.weights.gauge import Gauge
from haar.weights.heads import Heads
from haar.weights.moved import Moved
from haar.weights.norms import Norm
from haar.weights.sites import Rotation, Site, Units
from haar.weights.static_bias import StaticBias
from haar.weights.symmetric import asymmetry, projected
from haar.weights.traced import traced
from haar.weights.untied import untied
from haar.weights.verify import Verification, verify
from haar.weights.written import write_weights

__all__ = [
    "ADAPTERS",
    "BlockMonomial",
    "Checkpoint",
    "Copies",
    "Experts",
    "Gauge",
    "Heads",
    "Moved",
    "Norm",
    "ParameterAction",
    "Rotation",
    "Site",
    "StaticBias",
    "Units",
    "Verification",
    "adapted",
    "asymmetry",
    "balancing",
    "breaking_distance",
    "closest_pair",
    "expanded",
    "folded",
    "orbit_distance",
    "pair_distances",
    "projected",
    "traced",
    "unit_clusters",
    "untied",
    "verify",
    "widened",
    "without_copies",
    "write_weights",
]

"""Cumulants through networks: laws, cumulant algebra, and what a trained model makes of an uncertain input."""

from haar.moments import laws
from haar.moments.activation import Activation, NormalPair
from haar.moments.backends import Backend, Dense, Diagonal, Factored, Orbit
from haar.moments.closed_forms import Erf, Exponential, Gelu, Polynomial, Sine
from haar.moments.compare import Comparison, compare, sample_outputs
from haar.moments.control import ControlledMean, controlled_mean
from haar.moments.controlled_moments import ControlledMoments, FusedMoments, controlled_moments, moments_within
from haar.moments.cumulants import joint_cumulant, joint_moment, set_partitions, to_cumulants, to_moments
from haar.moments.edgeworth import cornish_fisher, density, edgeworth_expectation
from haar.moments.exchangeable import Exchangeable
from haar.moments.joint import Empirical, Gaussian, Independent, InputLaw
from haar.moments.kstatistics import KStatistics, kstats
from haar.moments.normal import bivariate_cdf
from haar.moments.orbit_propagation import OrbitPropagation
from haar.moments.orbits import NodeOrbits
from haar.moments.piecewise_linear import PiecewiseLinear
from haar.moments.propagate import propagate, propagate_on_orbits
from haar.moments.propagation import ErrorEstimate, Propagation
from haar.moments.step_builder import UnsupportedModuleError
from haar.moments.symmetry import DistributionalDefect, distributional_defect, symmetry_in_distribution
from haar.moments.training import expected_squared_error, moment_loss, train_on_moments

__all__ = [
    "Activation",
    "Backend",
    "Comparison",
    "ControlledMean",
    "ControlledMoments",
    "Dense",
    "Diagonal",
    "DistributionalDefect",
    "Empirical",
    "Erf",
    "ErrorEstimate",
    "Exchangeable",
    "Exponential",
    "Factored",
    "FusedMoments",
    "Gaussian",
    "Gelu",
    "Independent",
    "InputLaw",
    "KStatistics",
    "NodeOrbits",
    "NormalPair",
    "Orbit",
    "OrbitPropagation",
    "PiecewiseLinear",
    "Polynomial",
    "Propagation",
    "Sine",
    "UnsupportedModuleError",
    "bivariate_cdf",
    "compare",
    "controlled_mean",
    "controlled_moments",
    "cornish_fisher",
    "density",
    "distributional_defect",
    "edgeworth_expectation",
    "expected_squared_error",
    "joint_cumulant",
    "joint_moment",
    "kstats",
    "laws",
    "moment_loss",
    "moments_within",
    "propagate",
    "propagate_on_orbits",
    "sample_outputs",
    "set_partitions",
    "symmetry_in_distribution",
    "to_cumulants",
    "to_moments",
    "train_on_moments",
]

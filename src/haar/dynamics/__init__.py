"""Dynamics: meters that watch a training and leave it as it is."""

from haar.dynamics.batch_signal import BatchSignal, signal_to_noise
from haar.dynamics.dashboard import Dashboard
from haar.dynamics.geometric_complexity import GeometricComplexity, geometric_complexity
from haar.dynamics.gradient_signal import GradientSignal
from haar.dynamics.lightning_callback import dynamics_callback
from haar.dynamics.meter import Meter
from haar.dynamics.parameter_asymmetry import ParameterAsymmetry
from haar.dynamics.plasticity import Plasticity
from haar.dynamics.spectrum import dormant_ratio, effective_rank, stable_rank

__all__ = [
    "BatchSignal",
    "Dashboard",
    "GeometricComplexity",
    "GradientSignal",
    "Meter",
    "ParameterAsymmetry",
    "Plasticity",
    "dormant_ratio",
    "dynamics_callback",
    "effective_rank",
    "geometric_complexity",
    "signal_to_noise",
    "stable_rank",
]

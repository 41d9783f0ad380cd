"""Dynamics: meters that watch a training and leave it as it is."""

from haar.dynamics.gradient_signal import GradientSignal
from haar.dynamics.meter import Meter
from haar.dynamics.plasticity import Plasticity
from haar.dynamics.spectrum import dormant_ratio, effective_rank, stable_rank

__all__ = ["GradientSignal", "Meter", "Plasticity", "dormant_ratio", "effective_rank", "stable_rank"]

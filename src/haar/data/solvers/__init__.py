"""Batched solvers in plain torch that commute exactly with the symmetries of their equations."""

from haar.data.solvers.exponential import ExponentialRungeKutta, phi_functions
from haar.data.solvers.gray_scott import GrayScott
from haar.data.solvers.grid import PeriodicGrid

__all__ = ["ExponentialRungeKutta", "GrayScott", "PeriodicGrid", "phi_functions"]

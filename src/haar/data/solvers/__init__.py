"""Batched solvers in plain torch that commute exactly with the symmetries of their equations."""

from haar.data.solvers.acoustics import Acoustics
from haar.data.solvers.calculus import curl, divergence, gradient, pressure, strain_rate, velocity_of
from haar.data.solvers.exponential import ExponentialRungeKutta, phi_functions
from haar.data.solvers.gray_scott import GrayScott
from haar.data.solvers.grid import PeriodicGrid
from haar.data.solvers.navier_stokes import NavierStokes
from haar.data.solvers.rayleigh_benard import RayleighBenard

__all__ = [
    "Acoustics",
    "ExponentialRungeKutta",
    "GrayScott",
    "NavierStokes",
    "PeriodicGrid",
    "RayleighBenard",
    "curl",
    "divergence",
    "gradient",
    "phi_functions",
    "pressure",
    "strain_rate",
    "velocity_of",
]

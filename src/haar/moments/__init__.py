"""Cumulants through networks: laws, cumulant algebra, and what a trained model makes of an uncertain input."""

from haar.moments.joint import Empirical, Exchangeable, Gaussian, Independent
from haar.moments.propagate import propagate

__all__ = ["Empirical", "Exchangeable", "Gaussian", "Independent", "propagate"]

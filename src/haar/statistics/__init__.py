"""Statistics that every floor may ask for: intervals over independent units, p-values by chance and of many tests."""

from haar.statistics.holm import holm
from haar.statistics.intervals import FEWEST, Estimate, median_interval, ratio, spread
from haar.statistics.least_squares import least_squares
from haar.statistics.randomisation import randomisation_p
from haar.statistics.resampling import Resampler

__all__ = [
    "FEWEST",
    "Estimate",
    "Resampler",
    "holm",
    "least_squares",
    "median_interval",
    "randomisation_p",
    "ratio",
    "spread",
]

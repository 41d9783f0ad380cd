"""Average: any model made exactly symmetric, without training."""

from haar.average.average import average
from haar.average.engine import Averaged
from haar.average.weighted import (
    Cosets,
    Design,
    Frame,
    Given,
    How,
    Orbit,
    Quadrature,
    QuasiRandom,
    Sampled,
    WeightedSet,
)

__all__ = [
    "Averaged",
    "Cosets",
    "Design",
    "Frame",
    "Given",
    "How",
    "Orbit",
    "Quadrature",
    "QuasiRandom",
    "Sampled",
    "WeightedSet",
    "average",
]

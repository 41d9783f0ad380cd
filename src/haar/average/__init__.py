"""Average: any model made exactly symmetric, without training."""

from haar.average.average import average
from haar.average.engine import Averaged
from haar.average.frame import Frame
from haar.average.quadrature import Design, Quadrature, QuasiRandom
from haar.average.sampled import Sampled
from haar.average.weighted import Cosets, Draw, Given, How, Orbit, WeightedSet
from haar.average.windowed import hann_window, triangle_window

__all__ = [
    "Averaged",
    "Cosets",
    "Design",
    "Draw",
    "Frame",
    "Given",
    "How",
    "Orbit",
    "Quadrature",
    "QuasiRandom",
    "Sampled",
    "WeightedSet",
    "average",
    "hann_window",
    "triangle_window",
]

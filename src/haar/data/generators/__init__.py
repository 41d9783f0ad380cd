"""Data sets made by our own solvers: real dynamics whose symmetries are known exactly."""

from haar.data.generators.generator import Axis, Generator, Metadata
from haar.data.generators.gray_scott import PATTERNS, GrayScottGenerator

__all__ = ["PATTERNS", "Axis", "Generator", "GrayScottGenerator", "Metadata"]

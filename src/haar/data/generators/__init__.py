"""Data sets made by our own solvers: real dynamics whose symmetries are known exactly."""

from haar.data.generators.acoustic_inclusions import AcousticInclusionsGenerator, Medium, Sound
from haar.data.generators.catalogue import catalogue
from haar.data.generators.generation import write_runs
from haar.data.generators.generator import Generator, Metadata
from haar.data.generators.gray_scott import PATTERNS, GrayScottGenerator, Spots
from haar.data.generators.rayleigh_benard import RayleighBenardGenerator
from haar.data.generators.shear_flow import ShearFlowGenerator
from haar.data.generators.turbulence import TurbulenceGenerator
from haar.data.well.axis import Axis

__all__ = [
    "PATTERNS",
    "AcousticInclusionsGenerator",
    "Axis",
    "Generator",
    "GrayScottGenerator",
    "Medium",
    "Metadata",
    "RayleighBenardGenerator",
    "ShearFlowGenerator",
    "Sound",
    "Spots",
    "TurbulenceGenerator",
    "catalogue",
    "write_runs",
]

"""The generators by name, for the command line."""

from __future__ import annotations

from haar.data.generators.acoustic_inclusions import AcousticInclusionsGenerator
from haar.data.generators.generator import Generator
from haar.data.generators.gray_scott import GrayScottGenerator
from haar.data.generators.rayleigh_benard import RayleighBenardGenerator
from haar.data.generators.shear_flow import ShearFlowGenerator
from haar.data.generators.turbulence import TurbulenceGenerator


def catalogue() -> dict[str, type[Generator]]:
    """Every generator's class by its name.

    Example:
        >>> "gray_scott" in catalogue()
        True
    """
    classes: tuple[type[Generator], ...] = (
        GrayScottGenerator,
        TurbulenceGenerator,
        ShearFlowGenerator,
        AcousticInclusionsGenerator,
        RayleighBenardGenerator,
    )
    return {generator.name: generator for generator in classes}

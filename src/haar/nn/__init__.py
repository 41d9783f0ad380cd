"""Modules for a user's network, each equivariant by construction."""

from haar.nn.convolution import Conv
from haar.nn.kernel_points import KernelPoints
from haar.nn.linear import Linear
from haar.nn.module import EquivariantModule
from haar.nn.parts import PartRun, part_count, part_runs

__all__ = ["Conv", "EquivariantModule", "KernelPoints", "Linear", "PartRun", "part_count", "part_runs"]

"""The Well's HDF5 format (arXiv 2412.00568): reading, windows, writing, statistics."""

from haar.data.well.axis import Axis
from haar.data.well.boundary import Boundary, BoundaryType
from haar.data.well.channels import join_channels, split_channels
from haar.data.well.collect import StatisticsCollector, compute_statistics
from haar.data.well.dataset import write_well
from haar.data.well.domain_symmetry import DomainSymmetry, domain_symmetry
from haar.data.well.given import Shared, Storage
from haar.data.well.known_symmetries import KnownDataSet, known_data_set
from haar.data.well.metadata import WellMetadata
from haar.data.well.normalise import ZScore
from haar.data.well.reader import WellReader
from haar.data.well.spread_windows import SpreadWindows, field_scale
from haar.data.well.statistics import Statistics
from haar.data.well.stored import WellField, WellScalar
from haar.data.well.trajectories import Trajectories, Trajectory
from haar.data.well.windows import Windows
from haar.data.well.writer import WellWriter

__all__ = [
    "Axis",
    "Boundary",
    "BoundaryType",
    "DomainSymmetry",
    "KnownDataSet",
    "Shared",
    "SpreadWindows",
    "Statistics",
    "StatisticsCollector",
    "Storage",
    "Trajectories",
    "Trajectory",
    "WellField",
    "WellMetadata",
    "WellReader",
    "WellScalar",
    "WellWriter",
    "Windows",
    "ZScore",
    "compute_statistics",
    "domain_symmetry",
    "field_scale",
    "join_channels",
    "known_data_set",
    "split_channels",
    "write_well",
]

"""Data of real formats: The Well's files, generators that make them, and the metrics that they are judged by."""

from haar.data.metrics import ErrorReport, FieldErrors, StepRange, energy_spectrum, mae, nrmse, rmse, vrmse
from haar.data.well import (
    Axis,
    Statistics,
    Trajectories,
    Trajectory,
    WellMetadata,
    WellReader,
    WellWriter,
    Windows,
    ZScore,
    compute_statistics,
    write_well,
)

__all__ = [
    "Axis",
    "ErrorReport",
    "FieldErrors",
    "Statistics",
    "StepRange",
    "Trajectories",
    "Trajectory",
    "WellMetadata",
    "WellReader",
    "WellWriter",
    "Windows",
    "ZScore",
    "compute_statistics",
    "energy_spectrum",
    "mae",
    "nrmse",
    "rmse",
    "vrmse",
    "write_well",
]

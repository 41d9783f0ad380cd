"""Metrics of The Well's protocol: pointwise errors, mergeable sums over rollouts, spectra."""

from haar.data.metrics.error_report import ErrorReport
from haar.data.metrics.field_errors import FieldErrors
from haar.data.metrics.pointwise import SpaceMoments, mae, near_constant, nrmse, rmse, vrmse
from haar.data.metrics.pooled import pooled_errors
from haar.data.metrics.spectrum import energy_spectrum
from haar.data.metrics.steps import ONE_STEP, PROTOCOL, StepRange

__all__ = [
    "ONE_STEP",
    "PROTOCOL",
    "ErrorReport",
    "FieldErrors",
    "SpaceMoments",
    "StepRange",
    "energy_spectrum",
    "mae",
    "near_constant",
    "nrmse",
    "pooled_errors",
    "rmse",
    "vrmse",
]

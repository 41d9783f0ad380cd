"""Principal components: axes of clouds, eigenvectors with finite derivatives, and layers with a stated gauge."""

from haar.nn.principal.axes import PrincipalAxes, principal_axes
from haar.nn.principal.count import factor_count
from haar.nn.principal.eigenvectors import eigenvectors
from haar.nn.principal.gauge import DegenerateCutWarning, gauge_symmetry, sampled_spaces, sampling_error
from haar.nn.principal.health import FrameHealth, frame_health
from haar.nn.principal.layer import PCALayer
from haar.nn.principal.procrustes import align_frame, nearest_orthogonal, orthonormal, polar_factor
from haar.nn.principal.projector import principal_projector
from haar.nn.principal.soft import SoftPCALayer, principal_penalty

__all__ = [
    "DegenerateCutWarning",
    "FrameHealth",
    "PCALayer",
    "PrincipalAxes",
    "SoftPCALayer",
    "align_frame",
    "eigenvectors",
    "factor_count",
    "frame_health",
    "gauge_symmetry",
    "nearest_orthogonal",
    "orthonormal",
    "polar_factor",
    "principal_axes",
    "principal_penalty",
    "principal_projector",
    "sampled_spaces",
    "sampling_error",
]

"""Frames: models made equivariant under O(d) through the principal axes of their input."""

from haar.nn.frames.averaging import Averaging
from haar.nn.frames.gram_map import GramMap
from haar.nn.frames.pca_frame import PCAFrame
from haar.nn.frames.weighted_frame import WeightedFrame
from haar.nn.principal import FrameHealth, PrincipalAxes, frame_health, principal_axes

__all__ = [
    "Averaging",
    "FrameHealth",
    "GramMap",
    "PCAFrame",
    "PrincipalAxes",
    "WeightedFrame",
    "frame_health",
    "principal_axes",
]

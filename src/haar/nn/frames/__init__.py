"""Frames: models made equivariant under O(d) through the principal axes of their input."""

from haar.nn.frames.frame_health import FrameHealth, frame_health
from haar.nn.frames.gram_map import GramMap
from haar.nn.frames.pca_frame import PCAFrame
from haar.nn.frames.principal_axes import PrincipalAxes, principal_axes
from haar.nn.frames.weighted_frame import WeightedFrame

__all__ = ["FrameHealth", "GramMap", "PCAFrame", "PrincipalAxes", "WeightedFrame", "frame_health", "principal_axes"]

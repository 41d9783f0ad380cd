"""Frames: models made equivariant under O(d) through the principal axes of their input."""

from haar.nn.frames.averaging import Averaging
from haar.nn.frames.gram_map import GramMap
from haar.nn.frames.pca_frame import PCAFrame
from haar.nn.frames.weighted_frame import WeightedFrame

__all__ = ["Averaging", "GramMap", "PCAFrame", "WeightedFrame"]

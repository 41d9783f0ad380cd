"""Principal components: axes of clouds, eigenvectors with finite derivatives, and how far they can be trusted."""

from haar.nn.principal.axes import PrincipalAxes, principal_axes
from haar.nn.principal.eigenvectors import eigenvectors
from haar.nn.principal.health import FrameHealth, frame_health

__all__ = ["FrameHealth", "PrincipalAxes", "eigenvectors", "frame_health", "principal_axes"]

"""Geometry: learned metrics, their curvature and geodesics, and the symmetries that they have."""

from haar.geometry.chart import CouplingChart
from haar.geometry.curvature import christoffel, ricci, riemann, scalar_curvature, volume
from haar.geometry.geodesic import Geodesics, geodesic, geodesic_between
from haar.geometry.isometry import IsometryDefect, isometry_defect
from haar.geometry.killing import KillingFields, killing_fields, lie_derivative_of_metric
from haar.geometry.log_average import LogAveraged
from haar.geometry.metric_net import MetricNet
from haar.geometry.natural import Direction, natural_direction, natural_gradient
from haar.geometry.penalty import geometric_penalty, log_volume_spread
from haar.geometry.portrait import Portrait, portrait
from haar.geometry.pullback import Fisher, Pullback, pulled_back

__all__ = [
    "CouplingChart",
    "Direction",
    "Fisher",
    "Geodesics",
    "IsometryDefect",
    "KillingFields",
    "LogAveraged",
    "MetricNet",
    "Portrait",
    "Pullback",
    "christoffel",
    "geodesic",
    "geodesic_between",
    "geometric_penalty",
    "isometry_defect",
    "killing_fields",
    "lie_derivative_of_metric",
    "log_volume_spread",
    "natural_direction",
    "natural_gradient",
    "portrait",
    "pulled_back",
    "ricci",
    "riemann",
    "scalar_curvature",
    "volume",
]

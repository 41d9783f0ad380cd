"""Two players and an objective: how they move, averages of what they were, what they could still win, and damping."""

from haar.saddle.averaging import Averaging, Bank, Distillation, FunctionAverage, distilled
from haar.saddle.damping import check_steps, critical_rates
from haar.saddle.game import Saddle, Turn
from haar.saddle.gap import Gap
from haar.saddle.lightning_module import saddle_module
from haar.saddle.modes import MODES
from haar.saddle.multipliers import Multipliers
from haar.saddle.play import play
from haar.saddle.projection import Ball, Projection
from haar.saddle.updates import ORDERS, ascend, check_order, feasible, second_sees

__all__ = [
    "MODES",
    "ORDERS",
    "Averaging",
    "Ball",
    "Bank",
    "Distillation",
    "FunctionAverage",
    "Gap",
    "Multipliers",
    "Projection",
    "Saddle",
    "Turn",
    "ascend",
    "check_order",
    "check_steps",
    "critical_rates",
    "distilled",
    "feasible",
    "play",
    "saddle_module",
    "second_sees",
]

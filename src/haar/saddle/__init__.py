"""Two players and an objective: whose turn it is, how multipliers rise, and the damping that makes them arrive."""

from haar.saddle.damping import check_steps, critical_rates
from haar.saddle.updates import ORDERS, ascend, check_order, feasible, second_sees

__all__ = ["ORDERS", "ascend", "check_order", "check_steps", "critical_rates", "feasible", "second_sees"]

"""Check: find or take a symmetry, audit it, carry out what the evidence recommends, and measure that."""

from haar.check.budget import Budget
from haar.check.check import check
from haar.check.checked import Check
from haar.check.measured import Measured
from haar.check.relaxed import Gains, Relaxed, Training
from haar.check.repair import Repair

__all__ = ["Budget", "Check", "Gains", "Measured", "Relaxed", "Repair", "Training", "check"]

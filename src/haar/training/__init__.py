"""One loop for all that is trained, whose steps depend on the state and on (seed, step) alone, so that runs resume."""

from haar.training.checkpoint import Checkpoint, Stateful
from haar.training.loop import DivergedError, Run
from haar.training.plan import Plan, cosine, draw

__all__ = ["Checkpoint", "DivergedError", "Plan", "Run", "Stateful", "cosine", "draw"]

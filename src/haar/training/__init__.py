"""One loop for all that is trained, whose steps depend on the state and on (seed, step) alone, so that runs resume."""

from haar.training.checkpoint import Checkpoint, Stateful
from haar.training.loop import DivergedError, Run
from haar.training.plan import Epochs, Plan, Schedule, cosine, draw, seed_of

__all__ = ["Checkpoint", "DivergedError", "Epochs", "Plan", "Run", "Schedule", "Stateful", "cosine", "draw", "seed_of"]

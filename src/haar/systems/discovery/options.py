"""What a preset says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Experiment:
    """What a preset says.

    Args:
        samples: Samples of functions with a planted algebra.
        events: Momenta.
        steps: Of training.
        networks: Trained on so(3) data, a seed.
        random: Random networks without a symmetry, a seed.
        trained: Networks trained on structureless targets, a seed.
        signed: Random networks that are searched for signed permutations, a seed.
        exchanges: Functions of eight inputs that networks are trained on.
        fields: Fields on the grid.
        grid: Points along its sides.
        law: Samples of a law.
        space: Whether two bodies are also looked at in space.
    """

    samples: int
    events: int
    steps: int
    networks: int
    random: int
    trained: int
    signed: int
    exchanges: tuple[str, ...]
    fields: int
    grid: int
    law: int
    space: bool

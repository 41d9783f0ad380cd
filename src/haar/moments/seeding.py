"""Random numbers that a model draws by itself, from a generator of the caller."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from haar.probing import undisturbed


@contextmanager
def seeded_by(generator: torch.Generator, *models: Callable[..., Any]) -> Iterator[None]:
    """Let the process's random state follow a generator, and put it back; models keep their modes and buffers.

    The generator itself is not moved on.

    Args:
        generator: The caller's generator.
        models: Models that run meanwhile.

    Example:
        >>> with seeded_by(torch.Generator().manual_seed(0)):
        ...     first = torch.rand(())
        >>> with seeded_by(torch.Generator().manual_seed(0)):
        ...     print(bool(torch.rand(()) == first))
        True
    """
    # A generator of its own: with the same seed as the caller's, the model's numbers would be those of the draws.
    ahead = torch.Generator(device=generator.device)
    ahead.set_state(generator.get_state())
    seed = int(torch.randint(2**31, (), generator=ahead, device=ahead.device))
    with undisturbed(*models, mode=None):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (what a model may draw from)
        random.seed(seed)
        yield

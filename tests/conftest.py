"""Settings shared by every test: reproducible, single-threaded, hypothesis without deadlines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
import pytest
import torch
from hypothesis import HealthCheck, settings

pytest_plugins = ["haar.testing.plugin"]

settings.register_profile(
    "haar", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("haar")
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded generator, fresh for every test."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked_annotations() -> Iterator[None]:
    """As in a user's program: nothing but the library itself looks at what it is given."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


class Told:
    """Somebody who is told how far work is, and who may have enough."""

    def __init__(self, until=math.inf):
        self.stages, self.steps, self.until = [], 0, until

    @contextmanager
    def stage(self, title, total):
        self.stages.append((title, total))
        yield self._advance

    def _advance(self):
        self.steps += 1
        if self.steps == self.until:
            raise KeyboardInterrupt


@pytest.fixture
def told():
    """Make somebody who is told, and who interrupts the work after some steps."""
    return Told

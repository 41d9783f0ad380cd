"""Settings shared by every test: reproducible, single-threaded, hypothesis without deadlines."""

from __future__ import annotations

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

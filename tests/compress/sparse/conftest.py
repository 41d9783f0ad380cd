"""What is trained sparse needs gradients, which the tests of compression beside these do without."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _no_gradients():
    """In place of the folder above's."""
    with torch.enable_grad():
        yield

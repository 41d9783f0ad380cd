"""The registries are shared by import; which plan of an average is fastest does not matter here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from haar.average import micro_batch

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def quick_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time every plan once."""
    monkeypatch.setattr(micro_batch, "_LONG", 0.0)

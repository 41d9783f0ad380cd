"""Lets the tests of this folder share `relax_worlds`, the task and its models, and `relax_networks`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

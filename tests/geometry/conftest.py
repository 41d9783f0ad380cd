"""Lets the tests of this folder share `geometry_metrics`, what they try things on."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

"""The code of `docs/audit.md` runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def test_the_code_of_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) == 12
    with torch.random.fork_rng():
        exec(compile("\n".join(blocks), str(PAGE), "exec"), {})
    printed = capsys.readouterr().out
    assert "Average over D4: the MSE falls by" in printed
    assert "average D4 ['e', 'r90'" in printed
    assert "order of components: u is reversed, not as the axes of the array" in printed
    assert "{'defect/r90': " in printed
    assert "velocity spread" in printed
    assert "<Symmetry S8: Points, Edges -> Points>\nAverage over S8: the MSE falls by" in printed
    assert "stride 2 on 32 reaches one side only" in printed
    assert "X2: 0.000" in printed
    assert "2 ('reversal of y: its two ends differ'" in printed

"""The code of `docs/average.md` runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "average.md"


def test_the_code_of_the_page_runs(capsys, tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) == 12
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng():
        exec(compile("\n".join(blocks), str(PAGE), "exec"), {})
    printed = capsys.readouterr().out
    assert "equivariant: True" in printed
    assert "32 -> 8" in printed
    assert "8 forwards, symmetric under 8 elements" in printed
    assert "1.00 where the truth is the model itself" in printed
    assert "trajectory (2, 5, 3, 16, 16)" in printed
    assert "folded: True" in printed
    assert (tmp_path / "symmetric.pt2").exists()

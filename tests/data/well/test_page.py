"""The code of `docs/data.md` runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "data.md"


def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) > 5
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {})
    printed = capsys.readouterr().out
    assert "vorticity: pseudoscalar, variable" in printed
    assert "(9, 32, 32) (4, 32, 32)" in printed
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "more.hdf5",
        "stats.yaml",
        "waves.hdf5",
        "waves.hdf5",
    ]

"""The code of the page runs as it stands there and prints what its text says; its pictures exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[3] / "docs"
PRINTED = (
    "<Symmetry SO(3) x S3: Points -> Invariant> (16, 3, 3) 31",
    "ExchangeCircuit True",
    "GenericCircuit False",
    "0.3333333333 X0 X1 + 0.3333333333 Y0 Y1 + 0.3333333333 Z0 Z1",
    "True 10",
    "broken\nexact",
    "True\nTrue\n10\n",
)


@pytest.mark.referee
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pennylane.exceptions.PennyLaneDeprecationWarning")
def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pennylane", reason="the page shows a QNode, extra quantum")
    pytest.importorskip("ase", reason="the page runs dynamics in ASE, extra chemistry")
    blocks = re.findall(r"```python\n(.*?)```", (FOLDER / "quantum.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(compile("\n".join(blocks), "quantum.md", "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out
    assert [line for line in PRINTED if line not in printed] == []


def test_pictures_and_tables_of_the_page_are_there() -> None:
    text = (FOLDER / "quantum.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(((?!http)[^)#]+)\)", text)
    assert len(targets) == 4
    assert all((FOLDER / target).is_file() for target in targets)
    for script in ("results: written by docs/figures/quantum.py", "benchmarks/quantum.py"):
        assert text.split(f"<!-- {script} -->")[1].count("|") > 20

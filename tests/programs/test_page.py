"""The page on files: its code runs, and what it says of the list of operators is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from haar.errors import DataError
from haar.programs.operators import ATEN, operator

PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text()


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    assert names["module"](torch.zeros(2, 3)).shape == (2, 3)


def test_operators_that_the_page_excludes_are_not_on_the_list():
    excluded = re.findall(r"`aten\.(\w+)`", PAGE)
    assert excluded == ["from_file", "save"]
    for name in excluded:
        with pytest.raises(DataError, match="is not run"):
            operator(f"torch.ops.aten.{name}.default", "a node")


def test_no_operator_on_the_list_takes_a_file_or_a_memory():
    for name in sorted(ATEN):
        packet = getattr(torch.ops.aten, name)
        for overload in packet.overloads():
            if overload != "out" and not overload.endswith("_out"):
                for argument in getattr(packet, overload)._schema.arguments:
                    assert str(argument.type) not in ("Storage", "Stream"), (name, overload)
                    assert argument.name != "filename", (name, overload)

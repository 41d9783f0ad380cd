"""The code of the page on moments runs as it stands there, and prints what the text says."""

from __future__ import annotations

import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "moments.md"


def test_the_code_of_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    with torch.random.fork_rng():
        exec(compile("\n".join(blocks), str(PAGE), "exec"), {"__name__": "moments_page"})
    printed = capsys.readouterr().out
    for line in (
        "torch.Size([2]) torch.Size([2, 2]) torch.Size([2])\nThe output is",
        "Order 3: an approximation",
        "samples the largest |z| is",
        "0   Linear  exact",
        "error of the mean at most",
        "torch.Size([4]) None",
        "torch.Size([50, 2])",
        "bump",
        "got LayerNorm ('1'); pass on_unsupported='linearise'",
        "['exact', 'sampled', 'sampled', 'follows']",
        "times its draws",
        "torch.Size([2, 4, 4]) torch.Size([4, 4])",
        "True",
        "[0, 1, 0, Fraction(-6, 5)]",
        "tensor(True)",
    ):
        assert line in printed


def test_every_property_of_the_page_on_renormalisation_has_its_test():
    tests = Path(__file__).parents[1]
    table = (PAGE.parent / "renormalisation.md").read_text().split("## What is proved exactly")[1]
    rows = [line for line in table.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 17))
    for row in rows:
        names = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
        assert names
        for file, name in names:
            assert f"\ndef {name}(" in (tests / file).read_text(), f"{file}::{name}"

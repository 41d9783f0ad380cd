"""What README promises can be typed in: its Python runs, its commands exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import torch

import haar
from haar.cli.app import main
from haar.systems import SYSTEMS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_ten_lines_audit_and_average_a_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = torch.nn.Conv2d(12, 3, 3, padding=1)
    x, y = torch.randn(12, 12, 8, 8), torch.randn(12, 3, 8, 8)
    names = {"model": model, "x": x, "y": y, "run": torch.arange(12) // 2}
    (block,) = _blocks("python")
    exec(compile(block, "README.md", "exec"), names)
    assert capsys.readouterr().out.strip() == names["report"].recommendation.sentence
    assert (tmp_path / "audit.html").exists()
    D4, better = names["symmetry"], names["better"]
    g = torch.tensor(1)
    with torch.no_grad():
        moved = better(D4.act_inputs(g, (x,))[0])
        torch.testing.assert_close(moved, D4.act_outputs(g, better(x)), rtol=0, atol=1e-5)


def test_every_command_and_option_exists(capsys):
    for line in "\n".join(_blocks("sh")).splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            continue
        if words[0] == "python":
            assert words[1] in (ROOT / "docs" / "check.md").read_text()  # where it stands
            continue
        assert words[0] == "haar"
        default = {"average": ["export"], "audit": ["model"], "data": words[2:4]}.get(words[1], [])
        assert main([words[1], *default, "--help"]) == 0
        shown = capsys.readouterr().out
        for option in (word for word in words if word.startswith("-")):
            assert option in shown


def test_every_package_that_it_or_the_guide_names_is_there_after_import_haar():
    pages = [README, *((ROOT / "docs" / page).read_text() for page in ("which.md", "api/index.md"))]
    named = set(re.findall(r"`haar\.(\w+)", "\n".join(pages)))
    assert {"audit", "geometry", "saddle", "systems"} <= named <= set(haar.__all__)
    stub = (ROOT / "src" / "haar" / "__init__.pyi").read_text()
    assert all(f" as {name}\n" in stub for name in named)


def test_its_table_of_systems_is_the_catalogues_own():
    """`python tools/systems_table.py` writes it anew."""
    spec = importlib.util.spec_from_file_location("systems_table", ROOT / "tools" / "systems_table.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for page in tool.PAGES:
        assert tool.written(page) == tool.table(), page
    told = tool.table()
    assert told.count("\n| `") == len(SYSTEMS) == 17
    assert told.count("**runs**") == sum(system.built for system in SYSTEMS)


def test_its_code_fits_a_page():
    assert [line for line in "\n".join(_blocks("python")).splitlines() if len(line) > 88] == []


def test_its_picture_is_there():
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / picture).is_file()

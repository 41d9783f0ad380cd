"""``haar check``: one page, one repaired model, and what to type next."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
import torch

from haar.cli.app import main
from haar.groups import SO


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """A model of vectors in the plane that leans, and rows whose truth does not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "leaning_model.py").write_text(
        "import torch\n\n\nclass Leaning(torch.nn.Module):\n"
        "    def forward(self, x):\n        return x.square().sum(1, keepdim=True) + 0.3 * x[:, :1]\n"
    )
    x = np.random.default_rng(0).standard_normal((80, 2))
    np.savez(tmp_path / "rows.npz", x=x, y=(x**2).sum(1, keepdims=True))
    return "leaning_model:Leaning"


def test_a_well_folder_is_checked_and_the_repaired_model_is_written(here, well, capsys):
    assert main(["check", "free.pt2", str(well), "--group", "D4", "--samples", "12"]) == 0
    words = capsys.readouterr().out
    assert "report: haar-check/report.html" in words
    assert "next: haar audit free.pt2" in words
    told = json.loads((here / "haar-check" / "check.json").read_text())
    assert told["kind"] == "check"
    assert told["asked"] == "D4"
    assert (here / "haar-check" / "repaired.pt2").is_file() == (told["action"] != "leave alone")


def test_rows_with_labels_are_repaired_under_a_named_group(rows, tmp_path, capsys):
    assert main(["check", rows, "rows.npz", "--group", "D4", "--samples", "80", "--out", "found"]) == 0
    words = capsys.readouterr().out
    assert "repaired model: found/repaired.pt2" in words
    told = json.loads((tmp_path / "found" / "check.json").read_text())
    assert told["action"] == "average"
    assert told["measured"]["change"]["high"] < 0
    x = torch.randn(1, 2, dtype=torch.float64)
    again = torch.export.load(tmp_path / "found" / "repaired.pt2").module()
    assert abs(float(again(x)) - float(x.square().sum())) < 1e-9
    page = (tmp_path / "found" / "report.html").read_text()
    assert page.index("Averaged over") < page.index("Defect, element by element")


def test_json_is_one_object(rows, capsys):
    assert main(["check", rows, "rows.npz", "--group", "C4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "check"


NEARLY = """
import torch
from torch import nn

KERNEL = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(5))


def truth(x):
    around = nn.functional.pad(x, (1, 1, 1, 1), mode="circular")
    mean = nn.functional.avg_pool2d(around, 3, 1)
    return torch.tanh(2 * mean) + x * mean + 0.05 * nn.functional.conv2d(around, KERNEL)


def make():
    options = {"padding": 1, "padding_mode": "circular"}
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, **options), nn.SiLU(), nn.Conv2d(8, 8, 3, **options), nn.SiLU(), nn.Conv2d(8, 1, 1)
    )
"""


@pytest.fixture
def nearly(tmp_path, monkeypatch):
    """A network, trained on a few rows of a truth that is nearly symmetric, and all rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "nearly_symmetric.py").write_text(NEARLY)
    module = importlib.import_module("nearly_symmetric")
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(64, 1, 6, 6, generator=draw)
    y = module.truth(x) + 0.1 * torch.randn(64, 1, 6, 6, generator=draw)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = module.make()
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(200):
        optimiser.zero_grad()
        (net(x[:20]) - y[:20]).square().mean().backward()
        optimiser.step()
    torch.save(net.state_dict(), "w.pt")
    np.savez("rows.npz", x=x.numpy(), y=y.numpy())
    example = {0: torch.export.Dim("b")}
    torch.export.save(torch.export.export(net.eval(), (x[:2],), dynamic_shapes=(example,)), "net.pt2")
    return x


@pytest.mark.parametrize(
    "model", [["nearly_symmetric:make", "--weights", "w.pt"], ["net.pt2"]], ids=["factory", "program"]
)
def test_a_copy_is_trained_where_that_is_asked_for_and_written(nearly, tmp_path, capsys, model):
    asked = [model[0], "rows.npz", *model[1:], "--group", "D4", "--fields", "p"]
    assert main(["check", *asked]) == 0
    words = capsys.readouterr().out
    assert "--relax   # train with as much symmetry as the data carry" in words
    assert main(["check", *asked, "--relax", "--steps", "100", "--seconds", "500", "--out", "relaxed"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Relaxed over D4 (8 copies, 100 steps, gamma = 0." in words
    assert "repaired model: relaxed/repaired.pt2" in words
    told = json.loads((tmp_path / "relaxed" / "check.json").read_text())
    assert told["action"] == "relax"
    assert told["relaxed"]["beyond"]["high"] < 0
    again = torch.export.load(tmp_path / "relaxed" / "repaired.pt2").module()
    assert again(nearly[:1]).shape == (1, 1, 6, 6)
    assert "plain fine-tuning" in (tmp_path / "relaxed" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--steps", "50"], "--steps: expected --relax beside it, got 50 alone"),
        (["--seconds", "5"], "--seconds: expected --relax beside it, got 5.0 alone"),
        (["--relax", "--steps", "5"], "--steps"),
        (["--relax", "--seconds", "0"], "--seconds"),
    ],
)
def test_how_long_is_trained_is_checked(rows, capsys, arguments, words):
    assert main(["check", rows, "rows.npz", "--group", "C4", *arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line


def test_boosts_are_checked_by_their_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "massive_model.py").write_text(
        "import torch\n\n\nclass Mass(torch.nn.Module):\n    def forward(self, p):\n"
        "        return torch.tanh(p[:, :1] ** 2 - p[:, 1:].square().sum(1, keepdim=True))\n"
    )
    p = np.random.default_rng(0).standard_normal((200, 4))
    np.savez(tmp_path / "events.npz", x=p)
    assert main(["check", "massive_model:Mass", "events.npz", "--group", "lorentz:0.5"]) == 0
    assert "already respects SO(1,3)" in " ".join(capsys.readouterr().out.split())
    assert main(["audit", "massive_model:Mass", "events.npz", "--group", "SO(1,3)"]) == 0
    assert "already respects SO(1,3)" in " ".join(capsys.readouterr().out.split())
    assert main(["check", "massive_model:Mass", "events.npz", "--out", "found"]) == 0
    assert "the metric of space and time" in " ".join(capsys.readouterr().out.split())


CALCULATOR = """
import numpy as np
from ase.calculators.calculator import Calculator


class Springs(Calculator):
    implemented_properties = ["energy", "forces"]
    lean = 0.0

    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
        x = atoms.positions - atoms.positions.mean(0)
        apart = x[:, None] - x[None]
        squares = (apart**2).sum(-1) - 1.2 * (1 - np.eye(len(x)))
        leaning = self.lean * np.array([-1.0, 0.0, 1.0])
        self.results = {
            "energy": float((squares**2).sum() / 4 + (leaning * x**2).sum()),
            "forces": -2 * (squares[..., None] * apart).sum(1) - 2 * leaning * x,
        }


class Leaning(Springs):
    lean = 1.0
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rows.npz", "--group", "SO3"], "--group: expected a group that acts on 2 coordinates, got SO(3)"),
        (["water.extxyz"], "water.extxyz"),
        (["nothing.npz"], "nothing.npz"),
        (["rows.npz", "--samples", "3"], "--samples"),
    ],
)
def test_what_does_not_fit_is_one_line(rows, capsys, arguments, words):
    assert main(["check", rows, *arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line


def test_frames_of_a_molecule_go_with_a_calculator(tmp_path, monkeypatch, capsys):
    ase, ase_io = (
        pytest.importorskip("ase", reason="the extra chemistry"),
        pytest.importorskip("ase.io", reason="the extra chemistry"),
    )
    SinglePointCalculator = pytest.importorskip(
        "ase.calculators.singlepoint", reason="the extra chemistry"
    ).SinglePointCalculator
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "leaning_force.py").write_text(CALCULATOR)
    springs = importlib.import_module("leaning_force").Springs
    generator = torch.Generator().manual_seed(0)
    corners = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [0.5, 1.1, 0]], dtype=torch.float64)
    shaken = corners + 0.1 * torch.randn(16, 3, 3, generator=generator, dtype=torch.float64)
    turns = SO(3).sample(16, generator)
    many = [ase.Atoms("Ar3", (x @ g.T).numpy()) for x, g in zip(shaken, turns, strict=True)]
    for one in many:
        told = one.copy()
        told.calc = springs()
        one.calc = SinglePointCalculator(one, energy=told.get_potential_energy())
    ase_io.write("frames.extxyz", many)
    assert main(["check", "leaning_force:Leaning", "frames.extxyz", "--group", "SO3", "--out", "found"]) == 0
    words = capsys.readouterr().out
    assert "Averaged over SO(3)" in words
    assert "next: haar audit --ase leaning_force:Leaning frames.extxyz --out audit/" in words
    told = json.loads((tmp_path / "found" / "check.json").read_text())
    assert told["measured"]["defect_after"]["value"] < 0.1 * told["measured"]["defect_before"]["value"]

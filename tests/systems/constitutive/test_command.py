"""The command on files: fit, check, identify, export; each wrong use is one line and exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from haar.cli.app import main
from haar.systems.constitutive.components import write_components
from haar.systems.constitutive.generators import CubicCrystal, ZenerTruss, random_strains, strain_paths

F64 = torch.float64


@pytest.fixture
def cubic(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = random_strains(60, 0.05, torch.Generator().manual_seed(0))
    write_components(tmp_path / "cubic.csv", x, 1e3 * CubicCrystal()(x))
    return tmp_path


def test_a_law_is_fitted_checked_and_exported(cubic, capsys):
    words = [
        "constitutive",
        "fit",
        "cubic.csv",
        "--group",
        "cubic",
        "-o",
        "law.safetensors",
        "--steps",
        "200",
        "--size",
        "4",
    ]
    assert main([*words, "--out", "fit", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["samples"] == 60
    assert told["errors"][0]["held_out"] < told["errors"][1]["held_out"] < 1e-3
    # of the crystal's energy the mean slopes are near to those at rest; its shear is linear
    constants = {one["name"]: one for one in told["constants"]}
    for name, value in (("C11", 1680), ("C12", 1210), ("C44", 750)):
        assert constants[name]["value"] == pytest.approx(value, rel=0.05)
    low, high = constants["C11"]["interval"]
    assert low < constants["C11"]["value"] < high
    assert (cubic / "fit" / "report.html").is_file()
    assert main(["constitutive", "check", "law.safetensors"]) == 0
    assert "exactly m-3m" in " ".join(capsys.readouterr().out.split())
    assert main(["constitutive", "check", "law.safetensors", "--group", "isotropic"]) == 1
    assert "defect under isotropic" in " ".join(capsys.readouterr().out.split())
    assert main(["constitutive", "export", "law.safetensors", "-o", "law.pt2", "--notation", "voigt"]) == 0
    assert "11 22 33 23 13 12, engineering shear strain" in " ".join(capsys.readouterr().out.split())
    assert torch.export.load(cubic / "law.pt2").module()(torch.zeros(4, 6, dtype=F64))[1].shape == (4, 6, 6)


def test_class_and_notation_are_found(cubic, capsys):
    assert main(["constitutive", "identify", "cubic.csv", "--draws", "10", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["class"] == "cubic"
    assert (
        main(["constitutive", "check", "--data", "cubic.csv", "--group", "cubic", "--notation", "voigt", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["kind"] == "constitutive-notation"


def test_paths_are_fitted_by_laws_with_history(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x = strain_paths(6, 4, 0.02, torch.Generator().manual_seed(0))
    y = ZenerTruss()(x)
    rows = [[k, *e, *s] for k in range(6) for e, s in zip(x[k].tolist(), y[k].tolist(), strict=True)]
    head = "path,e11,e22,e12,s11,s22,s12"
    (tmp_path / "paths.csv").write_text("\n".join([head, *(",".join(map(repr, row)) for row in rows)]))
    words = ["constitutive", "fit", "paths.csv", "--group", "plane D4", "--notation", "mandel", "-o", "law.safetensors"]
    assert main([*words, "--kind", "viscoelastic", "--steps", "2", "--size", "2"]) == 0
    assert main(["constitutive", "check", "law.safetensors"]) == 0
    assert "dissipation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit", "cubic.csv", "--group", "cubical", "-o", "a.safetensors"], "did you mean cubic?"),
        (["fit", "cubic.csv", "--group", "plane D4", "-o", "a.safetensors"], "--group: expected one of 3 dimensions"),
        (["fit", "cubic.csv", "--group", "cubic", "-o", "a.pt"], "--output: expected a name that ends in .safetensors"),
        (
            ["fit", "cubic.csv", "--group", "cubic", "--kind", "rubber", "-o", "a.safetensors"],
            "--kind: expected one of",
        ),
        (
            ["fit", "cubic.csv", "--group", "cubic", "--notation", "nye", "-o", "a.safetensors"],
            "--notation: expected mandel",
        ),
        (
            ["fit", "cubic.csv", "--group", "cubic", "--kind", "recurrent", "-o", "a.safetensors"],
            "needs paths; number them",
        ),
        (["fit", "left.csv", "--group", "cubic", "-o", "a.safetensors"], "left.csv: cannot be read"),
        (
            ["fit", "cubic.csv", "--group", "cubic", "--frame", "left.txt", "-o", "a.safetensors"],
            "got a left-handed one",
        ),
        (
            ["fit", "cubic.csv", "--group", "cubic", "--frame", "words.txt", "-o", "a.safetensors"],
            "words.txt: expected three lines of three numbers (could not convert",
        ),
        (
            ["fit", "cubic.csv", "--group", "cubic", "--frame", "short.txt", "-o", "a.safetensors"],
            "short.txt: expected three lines of three numbers, the axes as columns",
        ),
        (["fit", "few.csv", "--group", "cubic", "-o", "a.safetensors"], "4 samples; a fit needs 5 at least, of which"),
        (["check"], "LAW: expected a law, or --data, got neither"),
        (["check", "--data", "cubic.csv"], "--group: expected the symmetry that the data are to have"),
        (["check", "cubic.csv"], "no law that can be read"),
    ],
)
def test_each_wrong_use_is_one_line(words, told, cubic, capsys):
    (cubic / "left.txt").write_text("1 0 0\n0 1 0\n0 0 -1\n")
    (cubic / "words.txt").write_text("x y z\n")
    (cubic / "short.txt").write_text("1 0 0\n0 1\n0 0 1\n")
    (cubic / "few.csv").write_text("".join((cubic / "cubic.csv").read_text().splitlines(keepends=True)[:5]))
    assert main(["constitutive", *words]) == 2
    error = capsys.readouterr().err
    assert told in " ".join(error.split())
    assert len(error.strip().splitlines()) == 1


def test_the_classes_are_listed(capsys):
    assert main(["constitutive", "classes", "--json"]) == 0
    assert "m-3m" in capsys.readouterr().out


def test_measured_cycles_are_looked_at_and_open_ones_refused(cubic, capsys):
    t = 2 * torch.pi * torch.arange(41, dtype=torch.float64) / 40
    first, second = torch.randn(2, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    paths = 0.03 * (t.sin()[:, None] * first[:, None] + (1 - t.cos())[:, None] * second[:, None])
    elastic = 1e3 * CubicCrystal()(paths)
    rate = torch.gradient(paths, dim=(1,))[0]
    np.savez(cubic / "lossy.npz", strain=paths, stress=elastic + 1e4 * rate)
    np.savez(cubic / "gain.npz", strain=paths, stress=elastic - 1e4 * rate)
    np.savez(cubic / "open.npz", strain=paths[:, :-3], stress=elastic[:, :-3])
    words = ["constitutive", "check", "--cycles", "--json", "--notation", "mandel", "--data"]
    assert main([*words, "lossy.npz"]) == 0
    lossy = json.loads(capsys.readouterr().out)
    assert lossy["holds"]
    assert min(one["lost"] for one in lossy["cycles"]) > 0.05
    assert main([*words, "gain.npz"]) == 1
    gain = json.loads(capsys.readouterr().out)
    assert max(one["lost"] for one in gain["cycles"]) < -0.05
    assert main([*words, "open.npz"]) == 2
    assert "expected closed cycles, got path 0 that ends" in capsys.readouterr().err
    assert main(["constitutive", "check", "--cycles", "--data", "cubic.csv"]) == 2
    assert "cubic.csv: cycles are paths; number them in a column called path" in capsys.readouterr().err
    assert main(["constitutive", "check", "--cycles"]) == 2
    assert "--cycles: expected --data with closed cycles beside it" in capsys.readouterr().err


def test_systems_are_reached_by_attribute():
    code = "import haar; print(haar.systems.constitutive.generators.NonAffineCell.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "NonAffineCell"

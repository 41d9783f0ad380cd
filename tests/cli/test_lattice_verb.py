"""haar lattice: a collision is trained, run and inspected, and one line says what does not fit."""

from __future__ import annotations

import json

import pytest

from haar.cli.app import main

SMALL = ["--samples", "200", "--epochs", "1", "--channels", "2"]


def test_a_collision_is_trained_run_and_inspected(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lattice", "train", "c.safetensors", *SMALL, "--tau", "0.8"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "locked on D2Q9" in told
    assert "relative error" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.safetensors"]  # no checkpoint stays
    flow = ["--size", "8", "--steps", "10", "--out", "run", "--json"]
    assert main(["lattice", "run", "c.safetensors", *flow]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["flow"], result["shape"], result["steps"]) == ("taylor-green", [8, 8], 10)
    assert result["energies"][-1] < result["energies"][0]
    assert result["momentum_change"] < 1e-12
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"result.json", "report.html", "state.safetensors"}
    assert main(["lattice", "inspect", "c.safetensors", "--points", "4", "--samples", "20", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["equivariant"], report["conserving"], report["group"]) == (True, True, "D4")
    assert report["viscosity"] == pytest.approx({"axis": 0.1, "diagonal": 0.1}, rel=1e-9)
    # a file has its own stencil and relaxation time, and a function its own
    assert main(["lattice", "run", "c.safetensors", "--size", "8", "--steps", "2", "--tau", "0.8"]) == 0
    capsys.readouterr()
    for collision, option, message in (
        ("c.safetensors", ["--stencil", "D3Q19"], "--stencil: expected D2Q9, which c.safetensors was trained on"),
        ("c.safetensors", ["--tau", "0.6"], "--tau: expected 0.8, which c.safetensors was trained at, got 0.6"),
        ("mine:function", ["--tau", "0.6"], "--tau: expected for bgk, trt, mrt alone, got 0.6 for mine:function"),
    ):
        assert main(["lattice", "run", collision, *option]) == 2
        assert message in " ".join(capsys.readouterr().err.split())


def test_the_users_own_collision_is_inspected_and_a_run_that_blows_up_keeps_its_last_state(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_lattice.py").write_text("def leaky():\n    return lambda f: 1e5 * f\n")
    assert main(["lattice", "inspect", "mine_lattice:leaky", "--points", "3", "--samples", "20"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "does not conserve mass and momentum; a wave grows by 1e+05 a step" in told
    assert main(["lattice", "run", "mine_lattice:leaky", "--size", "8", "--steps", "100", "--out", "run"]) == 1
    assert "It ended early: the run has inf at step 62" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "run" / "state.safetensors").is_file()


def test_a_function_is_audited_distilled_exported_and_the_program_is_a_collision_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_uneven.py").write_text(
        "import torch\nfrom haar.systems.lattice_boltzmann import BGK, Stencil\n"
        "def uneven():\n    bgk = BGK(Stencil.named('D2Q9'), 0.8)\n"
        "    step = torch.tensor([0, 1, -1, 1, -1, 0, 0, 0, 0], dtype=torch.float64)\n"
        "    return lambda f: bgk(f) + 0.01 * (f[..., [1]] - f[..., [2]]) * step\n"
    )
    assert main(["lattice", "audit", "mine_uneven:uneven", "--samples", "40", "--json"]) == 0
    audit = json.loads(capsys.readouterr().out)
    assert audit["broken"]
    assert audit["group"] == "D4"
    learn = ["--samples", "200", "--epochs", "1", "--channels", "2"]
    assert main(["lattice", "distil", "mine_uneven:uneven", "d.safetensors", *learn]) == 0
    assert "on populations not learned from, viscosity 0.1" in " ".join(capsys.readouterr().out.split())
    assert main(["lattice", "export", "d.safetensors", "d.pt2"]) == 0
    capsys.readouterr()
    reports = []
    for collision in ("d.safetensors", "d.pt2"):
        assert main(["lattice", "inspect", collision, "--points", "3", "--samples", "20", "--json"]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    assert reports[0]["equivariant"]
    assert reports[0]["conserving"]
    assert reports[1]["viscosity"] == pytest.approx(reports[0]["viscosity"], rel=1e-9)
    assert main(["lattice", "export", "mine_uneven:uneven", "e.pt2"]) == 2
    assert "distil one from a function or a program" in " ".join(capsys.readouterr().err.split())
    assert main(["lattice", "inspect", "d.pt2", "--stencil", "D3Q19"]) == 2
    assert "COLLISION: expected a program from float64 populations [n, 19]" in capsys.readouterr().err


def test_a_cavity_begins_at_rest_and_is_told_from_the_table_at_its_reynolds_number_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flow = ["lattice", "run", "bgk", "--flow", "cavity", "--size", "16", "--steps", "4", "--json"]
    assert main([*flow, "--tau", "0.548"]) == 0
    steady = json.loads(capsys.readouterr().out)
    assert set(steady["from_table"]) == {"vertical", "horizontal"}
    assert main([*flow, "--tau", "0.6"]) == 0
    assert json.loads(capsys.readouterr().out)["from_table"] is None


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ["run", "bkg"],
            "COLLISION: expected bgk, trt, mrt, a .safetensors or .pt2 file, or module:function, got 'bkg'",
        ),
        (["run", "bgk", "--flow", "taylor"], "flow: expected one of taylor-green"),
        (["run", "bgk", "--tau", "0.4"], "tau: expected at least 0.5, got 0.4"),
        (["inspect", "bgk", "--stencil", "D2Q8"], "stencil: expected one of D2Q5"),
        (["inspect", "nowhere.safetensors"], "nowhere.safetensors"),
        (["train", "c.pt"], "OUT"),
        (["train", "c.safetensors", "--collision", "lennn", *SMALL], "collision: expected one of naive"),
        (["train", "c.safetensors", "--pairs", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, monkeypatch, capsys, command, message):
    monkeypatch.chdir(tmp_path)
    assert main(["lattice", *command]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_run_has_the_tables_of_a_report():
    from haar.systems.lattice_boltzmann import BGK, Stencil
    from haar.systems.lattice_boltzmann.command import run

    stencil = Stencil.named("D3Q19")
    report = run(BGK(stencil, 0.8), stencil, flow="taylor-green", size=6, steps=5)
    assert report.times == (0, 1, 2, 3, 4, 5)
    assert report.frames.shape == (6, 6, 6)
    assert float(abs(report.frames[0]).max()) > 1e-3
    assert report.table() is not None

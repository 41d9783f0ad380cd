from __future__ import annotations

import json
import sys

import pytest
import torch

from haar.cli.app import main
from haar.moments import Gaussian, propagate

NETWORKS = """
import torch
from torch import nn


def make(width=16):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2))


def normed():
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU())


class Ring(nn.Module):
    def __init__(self, nodes=5):
        super().__init__()
        torch.manual_seed(0)
        self.own, self.near = nn.Linear(2, 2), nn.Linear(2, 2)
        self.register_buffer("following", torch.arange(nodes).roll(-1))

    def forward(self, x):
        return torch.relu(self.own(x) + self.near(x[:, self.following]))


def image():
    return nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Flatten())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("networks")
    (root / "my_networks.py").write_text(NETWORKS)
    scope = {}
    exec(NETWORKS, scope)
    model, example = scope["make"]().eval(), (torch.zeros(2, 3),)
    free = torch.export.export(model, example, dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(free, root / "free.pt2")
    torch.export.save(torch.export.export(model, example), root / "fixed.pt2")
    return root, model


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder[0])
    yield folder
    sys.modules.pop("my_networks", None)


def _words(capsys):
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("model", ["my_networks:make", "free.pt2"])
def test_the_numbers_are_those_of_propagate(here, model, capsys):
    command = ["moments", model, "--law", "gauss", "--mean", "1, 0, -1", "--scale", "0.5", "--order", "3", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    wanted = propagate(here[1], Gaussian([1, 0, -1], 0.25), order=3)
    assert found["mean"] == pytest.approx(wanted.mean.tolist(), rel=1e-12)
    assert found["skewness"] == pytest.approx(wanted.skewness.tolist(), rel=1e-9)
    assert found["order"] == 3
    assert found["exact"] is False


def test_order_2_plus_is_that_of_propagate(here, capsys):
    command = ["moments", "my_networks:make", "--scale", "0.5", "--order", "2+", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    wanted = propagate(here[1], Gaussian([0, 0, 0], 0.25), order="2+")
    assert found["cov"] == [pytest.approx(row, rel=1e-9) for row in wanted.cov.tolist()]
    assert (found["order"], found["backend"]) == ("2+", "factored")


def test_the_check_prints_scores_and_writes_the_page(here, tmp_path, capsys):
    command = ["moments", "my_networks:make", "--law", "exponential; 2 * uniform; t(5)", "--order", "3"]
    assert main([*command, "--check", "4000", "--out", str(tmp_path / "found")]) == 0
    out = _words(capsys)
    for words in ("Propagation and Monte Carlo", "skewness", "z of the variance", "an approximation", "as long as"):
        assert words in out
    written = json.loads((tmp_path / "found" / "moments.json").read_text())
    assert written["kind"] == "moments-comparison"
    assert max(map(abs, written["z_mean"])) < 20
    assert "z-scores" in (tmp_path / "found" / "report.html").read_text()
    # The same seed gives the same samples.
    assert main([*command, "--check", "4000", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["sampled"] == written["sampled"]
    assert main([*command, "--check", "4000", "--seed", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sampled"] != written["sampled"]


def test_a_narrow_screen_breaks_no_word(here, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["moments", "my_networks:make", "--order", "3", "--check", "500"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 60
    for word in ("output", "skewness", "cumulant", "coefficients", "quadrature", "cancellation", "clipped"):
        assert word in out.split()


def test_a_hundred_samples_are_enough_to_compare_with(here, capsys):
    assert main(["moments", "my_networks:make", "--check", "100", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "moments-comparison"


def test_exactness_is_said(here, capsys):
    assert main(["moments", "my_networks:image", "--shape", "1,4,4"]) == 0
    assert "Order 2: mean and covariance are exact." in _words(capsys)


def test_the_opt_ins_go_on(here, capsys):
    assert main(["moments", "my_networks:normed", "--on-unsupported", "linearise"]) == 0
    assert "with parts linearised" in _words(capsys)


def test_graph_networks_go_by_orbits_of_nodes(here, tmp_path, capsys):
    command = ["moments", "my_networks:Ring", "--shape", "5,2", "--json"]
    assert main(command) == 0
    dense = json.loads(capsys.readouterr().out)
    turn = tmp_path / "turn.csv"
    turn.write_text("1,2,3,4,0\n")
    for name in ("auto", str(turn)):
        assert main([*command, "--backend", "orbit", "--node-symmetry", name]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["backend"] == "orbit"
        assert found["mean"] == pytest.approx(dense["mean"], rel=1e-10)
        assert found["sd"] == pytest.approx(dense["sd"], rel=1e-10)
    assert main([*command, "--backend", "orbit", "--check", "2000"]) == 0
    assert max(map(abs, json.loads(capsys.readouterr().out)["z_mean"])) < 5
    for name, message in (
        ("complete", "neither equivariant nor invariant"),
        ("ring", "neither equivariant nor invariant"),  # its steps go one way: no mirror
        ("torus", "--node-symmetry: expected auto, complete, ring or a file, got 'torus'"),
    ):
        assert main([*command, "--backend", "orbit", "--node-symmetry", name]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    for rows in ("1,2,3\n", "1,2,3,4,0.5\n"):
        turn.write_text(rows)
        assert main([*command, "--backend", "orbit", "--node-symmetry", str(turn)]) == 2
        assert "--node-symmetry: expected rows of 5 whole numbers" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my_networks:make", "--node-symmetry", "ring"], "--node-symmetry: expected --backend orbit beside it"),
        (["my_networks:make", "--backend", "orbit"], "--shape: expected nodes,features for --backend orbit"),
        (["my_networks:normed"], "got LayerNorm ('1'); pass --on-unsupported 'linearise' or --on-unsupported 'sample'"),
        (["my_networks:image"], "--shape: expected the shape of one input"),
        (["my_networks:image", "--shape", "a"], "--shape: expected whole numbers"),
        (["my_networks:make", "--shape", "4"], "input_shape: expected an input that"),
        (["my_networks:make", "--law", "cauchy"], "--law: expected laws made of"),
        (["my_networks:make", "--check", "99"], "--check: expected at least 100 samples, or 0 for none, got 99"),
        (["my_networks:make", "--check", "1"], "--check: expected at least 100 samples, or 0 for none, got 1"),
        (["my_networks:make", "--shape", "10000000,2"], "--shape: expected at most 10000000 numbers in all"),
        (["my_networks:make", "--check", "500", "--backend", "diagonal"], "--check: expected --backend dense or orbit"),
        (["my_networks:make", "--backend", "sparse"], "backend: expected 'dense', 'factored', 'diagonal' or"),
        (["my_networks:make", "--order", "5"], "--order: expected 1, 2, 2+, 3 or 4, got 5"),
        (["my_networks:make", "--law", "t(5)", "--order", "4", "--law", "t(3.5)"], "cumulant 4 of t3.5 is undefined"),
        (["fixed.pt2"], "a program with a free batch size"),
        (["none.pt2"], "no such file"),
    ],
)
def test_bad_input_is_said_in_one_line(here, arguments, message, capsys):
    assert main(["moments", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1

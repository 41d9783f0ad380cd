"""Bounds, splits of the loss and of the Lie derivative, the dashboard and the verdict."""

from __future__ import annotations

import csv
import json

import pytest
import torch
from relax_worlds import C4, SYMMETRY, data, mse, orbits, wrapped
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import SO
from haar.probing import defect
from haar.relax import homotopise
from haar.relax.baselines import Free
from haar.relax.diagnosis.bounds import bounds, uniform_approximation, uniform_equivariance
from haar.relax.diagnosis.dashboard import Dashboard
from haar.relax.diagnosis.diagnosis import Diagnosis, diagnose
from haar.relax.diagnosis.lie_error import lie_errors
from haar.relax.diagnosis.loss_share import loss_share
from haar.relax.duals.duals import Duals

X, Y = data(24)


def biasless(gamma, seed=0):
    """Orthogonal representations, no biases, rectifiers on permutations."""
    torch.manual_seed(seed)
    first, second, last = (nn.Linear(*size, bias=False) for size in ((6, 8), (8, 8), (8, 2)))
    plain = nn.Sequential(first, nn.ReLU(), second, nn.Tanh(), last)
    model = homotopise(plain.double(), SYMMETRY)
    with torch.no_grad():
        for k, g in enumerate(model.gammas().values()):
            g.fill_(gamma * (-1) ** k)
    return model


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gamma", [0.05, 0.7])
def test_bounds_hold_on_networks_without_biases(seed, gamma):
    with torch.random.fork_rng():
        model = biasless(gamma, seed)
    found = bounds(model)
    size = X.norm(dim=1)
    with torch.no_grad():
        y = model(X)
        with model.at(0.0):
            distance = (y - model(X)).norm(dim=1)
        assert bool((distance <= found.approximation * size).all())
        assert bool((distance > 1e-4 * found.approximation * size).any())  # it is no empty bound
        for g in C4.elements():
            wrong = model(SYMMETRY.act_inputs(g, (X,))[0]) - SYMMETRY.act_outputs(g, y)
            assert bool((wrong.norm(dim=1) <= found.equivariance * size).all())


def test_the_uniform_bound_is_attained_by_scalar_chains():
    m, gamma, L = 1.3, 0.3, 5
    exact = (m * (1 + gamma)) ** L - m**L
    assert uniform_approximation(gamma, B=m, M=m, L=L) == pytest.approx(exact, rel=1e-12)
    assert round(uniform_approximation(gamma, B=m, M=m, L=L), 4) == 10.0729
    assert uniform_equivariance(0.1, B=1, M=1, C=1, L=2) == pytest.approx(2 * 0.1 * 1.1 * 2)


def test_no_bound_is_given_where_the_proof_does_not_hold():
    assert bounds(wrapped()).reason == "a layer has a bias"
    plain = nn.Sequential(nn.Linear(6, 8, bias=False), nn.Softplus(), nn.Linear(8, 2, bias=False)).double()
    found = bounds(homotopise(plain, SYMMETRY))
    assert (found.approximation, found.equivariance) == (None, None)
    assert found.reason == "Softplus is not covered by the proof"
    assert bounds({}).reason == "the model is no chain of layers"


def test_the_loss_splits_over_orbits_as_pythagoras_says():
    model = wrapped()
    split = loss_share(model, SYMMETRY, X, Y)
    assert split.loss == pytest.approx(split.symmetric + split.asymmetric, rel=1e-10)
    x, y = orbits(X, Y)
    with torch.no_grad():
        assert split.loss == pytest.approx(mse(model(x), y).item(), rel=1e-10)
        pairs = [
            (model(SYMMETRY.act_inputs(g, (x,))[0]) - SYMMETRY.act_outputs(g, model(x))).square().mean()
            for g in C4.elements()
        ]
    assert split.defect == pytest.approx(torch.stack(pairs).mean().item(), rel=1e-10)
    with model.at(0.0):
        assert loss_share(model, SYMMETRY, X, Y).share < 1e-20
        assert defect(model, SYMMETRY, (X,), C4.elements()).worst < 1e-12
    with pytest.raises(ArgumentError, match="target: expected one tensor, got list"):
        loss_share(model, SYMMETRY, X, [Y])


class Noisy(nn.Module):
    """Random in train mode, with a frozen layer; in eval mode it differentiates inside forward."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout()
        self.frozen = nn.BatchNorm1d(6, dtype=torch.float64).eval()

    def forward(self, x):
        x = self.drop(self.frozen(x)).detach().requires_grad_()
        return torch.autograd.grad((x[:, :2] * x[:, 2:4]).cos().sum() + x.sum(), x)[0][:, :2]


def test_meters_leave_modes_and_random_state_alone_and_let_a_model_differentiate():
    model = Noisy()
    state = torch.random.get_rng_state()
    found = [loss_share(model, SYMMETRY, X, Y), loss_share(model, SYMMETRY, X, Y)]
    assert found[0] == found[1]
    assert defect(model, SYMMETRY, (X,), C4.elements()).worst > 0
    assert torch.equal(state, torch.random.get_rng_state())
    assert model.training
    assert model.drop.training
    assert not model.frozen.training


def test_the_imaginary_part_of_a_loss_counts():
    ramp = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)  # of mean zero over the orbit
    symmetry, x = Symmetry.of_fields(C4, "p"), torch.randn(3, 1, 2, 2, dtype=torch.float64)
    split = loss_share(lambda u: torch.complex(u, u + ramp), symmetry, x, torch.complex(x, x))
    assert split.loss == pytest.approx(1.0)
    assert split.symmetric == pytest.approx(0, abs=1e-20)
    size = torch.complex(x, x + ramp).abs().square().mean()
    # half of the points differ by 2 between the ramp and its quarter turns, all of them for the half turn
    expected = (torch.tensor([0.0, 2.0, 4.0, 2.0]).mean() / size).sqrt()
    found = defect(lambda u: torch.complex(u, u + ramp), symmetry, (x,), C4.elements(), norm="squares")
    assert found.mean == pytest.approx(float(expected))


def test_meters_refuse_what_is_not_finite_or_does_not_fit():
    x, y = X.clone(), Y.clone()
    x[2, 0] = y[1, 0] = float("nan")
    model = wrapped()
    with pytest.raises(ArgumentError, match="inputs: expected finite numbers, got nan in sample 2"):
        loss_share(model, SYMMETRY, x, Y)
    with pytest.raises(ArgumentError, match="target: expected finite numbers, got nan in sample 1"):
        loss_share(model, SYMMETRY, X, y)
    with pytest.raises(ArgumentError, match="target: expected the model's output"):
        loss_share(model, SYMMETRY, X, Y[:1])


@pytest.fixture(scope="module")
def turning():
    """A linear chain of SO(2), with biases: everything between the layers is equivariant."""
    G = SO(2)
    rep = Defining(G)
    symmetry = Symmetry(G, Vector(3 * rep), Vector(rep))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 2)).double()
    return homotopise(plain, symmetry, layers={"0": (3 * rep, 4 * rep), "1": (4 * rep, rep)})


def test_the_lie_error_is_a_derivative_and_its_parts_add_up(turning):
    (found,) = lie_errors(turning, X)
    group, t = turning.symmetry.group, 1e-6
    forth, back = (group.exp(torch.tensor([s], dtype=torch.float64)) for s in (t, -t))
    with torch.no_grad():
        moved = [turning(turning.symmetry.act_inputs(g, (X,))[0]) for g in (forth, back)]
        turned = [turning.symmetry.act_outputs(h, y) for h, y in zip((back, forth), moved, strict=True)]
        slope = (turned[0] - turned[1]) / (2 * t)
    assert found.error == pytest.approx(slope.square().mean().item(), rel=1e-6)
    assert sum(found.layers.values()) == pytest.approx(1, abs=1e-12)
    assert abs(found.rest) < 1e-12
    with turning.at({"0": 0.0}):
        (other,) = lie_errors(turning, X)
    assert abs(other.layers["0"]) < 1e-12  # an equivariant layer brings nothing in
    assert other.layers["1"] == pytest.approx(1, abs=1e-12)
    with turning.at(0.0):
        assert lie_errors(turning, X)[0].error < 1e-24


def test_lie_errors_are_for_lie_groups():
    with pytest.raises(ArgumentError, match="symmetry: expected a Lie group, got C4; use score_test or loss_share"):
        lie_errors(wrapped(), X)


def test_the_dashboard_reads_what_is_there_and_leaves_it_there(tmp_path):
    model = wrapped()
    duals = Duals(model, "resilient", steps=100)
    board = Dashboard(duals, mse, X, Y)
    with pytest.raises(ArgumentError, match="dashboard: expected at least one reading"):
        _ = board.last
    model.train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    for _ in range(2):
        duals.lagrangian(mse(model(X), Y)).backward()
        duals.step()
        reading = board.read()
    assert model.training
    assert set(state) == set(model.state_dict())
    with torch.no_grad():
        assert reading.loss_on == pytest.approx(mse(model(X), Y).item(), rel=1e-12)
        with model.at(0.0):
            assert reading.loss_off == pytest.approx(mse(model(X), Y).item(), rel=1e-12)
    for row, (name, layer) in zip(reading.layers, model.layers.items(), strict=True):
        assert (row.layer, row.gamma) == (name, layer.gamma.item())
        assert row.effective == pytest.approx(abs(row.gamma) * row.free_norm / row.equivariant_norm, rel=1e-10)
        assert row.multiplier == duals.multipliers[name].item()
        assert row.violation == pytest.approx(abs(row.gamma) - row.slack, abs=1e-15)
    with board.write_csv(tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert float(rows[-1]["gamma"]) == reading.layers[-1].gamma
    assert "No bound applies: a layer has a bias" in board.save_html(tmp_path / "page.html").read_text()
    json.dumps(board.to_dict())


def test_bounds_are_shown_where_they_hold():
    with torch.random.fork_rng():
        model = biasless(0.1)
    board = Dashboard(Free(model), mse, X, Y)
    board.read()
    assert "||x||, for every x and g." in board.sections()[-1].text


def test_a_chain_is_read_gamma_by_gamma():
    rule = Free(wrapped())
    rule.gammas = {"0": nn.Parameter(torch.ones(2))}
    rule.model = {"0": rule.gammas["0"]}
    from haar.relax.diagnosis.dashboard import read_layers

    assert [row.layer for row in read_layers(rule)] == ["0[0]", "0[1]"]


def diagnosis(rejected, gap, kept=("<r180>",)):
    from haar.relax.diagnosis.score_test import ScoreTest, SubgroupScore

    p = 0.001 if rejected else 0.6
    score = ScoreTest(
        "C4", [SubgroupScore("C4", 4, 2.0, p, p, rejected, {"0": p})], kept, level=0.05, draws=99, samples=10
    )
    return Diagnosis("C4", score=score, gap=gap, tension={"0": 0.5}, share=None)


@pytest.mark.parametrize(
    ("rejected", "gap", "verdict", "sentence"),
    [
        (False, 0.01, "exact", "Use C4 as exact: the score test does not reject it (p = 0.6) and gamma = 0 costs"),
        (True, 0.01, "broken", "The data break C4 (score test p = 0.001, and gamma = 0 costs 1.0 %"),
        (False, 0.04, "undecided", "Whether the data have C4 is undecided"),
        (
            False,
            -0.016,
            "exact",
            "Use C4 as exact: the score test does not reject it (p = 0.6) and gamma = 0 gains 1.6",
        ),
        (False, 0.2, "undecided", "Whether the data have C4 is undecided"),
    ],
)
def test_the_verdict_is_one_sentence(rejected, gap, verdict, sentence):
    found = diagnosis(rejected, gap)
    assert found.verdict == verdict
    assert found.summary.startswith(sentence)
    assert found.summary.count(". ") == 0


def test_without_a_score_test_the_gap_decides():
    rest = {"tension": {}, "share": None}
    assert Diagnosis("C4", score=None, gap=0.3, **rest).summary == (
        "The data break C4: gamma = 0 costs 30.0 % of validation loss."
    )
    assert Diagnosis("C4", score=None, gap=None, **rest).verdict == "undecided"


def test_a_diagnosis_holds_all_the_evidence(tmp_path, turning):
    found = diagnose(wrapped(), mse, X, Y, strict=wrapped(), squared=True, draws=39)
    page = found.save_html(tmp_path / "page.html").read_text()
    for heading in ("Verdict", "Subgroups", "Tension", "Layers", "Bounds"):
        assert f">{heading}<" in page
    assert 0 < found.to_dict()["loss_share"]["share"] < 1
    with_lie = diagnose(turning, mse, X, Y, draws=19)
    assert len(with_lie.lie) == 1
    assert "exact only on samples that the model was not trained on" in with_lie.notes[0]

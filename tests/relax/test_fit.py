"""The plain loop: it learns, resumes bit for bit after a kill, and the path chooses by validation."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from relax_worlds import data, mse, wrapped
from torch import nn

from haar.errors import ArgumentError, DataError, HaarError
from haar.relax.baselines import Augmentation, Strict
from haar.relax.duals.duals import Duals
from haar.relax.fit import fit
from haar.relax.path import PathPoint, SymmetryPath, path

TRAIN, VALIDATION = data(64), data(64, seed=1)

SCRIPT = """
import contextlib, os, pathlib, signal, sys, torch
sys.path.insert(0, sys.argv[1])
torch.set_num_threads(1)
from relax_worlds import data, mse, wrapped
from haar.relax.duals.duals import Duals
from haar.relax.fit import fit
def advance():
    if pathlib.Path(sys.argv[2]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
class Dying:
    @contextlib.contextmanager
    def stage(self, title, total):
        yield advance
fit(
    Duals(wrapped(), solver="paper", steps=12), mse, data(64), steps=12, validation=data(64, seed=1), batch_size=16,
    every=2, checkpoint=sys.argv[2], watch=Dying(),
)
"""


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.mark.filterwarnings("ignore:training ended with an asymmetry")
def test_a_killed_run_goes_on_bit_for_bit(tmp_path):
    def run(checkpoint):
        torch.manual_seed(torch.seed() % 1000)  # whatever the process has drawn before
        rule = Duals(wrapped(), solver="paper", steps=12)
        options = {"validation": VALIDATION, "batch_size": 16, "every": 2, "checkpoint": checkpoint}
        done = fit(rule, mse, TRAIN, steps=12, **options)
        return {"model": rule.model.state_dict(), "duals": rule.state_dict(), "losses": done.losses}

    place, folder = tmp_path / "killed", str(Path(__file__).parent)
    killed = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT, folder, str(place)], check=False)
    assert killed.returncode == -signal.SIGKILL
    taken = len(torch.load(place, weights_only=True)["losses"])
    assert 0 < taken < 12
    assert same(run(place), run(tmp_path / "whole"))


def test_fit_learns_reads_and_leaves_the_random_state_alone(tmp_path):
    before = torch.random.get_rng_state()
    done = fit(
        Augmentation(wrapped()), mse, TRAIN, steps=40, validation=VALIDATION, every=20, log=tmp_path / "log.csv", seed=3
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert sum(done.losses[-5:]) < 0.9 * sum(done.losses[:5])
    assert [r.step for r in done.dashboard.readings] == [20, 40]
    assert (tmp_path / "log.csv").read_text().count("\n") == 7
    assert not done.rule.model.training


def test_the_deployed_loss_is_that_of_the_projected_model():
    rule = Duals(wrapped(), solver="paper", steps=30)
    with pytest.warns(UserWarning, match="training ended"):
        done = fit(rule, mse, TRAIN, steps=30, validation=VALIDATION, learning_rate=1e-3)
    with torch.no_grad():
        plain = rule.model.export(0.0)
        assert done.deployed_loss == pytest.approx(mse(plain(VALIDATION[0]), VALIDATION[1]).item(), rel=1e-12)


def test_checkpoints_of_other_runs_and_broken_ones_are_refused(tmp_path):
    place = tmp_path / "run.pt"
    fit(Strict(wrapped()), mse, TRAIN, steps=2, every=1, checkpoint=place)
    with pytest.raises(ArgumentError, match="expected the run it belongs to, got another seed; give another"):
        fit(Strict(wrapped()), mse, TRAIN, steps=2, checkpoint=place, seed=1)
    place.write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match="not a readable checkpoint"):
        fit(Strict(wrapped()), mse, TRAIN, steps=2, checkpoint=place)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"steps": True}, "steps: expected a whole number, at least 1, got True"),
        ({"schedule": "linear"}, "schedule: expected one of constant, cosine, steps, got 'linear'"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        fit(Strict(wrapped()), mse, TRAIN, **{"steps": 2, **options})


def test_a_rule_for_another_number_of_steps_is_refused():
    with pytest.raises(ArgumentError, match="steps: expected the 40 steps that the rule 'duals' is tuned for, got 50"):
        fit(Duals(wrapped(), steps=40), mse, TRAIN, steps=50)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_learning_rate_is_a_positive_number(value):
    with pytest.raises(ArgumentError, match="learning_rate: expected a number above 0"):
        fit(Strict(wrapped()), mse, TRAIN, steps=2, learning_rate=value)


def test_data_that_are_not_finite_are_refused_before_a_step():
    rule = Strict(wrapped())
    before = [p.detach().clone() for p in rule.model.parameters()]
    for place, message in (
        (0, "train: expected finite numbers, got nan in sample 3"),
        (1, "train targets: .* got nan"),
    ):
        broken = [part.clone() for part in TRAIN]
        broken[place][3, 1] = float("nan")
        with pytest.raises(ArgumentError, match=message):
            fit(rule, mse, tuple(broken), steps=3, batch_size=500)
    bad = VALIDATION[0].clone()
    bad[0] = float("inf")
    with pytest.raises(ArgumentError, match="validation: expected finite numbers, got inf in sample 0"):
        fit(rule, mse, TRAIN, steps=2, validation=(bad, VALIDATION[1]))
    assert all(torch.equal(a, b) for a, b in zip(before, rule.model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ((TRAIN[0], TRAIN[1][:30]), r"train: expected 30 samples on axis 0 of all inputs and targets, got \(30, "),
        ((TRAIN[0][:30], TRAIN[1]), r"train: expected \d+ samples on axis 0 of all inputs and targets, got .* \(30, "),
        ((TRAIN[0][:0], TRAIN[1][:0]), "train: expected at least one sample, got none"),
        ((("x",), ("y",)), "train: expected tensors of inputs and targets, got tuple"),
    ],
)
def test_inputs_and_targets_are_rows_of_the_same_samples(train, message):
    with pytest.raises(HaarError, match=message):
        fit(Strict(wrapped()), mse, train, steps=2)


def test_targets_with_nan_are_refused_where_the_loss_does_not_leave_them_out():
    def masked(prediction, target):
        return torch.where(target.isnan(), 0.0, prediction - target.nan_to_num()).square().mean()

    target = VALIDATION[1].clone()
    target[4] = float("nan")
    with pytest.raises(ArgumentError, match="validation targets: expected finite numbers, got nan in sample 4"):
        fit(Strict(wrapped()), mse, TRAIN, steps=2, validation=(VALIDATION[0], target))
    run = fit(Strict(wrapped()), masked, TRAIN, steps=2, validation=(VALIDATION[0], target))
    assert run.deployed_loss < float("inf")


def test_a_loss_that_is_not_finite_ends_the_run_with_the_weights_before_it():
    model = wrapped()
    calls = []

    def loss(prediction, target):
        calls.append(1)
        return mse(prediction, target) * (float("inf") if len(calls) == 3 else 1.0)

    with pytest.raises(HaarError, match="loss: inf at step 3 of 5"):
        fit(Strict(model), loss, TRAIN, steps=5, batch_size=8)
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_an_optimiser_with_gammas_is_refused():
    model = wrapped()
    with pytest.raises(ArgumentError, match="optimizer: expected an optimiser without the gammas"):
        fit(
            Duals(model, steps=40),
            mse,
            TRAIN,
            steps=40,
            optimizer=lambda _: torch.optim.SGD(model.parameters(), lr=1e-3),
        )


@pytest.fixture(scope="module")
def symmetry_path():
    model = wrapped()
    before = [p.detach().clone() for p in model.parameters()]
    made = path(model, mse, data(64, beta=1.0), data(64, beta=1.0, seed=1), weights=(0.1, 3.0, 100.0), steps=30)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    return made


def test_the_path_gets_more_symmetric_and_chooses_by_validation(symmetry_path, tmp_path):
    sizes = [max(layer.effective for layer in point.layers) for point in symmetry_path.points]
    assert sizes[0] > 3 * sizes[-1]
    assert symmetry_path.best.loss == min(point.loss for point in symmetry_path.points)
    x, y = data(64, beta=1.0, seed=1)
    with torch.no_grad():
        assert mse(symmetry_path.model(x), y).item() == pytest.approx(symmetry_path.best.loss, rel=1e-12)
    page = symmetry_path.save_html(tmp_path / "path.html").read_text()
    assert "Validation chooses" in page
    assert len(symmetry_path.figure().axes) == 2
    described = symmetry_path.to_dict()["points"]
    assert described[1]["weight"] == 3.0
    assert described[0]["defect"] > 3 * described[-1]["defect"] > 0


def test_the_path_says_when_it_ends_too_early():
    from haar.relax.diagnosis.dashboard import LayerReading

    layer = LayerReading("0[0]", 0.5, 0.4, None, None, None, None, None)
    points = [PathPoint(w, loss, 2.0, 1.0, [layer]) for w, loss in ((0.1, 2.0), (1.0, 1.0))]
    made = SymmetryPath("D4", points, wrapped(), ["D4", "C4", "1"])
    assert made.summary.endswith("asymmetry at most 0.4); give larger weights to see where it ends.")
    points = [PathPoint(w, loss, 3.0, 1.0, [layer], 0.3) for w, loss in ((0.1, 1.0), (1.0, 2.0))]
    chosen = SymmetryPath("D4", points, wrapped()).summary
    assert "symmetric end" not in chosen
    assert (
        "against 2 at the largest weight (effective asymmetry at most 0.4, defect 0.3) and 3 there with gamma = 0"
        in chosen
    )
    symmetric = LayerReading("0[0]", 0.005, 0.005, None, None, None, None, None)
    points[1] = PathPoint(1.0, 2.0, 3.0, 1.0, [symmetric], 0.004)
    chosen = SymmetryPath("D4", points, wrapped()).summary
    assert chosen.endswith("against 2 at the symmetric end (effective asymmetry at most 0.005, defect 0.004).")
    (text,) = [t.get_text() for t in made.figure().axes[0].get_legend().get_texts()]
    assert text == "0: D4 to C4"


@pytest.mark.parametrize("weights", [(1.0,), (0.0, 1.0), (2.0, 1.0)])
def test_weights_of_a_path_increase(weights):
    with pytest.raises(ArgumentError, match="weights: expected at least two positive numbers, increasing"):
        path(wrapped(), mse, TRAIN, VALIDATION, weights=weights)


def test_a_path_along_a_chain_has_one_curve_a_step():
    from relax_worlds import C4, SYMMETRY

    plain = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    model = chained(plain, SYMMETRY, C4)
    made = path(model, mse, TRAIN, VALIDATION, weights=(0.1, 10.0), steps=30, names=["C4", "<r180>", "1"])
    assert len(made.points[0].layers) == 4
    labels = [t.get_text() for t in made.figure().axes[0].get_legend().get_texts()]
    assert labels[:2] == ["0: C4 to <r180>", "0: <r180> to 1"]


def chained(plain, symmetry, group):
    from haar.relax import homotopise

    return homotopise(plain, symmetry, chain=[group.subgroup([2])])


@pytest.mark.usefixtures("unchecked_annotations")
def test_numbers_of_steps_are_whole_and_losses_are_tensors():
    with pytest.raises(ArgumentError, match=r"steps: expected a whole number, at least 1, got 2\.5"):
        fit(Strict(wrapped()), mse, TRAIN, steps=2.5)
    with pytest.raises(ArgumentError, match="steps: expected a whole number, at least 1, got nan"):
        Duals(wrapped(), steps=float("nan"))
    with pytest.raises(ArgumentError, match=r"loss: expected one number in a tensor, got 0\.5"):
        Duals(wrapped(), steps=40).lagrangian(0.5)


def test_the_model_is_trained_in_train_mode():
    rule, modes = Strict(wrapped()), []
    rule.model.eval()

    def loss(prediction, target):
        modes.append(rule.model.training)
        return mse(prediction, target)

    fit(rule, loss, TRAIN, steps=2)
    assert modes == [True, True]
    assert not rule.model.training


def losses(train=TRAIN, seed=0, **options):
    return fit(Strict(wrapped()), mse, train, **{"steps": 3, **options}, seed=seed).losses


def test_the_defaults_are_adam_along_a_cosine_on_batches_of_64():
    told = {"batch_size": 64, "learning_rate": 3e-3, "schedule": "cosine"}
    default = losses()
    assert default == losses(**told) == losses(**told, optimizer=lambda weights: torch.optim.Adam(weights, lr=3e-3))
    for other in ({"batch_size": 63}, {"learning_rate": 2e-3}, {"schedule": "constant"}, {"seed": 1}):
        assert losses(**{**told, **other}) != default


def test_it_reads_and_keeps_every_hundredth_step_and_the_last(tmp_path, told):
    watch = told()
    done = fit(Strict(wrapped()), mse, TRAIN, steps=101, validation=VALIDATION, batch_size=4, watch=watch)
    assert [reading.step for reading in done.dashboard.readings] == [100, 101]
    assert watch.stages == [("training with strict", 101)]
    assert (watch.steps, done.rule.taken) == (101, 101)
    assert not (tmp_path / "log.csv").exists()
    plain = fit(Strict(wrapped()), mse, TRAIN, steps=2, log=tmp_path / "log.csv")
    assert (plain.dashboard, plain.deployed_loss, len(plain.losses)) == (None, None, 2)
    assert not (tmp_path / "log.csv").exists()  # there is nothing to read


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rule": lambda: Augmentation(wrapped())}, "rule"),
        ({"train": (TRAIN[0][:60], TRAIN[1][:60])}, "samples"),
        ({"validation": VALIDATION}, "validation"),
    ],
)
def test_a_checkpoint_belongs_to_one_rule_and_its_data(change, named, tmp_path):
    place = tmp_path / "run.pt"
    fit(Strict(wrapped()), mse, TRAIN, steps=2, every=1, checkpoint=place)
    rule = change.pop("rule", lambda: Strict(wrapped()))()
    train = change.pop("train", TRAIN)
    with pytest.raises(ArgumentError, match=f"expected the run it belongs to, got another {named}"):
        fit(rule, mse, train, steps=2, every=1, checkpoint=place, **change)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (
            (TRAIN[0], torch.tensor(1.0)),
            r"train: expected the samples on axis 0 of all inputs and targets, got \(\), \(64",
        ),
        (
            ((TRAIN[0], TRAIN[0][:3]), TRAIN[1]),
            r"train: expected 64 samples on axis 0 .* got \(64, 2\), \(64, 6\), \(3, 6\)",
        ),
        ((1.0, 2.0), "train: expected tensors of inputs and targets, got float; use torch.as_tensor"),
    ],
)
def test_axis_zero_counts_the_samples_of_everything(train, message):
    with pytest.raises(HaarError, match=message):
        fit(Strict(wrapped()), mse, train, steps=2)


def test_validation_is_looked_at_as_training_data_are():
    with pytest.raises(HaarError, match="validation: expected 64 samples on axis 0"):
        fit(Strict(wrapped()), mse, TRAIN, steps=2, validation=(VALIDATION[0][:3], VALIDATION[1]))
    (one,) = {len(losses((TRAIN[0][:1], TRAIN[1][:1]), batch_size=2))}
    assert one == 3  # one sample is enough
    with pytest.raises(
        ArgumentError, match=r"expected the 40 steps .*got 30; make the rule with the same number of steps"
    ):
        fit(Duals(wrapped(), steps=40), mse, TRAIN, steps=30)

"""The symmetry path: what it chooses and says of hand-written points, and how its fits are made."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from relax_worlds import data, mse, wrapped

from haar.errors import ArgumentError
from haar.relax.diagnosis.dashboard import LayerReading
from haar.relax.path import PathPoint, SymmetryPath, path

place = import_module("haar.relax.path")  # beside the function of that name
TRAIN, VALIDATION = data(24), data(24, seed=1)


def point(weight, loss, size, *, strict=2.0, defect=None, gamma=0.5, name="0"):
    layers = [LayerReading(name, gamma, size, None, None, None, None, None), LayerReading("", 1e-4, None, *[None] * 5)]
    return PathPoint(weight, loss, strict, 0.75, layers, defect)


@pytest.fixture(scope="module")
def model():
    return wrapped()


def test_of_equal_losses_the_most_symmetric_is_chosen(model):
    points = [point(0.1, 1.0, 0.4), point(1.0, 0.5, 0.3), point(10.0, 0.5, 0.2), point(100.0, 0.6, 0.1)]
    made = SymmetryPath("D4", points, model)
    assert made.best is points[2]
    assert made.title == "The symmetry path of D4"
    described = made.to_dict()
    assert (described["kind"], described["group"], described["best_weight"]) == ("symmetry-path", "D4", 10.0)
    assert [each["train_loss"] for each in described["points"]] == [0.75] * 4


@pytest.mark.parametrize(
    ("size", "said"), [(0.01, "the symmetric fit of D4 (ridge weight 1, "), (0.0101, "which is not")]
)
def test_a_hundredth_of_asymmetry_counts_as_symmetric(model, size, said):
    chosen = SymmetryPath("D4", [point(0.1, 2.0, 0.4), point(1.0, 1.0, size, defect=0.25)], model).summary
    assert said in chosen
    assert chosen.endswith("give larger weights to see where it ends.") == (size > 0.01)
    assert f"effective asymmetry at most {size:.2g}, defect 0.25)" in chosen
    other = SymmetryPath("D4", [point(0.1, 1.0, 0.4), point(1.0, 2.0, size)], model).summary
    assert ("at the symmetric end" in other) == (size == 0.01)
    assert other.startswith(
        "Validation chooses ridge weight 0.1 (effective asymmetry at most 0.4): loss 1 against 2 at the "
    )


def test_where_no_size_is_known_gamma_stands_for_it(model):
    layers = [LayerReading("0", -0.3, None, None, None, None, None, None)]
    points = [PathPoint(w, 1 / w, 2.0, 1.0, layers) for w in (1.0, 2.0)]
    assert "effective asymmetry at most 0.3)" in SymmetryPath("D4", points, model).summary


def test_the_table_and_the_figure_hold_every_point(model):
    points = [point(0.1, 1.0, 0.4, defect=0.5, name="a[0]"), point(10.0, 0.5, 0.2, strict=0.7, name="a[0]")]
    made = SymmetryPath("D4", points, model, ["D4", "C4"])
    (section,) = made.sections()
    assert tuple(section.table.columns) == (
        "ridge weight", "validation loss", "at gamma = 0", "training loss", "largest size", "defect", "chosen"
    )  # fmt: skip
    rows = [tuple(row) for row in section.table.rows]
    assert rows == [(0.1, 1.0, 2.0, 0.75, 0.4, 0.5, False), (10.0, 0.5, 0.7, 0.75, 0.2, None, True)]
    above, below = made.figure().axes
    curves = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in above.lines[:-1]}
    assert curves == {"a: D4 to C4": ([0.1, 10.0], [0.4, 0.2]), "layer": ([0.1, 10.0], [1e-4, 1e-4])}
    losses = {line.get_label(): list(line.get_ydata()) for line in below.lines[:-1]}
    assert losses == {"gammas kept": [1.0, 0.5], "gamma = 0": [2.0, 0.7]}
    for panel in (above, below):
        assert list(panel.lines[-1].get_xdata()) == [10.0, 10.0]  # the choice
        assert panel.get_xscale() == "log"
        assert not panel.get_legend().get_frame_on()
    alone = SymmetryPath("D4", points, model, ["D4"])  # no name for where the step leads
    assert alone.figure().axes[0].lines[0].get_label() == "a[0]"
    assert made.to_dict()["chain"] == ["D4", "C4"]


def test_every_fit_starts_where_the_last_one_ended(model, monkeypatch, told, tmp_path):
    seen, whole, watch = [], place.fit, told()

    def noted(rule, *args, **options):
        start = torch.cat([p.detach().reshape(-1).clone() for p in rule.model.parameters()])
        done = whole(rule, *args, **options)
        end = torch.cat([p.detach().reshape(-1).clone() for p in rule.model.parameters()])
        seen.append((rule, options, start, end, done))
        return done

    monkeypatch.setattr(place, "fit", noted)
    options = {"steps": 15, "batch_size": 8, "learning_rate": 0.01, "gamma_rate": 0.05, "seed": 7}
    made = path(
        model, mse, TRAIN, VALIDATION, weights=(0.5, 5), watch=watch, checkpoints=tmp_path / "a" / "b", **options
    )
    assert watch.stages == [("fits", 2)]
    assert watch.steps == 2
    assert [each[1]["steps"] for each in seen] == [30, 15]  # the first takes twice as many
    assert [each[1]["every"] for each in seen] == [30, 15]
    assert [each[1]["seed"] for each in seen] == [7, 8]
    assert [(each[1]["batch_size"], each[1]["learning_rate"]) for each in seen] == [(8, 0.01)] * 2
    assert [(each[0].rho, each[0].steps, each[0].solver.gamma_rate) for each in seen] == [
        (0.5, 30, 0.05),
        (5.0, 15, 0.05),
    ]
    assert sorted(file.name for file in (tmp_path / "a" / "b").glob("*.pt")) == ["fit_0.pt", "fit_1.pt"]
    own = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    assert torch.equal(seen[0][2], own)
    assert torch.equal(seen[1][2], seen[0][3])
    for found, (_, _, _, _, done), count in zip(made.points, seen, (3, 1), strict=True):
        assert found.train_loss == pytest.approx(sum(done.losses[-count:]) / count, rel=1e-12)
        assert (found.loss, found.strict_loss) == (done.dashboard.last.loss_on, done.dashboard.last.loss_off)
        assert found.defect == done.dashboard.last.defect
    best = made.points.index(made.best)
    chosen = torch.cat([p.detach().reshape(-1) for p in made.model.parameters()])
    assert torch.equal(chosen, seen[best][3])
    assert not made.model.training
    assert made.group == "C4"


def test_a_path_has_at_least_two_fits_and_a_checkpoint_every_500_steps(model, monkeypatch):
    class EnoughError(Exception):
        pass

    def noted(rule, *_, steps, every, **__):
        raise EnoughError(steps, every, rule.solver.gamma_rate, rule.rho)

    monkeypatch.setattr(place, "fit", noted)
    with pytest.raises(EnoughError) as found:
        path(model, mse, TRAIN, VALIDATION)
    assert found.value.args == (1000, 500, 0.02, 0.01)
    with pytest.raises(EnoughError) as found:
        path(model, mse, TRAIN, VALIDATION, weights=(0.1, 0.2), steps=249)
    assert found.value.args[:2] == (498, 498)
    for weights in ((1.0,), (0.0, 1.0), (1.0, 1.0)):
        with pytest.raises(
            ArgumentError, match=r"weights: expected at least two positive numbers, increasing, got \[.\."
        ):
            path(model, mse, TRAIN, VALIDATION, weights=weights)
    assert len(place.WEIGHTS) == 11
    assert place.WEIGHTS[0] == 0.01
    assert place.WEIGHTS[4] == 1.0
    assert place.WEIGHTS[-1] == 1000.0

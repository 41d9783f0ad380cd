"""Training, comparison and what is kept: scales from training data, errors, effects with margins."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from haar.data.molecules import Molecules
from haar.errors import ArgumentError, DataError
from haar.nn.circuits import energy_and_forces
from haar.systems.quantum import Potential
from haar.systems.quantum.comparison import LIH, MEAN, NH3, contest, split
from haar.systems.quantum.evaluation import KCAL_PER_MILLIHARTREE, apart, errors, symmetry_errors
from haar.systems.quantum.invariants import MeanEnergy
from haar.systems.quantum.training import PotentialPlan, fit
from haar.training import DivergedError


@pytest.fixture(scope="module")
def lih() -> Molecules:
    return Molecules.shipped("lih").in_frame("rotated", seed=1)


@pytest.fixture(scope="module")
def trained(lih: Molecules) -> dict[str, dict]:
    train, test = split(lih, 16)
    plan = PotentialPlan(steps=80, force_steps=5)
    rows = {}
    for contender in LIH:
        own = {"steps": 300, "force_steps": 20, "learning_rate": 0.01} if contender.title == "Classical" else {}
        if contender.title in ("Mean", "MLP", "Classical, long"):
            continue
        rows[contender.title] = contest(
            type(contender)(contender.title, contender.model, contender.options, own), train, test, plan=plan
        )[1]
    return rows


def test_symmetry_helps_and_the_classical_baseline_wins(trained: dict[str, dict]) -> None:
    test = {title: row["test"]["rmse"] for title, row in trained.items()}
    assert test["Classical"] < test["Graph"]
    assert test["Graph"] < 0.3 * test["NonSym"]
    assert test["RotOnly = RotPerm"] < 0.3 * test["NonSym"]
    assert trained["NonSym"]["ratio"] > 2 * trained["Graph"]["ratio"]
    assert trained["Graph"]["symmetry"]["rotation"] < 1e-9
    assert trained["NonSym"]["symmetry"]["rotation"] > 1


def test_the_scale_comes_from_training_data_and_holds_for_forces(lih: Molecules) -> None:
    """Trap: scaling by the whole set, or forces by another number than energies."""
    potential = Potential("graph", lih.species, layers=2)
    train = lih[40:80]
    fit(potential, train, plan=PotentialPlan(steps=1, force_steps=0))
    assert float(potential.scale) == pytest.approx(float(train.energy.max() - train.energy.min()) / 2)
    x = lih.active[:4]
    _, forces = energy_and_forces(potential, x)
    _, scaled = energy_and_forces(potential.model, x)
    assert (forces - potential.scale * scaled).abs().max() < 1e-13
    with pytest.raises(ArgumentError, match="energy: expected energies that differ, got one value"):
        fit(potential, lih[torch.tensor([3, 3])])


def test_errors_are_in_the_units_they_say(lih: Molecules) -> None:
    found = errors(lambda x: lih.energy + 1e-3 + 0.0 * x.sum((1, 2)), lih)
    assert found.rmse == pytest.approx(1.0)
    assert found.mae_kcal == pytest.approx(KCAL_PER_MILLIHARTREE)
    assert found.force_rmse == pytest.approx(float(1e3 * lih.active_forces.square().mean().sqrt()))


def test_symmetry_errors_of_a_model_that_differentiates_inside(lih: Molecules) -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        leaf = x if x.requires_grad else x.detach().requires_grad_()
        slope = torch.autograd.grad((leaf**3).sum(), leaf, create_graph=True)[0]
        return slope.square().sum((1, 2)) + x[..., 0].sum(1)

    x = lih.active[:3]
    found = symmetry_errors(model, x)
    assert found["parity"] == pytest.approx(float(2 * x[..., 0].sum(1).square().mean().sqrt()), rel=1e-12)
    assert found["rotation"] > 1e-3


def test_splits_do_not_overlap(lih: Molecules) -> None:
    for data, size in ((lih, 16), (Molecules.shipped("nh3"), 100)):
        for fold in range(3):
            train, test = split(data, size, fold=fold)
            assert len(train) + len(test) == len(data)
            both = torch.cat([train.energy, test.energy]).sort().values
            assert torch.equal(both, data.energy.sort().values)
    one, _ = split(lih, 16)
    assert {float(one.energy[0]), float(one.energy[-1])} == {float(lih.energy[0]), float(lih.energy[-1])}
    with pytest.raises(ArgumentError, match="train: expected 2 to 159 of 160 geometries, got 160"):
        split(lih, 160)
    with pytest.raises(ArgumentError, match="train: expected 2 to 288 of 360 geometries, got 289"):
        split(Molecules.shipped("nh3"), 289, fold=0, folds=5)
    with pytest.raises(ArgumentError, match="fold: expected 0 to 4 of 5, got 5"):
        split(lih, 16, fold=5, folds=5)


@pytest.mark.parametrize(("name", "size", "tested"), [("lih", 16, 140), ("lih", 48, 100), ("nh3", 100, 360)])
def test_of_several_folds_no_two_are_tested_on_one_geometry(name: str, size: int, tested: int) -> None:
    data = Molecules.shipped(name)
    folds = [split(data, size, fold=fold, folds=5, seed=3) for fold in range(5)]
    energies = torch.cat([test.energy for _, test in folds])
    assert len(energies.unique()) == len(energies) >= tested
    for train, test in folds:
        assert len(train) == size
        assert not torch.isin(train.energy, test.energy).any()
    if size < 48:  # there is room for training sets that have only the two ends in common
        inside = torch.cat([train.energy[1:-1] for train, _ in folds])
        assert len(inside.unique()) == len(inside) == 5 * (size - 2)


def test_the_mean_energy_is_that_of_the_training_set_and_has_no_forces(lih: Molecules) -> None:
    train, test = split(lih, 16)
    potential, row = contest(MEAN, train, test, plan=PotentialPlan())
    assert torch.allclose(potential(test.active), train.energy.mean().expand(len(test)), rtol=0, atol=1e-14)
    assert row["parameters"] == 1
    assert row["test"]["force_rmse"] == pytest.approx(float(1e3 * test.active_forces.square().mean().sqrt()))
    assert row["test"]["rmse"] == pytest.approx(float(1e3 * (test.energy - train.energy.mean()).square().mean().sqrt()))
    assert apart(potential, test) == pytest.approx((1e3 * (train.energy.mean() - test.energy)).tolist(), rel=1e-5)


def test_classical_networks_take_as_many_steps_as_the_circuits_but_one_that_says_so() -> None:
    assert {one.title: dict(one.plan) for one in (*LIH, *NH3) if one.plan} == {
        "Classical, long": {"steps": 1500, "force_steps": 375, "learning_rate": 0.01}
    }


def test_the_best_validation_weights_are_kept(lih: Molecules) -> None:
    train, rest = split(lih, 16)
    plan = PotentialPlan(steps=60, force_steps=0, learning_rate=0.1, every=2)
    kept, last = (Potential("generic", lih.species, layers=2) for _ in range(2))  # it overfits
    fit(kept, train, plan=plan, validation=rest[:40])
    fit(last, train, plan=plan)
    assert errors(kept, rest[:40]).rmse < 0.95 * errors(last, rest[:40]).rmse
    assert errors(kept, train).rmse > errors(last, train).rmse


def test_potentials_are_saved_and_read(tmp_path: Path) -> None:
    for name, options in (("exchange", {"layers": 1, "radial": (1.0, 0.5, 1.0, 0.3)}), ("distances", {"hidden": 4})):
        potential = Potential(name, ("N", "H", "H", "H"), **options)
        nh3 = Molecules.shipped("nh3")
        potential.fit_scale(nh3.energy, nh3.active)
        potential.save(tmp_path / "p.safetensors")
        again = Potential.load(tmp_path / "p.safetensors")
        assert torch.equal(again(nh3.active[:4]), potential(nh3.active[:4]))
    (tmp_path / "q.safetensors").write_bytes(b"12345678nothing")
    with pytest.raises(DataError, match=r"q\.safetensors: not a readable safetensors file"):
        Potential.load(tmp_path / "q.safetensors")


def test_what_does_not_fit_is_refused(lih: Molecules) -> None:
    with pytest.raises(ArgumentError, match=r"species: expected the central atom first.*got H, N, H, H"):
        Potential("graph", ("H", "N", "H", "H"))
    with pytest.raises(ArgumentError, match=r"model: expected one of generic, .*got 'mace'"):
        Potential("mace", ("Li", "H"))
    with pytest.raises(
        ArgumentError, match=r"options: expected options of graph \(layers, seed, readout, edge\), got .*width"
    ):
        Potential("graph", ("Li", "H"), width=3)
    with pytest.raises(ArgumentError, match="model: expected a molecule XH2 for 'water', got 1 atoms"):
        Potential("water", ("Li", "H"))
    with pytest.raises(ArgumentError, match="data: expected molecules N, H, H, H, got Li, H"):
        fit(Potential("graph", ("N", "H", "H", "H")), lih)
    for bad, message in (
        ({"force_steps": -1}, "force_steps: expected at least 0, got -1"),
        ({"force_weight": float("nan")}, "force_weight: expected a number of at least 0, got nan"),
        ({"learning_rate": float("inf")}, "learning_rate: expected a number above 0, got inf"),
    ):
        with pytest.raises(ArgumentError, match=message):
            PotentialPlan(**bad)
    with pytest.raises(DivergedError, match=r"loss: .* at step 2 of 9, which no step mends; lower learning_rate"):
        fit(Potential("coordinates", lih.species), lih, plan=PotentialPlan(steps=9, learning_rate=1e300))
    with pytest.raises(ArgumentError, match="atoms: expected at least 1, got 0"):
        MeanEnergy(0)
    with pytest.raises(ArgumentError, match=r"held_out: expected a share in \[0, 1\), got 1"):
        contest(NH3[0], lih, lih, plan=PotentialPlan(), held_out=1.0)

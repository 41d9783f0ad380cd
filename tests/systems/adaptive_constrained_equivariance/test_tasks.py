"""The tasks: targets turn as claimed, networks without their branches are equivariant, published files are read."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from haar.errors import ArgumentError, DataError
from haar.systems.adaptive_constrained_equivariance.arms import make_arms
from haar.systems.adaptive_constrained_equivariance.particle_network import Neighbours, ParticleNetwork, everyone
from haar.systems.adaptive_constrained_equivariance.recipe import RECIPE
from haar.systems.adaptive_constrained_equivariance.tasks import TASKS, make_task
from haar.systems.adaptive_constrained_equivariance.trial import Configuration, TrialPlan, evaluate, train_together
from haar.systems.adaptive_constrained_equivariance.walking import generated_walk

F64 = torch.float64
HERE = Path(__file__).parent


def _seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def _defect(task, x, target):
    symmetry = task.symmetry
    return max(
        float((target(symmetry.inputs[0].act(g, x)) - symmetry.outputs.act(g, target(x))).abs().max())
        for g in task.elements()
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_inertia_tensor_turns_and_the_modified_one_does_not(seed):
    x = torch.randn(6, 20, generator=_seeded(seed), dtype=F64)
    plain, modified = make_task("inertia", {}, 0.0), make_task("inertia", {}, 0.3)
    assert _defect(plain, x, plain.target) < 1e-12
    assert _defect(modified, x, modified.target) > 1e-3
    # against the definition
    masses, places = x[0, :5], x[0, 5:].view(5, 3)
    tensor = sum(m * (r @ r * torch.eye(3, dtype=F64) - torch.outer(r, r)) for m, r in zip(masses, places, strict=True))
    torch.testing.assert_close(plain.target(x)[0].view(3, 3) * 6, tensor)
    vertical = torch.tensor([0.0, 0, 1], dtype=F64)
    turned = tensor + 0.3 * torch.outer(tensor @ vertical, vertical)
    torch.testing.assert_close(modified.target(x)[0].view(3, 3) * 6, turned)


@pytest.mark.parametrize("name", ["inertia", "charged"])
def test_a_seed_gives_one_network_and_one_data_set(name):
    task = make_task(name, {"pool": 8, "start": 0, "stop": 1} if name == "charged" else {}, 0.0)
    one, other = (task.model(_seeded(1), _seeded(2)) for _ in range(2))
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key])
    assert torch.equal(task.sample("train", 4, _seeded(3))[0], task.sample("train", 4, _seeded(3))[0])
    assert not torch.equal(task.sample("train", 4, _seeded(3))[0], task.sample("test", 4, _seeded(4))[0])


@pytest.mark.parametrize(
    ("name", "given", "beta"),
    [
        ("vectors", {"order": 4}, 0.5),
        ("inertia", {}, 0.3),
        ("charged", {"pool": 8, "start": 0, "stop": 1, "hidden": 8, "layers": 2}, 0.0),
        ("walking", {"trials": 1, "hidden": 8, "layers": 2}, 1.0),
    ],
)
def test_data_and_untrained_networks_are_those_that_they_were(name, given, beta, as_recorded):
    task = make_task(name, given, beta)
    found = {part: task.sample(part, 3, _seeded(3)) for part in ("train", "validation", "test")}
    found["answer"] = (task.model(_seeded(1), _seeded(2))(found["test"][0]),)
    shown = {part: [x.detach().flatten(1)[:, ::5] for x in several] for part, several in found.items()}
    as_recorded(shown, HERE / f"task_{name}.json")


def test_networks_of_particles_forget_their_order_and_what_is_not_there():
    network = ParticleNetwork(
        2, everyone(6), velocities=False, hidden=8, layers=2, outputs=3, masked=True, generator=_seeded()
    ).double()
    for layer in network.layers:
        layer.features.fix(torch.zeros(()))
        if layer.places is not None:
            layer.places.fix(torch.zeros(()))
    x = torch.randn(2, 6, 5, dtype=F64)
    x[..., -1] = 1
    x[:, 4:, -1] = 0
    out = network(x)
    torch.testing.assert_close(network(x[:, [2, 0, 3, 1, 5, 4]]), out)
    elsewhere = x.clone()
    elsewhere[:, 4:, :4] = torch.randn(2, 2, 4, dtype=F64)
    torch.testing.assert_close(network(elsewhere), out)
    few = ParticleNetwork(
        2, everyone(4), velocities=False, hidden=8, layers=2, outputs=3, masked=True, generator=_seeded()
    ).double()
    few.load_state_dict(network.state_dict())
    for layer in few.layers:
        layer.features.fix(torch.zeros(()))
        if layer.places is not None:
            layer.places.fix(torch.zeros(()))
    torch.testing.assert_close(few(x[:, :4]), out)


def test_nearest_neighbours_of_all_others_are_all_others():
    fixed = ParticleNetwork(1, everyone(5), velocities=False, hidden=8, layers=2, generator=_seeded())
    found = ParticleNetwork(1, Neighbours(nearest=4), velocities=False, hidden=8, layers=2, generator=_seeded())
    x = torch.randn(3, 5, 4, generator=_seeded(1))
    torch.testing.assert_close(found(x), fixed(x), rtol=1e-4, atol=1e-5)


def test_a_walk_sags_along_the_vertical_only():
    level, sagging = generated_walk(3, beta=0.0, seed=1), generated_walk(3, beta=1.0, seed=1)
    assert level.joints == 31
    assert len(level.bones) == 30
    for one, other in zip(level.trials, sagging.trials, strict=True):
        torch.testing.assert_close(one[..., [0, 2]], other[..., [0, 2]])
        assert bool((other[..., 1] <= one[..., 1] + 1e-6).all())
        assert float((one[-1] - other[-1]).abs().max()) > 0.1


def test_an_unknown_task_is_refused():
    with pytest.raises(ArgumentError, match="task: expected one of vectors, inertia"):
        make_task("chess", {}, 0.0)
    with pytest.raises(ArgumentError, match="stop: expected a frame after start = 30"):
        make_task("charged", {"stop": 30}, 0.0)
    with pytest.raises(ArgumentError, match=r"options: expected options of vectors \(order, noise\), got orders"):
        make_task("vectors", {"orders": 3}, 0.0)
    with pytest.raises(ArgumentError, match="schedule: expected one of constant, cosine, steps, got"):
        TrialPlan(schedule="linear")


# --- Published data


def _particles(folder, random):
    for split in ("train", "valid", "test"):
        for part, shape in {"loc": (6, 42, 3, 5), "vel": (6, 42, 3, 5), "charges": (6, 5, 1)}.items():
            np.save(folder / f"{part}_{split}_charged5_initvel1small.npy", random.normal(size=shape))
    return folder


def _motion(folder, random):
    trials = [random.normal(size=(50, 31, 3)) for _ in range(25)]
    held = ([[child, child - 1] for child in range(1, 31)], trials)
    (folder / "motion.pkl").write_bytes(pickle.dumps(held))
    return folder / "motion.pkl"


def _molecules(folder, random):
    for k in range(1, 21):
        atoms = ["C", *random.choice(["H", "O", "N"], size=1 + k % 3)]
        rows = "".join(f"{a}\t" + "\t".join(f"{v:.6f}" for v in random.normal(size=4)) + "\n" for a in atoms)
        numbers = "\t".join(f"{v:.5f}" for v in random.normal(size=15))
        text = f"{len(atoms)}\ngdb {k}\t{numbers}\n{rows}1.0\nC\tC\nx\tx\n"
        (folder / f"dsgdb9nsd_{k:06d}.xyz").write_text(text)
    return folder


def _shapes(folder, random):
    for split, count in (("train", 20), ("test", 4)):
        with h5py.File(folder / f"ply_data_{split}0.h5", "w") as file:
            file["data"] = random.normal(size=(count, 32, 3)).astype(np.float32)
            file["label"] = random.integers(40, size=(count, 1)).astype(np.uint8)
    return folder


def _dynamics(folder, random):
    places, forces = random.normal(size=(40, 4, 3)), random.normal(size=(40, 4, 3))
    np.savez(folder / "md.npz", z=np.array([6, 1, 1, 8]), R=places, E=random.normal(size=40), F=forces)
    return folder / "md.npz"


PUBLISHED = {
    "nbody": (_particles, {}),
    "mocap-walk": (_motion, {}),
    "qm9": (_molecules, {}),
    "modelnet40": (_shapes, {"points": 16, "nearest": 4}),
    "md17": (_dynamics, {"train": 12}),
}


@pytest.mark.parametrize("preset", PUBLISHED)
def test_published_settings_train_on_files_of_that_form(preset, tmp_path, as_recorded):
    """Two steps at small width; everything else is the preset's."""
    write, smaller = PUBLISHED[preset]
    (part,) = RECIPE.presets[preset]["parts"]
    files = write(tmp_path, np.random.default_rng(0))
    options = {**part["options"], "hidden": 8, "layers": 2, **smaller, part["files"]: str(files)}
    task = make_task(part["task"], options, 0.0)
    plan = TrialPlan(**{**part["plan"], "steps": 2, "batch_size": 3, "validation": 4, "tests": 4, "device": "cpu"})
    configurations = [Configuration(task, 5, seed=0)]
    arms = make_arms(["strict", "equality", *part["arms"][3::2]], configurations, TrialPlan(steps=30))
    train_together(arms, configurations, plan)
    found = {arm.name: evaluate(arm, configurations, plan) for arm in arms}
    for name, (one,) in found.items():
        assert one["error"] > 0
        if name in ("strict", "equality", "equality as published"):
            assert one["defect"] < 1e-4
    as_recorded(found, HERE / f"published_{preset}.json")


def test_parts_of_published_data_do_not_meet(tmp_path):
    files = _molecules(tmp_path, np.random.default_rng(1))
    task = make_task("molecules", {"files": str(files)}, 0.0)
    parts = {name: task.part(name) for name in ("train", "validation", "test")}
    assert [len(x) for x, _ in parts.values()] == [16, 2, 2]
    rows = torch.cat([x for x, _ in parts.values()]).flatten(1)
    assert len(torch.unique(rows, dim=0)) == 20
    y = parts["train"][1]
    torch.testing.assert_close(y.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.abs().mean(), torch.tensor(1.0))
    few = make_task("dynamics", {"files": str(_dynamics(tmp_path, np.random.default_rng(2))), "train": 20}, 0.0)
    with pytest.raises(DataError, match="at least 60 frames, got 40"):
        few.part("train")


def test_every_task_is_used_by_a_preset():
    used = {part["task"] for preset in RECIPE.presets.values() for part in preset["parts"]}
    assert used == set(TASKS)

"""A plan carried out: every key reaches its place, folders belong to one plan, and refusals say what came."""

from __future__ import annotations

import json

import pytest
import torch

from haar.errors import ArgumentError, DataError
from haar.relax import Duals, EquivariancePenalty, FixedRidge, Scheduled, Strict
from haar.relax.task.deployed import save_model
from haar.relax.task.first_step import try_task
from haar.relax.task.plan import make_plan
from haar.relax.task.task import PLAN, make_task
from haar.watch import Unwatched

pytestmark = pytest.mark.usefixtures("entries")
OPTIONS = {"group": "C4", "input": "3 * vector", "output": "vector", "steps": 30, "batch_size": 4}


def task(**options):
    return make_task(make_plan("own_entries:make", options.pop("data", "own_entries:data"), {**OPTIONS, **options}))


def test_the_model_is_the_same_at_every_call_and_belongs_to_the_seed():
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    made = task(model_args={"width": 12})
    one, other = (made.wrapped().state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(state, torch.random.get_rng_state())
    assert one["model.0.weight"].shape == (12, 6)
    third = task(model_args={"width": 12}, seed=1).wrapped().state_dict()
    assert not torch.equal(one["model.0.weight"], third["model.0.weight"])


def test_the_words_of_a_plan_reach_the_model():
    assert task(chain="auto").wrapped().layers["0"].gamma.shape == (2,)
    assert task().wrapped().layers["0"].gamma.shape == ()
    assert task(mode="branches").wrapped().layers["0"].mode == "branches"
    assert float(task(kappa=False).wrapped().layers["0"].kappa) == 1.0
    assert float(task().wrapped().layers["0"].kappa) > 1.0


def test_the_words_of_a_plan_reach_the_rule():
    options = {"problem": "resilient", "solver": "paper", "rho": 0.5, "scale_loss": True}
    made = task(**options).rule_of()
    assert isinstance(made, Duals)
    assert (made.problem, made.solver.name, made.rho, made.scale_loss, made.steps) == (
        "resilient",
        "paper",
        0.5,
        True,
        30,
    )
    plain = task().rule_of()
    assert (plain.problem, plain.solver.name, plain.rho, plain.scale_loss) == ("equality", "damped", 1.0, False)
    assert task().rule_of(problem="resilient").problem == "resilient"
    ridge = task(rule="ridge", rho=0.25).rule_of()
    assert isinstance(ridge, FixedRidge)
    assert (ridge.rho, ridge.steps) == (0.25, 30)
    assert isinstance(task().rule_of("strict"), Strict)
    scheduled = task().rule_of("scheduled")
    assert (type(scheduled), scheduled.steps) == (Scheduled, 30)
    made = task()
    penalty = made.rule_of("penalty")
    assert (type(penalty), penalty.loss) == (EquivariancePenalty, made.loss)


def test_a_fit_takes_every_word_of_its_training(tmp_path, told):
    watch = told()
    words = {"learning_rate": 0.05, "schedule": "constant", "every": 2, "seed": 3, "steps": 4}
    done = task(rule="free", **words).fitted(tmp_path, "fit", watch)
    assert (len(done.losses), watch.steps) == (4, 4)
    assert [reading.step for reading in done.dashboard.readings] == [2, 4]
    assert done.deployed_loss is not None
    assert (tmp_path / "fit.csv").read_text().startswith("step,")
    assert (tmp_path / "fit.pt").is_file()
    for name, value in (("learning_rate", 0.04), ("schedule", "cosine"), ("seed", 4), ("batch_size", 3)):
        other = task(rule="free", **{**words, name: value}).fitted(tmp_path, f"other_{name}", Unwatched())
        assert other.losses != done.losses
    assert task(rule="free", **words).fitted(tmp_path / "x", "fit", Unwatched()).losses == done.losses
    strict = task(**words).fitted(tmp_path, "strict", Unwatched(), rule="strict")
    assert strict.rule.name == "strict"


def test_a_folder_belongs_to_one_plan_and_its_data(tmp_path):
    out = tmp_path / "a" / "b"
    task().claim(out)
    held = json.loads((out / PLAN).read_text())
    assert (held["steps"], held["group"], len(held["contents"])) == (30, "C4", 64)
    task(every=7, draws=5, level=0.5).claim(out)  # what no fit depends on
    with pytest.raises(
        ArgumentError,
        match=r"--out: expected a folder of this plan, or a new one, in place of .*b, got one with another rho, steps; "
        "give another folder, or remove this one",
    ):
        task(steps=31, rho=2.0).claim(out)
    other = task()
    other.train[0][0, 0] += 1
    with pytest.raises(ArgumentError, match="got one with another content of the data"):
        other.claim(out)
    other = task()
    other.validation[1][0, 0] += 1
    with pytest.raises(ArgumentError, match="got one with another content of the data"):
        other.claim(out)


@pytest.mark.parametrize("text", ["no json", "[1]"])
def test_a_folder_with_a_plan_that_is_none_is_refused(tmp_path, text):
    (tmp_path / PLAN).write_text(text)
    with pytest.raises(DataError, match=r"plan\.json: not the plan of a fit.*; give another folder"):
        task().claim(tmp_path)


def test_a_folder_is_let_go_while_it_holds_the_plan_alone(tmp_path):
    made = task()
    made.claim(tmp_path / "one")
    assert made.release(tmp_path / "one")
    assert not (tmp_path / "one" / PLAN).exists()
    made.claim(tmp_path / "two")
    (tmp_path / "two" / "fit.pt").write_bytes(b"")
    assert not made.release(tmp_path / "two")
    assert (tmp_path / "two" / PLAN).exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "own_entries:three"}, r"model: expected a function that returns a torch\.nn\.Module, got int"),
        ({"model_args": {"size": 3}}, "model: expected a function that can be called, .*; give model_args"),
        ({"data": "own_entries:pair"}, "input: expected as many as the data have, 2, got 1"),
        (
            {"model": "own_entries:bare"},
            "symmetry: expected one that moves some layer of the model, got one that moves",
        ),
        (
            {"loss": "own_entries:broken"},
            r"loss: expected one that takes the model's output and the targets, got own_entries:broken \(ValueError: ",
        ),
        ({"rule": "best"}, "rule: expected one of duals, strict, .* relaxed, got 'best'"),
        ({"chain": "C2"}, "chain: expected auto or none, got 'C2'"),
        ({"symmetry": "own_entries:three"}, "symmetry: expected a function that returns a Symmetry, got int"),
        (
            {"loss": "own_entries:THREE"},
            r"loss: expected a function of \(prediction, target\), got own_entries:THREE, a <",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    model = options.pop("model", "own_entries:make")
    data = options.pop("data", "own_entries:data")
    more = {"output": "3 * vector"} if model.endswith("bare") else {}
    with pytest.raises(ArgumentError, match=message):
        make_task(make_plan(model, data, {**OPTIONS, **more, **options})).wrapped()


def test_a_model_of_another_precision_than_the_data_is_refused_by_name():
    made = make_task(make_plan("own_entries:double", "own_entries:data", OPTIONS))
    expected = r"model: expected parameters of torch.float32, as which data are read, got torch.float64; let its funct"
    with pytest.raises(ArgumentError, match=expected):
        made.wrapped()


def test_the_users_own_symmetry_and_losses_are_taken():
    made = make_task(
        make_plan("own_entries:make", "own_entries:data", {"symmetry": "own_entries:symmetry", "loss": "mae"})
    )
    assert made.symmetry.group.name == "C4"
    assert made.loss(torch.ones(2), 3 * torch.ones(2)) == 2
    assert task().loss(torch.ones(2), 3 * torch.ones(2)) == 4
    with pytest.raises(
        ArgumentError,
        match=r"data: expected targets of the prediction's shape \(2, 1\), got \(2,\); for classes give --loss cross_e",
    ):
        made.loss(torch.ones(2, 1), torch.ones(2))


def test_the_first_step_of_every_command_is_tried(monkeypatch):
    import haar.relax.task.first_step as place

    seen = []
    whole = place.fit

    def noted(rule, *args, **options):
        seen.append((rule.name, getattr(rule, "problem", None), getattr(rule, "rho", None), options["steps"]))
        return whole(rule, *args, **options)

    monkeypatch.setattr(place, "fit", noted)
    for command in ("fit", "path", "diagnose"):
        try_task(task(), command)
    try_task(task(weights="3,4"), "path")
    assert seen == [
        ("duals", "equality", 1.0, 30),
        ("ridge", "resilient", 0.01, 30),
        ("strict", None, None, 30),
        ("duals", "resilient", 1.0, 30),
        ("ridge", "resilient", 3.0, 30),
    ]


def test_the_step_that_is_tried_is_the_one_that_will_be_taken(monkeypatch):
    import haar.relax.task.first_step as place

    words = {"steps": 4, "batch_size": 3, "learning_rate": 0.05, "schedule": "constant", "every": 2, "seed": 3}
    made, seen, whole = task(rule="free", clip=2.0, accumulate=1, **words), [], place.fit

    def noted(rule, loss, train, **options):
        seen.append(options)
        assert loss is made.loss
        return whole(rule, loss, train, **options)

    monkeypatch.setattr(place, "fit", noted)
    try_task(made, "fit")
    (options,) = seen
    assert len(options.pop("validation")[0]) == 2  # a fifth of 10 rows
    del options["watch"]
    assert options == {**words, "clip": 2.0, "accumulate": 1, "precision": None}


def test_a_batch_that_no_memory_holds_and_a_model_that_fails_are_refused(monkeypatch):
    import haar.relax.task.first_step as place

    # 6 + 2 numbers of 4 bytes and a row number of 8: 40 bytes a sample
    monkeypatch.setattr(place.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4, "SC_PHYS_PAGES": 40}[name])
    try_task(task(), "fit")  # 4 samples of 40 bytes in 160
    with pytest.raises(
        ArgumentError,
        match=r"batch_size: expected a batch that fits into 1\.49e-07 GiB of memory, got 5 samples of 40 bytes",
    ):
        try_task(task(batch_size=5), "fit")
    made = task()
    monkeypatch.setattr(place.os, "sysconf", lambda _: 2**20)
    rule = made.rule_of()
    rule.model.register_forward_hook(lambda *_: 1 / 0)
    monkeypatch.setattr(type(made), "rule_of", lambda *_: rule)
    with pytest.raises(ArgumentError, match="model: expected one that can be trained, got ZeroDivisionError"):
        try_task(made, "fit")


@pytest.mark.filterwarnings("ignore:training ended with an asymmetry")
@pytest.mark.parametrize("problem", ["equality", "resilient"])
def test_the_model_to_deploy_is_at_gamma_zero_for_equality_alone(problem, tmp_path):
    from safetensors.torch import load_file

    made = task(problem=problem, solver="paper")
    done = made.fitted(tmp_path, "fit", Unwatched())
    assert save_model(done, made, tmp_path) == ["model.safetensors", "model.pt2"]
    plain = load_file(tmp_path / "model.safetensors")
    expected = done.rule.model.export(0.0 if problem == "equality" else None).eval()
    assert set(plain) == set(expected.state_dict())
    assert all(torch.equal(plain[name], value) for name, value in expected.state_dict().items())
    program = torch.export.load(tmp_path / "model.pt2").module()
    x = made.train[0]
    for count in (1, 5):
        with torch.no_grad():
            assert torch.allclose(program(x[:count]), expected(x[:count]), atol=1e-6)


def test_a_model_that_cannot_be_exported_is_kept_as_weights(tmp_path, monkeypatch):
    made = task(rule="free")
    done = made.fitted(tmp_path, "fit", Unwatched())

    def fails(*_, **__):
        raise RuntimeError("no")

    monkeypatch.setattr(torch.export, "export", fails)
    assert save_model(done, made, tmp_path) == ["model.safetensors"]
    assert not (tmp_path / "model.pt2").exists()

"""Several processes train as one: weights, gammas and losses, step by step, and checkpoints of any number of them."""

from __future__ import annotations

import contextlib
from importlib import metadata
from pathlib import Path

import pytest
import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.processes import LostRankError, Ranks
from haar.relax import Duals, EquivariancePenalty, fit, homotopise

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve
F64 = torch.float64
C4 = cyclic(4)
SYMMETRY = Symmetry(C4, Vector(Defining(C4)), Vector(Defining(C4)))
STEPS = 60


def made(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return homotopise(nn.Linear(2, 2).double(), SYMMETRY)


def rows():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(20, 2, generator=generator, dtype=F64)
    return x, x @ torch.tensor([[1.0, 0.3], [-0.3, 1.1]], dtype=F64)


def run(model=None, **told):
    model = made() if model is None else model
    rule = Duals(model, steps=STEPS)
    done = fit(rule, nn.functional.mse_loss, rows(), steps=STEPS, batch_size=7, every=20, learning_rate=0.05, **told)
    return {"losses": done.losses, "model": model.state_dict(), "duals": rule.state_dict()}


def share(rank, folder):
    with Ranks() as ranks:
        torch.save(run(fabric=ranks, checkpoint=Path(folder, "run.pt")), f"{folder}/{rank}.pt")


def same(one, other, tolerance):
    assert one["losses"] == pytest.approx(other["losses"], rel=tolerance, abs=tolerance)
    for key, value in one["model"].items():
        torch.testing.assert_close(value, other["model"][key], rtol=tolerance, atol=tolerance)
    for key in ("gamma", "multiplier", "slack"):
        torch.testing.assert_close(one["duals"][key], other["duals"][key], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_several_processes_train_as_one(in_processes, tmp_path, world):
    in_processes(world, share)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(world)]
    for other in found[1:]:
        same(found[0], other, 0)
    same(found[0], run(), 1e-11)  # sums in another order, through 60 steps


def in_parts(rank, folder):
    with Ranks() as ranks:
        torch.save(run(fabric=ranks, clip=0.1, accumulate=2), f"{folder}/{rank}.pt")


def test_a_batch_in_parts_takes_the_same_step_in_one_process_and_in_several(in_processes, tmp_path):
    whole = run(clip=0.1)
    assert whole["losses"] != run()["losses"]
    same(run(clip=0.1, accumulate=3), whole, 1e-11)
    in_processes(2, in_parts)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    same(first, second, 0)
    same(first, whole, 1e-11)


def test_a_forward_pass_in_bfloat16_trains_nearly_as_one_in_full():
    model, x = made().float(), tuple(part.float() for part in rows())
    seen = []

    def loss(predicted, target):
        seen.append(predicted.dtype)
        return nn.functional.mse_loss(predicted, target)

    done = fit(Duals(model, steps=STEPS), loss, x, steps=STEPS, learning_rate=0.05, precision="bfloat16")
    assert set(seen) == {torch.float32}  # what the pass gave has eight bits, the loss has all
    assert done.losses[-1] < 0.1 * done.losses[0]
    assert all(p.dtype == torch.float32 for p in model.parameters())


@pytest.mark.parametrize(
    ("told", "match"),
    [
        ({"accumulate": 0}, "accumulate: expected"),
        ({"accumulate": 8}, "accumulate: expected at most the 7 samples of a process's batch, got 8"),
        ({"precision": "float16"}, 'precision: expected "bfloat16" or None'),
        ({"clip": 0.0}, "clip: expected"),
    ],
)
def test_options_out_of_range_are_refused(told, match):
    with pytest.raises(ArgumentError, match=match):
        run(**told)


def test_a_price_of_the_whole_batch_takes_no_parts():
    rule = EquivariancePenalty(made(), nn.functional.mse_loss)
    with pytest.raises(ArgumentError, match="accumulate: expected 1 for the rule 'equivariance penalty'"):
        fit(rule, nn.functional.mse_loss, rows(), steps=STEPS, accumulate=2)


def other_file(rank, folder):
    try:
        with Ranks() as ranks:
            run(fabric=ranks, checkpoint=Path(folder, f"of-{rank}.pt"))
    except (ArgumentError, LostRankError) as error:
        Path(folder, f"{rank}.txt").write_text(str(error))


def test_a_process_that_cannot_see_the_checkpoint_is_refused_on_all(in_processes, tmp_path):
    run(checkpoint=tmp_path / "of-0.pt")
    in_processes(2, other_file)
    told = "fit: expected on every process the checkpoint of rank 0, "
    assert [(tmp_path / f"{rank}.txt").read_text()[: len(told)] for rank in range(2)] == [told] * 2


class StopError(Exception):
    """Ends a run."""


def stopped(rank, folder):
    class Watched:
        @contextlib.contextmanager
        def stage(self, *_):
            yield self.advance

        def advance(self):
            self.steps = getattr(self, "steps", 0) + 1
            if self.steps == 45:
                raise StopError

    with contextlib.suppress(StopError, LostRankError), Ranks() as ranks:
        run(fabric=ranks, checkpoint=Path(folder, "run.pt"), watch=Watched())


def test_a_checkpoint_goes_on_with_another_number_of_processes(in_processes, tmp_path):
    in_processes(3, stopped)
    kept = torch.load(tmp_path / "run.pt", weights_only=True)
    assert kept["step"] == 40
    in_processes(2, share)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    same(first, second, 0)
    same(first, run(), 1e-11)


def refused(rank, folder, kind):
    model = made(rank if kind == "another model" else 0)
    told = {"steps": STEPS, "batch_size": 1 if kind == "few" else 7}
    if kind == "another torch" and rank == 1:
        known = metadata.version
        metadata.version = lambda name: "0.1" if name == "torch" else known(name)
    try:
        with Ranks() as ranks:
            fit(Duals(model, steps=STEPS), nn.functional.mse_loss, rows(), fabric=ranks, **told)
    except (ArgumentError, LostRankError) as error:
        Path(folder, f"{rank}.txt").write_text(str(error))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("few", "batch_size: expected at least one sample for each of 2 processes, got 1"),
        ("another torch", "fit: expected on every process the version of torch of rank 0, "),
        ("another model", "fit: expected on every process the model of rank 0, "),
    ],
)
def test_what_cannot_be_shared_is_refused_on_all(in_processes, tmp_path, kind, told):
    in_processes(2, refused, kind)
    assert [(tmp_path / f"{rank}.txt").read_text()[: len(told)] for rank in range(2)] == [told] * 2

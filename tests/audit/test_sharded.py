"""An audit that several processes divide is the audit of one: sums, intervals, verdicts, layers, conventions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from haar.actions import Symmetry
from haar.audit import Audit, audit
from haar.errors import ArgumentError, HaarError
from haar.groups import cyclic, dihedral
from haar.processes import LostRankError, Ranks

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve

SAMPLES = 25
CALLS = []
SYMMETRY = Symmetry.of_fields(dihedral(4), "p, u:vector")


class Model(nn.Module):
    """Breaks the symmetry, more so for larger inputs; counts its calls, and fails after so many."""

    def __init__(self, most=10**6):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv = nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular", dtype=torch.float64)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        self.most = most

    def forward(self, x):
        CALLS.append(len(x))  # outside: an audit leaves what a model has as it was
        if len(CALLS) > self.most:
            raise RuntimeError("the machine is gone")
        return self.conv(x).sin()


def data(samples=SAMPLES):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(samples, 3, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))


def options(kind):
    x, y = data()
    marks = torch.arange(SAMPLES) // 2
    return {
        "tensors": ((x, y), {}),
        "trajectories": ((x, y), {"clusters": marks}),
        "some": ((x, y), {"max_samples": 19, "batch_size": 3}),
        "few batches": ((x, y), {"batch_size": 13}),
        "a loader": (DataLoader(TensorDataset(x, y, marks), batch_size=4), {}),
        "elements": ((x, y), {"shard": "elements"}),
    }[kind]


def share(rank, folder, kind, watch):
    given, told = options(kind)
    with Ranks() as ranks:
        report = audit(Model(), SYMMETRY, given, fabric=ranks, watch=watch, **told)
    done = [watch.steps, sum(total for _, total in watch.stages)]
    Path(folder, f"{rank}.json").write_text(json.dumps([report.to_dict(), watch.stages, done]))


CASES = [(1, "tensors"), (3, "tensors"), (3, "trajectories"), (2, "some"), (3, "few batches"), (2, "a loader")]


@pytest.mark.parametrize(("world", "kind"), [*CASES, (2, "elements")])
def test_several_processes_audit_as_one(in_processes, tmp_path, told, same_numbers, world, kind):
    in_processes(world, share, kind, told())
    kept = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(world)]
    found, stages, steps = zip(*kept, strict=True)
    assert [each[-1] == ["layers and conventions", 1] for each in stages] == [True] + [False] * (world - 1)
    assert all(len(each) > 0 for each in stages)
    assert all(taken == promised for taken, promised in steps)
    assert all(other == found[0] for other in found)  # bit for bit
    given, others = options(kind)
    others.pop("shard", None)
    same_numbers(found[0], json.loads(json.dumps(audit(Model(), SYMMETRY, given, **others).to_dict())))
    assert found[0]["conventions"] is not None


def kept(rank, folder, most):
    model = Model(most if rank == min(1, torch.distributed.get_world_size() - 1) else 10**6)
    CALLS.clear()
    told = "complete"
    try:
        with Ranks(patience=5.0) as ranks:
            audit(model, SYMMETRY, data(), fabric=ranks, batch_size=2, kept=Path(folder, "kept"))
    except (RuntimeError, HaarError) as error:
        told = str(error)
    calls = len(CALLS)
    Path(folder, f"{rank}.json").write_text(json.dumps([told, calls]))


def test_a_job_that_lost_a_process_goes_on_from_what_was_finished_with_another_number_of_them(in_processes, tmp_path):
    in_processes(3, kept, 30)
    (first, _), (second, _), (third, _) = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3))
    assert second == "the machine is gone"
    assert first == third == "rank 1 of 3: RuntimeError: the machine is gone"
    finished = len(list((tmp_path / "kept").rglob("*.safetensors")))
    assert 3 <= finished < 13  # of 13 sections; the one that failed had finished three
    in_processes(2, kept, 10**6)
    (first, calls), (second, more) = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second == "complete"
    whole = 9 * (13 - finished)  # forwards of a section: eight elements, and the identity again
    assert whole < calls + more < whole + 60  # the first batch's, of outputs and of layers
    assert not (tmp_path / "kept").exists()


def test_sums_that_were_damaged_are_named_and_not_read(in_processes, tmp_path):
    in_processes(1, kept, 30)
    (damaged, *_) = sorted((tmp_path / "kept").rglob("*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:40])
    in_processes(1, kept, 10**6)
    told, _ = json.loads((tmp_path / "0.json").read_text())
    assert told.startswith(f"{damaged}: not readable as sums of an audit (")
    assert told.endswith("); delete it")


def many(rank, folder, kind):
    given = {"tensors": data(2), "shuffled": DataLoader(TensorDataset(*data()), shuffle=True), "stream": iter(data())}
    told = {"shard": kind} if kind == "elements" else {}
    group = cyclic(2) if kind == "elements" else dihedral(4)
    symmetry = Symmetry.of_fields(group, "p, u:vector")
    try:
        with Ranks() as ranks:
            audit(Model(), symmetry, given.get(kind, data()), fabric=ranks, **told)
    except (ArgumentError, LostRankError) as error:
        Path(folder, f"{rank}.json").write_text(json.dumps(str(error)))


REFUSED = {
    "tensors": "processes: expected at most as many as there are samples, 2, got 3; start fewer, or divide the",
    "elements": "processes: expected at most as many as there are elements, 2, got 3; start fewer",
    "shuffled": "data: expected a loader in one order, the same on every process, got one with a RandomSampler",
    "stream": "data: expected batches whose number is known, to be divided among processes, got tuple_iterator "
    "without a length; read another part on each process, then Audit(...).run(part).gather()",
}


@pytest.mark.parametrize("kind", ["tensors", "elements", "shuffled", "stream"])
def test_what_cannot_be_divided_is_refused_in_a_line(in_processes, tmp_path, kind):
    in_processes(3, many, kind)
    for rank in range(3):
        assert REFUSED[kind] in json.loads((tmp_path / f"{rank}.json").read_text())


def other_group(rank, folder):
    symmetry = SYMMETRY if rank == 0 else Symmetry.of_fields(cyclic(4), "p, u:vector")
    try:
        with Ranks() as ranks:
            audit(Model(), symmetry, data(), fabric=ranks)
    except (ArgumentError, LostRankError) as error:
        Path(folder, f"{rank}.json").write_text(json.dumps(str(error)))


def test_processes_under_other_groups_are_refused(in_processes, tmp_path):
    in_processes(2, other_group)
    told = "audit: expected on every process the group of rank 0, D4, got C4 on rank 1 of 2"
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)] == [told] * 2


def test_one_process_of_fabric_audits_as_without_it():
    fabric = pytest.importorskip("lightning.fabric", reason="the extra scale").Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    report = Audit(Model(), SYMMETRY).run(data(), fabric=fabric)
    assert report.to_dict() == Audit(Model(), SYMMETRY).run(data()).to_dict()

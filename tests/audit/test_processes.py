"""An audit read by several processes says what one process says, with default options too."""

from __future__ import annotations

import json

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from haar.actions import Symmetry
from haar.audit import Audit, audit
from haar.groups import dihedral

SAMPLES = 24


def model():
    generator = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular", dtype=torch.float64)
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return conv


def data():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(SAMPLES, 3, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2)]


def share(rank, folder, world, named):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    try:
        x, y = data()
        rows = torch.arange(SAMPLES).tensor_split(world)[rank]
        report = Audit(model(), Symmetry.of_fields(dihedral(4), "p, u:vector"))
        report.run((x[rows], y[rows]), clusters=rows // 2 if named else None).gather()
        once = report.to_dict()
        report.gather().save_json(f"{folder}/{rank}.json")
        if report.to_dict() != once:
            raise RuntimeError("a second gather changes something")
    finally:
        dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve
@pytest.mark.parametrize(("world", "named"), [(1, False), (2, False), (3, False), (3, True)])
def test_several_processes_say_what_one_says(tmp_path, world, named):
    mp.start_processes(share, args=(str(tmp_path), world, named), nprocs=world, start_method="fork")
    clusters = torch.arange(SAMPLES) // 2 if named else None
    whole = audit(model(), Symmetry.of_fields(dihedral(4), "p, u:vector"), tuple(data()), clusters=clusters).to_dict()
    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(world)]
    assert all(other == told[0] for other in told)  # bit for bit, layers too
    ours, theirs = told[0], whole
    assert ours["samples"] == SAMPLES
    assert ours["trajectories"] == (SAMPLES // 2 if named else SAMPLES)
    assert ours["layers"] == theirs["layers"]
    assert ours["recommendation"]["verdict"] == theirs["recommendation"]["verdict"]
    for name in ("removed", "mse", "mse_after", "gain", "alpha"):
        for end in ("value", "low", "high"):
            assert ours[name][end] == pytest.approx(theirs[name][end], rel=1e-12, abs=1e-12), (name, end)
    for mine, its in zip(ours["elements"], theirs["elements"], strict=True):
        assert mine["relative"]["value"] == pytest.approx(its["relative"]["value"], rel=1e-12)
    for mine, its in zip(ours["closure"], theirs["closure"], strict=True):
        assert mine["p"] == its["p"]


def test_reading_on_after_a_gather_adds_to_the_whole(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        x, _ = data()
        report = Audit(model(), Symmetry.of_fields(dihedral(4), "p, u:vector")).run(x[:8]).gather().run(x[8:])
        assert report.to_dict()["samples"] == SAMPLES
        before = report.findings.removed
        assert report.gather().findings.removed == before
    finally:
        dist.destroy_process_group()

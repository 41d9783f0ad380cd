"""An audit read by two processes says what one process says."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from haar.actions import Symmetry
from haar.audit import Audit, audit
from haar.groups import dihedral

SAMPLES, WORLD = 8, 2


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


def share(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD)
    try:
        x, y = data()
        rows = torch.arange(SAMPLES).tensor_split(WORLD)[rank]
        report = Audit(model(), Symmetry.of_fields(dihedral(4), "p, u:vector"), data_symmetry=False, micro_batch=8)
        report.run((x[rows], y[rows]), clusters=rows, layers=False).gather()
        report.save_json(f"{folder}/{rank}.json")
    finally:
        dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve
def test_two_processes_say_what_one_says(tmp_path):
    import json

    mp.start_processes(share, args=(str(tmp_path),), nprocs=WORLD, start_method="fork")
    x, y = data()
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    whole = audit(model(), symmetry, (x, y), data_symmetry=False, layers=False, micro_batch=8).to_dict()
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(WORLD))
    assert first == second  # bit for bit
    assert first["samples"] == SAMPLES
    for name in ("removed", "mse", "mse_after", "gain", "alpha"):
        for end in ("value", "low", "high"):
            assert first[name][end] == pytest.approx(whole[name][end], rel=1e-12, abs=1e-12), (name, end)
    for ours, theirs in zip(first["elements"], whole["elements"], strict=True):
        assert ours["relative"]["value"] == pytest.approx(theirs["relative"]["value"], rel=1e-12)

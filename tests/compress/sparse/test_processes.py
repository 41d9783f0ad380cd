"""Processes that train together have the same masks at every step, whatever each was seeded with."""

from __future__ import annotations

import os

import pytest
import torch
from torch import nn

from haar.compress import Rigl, Set, sparsify

REGIMES = {"set": Set(0.7, every=3), "rigl": Rigl(0.7, every=3)}
STEPS = 12


def work(rank, folder, world):
    """One of the processes: its own data, and a seed of its own."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    found = {}
    for name, regime in REGIMES.items():
        torch.manual_seed(rank)
        model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4)))
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
        sparse = sparsify(model, regime, optimizer, steps=STEPS, seed=rank)
        masks = [sparse.masks()]
        for step in range(STEPS):
            x = torch.randn(8, 12, generator=torch.Generator().manual_seed(2 * step + rank))
            optimizer.zero_grad()
            (model(x) - x[:, :4]).square().mean().backward()
            optimizer.step()
            masks.append(sparse.masks())
        found[name] = {"masks": masks, "weights": model.module.state_dict()}
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.barrier()
    os._exit(0)  # torch 2.13: a reducer that takes its group down with it can wait for a thread that waits for it


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.start_processes(work, args=(str(folder), 3), nprocs=3, start_method="fork")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(3)]


@pytest.mark.parametrize("name", REGIMES)
def test_masks_and_weights_are_the_same(found, name):
    first, *others = (each[name] for each in found)
    assert len(first["masks"]) == STEPS + 1
    for second in others:
        for one, other in zip(first["masks"], second["masks"], strict=True):
            assert all(torch.equal(mask, other[key]) for key, mask in one.items())
        assert all(torch.equal(value, second["weights"][key]) for key, value in first["weights"].items())


@pytest.mark.parametrize("name", REGIMES)
def test_masks_have_changed(found, name):
    masks = found[0][name]["masks"]
    assert not torch.equal(masks[0]["0.weight"], masks[-1]["0.weight"])


def test_the_optimiser_that_fabric_wraps_is_the_one_that_is_masked():
    fabric = pytest.importorskip("lightning.fabric", reason="the extra scale").Fabric(accelerator="cpu", devices=1)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))
    model, optimizer = fabric.setup(model, torch.optim.AdamW(model.parameters(), weight_decay=0.1))
    sparse = sparsify(model, Rigl(0.7, every=3), optimizer, steps=STEPS)
    begun = sparse.masks()
    for step in range(STEPS):
        x = torch.randn(8, 12, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        fabric.backward((model(x) - x[:, :4]).square().mean())
        optimizer.step()
    assert any(not torch.equal(mask, begun[name]) for name, mask in sparse.masks().items())
    for name, mask in sparse.masks().items():
        assert not model.get_parameter(name.removeprefix("_forward_module."))[~mask].any()

"""Several processes have one reference, and see the batch that they have together; leading components of a batch."""

from __future__ import annotations

import copy

import pytest
import scipy.linalg
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from haar.nn import PCALayer
from haar.nn.principal.moments import Batch, leading

F64 = torch.float64
BATCHES = 3


def rows(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(24, 5, generator=generator, dtype=F64) * torch.tensor([5.0, 3, 1, 0.4, 0.2], dtype=F64)


def model():
    generator = torch.Generator().manual_seed(7)
    net = nn.Sequential(nn.Linear(5, 5), PCALayer(2, gradient="projector"), nn.Linear(2, 1)).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=F64))
    return net


def seen(net, share):
    scores = []
    for seed in range(BATCHES):
        x = share(rows(seed))
        scores.append(net[1](net[0](x)).detach())
    (share(rows(9)).sin().sum(-1, keepdim=True) * net(share(rows(9)))).sum().backward()
    return scores, [p.grad.clone() for p in net.parameters()], copy.deepcopy(net[1].state_dict())


def part(rank, folder, world):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    try:
        uneven = (slice(0, 9), slice(9, 24))[rank]
        torch.save(seen(model(), lambda x: x[uneven]), f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # gloo's host names
def test_two_processes_compute_what_one_computes(tmp_path):
    mp.start_processes(part, args=(str(tmp_path), 2), nprocs=2, start_method="fork")
    scores, slopes, state = seen(model(), lambda x: x)
    (one, one_slopes, one_state), (other, other_slopes, other_state) = (
        torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)
    )
    assert all(torch.equal(one_state[name], other_state[name]) for name in state)  # one reference, bit for bit
    for name, value in state.items():
        torch.testing.assert_close(one_state[name], value, rtol=1e-10, atol=1e-10)
    for whole, first, second in zip(scores, one, other, strict=True):
        torch.testing.assert_close(torch.cat([first, second]), whole, rtol=0, atol=1e-9)
    for whole, first, second in zip(slopes, one_slopes, other_slopes, strict=True):
        torch.testing.assert_close(first + second, whole, rtol=1e-8, atol=1e-8)  # also through the covariance


@pytest.mark.parametrize("sizes", [(9.0, 4.0, 3.0, 2.0), (9.0, 4.0, 4.0, 4.0), (4.0, 4.0, 4.0, 4.0)])
def test_a_few_of_many_components_are_those_of_the_whole_decomposition(sizes):
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(80, 80, generator=generator, dtype=F64)).Q
    square = axes * torch.cat([torch.tensor(sizes, dtype=F64), torch.ones(76, dtype=F64)]) @ axes.mT
    x = torch.linalg.cholesky(square).mT  # its covariance is that matrix, over its rows
    batch = Batch(x, torch.zeros(80, dtype=F64), len(x), shared=False)
    values, frame = leading(batch, 4, None)
    expected = torch.linalg.eigvalsh(square / len(x)).flip(-1)
    assert len(values) >= 5
    torch.testing.assert_close(values, expected[: len(values)], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(frame.mT @ frame, torch.eye(4, dtype=F64), rtol=0, atol=1e-12)
    torch.testing.assert_close(frame @ frame.mT, axes[:, :4] @ axes[:, :4].mT, rtol=0, atol=1e-11)
    # single precision, and a part that is too large to be worth it
    values, frame = leading(batch._replace(centred=x.float()), 4, None)
    assert values.dtype == frame.dtype == torch.float32
    torch.testing.assert_close(values[:5], expected[:5].float(), rtol=1e-5, atol=1e-6)
    assert len(leading(batch, 40, None)[0]) == 80


@pytest.mark.parametrize(("columns", "k", "part"), [(63, 2, False), (64, 2, True), (64, 15, True), (64, 16, False)])
def test_a_part_is_asked_for_where_a_quarter_of_64_columns_or_more_holds_it(columns, k, part, monkeypatch):
    asked, whole = [], scipy.linalg.eigh
    monkeypatch.setattr(scipy.linalg, "eigh", lambda x, **options: asked.append(options) or whole(x, **options))
    x = torch.randn(70, columns, generator=torch.Generator().manual_seed(0), dtype=F64)
    batch = Batch(x - x.mean(0), x.mean(0), 70, shared=False)
    values, _ = leading(batch, k, None)
    places = {"subset_by_index": (columns - k - 1, columns - 1), "check_finite": False}
    assert asked == [places] * part
    assert len(values) == (k + 1 if part else columns)
    assert len(torch.func.vmap(lambda rows: leading(batch._replace(centred=rows), k, None)[0])(x[None])[0]) == columns
    assert asked == [places] * part  # what is transformed, or of other numbers, is left to torch


def test_what_a_part_loses_is_found_by_the_whole(monkeypatch):
    whole = scipy.linalg.eigh
    monkeypatch.setattr(scipy.linalg, "eigh", lambda x, **options: [found[..., 1:] for found in whole(x, **options)])
    x = torch.randn(70, 64, generator=torch.Generator().manual_seed(0), dtype=F64)
    values, frame = leading(Batch(x, x.mean(0), 70, shared=False), 3, None)
    assert len(values) == 64
    torch.testing.assert_close(x.mT @ (x @ frame) / 70, values[:3] * frame, rtol=0, atol=1e-12)

"""Run by test_networks: modules compiled into one graph, and trained by two processes as by one."""

from __future__ import annotations

import sys
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from haar.actions.representation import Defining, Regular, Space, Trivial
from haar.groups import SO, dihedral
from haar.nn import (
    BatchNorm,
    Conv,
    Gated,
    GlobalPool,
    Invariants,
    LayerNorm,
    Linear,
    NormNonlinearity,
    Pointwise,
    Sequential,
)

torch.set_num_threads(1)


def networks() -> list[tuple[Sequential, torch.Tensor]]:
    torch.manual_seed(0)
    group, space = dihedral(4), SO(3)
    vector, hidden = Space(group), 2 * Regular(group)
    image = Sequential(
        Conv(vector, hidden, 3, padding="same"),
        BatchNorm(hidden, channels="first"),
        Pointwise(hidden, channels="first"),
        GlobalPool(hidden),
        Linear(hidden, Trivial(group, 2), form="folded"),
    )
    mixed = Trivial(space, 2) + 2 * Defining(space)
    gated = Gated(mixed)
    tensors = Sequential(
        Linear(mixed, gated.rep_in, form="blocks"),
        gated,
        LayerNorm(mixed),
        NormNonlinearity(mixed),
        Linear(mixed, mixed),
        Invariants(mixed),
    )
    return [(image, torch.randn(4, 2, 6, 6)), (tensors, torch.randn(4, 8))]


def gradients(loss: torch.Tensor, network: nn.Module) -> torch.Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))])


def check_compile() -> None:
    for network, x in networks():
        compiled = torch.compile(network, backend="eager" if x.ndim == 4 else "aot_eager", fullgraph=True)
        y, expected = compiled(x), network(x)
        assert torch.allclose(y, expected, atol=1e-4), (y - expected).abs().max()
        one, other = gradients(y.square().sum(), network), gradients(expected.square().sum(), network)
        assert torch.allclose(one, other, atol=1e-3, rtol=1e-3), (one - other).abs().max()


def train(network: nn.Module, shares: list[torch.Tensor]) -> torch.Tensor:
    step = torch.optim.SGD(network.parameters(), lr=0.01)
    for x in shares:
        step.zero_grad()
        network(x).square().mean().backward()
        step.step()
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def worker(rank: int, meet: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=2)
    network, _ = networks()[1]
    torch.manual_seed(1)
    data = [torch.randn(8, 8) for _ in range(3)]
    both = train(nn.parallel.DistributedDataParallel(network), [x[4 * rank : 4 * rank + 4] for x in data])
    alone = train(networks()[1][0], data)
    assert torch.allclose(both, alone, atol=1e-5), (both - alone).abs().max()
    dist.destroy_process_group()


def check_processes() -> None:
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(worker, args=(f"{folder}/meet",), nprocs=2, start_method="fork")


if __name__ == "__main__":
    check_processes()  # before the compiler starts threads that a fork would lose
    check_compile()
    sys.stdout.write("compiled distributed")

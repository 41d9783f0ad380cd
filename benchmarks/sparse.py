"""Sparse training: a masked step and an update of the masks, against a dense step, beside pruning tools.

    python benchmarks/sparse.py            # print
    python benchmarks/sparse.py --write    # and write the table of docs/sparse.md

A step is forward, backward and AdamW of three dense layers. Ours keeps weights *and* moments of masked entries at zero;
`torch.nn.utils.prune` and torchao's sparsifier multiply weights with their masks in every forward pass and leave the
optimiser's state. The line "copies alone" is what memory takes: a dense step, and beside it as many copies of a weight
as ours has passes over tensors of that size (gradients and weights of fused steps, weights and both moments of plain
ones). An update is what a step with new masks takes more than one without: RigL here (smallest weights out,
largest gradients in), pruning by size there. Every number is the median over turns of the ratio to the dense step,
timed in turns in a process of its own (CPU time of one thread).
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable

from peers import LEAST_SECONDS, Peer, Worker, machine, serve, served, version, write_docs

TORCHAO = Peer("torchao", ["torchao==0.18.0", "numpy"])
WIDTH, BATCH, SPARSITY = 512, 128, 0.9
#: So much memory, in numbers of four bytes, every side asks for once before it begins: from then on glibc keeps what is
#: given back. Else gradients are new pages in every step of a side that has never used more at once than a step does.
_ASKED = 6 * 2**20
Made = tuple[Callable[[], object], object]


def network(width: int):
    """Three dense layers, and a batch."""
    import torch
    from torch import nn

    torch.empty(_ASKED)  # and given back at once
    torch.manual_seed(0)
    layers = [nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)]
    return nn.Sequential(*layers), torch.randn(BATCH, width), torch.randn(BATCH, width)


def stepper(model, x, y, optimizer, after: Callable[[], object] = lambda: None) -> Callable[[], object]:
    """One training step."""
    from torch import nn

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        after()

    return step


def dense(*, width: int, update: bool, fused: bool) -> Made:
    """The plain network."""
    import torch

    del update
    model, x, y = network(width)
    return stepper(model, x, y, torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)), 0.0


def ours(*, width: int, update: bool, fused: bool) -> Made:
    """RigL, with new masks at every step or at none."""
    import torch

    from haar.compress import Rigl, sparsify

    model, x, y = network(width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)
    steps = 10**9
    sparse = sparsify(model, Rigl(SPARSITY, every=1 if update else steps - 1, until=1.0), optimizer, steps=steps)
    return stepper(model, x, y, optimizer), sparse.report().sparsity


def copied(*, width: int, update: bool, fused: bool) -> Made:
    """A dense step and copies of its weights: two of each where the step is fused, and three where it is not."""
    import torch

    del update
    model, x, y = network(width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)
    pairs = [(torch.randn(width, width), torch.randn(width, width)) for _ in range(9)]
    used = pairs[: 6 if fused else 9]

    def copies() -> None:
        for one, other in used:
            one.copy_(other)

    return stepper(model, x, y, optimizer, copies), 0.0


def pruned(*, width: int, update: bool, fused: bool) -> Made:
    """torch.nn.utils.prune: masks by size, from all weights together."""
    import torch
    from torch import nn
    from torch.nn.utils import prune

    model, x, y = network(width)
    places = [(layer, "weight") for layer in model if isinstance(layer, nn.Linear)]

    def again() -> None:
        for layer, name in places:
            prune.remove(layer, name)
        prune.global_unstructured(places, prune.L1Unstructured, amount=SPARSITY)

    prune.global_unstructured(places, prune.L1Unstructured, amount=SPARSITY)
    # made once: pruning anew replaces parameters, which an optimiser then does not know
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)
    return stepper(model, x, y, optimizer, again if update else lambda: None), SPARSITY


def torchao(*, width: int, update: bool, fused: bool) -> Made:
    """torchao's sparsifier by the norm of single weights."""
    import torch
    from torchao.prototype.sparsity.sparsifier.weight_norm_sparsifier import WeightNormSparsifier

    model, x, y = network(width)
    sparsifier = WeightNormSparsifier(sparsity_level=SPARSITY, sparse_block_shape=(1, 1), zeros_per_block=1)
    sparsifier.prepare(model, [{"tensor_fqn": f"{number}.weight"} for number in (0, 2, 4)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)
    sparsifier.step()
    return stepper(model, x, y, optimizer, sparsifier.step if update else lambda: None), SPARSITY


CASES = {
    "dense": dense,
    "ours": ours,
    "copies alone": copied,
    "torch.nn.utils.prune": pruned,
    "torchao 0.18.0, WeightNormSparsifier": torchao,
}


def ratios(side: Worker, plain: Worker, settings: dict, rounds: int) -> tuple[float, float, float, float]:
    """The median of a side over the dense step with the quartiles, and the dense step in seconds."""
    for each in (side, plain):
        each.prepare(settings)
    calls = [max(1, round(LEAST_SECONDS / max(each.seconds(1), 1e-6))) for each in (side, plain)]
    turns = [(side.seconds(calls[0]), plain.seconds(calls[1])) for _ in range(rounds)]
    low, middle, high = statistics.quantiles([one / other for one, other in turns], n=4)
    return low, middle, high, statistics.median(other for _, other in turns)


def row(name: str, width: int, rounds: int, *, fused: bool) -> str:
    """One line of the table."""
    peer = TORCHAO if name.startswith("torchao") else None
    settings = {"width": width, "fused": fused}
    with Worker(__file__, name, peer) as side, Worker(__file__, "dense") as plain:
        low, step, high, seconds = ratios(side, plain, {**settings, "update": False}, rounds)
        _, both, _, _ = ratios(side, plain, {**settings, "update": True}, rounds)
    told = f"| {'fused' if fused else 'plain'} | {name} | {1e3 * seconds:.2f} | {step:.3f} ({low:.3f} to {high:.3f}) | "
    told += f"{both - step:.2f} |"
    print(told, flush=True)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--only", default="", help="sides whose name has this in it")
    parser.add_argument("--write", action="store_true", help="write the table of docs/sparse.md")
    options = parser.parse_args()
    where = f"Width {options.width}, batch {BATCH}, sparsity {SPARSITY}. {machine(1)}, torch {version('torch')}."
    print(where)
    names = [name for name in CASES if name != "dense" and options.only in name]
    rows = [row(name, options.width, options.rounds, fused=fused) for fused in (True, False) for name in names]
    head = "| AdamW | masks by | dense step, ms | masked / dense step | an update, in dense steps |\n"
    head += "|---|---|---|---|---|\n"
    if options.write:
        write_docs("sparse", "sparse", head + "\n".join(rows) + f"\n\n{where}\n")


if __name__ == "__main__":
    if (name := served(sys.argv)) is not None:
        serve(CASES[name])
    else:
        main()

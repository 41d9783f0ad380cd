"""A turn of a game against the same turn written by hand, in turns.

Both sides play the game of two networks of width 100 on batches of 256, as `NeuralIV` does, in every mode. The loop by
hand has the forward pass, the backward pass, two optimisers and what the mode needs, and nothing else; haar's has the
norms of both gradients, the look for what is not finite and the snapshots besides. The parameters after some turns are
compared first. Each line is the median over rounds of the ratio of two timings (CPU time of one thread) taken one after
the other.

    python benchmarks/saddle.py [--docs] [--rounds 41]

With --docs the table is written into docs/saddle.md, between its markers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from peers import machine, write_docs
from torch import nn

from haar.saddle import Saddle
from haar.systems.structural_equations import ConditionalMoment

#: The most that a turn may take, over the same turn by hand.
MOST = 1.05
#: Turns of a timing: as many as there are between two snapshots, so that each has its share of those.
TURNS, COMPARED = 20, 30
RATES = (1e-3, 5e-3)


def networks() -> tuple[nn.Module, nn.Module]:
    """Two networks, the same every time."""
    torch.manual_seed(0)
    widths = ((1, 100), (100, 100), (100, 1))
    first, second = ([nn.Linear(*each) for each in widths] for _ in range(2))
    return tuple(nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c) for a, b, c in (first, second))


def optimizers(players) -> list[torch.optim.Optimizer]:
    """Adam for each."""
    pairs = zip(players, RATES, strict=True)
    return [torch.optim.Adam(player.parameters(), lr=rate, betas=(0.5, 0.9)) for player, rate in pairs]


def by_hand(mode: str, batch) -> tuple[Callable[[], None], list[torch.Tensor]]:
    """The turn as anyone would write it."""
    f, u = networks()
    primal, dual = optimizers((f, u))
    objective = ConditionalMoment(1e-3)
    parameters = [*f.parameters(), *u.parameters()]
    duals = list(u.parameters())
    last: list[torch.Tensor] = []

    def look(players) -> None:
        primal.zero_grad()
        dual.zero_grad()
        objective(f, u, batch).backward()
        if dual in players:
            for p in duals:
                p.grad.neg_()

    def simultaneous() -> None:
        look((primal, dual))
        primal.step()
        dual.step()

    def alternating() -> None:
        look((dual,))
        dual.step()
        look((primal,))
        primal.step()

    @torch.no_grad()
    def optimistic() -> None:
        nonlocal last
        with torch.enable_grad():
            look((primal, dual))
        before = [p.clone() for p in parameters]
        primal.step()
        dual.step()
        steps = [p - old for p, old in zip(parameters, before, strict=True)]
        if last:
            for p, now, then in zip(parameters, steps, last, strict=True):
                p.add_(now).sub_(then)
        last = steps

    @torch.no_grad()
    def extragradient() -> None:
        before = [p.clone() for p in parameters]
        with torch.enable_grad():
            simultaneous()
            look((primal, dual))
        for p, old in zip(parameters, before, strict=True):
            p.copy_(old)
        primal.step()
        dual.step()

    turns = {"simultaneous": simultaneous, "alternating": alternating}
    turns |= {"extragradient": extragradient, "optimistic": optimistic}
    return turns[mode], parameters


def ours(mode: str, batch) -> tuple[Callable[[], object], list[torch.Tensor]]:
    """The turn of a game."""
    f, u = networks()
    game = Saddle(f, u, ConditionalMoment(1e-3), mode, optimizers=optimizers((f, u)))
    return (lambda: game.step(batch)), [*f.parameters(), *u.parameters()]


def seconds(call: Callable[[], object]) -> float:
    """CPU time of some turns."""
    start = time.process_time()
    for _ in range(TURNS):
        call()
    return (time.process_time() - start) / TURNS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", action="store_true", help="write the table into docs/saddle.md")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(1))
    generator = torch.Generator().manual_seed(1)
    x, y, z = (torch.randn(256, 1, generator=generator) for _ in range(3))
    rows, good = [], True
    for mode in ("simultaneous", "alternating", "extragradient", "optimistic"):
        (theirs, hand), (mine, game) = by_hand(mode, (x, y, z)), ours(mode, (x, y, z))
        for _ in range(COMPARED):
            theirs()
            mine()
        apart = max(float((a - b).detach().abs().max()) for a, b in zip(hand, game, strict=True))
        pairs = [(seconds(theirs), seconds(mine)) for _ in range(options.rounds)]
        found = [b / a for a, b in pairs]
        ratio, (low, _, high) = statistics.median(found), statistics.quantiles(found, n=4)
        good &= ratio <= MOST and apart < 1e-6
        turn = 1e3 * statistics.median(a for a, _ in pairs)
        rows.append(f"| {mode} | {turn:.2f} | {ratio:.3f} | {low:.3f} to {high:.3f} | {apart:.0e} |")
        print(rows[-1], flush=True)
    if options.docs:
        head = "| mode | by hand, ms a turn | haar over it | quarters | largest difference |"
        about = f"{machine(1)}, two networks of width 100, batch 256; CPU time, medians over {options.rounds} rounds."
        write_docs("saddle", "saddle", "\n".join([about, "", head, "|---" * 5 + "|", *rows]))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())

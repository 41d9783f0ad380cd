"""A training step of a network with a principal layer beside the plain network's, in turns.

    python benchmarks/principal.py [--docs] [--rounds 9]

200 columns, batches of 256, single precision, Adam. The plain network is that of the factor networks' published
simulations, four hidden layers of 300 units, and a small one of three layers of 64, for which a decomposition of 200
columns in every batch weighs more. The principal layer stands before it and hands on 8 scores; its frame is computed
anew in every batch and turned to its reference. With gradients through the projector it stands after a hidden layer of
200 units, which the plain network has too. Medians of the ratios of turns, CPU time of one thread.

With --docs the table is written into docs/factor_networks.md, between its markers.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from peers import Worker, compare, machine, serve, served, write_docs

COLUMNS, BATCH, KEPT = 200, 256, 8
#: What is compared: hidden layers, the layer in front, whether a hidden layer stands before it, the most it may take.
ASKED = {
    "four layers of 300": ((300,) * 4, "pca", False, 1.3),
    "four layers of 300, soft": ((300,) * 4, "soft", False, 1.3),
    "four layers of 300, gradients through the projector": ((300,) * 4, "projector", True, None),
    "three layers of 64": ((64,) * 3, "pca", False, None),
    "three layers of 64, soft": ((64,) * 3, "soft", False, None),
}


def case(*, hidden: list[int], layer: str, deep: bool, plain: bool):
    """A step, and the loss before it."""
    import warnings

    import torch
    from torch import nn

    from haar.nn import PCALayer, SoftPCALayer
    from haar.nn.principal import DegenerateCutWarning, principal_penalty

    warnings.simplefilter("ignore", DegenerateCutWarning)
    torch.manual_seed(0)
    x = torch.randn(BATCH, KEPT // 2) @ torch.randn(KEPT // 2, COLUMNS) + torch.randn(BATCH, COLUMNS)
    y = torch.randn(BATCH)
    front: list[nn.Module] = [nn.Linear(COLUMNS, COLUMNS), nn.ReLU()] if deep else []
    width = COLUMNS
    if not plain:
        if layer == "soft":
            front.append(SoftPCALayer(COLUMNS, KEPT))
        else:
            front.append(PCALayer(KEPT, COLUMNS, gradient="projector" if layer == "projector" else "detach"))
        width = KEPT
    back: list[nn.Module] = []
    for units in hidden:
        back += [nn.Linear(width, units), nn.ReLU()]
        width = units
    model = nn.Sequential(*front, *back, nn.Linear(width, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    soft = layer == "soft" and not plain

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = (model(x).squeeze(-1) - y).square().mean()
        if soft:
            loss = loss + principal_penalty(model)
        loss.backward()
        optimizer.step()
        return loss

    return step, float(step().detach())


CASES = {
    "principal": lambda **settings: case(plain=False, **settings),
    "plain": lambda **settings: case(plain=True, **settings),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", action="store_true", help="write the table into docs/factor_networks.md")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(machine(1))
    rows, good = [], True
    with Worker(__file__, "principal") as ours, Worker(__file__, "plain") as plain:
        for told, (hidden, layer, deep, most) in ASKED.items():
            settings = {"hidden": list(hidden), "layer": layer, "deep": deep}
            one = compare(ours, plain, settings, rounds=options.rounds)
            ratios = sorted(a / b for a, b in zip(one.ours, one.peer, strict=True))
            ratio = statistics.median(ratios)
            good &= most is None or ratio <= most
            times = [1e3 * statistics.median(side) for side in (one.ours, one.peer)]
            limit = "-" if most is None else f"{most:g}"
            spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
            rows.append(f"| {told} | {times[0]:.2f} | {times[1]:.2f} | {ratio:.2f} | {spread} | {limit} |")
            print(rows[-1], flush=True)
    if options.docs:
        head = "| network | with the layer, ms | plain, ms | ratio | spread | at most |"
        about = f"{machine(1)}; {COLUMNS} columns, {BATCH} rows, {KEPT} components; a step with Adam."
        write_docs("factor_networks", "principal", "\n".join([about, "", head, "|---" * 6 + "|", *rows]))
    return 0 if good else 1


if __name__ == "__main__":
    if (name := served(sys.argv)) is not None:
        serve(CASES[name])
    else:
        raise SystemExit(main())

"""Equivariant layers: ours, a dense torch layer of the same shape (the limit for convolutions), and the peer escnn.

    python benchmarks/nn.py             # ours against dense torch
    python benchmarks/nn.py --peers     # and against escnn, in an environment of its own (needs a Fortran compiler)

Each line is one layer with regular features of D4, in turns with the other side: a training step is forward and
backward with gradients of input and weights; inference is a forward in eval without gradients, in which ours and
escnn use a folded weight. "construct" makes the group, the representation and the layer anew.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from peers import Peer, Worker, compare, machine, serve, served

THREADS = 1
ESCNN = Peer("escnn", ["escnn==1.0.11", "matplotlib", "numpy<2", "scipy"])

#: Name -> settings of one layer.
CASES = [
    *(
        {"kind": "linear", "channels": n, "batch": 256, "mode": mode}
        for n in (64, 256, 1024)
        for mode in ("train", "eval")
    ),
    {"kind": "linear", "channels": 64, "batch": 16384, "mode": "train"},
    *({"kind": "conv", "channels": 64, "kernel": k, "mode": mode} for k in (3, 5) for mode in ("train", "eval")),
    *({"kind": "conv", "channels": 64, "kernel": k, "mode": "construct"} for k in (3, 5)),
]


def our_layer(settings: dict):
    from haar.actions.representation import Regular
    from haar.groups import dihedral
    from haar.nn import Conv, Linear

    rep = (settings["channels"] // 8) * Regular(dihedral(4))
    if settings["kind"] == "linear":
        return Linear(rep, rep)
    return Conv(rep, rep, settings["kernel"], padding="same")


def dense_layer(settings: dict):
    import torch

    n = settings["channels"]
    if settings["kind"] == "linear":
        return torch.nn.Linear(n, n)
    return torch.nn.Conv2d(n, n, settings["kernel"], padding=settings["kernel"] // 2)


def escnn_layer(settings: dict):
    import escnn
    import torch

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            grid = settings["kind"] == "conv"
            space = (
                escnn.gspaces.flipRot2dOnR2(4) if grid else escnn.gspaces.no_base_space(escnn.group.dihedral_group(4))
            )
            self.type = escnn.nn.FieldType(space, (settings["channels"] // 8) * [space.regular_repr])
            self.layer = (
                escnn.nn.R2Conv(self.type, self.type, settings["kernel"], padding=settings["kernel"] // 2)
                if grid
                else escnn.nn.Linear(self.type, self.type)
            )

        def forward(self, x):
            return self.layer(self.type(x)).tensor

    return Plain()


def case(make):
    """What to time for a layer, and how many parameters it has."""

    def prepared(**settings):
        import torch

        torch.set_num_threads(THREADS)
        torch.manual_seed(0)
        layer = make(settings)
        n = settings["channels"]
        shape = (settings["batch"], n) if settings["kind"] == "linear" else (8, n, 32, 32)
        x = torch.randn(shape, requires_grad=settings["mode"] == "train")
        g = torch.randn(shape)
        count = sum(p.numel() for p in layer.parameters())
        if settings["mode"] == "construct":
            return lambda: make(settings), count
        if settings["mode"] == "eval":
            layer.eval()

            def infer():
                with torch.no_grad():
                    return layer(x)

            infer()
            return infer, count

        def step():
            x.grad = None
            for parameter in layer.parameters():
                parameter.grad = None
            layer(x).backward(g)

        step()
        return step, count

    return prepared


SIDES = {"ours": case(our_layer), "dense": case(dense_layer), "escnn": case(escnn_layer)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="also against escnn")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(machine(THREADS))
    sides = {"dense": None} | ({"escnn": ESCNN} if options.peers else {})
    for name, peer in sides.items():
        with Worker(__file__, "ours") as ours, Worker(__file__, name, peer) as other:
            for settings in CASES:
                result = compare(ours, other, settings, rounds=options.rounds)
                what = " ".join(f"{key} {value}" for key, value in settings.items() if key != "kind")
                mine, theirs = result.values
                taken = statistics.median(1 / ratio for ratio in result.ratios)
                print(
                    f"{settings['kind']:6s} {what:36s} {result} ours / {name} {taken:.2f}  {mine}, {theirs} parameters",
                    flush=True,
                )
            print(f"versions: ours {result.versions[0]}, {name} {result.versions[1]}", flush=True)


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(SIDES[side], ("torch", "escnn") if side == "escnn" else ("torch", "numpy"))
    else:
        main()

"""Equivariant layers: ours, a dense torch layer of the same shape (the limit for convolutions), and the peers.

    python benchmarks/nn.py                     # ours against dense torch
    python benchmarks/nn.py --peers             # and against escnn, symm-learning (both need a Fortran compiler), e3nn
    python benchmarks/nn.py --peers --json docs/figures/nn.json     # what the page shows

Each line is one layer, in turns with the other side: regular features of D4, or scalars, vectors and second-degree
harmonics of O(3) in equal numbers ("irreps"). A training step is forward and backward with gradients of input and
weights; inference is a forward in eval without gradients, for which ours and escnn keep a dense weight. "construct"
makes the group, the representation and the layer anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served

THREADS = 1
PEERS = {
    "dense": None,
    "escnn": Peer("escnn", ["escnn==1.0.11", "matplotlib", "numpy<2", "scipy", "jaxtyping", "safetensors"]),
    "symm-learning": Peer("symm-learning", ["symm-learning==0.8.1", "matplotlib", "scikit-learn==1.8.0"]),
    "e3nn": Peer("e3nn", ["e3nn==0.6.0", "jaxtyping", "safetensors"]),
}
#: What each side is compared on.
KINDS = {
    "dense": ("linear", "conv", "irreps"),
    "escnn": ("linear", "conv"),
    "symm-learning": ("linear",),
    "e3nn": ("irreps",),
}

#: Name -> settings of one layer.
CASES = [
    *(
        {"kind": "linear", "channels": n, "batch": 256, "mode": mode}
        for n in (64, 256, 1024)
        for mode in ("train", "eval")
    ),
    {"kind": "linear", "channels": 64, "batch": 16384, "mode": "train"},
    *({"kind": "irreps", "channels": n, "batch": 256, "mode": mode} for n in (288, 1152) for mode in ("train", "eval")),
    *({"kind": "conv", "channels": 64, "kernel": k, "mode": mode} for k in (3, 5) for mode in ("train", "eval")),
    *({"kind": "conv", "channels": 64, "kernel": k, "mode": "construct"} for k in (3, 5)),
]


def irreps(channels: int) -> str:
    """As many scalars as vectors as harmonics of degree 2, in e3nn's terms: 9 channels of each."""
    copies = channels // 9
    return f"{copies}x0e + {copies}x1o + {copies}x2e"


def our_layer(settings: dict):
    from haar.actions.representation import Regular
    from haar.groups import O, dihedral
    from haar.nn import Conv, Linear, from_irreps

    if settings["kind"] == "irreps":
        rep = from_irreps(irreps(settings["channels"]), O(3))
        return Linear(rep, rep)
    rep = (settings["channels"] // 8) * Regular(dihedral(4))
    if settings["kind"] == "linear":
        return Linear(rep, rep)
    return Conv(rep, rep, settings["kernel"], padding="same")


def dense_layer(settings: dict):
    import torch

    n = settings["channels"]
    if settings["kind"] != "conv":
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


def symm_learning_layer(settings: dict):
    import escnn
    from symm_learning.nn.linear import eLinear

    group = escnn.group.DihedralGroup(4)
    rep = escnn.group.directsum((settings["channels"] // 8) * [group.regular_representation])
    return eLinear(rep, rep)


def e3nn_layer(settings: dict):
    from e3nn import o3

    return o3.Linear(irreps(settings["channels"]), irreps(settings["channels"]), biases=True)


def case(make):
    """What to time for a layer, and how many parameters it has."""

    def prepared(**settings):
        import torch

        torch.set_num_threads(THREADS)
        torch.manual_seed(0)
        layer = make(settings)
        n = settings["channels"]
        shape = (8, n, 32, 32) if settings["kind"] == "conv" else (settings["batch"], n)
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


SIDES = {
    "ours": case(our_layer),
    "dense": case(dense_layer),
    "escnn": case(escnn_layer),
    "symm-learning": case(symm_learning_layer),
    "e3nn": case(e3nn_layer),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="also against escnn, symm-learning and e3nn")
    parser.add_argument("--only", choices=list(PEERS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    where = machine(THREADS)
    print(where)
    rows, versions = [], {}
    for name in [options.only] if options.only else list(PEERS) if options.peers else ["dense"]:
        with Worker(__file__, "ours") as ours, Worker(__file__, name, PEERS[name]) as other:
            for settings in (s for s in CASES if s["kind"] in KINDS[name]):
                result = compare(ours, other, settings, rounds=options.rounds)
                what = " ".join(f"{key} {value}" for key, value in settings.items() if key != "kind")
                mine, theirs = result.values
                taken = statistics.median(1 / ratio for ratio in result.ratios)
                print(
                    f"{settings['kind']:6s} {what:36s} {result} ours / {name} {taken:.2f}  {mine}, {theirs} parameters",
                    flush=True,
                )
                rows.append(
                    settings
                    | {
                        "side": name,
                        "ours": statistics.median(result.ours),
                        "theirs": statistics.median(result.peer),
                        "taken": taken,
                        "parameters": [mine, theirs],
                    }
                )
            versions |= {"ours": result.versions[0], name: result.versions[1]}
            print(f"versions: ours {result.versions[0]}, {name} {result.versions[1]}", flush=True)
        if options.json:
            found = {"machine": where, "rounds": options.rounds, "versions": versions, "rows": rows}
            options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    if (side := served(sys.argv)) is not None:
        serve(SIDES[side], ("torch", "numpy") if side in ("ours", "dense") else ("torch", side))
    else:
        main()

"""A training step of KKAN beside a perceptron of equal size, pykan, and jaxkan's KKAN.

A step is forward, backward and Adam (torch's fused one on every side that has torch) on 2 coordinates. Ours is
measured as it is, and compiled by torch.compile (which needs a C++ compiler); the perceptron too. Sizes are told in
parameters. pykan runs with `speed()` and without writing checkpoints, jaxkan after its compilation.

    python benchmarks/basis.py [--docs] [--rounds 7] [--only perceptron pykan jaxkan]
        [--sizes small default] [--batches 256 1000] [--as-is]

With --docs the table is written into docs/kkan.md, between its markers.
"""

from __future__ import annotations

import argparse
import sys

from peers import Peer, Worker, compare, machine, serve, served, write_docs

PYKAN = Peer(
    "pykan", ["pandas", "sympy", "pyyaml", "tqdm", "matplotlib", "scikit-learn"], without_dependencies=["pykan==0.2.8"]
)
JAXKAN = Peer("jaxkan", ["jaxkan==0.3.7"])
#: Inner width, layers and units of KKAN; width of the perceptron's four layers and of pykan's two.
SIZES = {"small": ((24, 3, 24), 64, 32), "default": ((32, 4, 64), 114, 60)}
#: Most that a compiled step may take of a compiled perceptron's, and fewest times that pykan may take of it.
MOST, LEAST = 1.5, 9.0


def _step(model, batch):
    """A step, and the number of parameters."""
    import torch

    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(batch, 2, generator=generator) - 1
    y = torch.sin(3 * x).prod(1, keepdim=True)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        (model(x) - y).square().mean().backward()
        optimizer.step()

    for _ in range(3):
        step()
    return step, sum(p.numel() for p in model.parameters() if p.requires_grad)


def ours(size, batch, compiled):
    """Our KKAN."""
    import torch

    from haar.nn import KKAN

    (width, layers, mixing), _, _ = SIZES[size]
    torch.manual_seed(0)
    model = KKAN(2, inner=(width, layers), mixing=mixing)
    return _step(torch.compile(model) if compiled else model, batch)


def perceptron(size, batch, compiled):
    """Four layers of tanh."""
    import torch
    from torch import nn

    width = SIZES[size][1]
    layers = [nn.Linear(2, width), nn.Tanh()]
    for _ in range(3):
        layers += [nn.Linear(width, width), nn.Tanh()]
    model = nn.Sequential(*layers, nn.Linear(width, 1))
    return _step(torch.compile(model) if compiled else model, batch)


def pykan(size, batch, compiled):
    """Splines on edges; it does not compile."""
    del compiled
    from kan import KAN

    width = SIZES[size][2]
    model = KAN(width=[2, width, width, 1], grid=5, k=3, seed=0, auto_save=False)
    model.speed()
    return _step(model, batch)


def jaxkan(size, batch, compiled):
    """The same architecture in JAX, always compiled."""
    del compiled
    import jax
    import numpy as np
    import optax
    from flax import nnx
    from jaxkan.models.KKAN import KKAN

    (width, layers, mixing), _, _ = SIZES[size]
    model = KKAN(n_in=2, n_out=1, m=mixing, D_e=7, H=width, L=layers)
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    x = jax.numpy.asarray(2 * np.random.default_rng(0).random((batch, 2), dtype=np.float32) - 1)
    y = jax.numpy.sin(3 * x).prod(1, keepdims=True)

    @nnx.jit
    def step(model, optimizer):
        loss, gradients = nnx.value_and_grad(lambda m: ((m(x) - y) ** 2).mean())(model)
        optimizer.update(model, gradients)
        return loss

    call = lambda: step(model, optimizer).block_until_ready()  # noqa: E731
    call()
    return call, sum(int(np.prod(p.shape)) for p in jax.tree.leaves(nnx.state(model, nnx.Param)))


CASES = {"ours": ours, "perceptron": perceptron, "pykan": pykan, "jaxkan": jaxkan}
ENVIRONMENTS = {"perceptron": None, "pykan": PYKAN, "jaxkan": JAXKAN}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", action="store_true", help="write the table into docs/kkan.md")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=ENVIRONMENTS, default=list(ENVIRONMENTS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--batches", nargs="+", type=int, default=[256, 1000])
    parser.add_argument("--as-is", action="store_true", help="compile neither ours nor the perceptron")
    options = parser.parse_args()
    print(machine(1))
    rows, good = [], True
    for name in options.only:
        with Worker(__file__, "ours") as us, Worker(__file__, name, ENVIRONMENTS[name]) as peer:
            for compiled in (False,) if options.as_is else (False, True):
                for size in options.sizes:
                    for batch in options.batches:
                        settings = {"size": size, "batch": batch, "compiled": compiled}
                        one = compare(us, peer, settings, rounds=options.rounds)
                        mine, theirs = (1e3 * sorted(side)[len(side) // 2] for side in (one.ours, one.peer))
                        ratio = one.ratio
                        if compiled and name != "jaxkan":
                            good &= 1 / ratio <= MOST if name == "perceptron" else ratio >= LEAST
                        kind = "compiled" if compiled else "as it is"
                        told = f"{1 / ratio:.2f} of it" if name == "perceptron" else f"{ratio:.1f} times faster"
                        values = f"{one.values[0]} | {one.values[1]} | {mine:.2f} | {theirs:.2f} | {told}"
                        rows.append(f"| {name} | {kind} | {batch} | {values} |")
                        print(rows[-1], flush=True)
    if options.docs:
        head = "| beside | ours | batch | parameters | its parameters | ms a step | its ms | ours is |"
        about = f"{machine(1)}; medians of {options.rounds} turns. A perceptron is compiled where ours is; pykan never."
        write_docs("kkan", "basis", "\n".join([about, "", head, "|---" * 8 + "|", *rows]))
    return 0 if good else 1


if __name__ == "__main__":
    if (name := served(sys.argv)) is not None:
        serve(CASES[name])
    else:
        raise SystemExit(main())

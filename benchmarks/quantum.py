"""Batched circuits against PennyLane's broadcasting (default.qubit, backprop): energies, and energies with forces.

The circuit is the rotation-invariant one with six layers: vector encodings on every qubit and exp(i J sigma.sigma) on a
ring; PennyLane gets each of these as one two-qubit unitary, which is faster there than three Ising gates. What is timed
is one training step: the energies of a batch and the gradient of their mean square with respect to all parameters; with
forces, the mean square of the forces is added, so that it is a double backward. Both sides print the same energies.

    python benchmarks/quantum.py [--quick] [--docs]

With --docs the table is written into docs/quantum.md, between its markers.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from peers import Peer, Worker, compare, machine, serve, served

LAYERS = 6
PEERS = {"pennylane": Peer("pennylane", ["pennylane==0.45.1", "numpy"])}


def drawn(qubits: int, batch: int):
    """Inputs and parameters, the same on both sides."""
    import torch

    source = torch.Generator().manual_seed(qubits)

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    pairs = [(q, (q + 1) % qubits) for q in [*range(0, qubits, 2), *range(1, qubits, 2)]]
    ring = pairs if qubits > 2 else pairs[:1]
    return {
        "x": normal(batch, qubits // 2, 3),
        "alpha": normal(LAYERS + 1, qubits),
        "angle": normal(LAYERS, len(ring)),
        "weight": normal(len(ring)),
        "ring": ring,
    }


def step(energies, leaves, x, *, forces: bool):
    """One training step on either side."""
    import torch

    def call():
        for leaf in leaves:
            leaf.grad = None
        at = x.clone().requires_grad_(forces)
        energy = energies(at)
        loss = energy.square().mean()
        if forces:
            (slope,) = torch.autograd.grad(energy.sum(), at, create_graph=True)
            loss = loss + slope.square().mean()
        loss.backward()

    return call


def ours(*, qubits: int, batch: int, forces: bool):
    import torch

    from haar.nn.circuits import RotationCircuit

    given = drawn(qubits, batch)
    model = RotationCircuit(qubits // 2, layers=LAYERS)
    with torch.no_grad():
        for name in ("alpha", "angle"):
            getattr(model, name).copy_(given[name])
        model.readout.weight.copy_(given["weight"])
    return step(model, list(model.parameters()), given["x"], forces=forces), model(given["x"]).tolist()


def pennylane(*, qubits: int, batch: int, forces: bool):
    import pennylane as qml
    import torch

    given = drawn(qubits, batch)
    alpha, angle, weight = (given[name].requires_grad_() for name in ("alpha", "angle", "weight"))
    pauli = torch.tensor([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=torch.complex128)
    eye, dot = torch.eye(4, dtype=torch.complex128), sum(torch.kron(p, p) for p in pauli)
    swap = (dot + eye) / 2
    singlet = torch.tensor([0, 1, -1, 0], dtype=torch.complex128) / 2**0.5
    start = singlet
    for _ in range(qubits // 2 - 1):
        start = torch.kron(start, singlet)
    device = qml.device("default.qubit", wires=qubits)

    @qml.qnode(device, interface="torch", diff_method="backprop")
    def node(gates, bonds):
        qml.StatePrep(start, wires=range(qubits))
        for layer in range(LAYERS + 1):
            for q in range(qubits):
                qml.QubitUnitary(gates[layer][:, q], wires=q)
            if layer < LAYERS:
                for k, pair in enumerate(given["ring"]):
                    qml.QubitUnitary(bonds[layer, k], wires=pair)
        return [qml.expval(qml.Hermitian(dot, wires=pair)) for pair in given["ring"]]

    def energies(x):
        v = alpha[:, None, :, None] * x.repeat_interleave(2, 1)
        length = (v.square().sum(-1) + 1e-30).sqrt()[..., None, None]
        one = torch.eye(2, dtype=torch.complex128)
        turned = torch.einsum("...k,kij->...ij", v.to(torch.complex128), pauli)
        gates = (length / 2).cos() * one - 1j * (length / 2).sin() / length * turned
        j = angle[..., None, None]
        bonds = torch.exp(-1j * j) * ((2 * j).cos() * eye + 1j * (2 * j).sin() * swap)
        return torch.stack(node(gates, bonds), -1) @ weight

    return step(energies, [alpha, angle, weight], given["x"], forces=forces), energies(given["x"]).tolist()


CASES = {"ours": ours, "pennylane": pennylane}


PAGE = Path(__file__).resolve().parent.parent / "docs" / "quantum.md"
MARKS = ("<!-- benchmarks/quantum.py -->", "<!-- /benchmarks/quantum.py -->")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="six qubits only")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/quantum.md")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(machine(1))
    sizes = [(6, 64)] if options.quick else [(2, 64), (4, 64), (6, 64), (8, 64), (10, 64), (12, 16)]
    found = {}
    with Worker(__file__, "ours") as us, Worker(__file__, "pennylane", PEERS["pennylane"]) as peer:
        for qubits, batch in sizes:
            for forces in (False, True):
                rounds = options.rounds if qubits <= 8 else 3
                one = compare(us, peer, {"qubits": qubits, "batch": batch, "forces": forces}, rounds=rounds)
                found[qubits, batch, forces] = one
                what = "energies + forces" if forces else "energies         "
                gap = f"largest difference {difference(one):.1e}"
                print(f"{qubits:3d} qubits, batch {batch:3d}, {what}  {one}   {gap}", flush=True)
    worst = max(map(difference, found.values()))
    least = min(one.ratio for (qubits, _, _), one in found.items() if qubits == 6)
    print(f"versions: {one.versions}")
    print(f"at 6 qubits at least {least:.2f} times as fast; energies agree to {worst:.1e}")
    if options.docs:
        write_docs(found, worst, one.versions[1])
    return 0 if worst < 1e-10 and least >= 2 else 1


def difference(one) -> float:
    """Of the energies on both sides."""
    return max(abs(a - b) for a, b in zip(*one.values, strict=True))


def write_docs(found: dict, worst: float, versions: dict) -> None:
    """One line a size, between the markers of the page."""
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    about = (
        f"{LAYERS} layers, {machine(1)}, {packages}; medians of turns in milliseconds of a training step, and how many "
    )
    lines = [
        f"{about}times as fast ours is. Energies agree to {worst:.0e}.",
        "",
        "| qubits | batch | energies: ours | PennyLane | ratio | energies and forces: ours | PennyLane | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for qubits, batch in dict.fromkeys((q, b) for q, b, _ in found):
        cells = []
        for forces in (False, True):
            one = found[qubits, batch, forces]
            cells += [f"{1e3 * statistics.median(side):.3g}" for side in (one.ours, one.peer)] + [f"{one.ratio:.2f}"]
        lines.append(f"| {qubits} | {batch} | " + " | ".join(cells) + " |")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    _, mark, after = rest.partition(MARKS[1])
    if not mark:
        raise SystemExit(f"{PAGE} has no markers")
    PAGE.write_text(f"{before}{MARKS[0]}\n" + "\n".join(lines) + f"\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    if (name := served(sys.argv)) is not None:
        serve(CASES[name], packages=("torch", "pennylane"))
    else:
        sys.exit(main())

"""Circuits beside a simulator of their gates, and the laws and options of what they start with."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.nn.circuits import (
    AtomVectors,
    BoardCircuit,
    Circuit,
    ExchangeCircuit,
    GraphCircuit,
    PairCircuit,
    Program,
    RotationCircuit,
    WaterCircuit,
    WeightedGraphCircuit,
    WithForces,
    energy_and_forces,
    molecular_symmetry,
    words_matrix,
)
from haar.nn.circuits.circuit import Readout
from haar.nn.circuits.states import bloch_vectors, probabilities

F64, C128 = torch.float64, torch.complex128
PAULI = {name: words_matrix({f"{name}0": 1.0}, 1) for name in "XYZ"}
EYE = torch.eye(2, dtype=C128)


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def exponential(hermitian: Tensor, angle: Tensor) -> Tensor:
    """exp(-i angle H) by the eigenvectors of H."""
    values, vectors = torch.linalg.eigh(hermitian.to(C128))
    return (vectors * torch.exp(-1j * angle * values)) @ vectors.mH


def matrix_of(kind: str, value: Tensor) -> Tensor:
    """A gate on its own wires, by the exponential of its generator."""
    if kind == "unitary":
        return value
    two = {"ZZ": torch.kron(PAULI["Z"], PAULI["Z"]), "heisenberg": -sum(torch.kron(p, p) for p in PAULI.values())}
    if kind in two:
        return exponential(two[kind], value)
    turn = exponential(PAULI[kind[-1]], 0.5 * value)
    return torch.block_diag(EYE, turn) if kind == "CRY" else turn


def simulated(program: Program, row: int) -> Tensor:
    """The expectations of one sample, gate by gate on the tensor of amplitudes."""
    n = program.qubits
    psi = program.start.to(C128)
    for gate in program.gates:
        batched = gate.value.ndim > (2 if gate.kind == "unitary" else 0)
        value = gate.value[row] if batched else gate.value
        if gate.kind == "permutations":
            psi = exponential(gate.generator, -value) @ psi
            continue
        k = len(gate.wires)
        tensor = psi.reshape([2] * n).movedim(gate.wires, tuple(range(k))).reshape(2**k, -1)
        tensor = matrix_of(gate.kind, value).to(C128) @ tensor
        psi = tensor.reshape([2] * n).movedim(tuple(range(k)), gate.wires).reshape(-1)
    found = []
    for words in program.observables:
        total = 0.0
        for word, weight in words.items():
            moved = psi.reshape([2] * n)
            for axis, wire in ((part[0], int(part[1:])) for part in word.split()):
                moved = torch.tensordot(PAULI[axis], moved, ([1], [wire])).movedim(0, wire)
            total += weight * float((psi.conj() * moved.reshape(-1)).sum().real)
        found.append(total)
    return torch.tensor(found, dtype=F64)


CIRCUITS = {
    "rotation of one": (lambda: RotationCircuit(1, layers=2), (1, 3)),
    "rotation": (lambda: RotationCircuit(2, layers=2), (2, 3)),
    "water": (lambda: WaterCircuit(layers=2, seed=1), (2, 3)),
    "free water": (lambda: WaterCircuit(layers=2, seed=1, free=True), (2, 3)),
    "exchange of one": (lambda: ExchangeCircuit(1, layers=2), (1, 3)),
    "exchange": (lambda: ExchangeCircuit(2, layers=2), (2, 3)),
    "graph of one": (lambda: GraphCircuit(1, layers=2), (1, 3)),
    "graph": (lambda: GraphCircuit(3, layers=2, edge="exponential"), (3, 3)),
    "inverse graph": (lambda: GraphCircuit(2, layers=1, edge="inverse"), (2, 3)),
    "weighted graph": (lambda: WeightedGraphCircuit(3, layers=2), (3, 3)),
    "pairs": (lambda: PairCircuit(3, blocks=2), (3, 3)),
    "board": (lambda: BoardCircuit(layers=1), (9,)),
    "free board": (lambda: BoardCircuit(layers=2, free=True), (9,)),
}


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("name", CIRCUITS)
@torch.no_grad()
def test_a_circuit_is_its_gates_one_after_the_other(name, relaxed):
    circuit, row = CIRCUITS[name][0](), CIRCUITS[name][1]
    for number, parameter in enumerate(circuit.parameters()):
        parameter.add_(0.3 * rand(*parameter.shape, seed=number))
    circuit = circuit.relaxed(0.5) if relaxed else circuit
    x = rand(2, *row, seed=9)
    program = circuit.program(x)
    expected = torch.stack([simulated(program, k) for k in range(2)])
    torch.testing.assert_close(circuit.expectations(x), expected, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(circuit(x), circuit.answer(expected, x), rtol=1e-10, atol=1e-11)


def everything(module: Circuit) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize(
    "make",
    [
        lambda **o: RotationCircuit(2, layers=1, **o),
        lambda **o: ExchangeCircuit(2, layers=1, **o),
        lambda **o: WaterCircuit(layers=1, **o),
        lambda **o: GraphCircuit(2, layers=1, **o),
        lambda **o: WeightedGraphCircuit(3, layers=1, **o),
        lambda **o: PairCircuit(2, blocks=1, **o),
        lambda **o: BoardCircuit(layers=1, **o),
        lambda **o: AtomVectors(RotationCircuit(1, layers=1), **o),
    ],
)
def test_first_parameters_come_from_the_seed_alone(make):
    made = []
    for seed, process in ((3, 0), (3, 1), (4, 0), (0, 0)):
        torch.manual_seed(process)
        made.append(everything(make(seed=seed)))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert torch.equal(made[3], everything(make()))
    assert made[0].dtype == F64


def law(values: Tensor, middle: float, spread: float):
    """Many numbers have this mean and standard deviation, to five standard errors."""
    values = values.detach().flatten()
    error = spread / len(values) ** 0.5
    assert float(values.mean()) == pytest.approx(middle, abs=5 * error)
    assert float(values.std()) == pytest.approx(spread, abs=5 * error)


def test_laws_of_first_parameters():
    rotation, exchange = RotationCircuit(2, layers=500), ExchangeCircuit(2, layers=500)
    for alpha in (rotation.alpha, exchange.alpha):
        law(alpha[:, 0::2], 0.7, 0.1)
        law(alpha[:, 1::2], -0.7, 0.1)
    for angle in (rotation.angle, exchange.angle):
        law(angle, 0.0, 0.3)
    for graph in (GraphCircuit(2, layers=500), WeightedGraphCircuit(2, layers=500)):
        law(graph.coupling, 0.7, 0.1)
        law(graph.angle, 0.5, 0.3)
    law(GraphCircuit(2, layers=500).bias, 0.0, 0.3)
    board = BoardCircuit(layers=200)
    law(board.turns, 0.0, 0.3)
    law(board.controlled, 0.0, 0.3)
    readout = Readout(4000, torch.Generator().manual_seed(0))
    law(readout.weight, 0.0, 0.5)
    assert readout.bias.item() == 0.0
    law(torch.stack([AtomVectors(RotationCircuit(1, layers=1), seed=k).weight for k in range(30)]), 0.0, 1.0)


def test_first_angles_of_water_and_of_pairs():
    for free in (False, True):
        water = WaterCircuit(layers=3, seed=2, free=free)
        assert water.alpha.unique().tolist() == [1.0]
        assert water.angle[:, 0].unique().numel() == 1
        assert water.angle[:, 1:].abs().max() == 0
        assert water.alpha.shape == (4, 4 if free else 2)
        assert water.angle.shape == (3, 4 if free else 3)
    firsts = torch.stack([WaterCircuit(layers=1, seed=k).angle[0, 0].detach() for k in range(25)])
    assert 0 <= firsts.min() < 0.5 < 2.6 < firsts.max() <= math.pi
    assert (WaterCircuit().layers, RotationCircuit(1).layers, ExchangeCircuit(1).layers) == (6, 4, 4)
    assert (GraphCircuit(1).layers, WeightedGraphCircuit(2).layers, BoardCircuit().layers) == (6, 4, 4)
    pairs = PairCircuit(3)
    top = 0.02 * math.pi / (2 * 2 * 12)
    assert pairs.angle.shape == (12, 4)
    assert 0 <= pairs.angle.min() < 0.2 * top
    assert 0.8 * top < pairs.angle.max() <= top
    assert pairs(rand(1, 3, 3)).shape == (1, 5)
    last = pairs.readout[1]
    assert last.bias.abs().max() == 0
    many = torch.cat([PairCircuit(2, blocks=1, seed=k).readout[1].weight.detach().flatten() for k in range(5)])
    law(many, 0.0, 24**-0.5)


def test_a_pooled_network_of_pairs_by_hand():
    """Mean, largest, smallest, sum, standard deviation and variance of the local network, then the readout."""
    model, x = PairCircuit(3, blocks=1), rand(2, 3, 3)
    parts = model.local_net(model.invariants(x)).detach()
    mean = parts.mean(1)
    variance = (parts - mean[:, None]).square().mean(1)
    pooled = [mean, parts.max(1).values, parts.min(1).values, parts.sum(1), (variance + 1e-12).sqrt(), variance]
    torch.testing.assert_close(model.measured(x).detach(), torch.cat(pooled, -1))
    torch.testing.assert_close(model(x), model.readout(torch.cat(pooled, -1)))


@torch.no_grad()
def test_readouts():
    x = rand(3, 2, 3)
    for make in (RotationCircuit, ExchangeCircuit, GraphCircuit):
        raw, affine = make(2, layers=1, readout="raw"), make(2, layers=1)
        torch.testing.assert_close(raw(x), raw.measured(x).mean(-1))
        affine.readout.bias.fill_(0.25)
        torch.testing.assert_close(affine(x), affine.measured(x) @ affine.readout.weight + 0.25)
        with pytest.raises(ArgumentError, match="readout: expected one of affine, raw, got 'linear'"):
            make(2, layers=1, readout="linear")
    assert WaterCircuit(layers=1).readout.raw
    assert WaterCircuit(layers=1, readout="affine").parameter_count == WaterCircuit(layers=1).parameter_count + 2


@torch.no_grad()
def test_parity_is_the_mean_over_mirror_images():
    x = rand(4, 3, 3)
    for make in (RotationCircuit, ExchangeCircuit):
        plain, averaged = make(3, layers=1, seed=2), make(3, layers=1, seed=2, parity="average")
        torch.testing.assert_close(averaged(x), (plain(x) + plain(-x)) / 2)
        assert (plain(x) - plain(-x)).abs().max() > 1e-6
        assert "SO(3)" in plain.symmetry.group.name
        assert plain.symmetry.group.name.replace("SO", "O") == averaged.symmetry.group.name
        assert make(2, layers=1).symmetry.group.name.startswith("O(3)")
        with pytest.raises(ArgumentError, match="parity: expected one of none, average, got 'odd'"):
            make(2, layers=1, parity="odd")


@torch.no_grad()
def test_a_radial_map_moves_the_points_along_their_rays():
    x, (c, k, mu, s) = rand(4, 2, 3), (0.5, 2.0, 1.25, 0.8)
    for make in (RotationCircuit, ExchangeCircuit):
        plain, mapped = make(2, layers=1), make(2, layers=1, radial=(c, k, mu, s))
        length = x.norm(dim=-1, keepdim=True)
        torch.testing.assert_close(mapped(x), plain(x / length * (c + k * (length - mu) / s)))


@pytest.mark.parametrize("radial", [(1.0, 1.0, 0.0, 0.0), (1.0, 1.0, 0.0, -1.0), (1.0, math.nan, 0.0, 1.0)])
def test_radial_maps_that_are_refused(radial):
    with pytest.raises(ArgumentError, match=r"radial: expected \(c, k, mu, s\) with s > 0"):
        RotationCircuit(1, radial=radial)


@pytest.mark.usefixtures("unchecked_annotations")
def test_sizes_that_are_refused():
    with pytest.raises(ArgumentError, match=r"radial: expected \(c, k, mu, s\)"):
        RotationCircuit(1, radial=(1.0, 1.0, 1.0))
    for make in (RotationCircuit, ExchangeCircuit, GraphCircuit):
        with pytest.raises(ArgumentError, match="layers: expected at least 1, got 0"):
            make(1, layers=0)
    with pytest.raises(ArgumentError, match="edge: expected one of distance, inverse, exponential"):
        GraphCircuit(1, edge="square")
    for points in (1, 7):
        with pytest.raises(ArgumentError, match=f"points: expected 2 to 6 .two qubits each., got {points}"):
            PairCircuit(points)
    for relaxed in (-1e-9, math.inf):
        with pytest.raises(ArgumentError, match="scale: expected 0 or more"):
            RotationCircuit(1).relaxed(relaxed)


def test_a_relaxed_copy():
    circuit = RotationCircuit(2, layers=300)
    loose = circuit.relaxed(0.01, seed=5)
    law(loose.eps, 0.0, 0.01)
    assert circuit.eps is None
    assert loose.parameter_count == circuit.parameter_count
    assert not loose.eps.requires_grad
    free = circuit.relaxed(0.01, trainable=True)
    assert free.parameter_count == circuit.parameter_count + free.eps.numel()
    assert torch.equal(free.eps.detach(), circuit.relaxed(0.01, seed=0).eps.detach())
    assert not torch.equal(free.eps.detach(), loose.eps.detach())
    x, short = rand(2, 2, 3), RotationCircuit(2, layers=2)
    assert torch.equal(short.relaxed(0)(x), short(x))


def test_weights_of_edges():
    x = torch.tensor([[[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]]], dtype=F64)
    far = 29.0**0.5
    for edge, of in (("distance", float), ("inverse", lambda r: 1 / r), ("exponential", lambda r: math.exp(-r))):
        found = GraphCircuit(2, layers=1, edge=edge).weights(x)
        assert found[0].tolist() == pytest.approx([of(5.0), of(2.0), of(far)])
    assert GraphCircuit(1, layers=1).edge == "distance"


@torch.no_grad()
def test_scores_of_nodes_are_sums_over_their_edges():
    model, A = WeightedGraphCircuit(3, layers=1), rand(2, 3, 3)
    values = model.expectations(A)
    half = (A + A.mT) / 2
    edges = {(0, 1): 0, (0, 2): 1, (1, 2): 2}
    for node in range(3):
        expected = sum(half[:, i, j] * values[:, k] for (i, j), k in edges.items() if node in (i, j))
        torch.testing.assert_close(model(A)[:, node], expected)


@torch.no_grad()
def test_a_vector_of_an_atom_is_a_weighted_sum_of_its_qubits():
    for circuit, places in (
        (RotationCircuit(2, layers=1), [(0, 1), (2, 3)]),
        (ExchangeCircuit(2, layers=1), [(0, 2), (1, 3)]),
    ):
        model, x = AtomVectors(circuit), rand(3, 2, 3)
        bloch = bloch_vectors(circuit.state(x), 4)
        for atom, (first, second) in enumerate(places):
            expected = model.weight[0] * bloch[:, first] + model.weight[1] * bloch[:, second]
            torch.testing.assert_close(model(x)[:, atom], expected)


def test_observables_of_one_state_by_hand():
    psi = torch.tensor([[0.6, 0.8j, 0.0, 0.0]], dtype=C128)
    torch.testing.assert_close(probabilities(psi), torch.tensor([[0.36, 0.64, 0.0, 0.0]], dtype=F64))
    expected = torch.tensor([[[0.0, 0.0, 1.0], [0.0, 0.96, -0.28]]], dtype=F64)
    torch.testing.assert_close(bloch_vectors(psi, 2), expected)


def test_forces_are_minus_the_slope():
    x = rand(2, 1, 3)

    def energy(y):
        return (y**3).sum((1, 2))

    for create_graph in (False, True):
        given = x.clone().requires_grad_()
        told, force = energy_and_forces(energy, given, create_graph=create_graph)
        torch.testing.assert_close(force.detach(), -3 * x**2)
        torch.testing.assert_close(told.detach(), energy(x))
        assert told.requires_grad is force.requires_grad is create_graph
    with torch.no_grad():
        torch.testing.assert_close(energy_and_forces(energy, x)[1], -3 * x**2)
    model = WithForces(GraphCircuit(1, layers=1), atoms=1)
    assert model(x)[1].requires_grad
    assert not model.eval()(x)[1].requires_grad
    assert model.symmetry.group.name == "SO(3)"
    assert WithForces(model.model, atoms=1, parity=True).symmetry.group.name == "O(3)"


def test_symmetries_of_molecules():
    names = {
        "SO(3) x S3": {},
        "O(3) x S3": {"parity": True},
        "SO(3)": {"exchange": False},
        "S3": {"rotation": False},
    }
    for name, options in names.items():
        assert molecular_symmetry(3, **options).group.name == name
    assert molecular_symmetry(1).group.name == "SO(3)"
    assert isinstance(molecular_symmetry(2, forces=True).outputs, tuple)
    with pytest.raises(ArgumentError, match="rotation, exchange: expected at least one of them, got neither"):
        molecular_symmetry(3, rotation=False, exchange=False)
    with pytest.raises(ArgumentError, match="atoms: expected at least 2 to exchange, got 1"):
        molecular_symmetry(1, rotation=False)

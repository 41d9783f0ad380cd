"""PennyLane runs the same circuits to 1e-10, and its own QNodes are audited, averaged and twirled."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

import haar
from haar.errors import ArgumentError
from haar.groups import SO
from haar.nn.circuits import (
    BoardCircuit,
    ExchangeCircuit,
    GraphCircuit,
    PairCircuit,
    QNodeModel,
    RotationCircuit,
    SpinOnQubits,
    WaterCircuit,
    WeightedGraphCircuit,
    energy_and_forces,
    molecular_symmetry,
    to_pennylane,
)
from haar.nn.circuits.states import vector_gates
from haar.systems.quantum import DistanceSets, GenericCircuit, Potential
from haar.testing.equivariance import equivariance_error

qml = pytest.importorskip("pennylane", reason="these tests compare with PennyLane, extra quantum")
pytestmark = [
    pytest.mark.referee,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pennylane.exceptions.PennyLaneDeprecationWarning"),
]


def points(m: int, batch: int = 3) -> Tensor:
    return torch.randn(batch, m, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "model",
    [
        GenericCircuit(2, layers=2),
        RotationCircuit(2, layers=2),
        ExchangeCircuit(3, layers=1),
        ExchangeCircuit(3, layers=1, parity="average"),
        WaterCircuit(layers=2),
        WaterCircuit(layers=2, free=True),
        GraphCircuit(2, layers=2),
        ExchangeCircuit(2, layers=2).relaxed(0.1),
    ],
    ids=lambda m: type(m).__name__,
)
def test_energies_forces_and_gradients_agree(model) -> None:
    """Trap: PennyLane's wires are big-endian, and IsingXX(phi) = exp(-i phi XX / 2)."""
    x, other = points(model.atoms), to_pennylane(model)
    ours, forces = energy_and_forces(model, x, create_graph=True)
    theirs, pushes = energy_and_forces(other, x, create_graph=True)
    assert (ours - theirs).abs().max() < 1e-10
    assert (forces - pushes).abs().max() < 1e-8
    parameters = [p for p in model.parameters() if p.requires_grad]
    mine = torch.autograd.grad(ours.square().sum() + forces.square().sum(), parameters, retain_graph=True)
    yours = torch.autograd.grad(theirs.square().sum() + pushes.square().sum(), parameters)
    assert max(float((a - b).abs().max()) for a, b in zip(mine, yours, strict=True)) < 1e-8


BOARDS = torch.randint(-1, 2, (3, 9), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (BoardCircuit(layers=1), BOARDS.double()),
        (BoardCircuit(layers=1, free=True), BOARDS.double()),
        (BoardCircuit(layers=1).relaxed(0.1), BOARDS.double()),
        (WeightedGraphCircuit(3, layers=2), points(3)),
        (PairCircuit(3, blocks=1), points(3)),
        (RotationCircuit(3, layers=1, parity="average"), points(3)),
        (GraphCircuit(2, layers=1), points(2, 1)),
    ],
    ids=lambda m: type(m).__name__,
)
def test_models_that_answer_in_their_own_way(model, x) -> None:
    """The whole answer, with its gradients: scores, logits, sums over edges, means over mirror images."""
    if isinstance(model, PairCircuit):
        with torch.no_grad():
            model.angle.add_(0.3)
    ours, theirs = model(x), to_pennylane(model)(x)
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 1e-10
    parameters = [p for p in model.parameters() if p.requires_grad]
    mine, yours = (torch.autograd.grad(y.square().sum(), parameters) for y in (ours, theirs))
    assert max(float((a - b).abs().max()) for a, b in zip(mine, yours, strict=True)) < 1e-8


def test_boards_of_whole_numbers_and_single_precision_go_out_too() -> None:
    model = BoardCircuit(layers=1)
    other = copy.deepcopy(to_pennylane(model))
    for x in (BOARDS, BOARDS.float()):
        assert (other(x) - model(BOARDS.double())).abs().max() < 1e-10


def test_a_classical_model_has_no_gates() -> None:
    with pytest.raises(
        ArgumentError, match="circuit: expected a quantum circuit, got DistanceSets, which has no gates"
    ):
        to_pennylane(DistanceSets(2))
    with pytest.raises(ArgumentError, match="got Potential, which has no gates; give its model"):
        to_pennylane(Potential("graph", ("N", "H", "H", "H")))


SINGLET = torch.tensor([0, 1, -1, 0], dtype=torch.complex128) / 2**0.5


def user_node(*, fixed: bool = False):
    @qml.qnode(qml.device("default.qubit", wires=2), interface="torch", diff_method="backprop")
    def node(x, a, b):
        qml.StatePrep(SINGLET, wires=[0, 1])
        for q, scale in ((0, 1.0), (1, -0.5)):
            qml.QubitUnitary(vector_gates(scale * x[:, 0]), wires=q)
        if fixed:
            qml.Hadamard(0)
        qml.RX(a, wires=0)
        qml.IsingZZ(b, wires=[0, 1])
        for q, scale in ((0, 0.3), (1, 0.9)):
            qml.QubitUnitary(vector_gates(scale * x[:, 0]), wires=q)
        return qml.expval(qml.PauliZ(0) @ qml.PauliZ(1))

    return node


def test_a_users_qnode_is_audited_averaged_and_twirled() -> None:
    symmetry, x = molecular_symmetry(1), points(1, 6)
    weights = {"a": torch.tensor(0.3, dtype=torch.float64), "b": torch.tensor(0.7, dtype=torch.float64)}
    model = QNodeModel(user_node(), weights, symmetry=symmetry)
    report = haar.audit(model, symmetry, x, elements=4, layers=False, data_symmetry=False)
    assert report.findings.worst.relative.value > 0.1
    # four encodings in the ket and four in the bra, each of degree 1 in R: quadrature of degree 8 is exact
    averaged = haar.average(model, symmetry, haar.average.Quadrature(8), micro_batch=512)
    turn = SO(3).sample(1, torch.Generator().manual_seed(3))[0]
    gaps = [float((one(x[:1] @ turn.T) - one(x[:1])).detach().abs().max()) for one in (model, averaged)]
    assert gaps[0] > 1e-2
    assert gaps[1] < 1e-10
    twirled = model.twirled(SpinOnQubits(2))
    assert equivariance_error(twirled, symmetry, x).absolute < 1e-12
    assert twirled(x).std() > 1e-3
    twirled(x).square().sum().backward()
    assert twirled.weights["b"].grad.abs() > 1e-6


def test_a_fixed_gate_that_does_not_commute_is_refused() -> None:
    weights = {"a": torch.tensor(0.3, dtype=torch.float64), "b": torch.tensor(0.7, dtype=torch.float64)}
    model = QNodeModel(user_node(fixed=True), weights).twirled(SpinOnQubits(2))
    with pytest.raises(
        ArgumentError, match=r"qnode: expected fixed gates that commute with SU\(2\), got Hadamard on \[0\]"
    ):
        model(points(1))
    narrow = QNodeModel(user_node(), weights).twirled(SpinOnQubits(1))
    with pytest.raises(ArgumentError, match=r"qnode: expected wires 0 to 0 .*, got wires \[1\]"):
        narrow(points(1))


def test_weights_of_whole_numbers_are_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r"weights: expected tensors of real numbers, got torch\.int64 for 'scale'"):
        QNodeModel(lambda x, scale: scale * x, {"scale": torch.tensor(1)})


def test_a_circuit_goes_to_pennylane_by_its_own_method():
    circuit = BoardCircuit(layers=1)
    boards = torch.randint(-1, 2, (2, 9), generator=torch.Generator().manual_seed(0)).double()
    assert torch.allclose(circuit.to_pennylane()(boards), circuit(boards), atol=1e-9)

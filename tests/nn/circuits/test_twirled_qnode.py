"""Twirled gates against exponentials made by hand; a gate whose generator cannot be trusted is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.nn.circuits import PermutedQubits, QNodeModel, SpinOnQubits, twirl, twirl_qnode
from haar.nn.circuits.on_qubits import OnQubits

qml = pytest.importorskip("pennylane", reason="these tests run PennyLane, extra quantum")
pytestmark = [
    pytest.mark.referee,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pennylane.exceptions.PennyLaneDeprecationWarning"),
]
WIRES = range(2)
A = 0.7


def words(*weights):
    return qml.dot(list(weights), [p(0) @ p(1) for p in (qml.PauliX, qml.PauliY, qml.PauliZ)])


def matrix(operation) -> Tensor:
    return torch.as_tensor(qml.matrix(operation, wire_order=WIRES)).to(torch.complex128)


def run(gate, rep: OnQubits, a: float = A) -> tuple[Tensor, Tensor]:
    """The expectation of Z0 after a gate that follows a broken state, twirled; and its slope in a."""

    @qml.qnode(qml.device("default.qubit", wires=2), interface="torch", diff_method="backprop")
    def node(x, a):
        qml.RX(x[:, 0], wires=0)
        qml.RY(2 * x[:, 0], wires=1)
        gate(a)
        return qml.expval(qml.PauliZ(0) @ qml.PauliZ(1))

    made = QNodeModel(node, {"a": torch.tensor(a, dtype=torch.float64)}).twirled(rep)
    y = made(torch.tensor([[0.4], [1.3]], dtype=torch.float64))
    return y.detach(), torch.autograd.grad(y[1], made.weights["a"])[0]


def reference(generator: Tensor, rep: OnQubits, a: float = A) -> tuple[Tensor, Tensor]:
    """The same by matrices: exp(i a T(G)) on the state, then T(Z0 Z1)."""
    angle = torch.tensor(a, dtype=torch.float64, requires_grad=True)
    unitary = torch.linalg.matrix_exp(1j * angle * twirl(generator, rep))
    observable = twirl(matrix(qml.PauliZ(0) @ qml.PauliZ(1)), rep)
    found = []
    for x in (0.4, 1.3):
        start = torch.zeros(4, dtype=torch.complex128)
        start[0] = 1
        psi = unitary @ matrix(qml.RY(2 * x, wires=1)) @ matrix(qml.RX(x, wires=0)) @ start
        found.append((psi.conj() @ observable @ psi).real)
    return torch.stack(found).detach(), torch.autograd.grad(found[1], angle)[0]


H = words(1.0, 0.3, -0.7)
X0, Z1 = qml.PauliX(0), qml.PauliZ(1)
#: A gate of one angle, and its G in exp(i a G), by hand.
GATES = {
    "exp": (lambda a: qml.exp(words(1.0, 0.3, -0.7), 1j * a), lambda: matrix(H)),
    "exp of plain sums": (lambda a: qml.exp(words(1.0, 1.0, 1.0), 1j * a), lambda: matrix(words(1.0, 1.0, 1.0))),
    "exp of a word": (lambda a: qml.exp(qml.PauliX(0) @ qml.PauliZ(1), -0.5j * a), lambda: -0.5 * matrix(X0 @ Z1)),
    "exp with the angle inside": (
        lambda a: qml.exp(qml.dot([a, 2 * a], [qml.PauliX(0), qml.PauliZ(1)]), 1j),
        lambda: matrix(X0) + 2 * matrix(Z1),
    ),
    "evolve": (lambda a: qml.evolve(words(1.0, 0.3, -0.7), a), lambda: -matrix(H)),
    "adjoint": (lambda a: qml.adjoint(qml.RX(a, wires=0)), lambda: 0.5 * matrix(X0)),
    "adjoint of exp": (lambda a: qml.adjoint(qml.exp(qml.PauliX(0), 1j * a)), lambda: -matrix(X0)),
    "controlled exp": (
        lambda a: qml.ctrl(qml.exp(qml.PauliX(0), 1j * a), 1),
        lambda: matrix(qml.Projector([1], wires=[1])) @ matrix(X0),
    ),
    "controlled on zero": (
        lambda a: qml.ctrl(qml.RX(a, wires=0), 1, control_values=[0]),
        lambda: -0.5 * matrix(qml.Projector([0], wires=[1])) @ matrix(X0),
    ),
    "a power": (lambda a: qml.pow(qml.RX(a, wires=0), 3), lambda: -1.5 * matrix(X0)),
    "phase": (lambda a: qml.PhaseShift(a, wires=1), lambda: matrix(qml.Projector([1], wires=[1]))),
    "IsingXY": (
        lambda a: qml.IsingXY(a, wires=[0, 1]),
        lambda: 0.25 * (matrix(words(1.0, 0.0, 0.0)) + matrix(words(0.0, 1.0, 0.0))),
    ),
    "PauliRot": (lambda a: qml.PauliRot(a, "XZ", wires=[0, 1]), lambda: -0.5 * matrix(X0 @ Z1)),
}


@pytest.mark.parametrize("name", GATES)
def test_gates_are_exponentials_of_their_twirled_generators(name):
    gate, generator = GATES[name]
    for rep in (SpinOnQubits(2), PermutedQubits([(0,), (1,)])):
        for a in (A, 0.0):
            found, slope = run(gate, rep, a)
            right, gradient = reference(generator(), rep, a)
            assert (found - right).abs().max() < 1e-9
            assert abs(slope - gradient) < 1e-9


REFUSED = {
    "decay": lambda a: qml.exp(words(1.0, 1.0, 1.0), -a),
    "a phase and decay": lambda a: qml.exp(words(1.0, 1.0, 1.0), (1j + 0.1) * a),
    "not Hermitian": lambda a: qml.exp(qml.prod(qml.PauliX(0), qml.PauliZ(0)), 1j * a),
    "a product": lambda a: qml.prod(qml.RX(a, wires=0), qml.PauliX(1)),
    "three angles": lambda a: qml.Rot(a, a, a, wires=0),
    "a template": lambda a: qml.AngleEmbedding(torch.stack([a, a]), wires=[0, 1]),
    "Trotter": lambda a: qml.TrotterProduct(words(1.0, 1.0, 1.0), a),
    "a channel": lambda a: qml.DepolarizingChannel(0.1 * a, wires=0),
    "a measurement": lambda _: qml.measure(0),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("a", [A, 0.0])
def test_gates_that_are_no_exponentials_are_refused(name, a):
    @qml.qnode(qml.device("default.mixed", wires=3), interface="torch")
    def node(angle):
        REFUSED[name](angle)
        return qml.expval(qml.PauliZ(0))

    if name == "a phase and decay" and a == 0:
        a = 1e-3  # nothing tells it from a rotation by 0
    with pytest.raises(ArgumentError, match="qnode: expected gates"):
        twirl_qnode(node, SpinOnQubits(2))(torch.tensor(a, dtype=torch.float64, requires_grad=True))


def test_a_generator_that_does_not_move_its_gate_is_refused():
    class Wrong(qml.RX):
        """Tells twice its generator."""

        def generator(self):
            return qml.s_prod(2.0, super().generator())

    with pytest.raises(
        ArgumentError, match="with a Hermitian G and a parameter theta, got Wrong; write exponentials as"
    ):
        run(lambda a: Wrong(a, wires=0), SpinOnQubits(2), 0.0)


def test_fixed_gates_that_commute_stay():
    def gate(a):
        qml.SWAP(wires=[0, 1])
        qml.Barrier(wires=[0, 1])
        qml.QubitUnitary(torch.eye(4)[[0, 2, 1, 3]].to(torch.complex128), wires=[0, 1])
        qml.GlobalPhase(0.3)
        qml.exp(words(1.0, 0.3, -0.7), 1j * a)

    found, right = run(gate, SpinOnQubits(2)), reference(matrix(H), SpinOnQubits(2))
    assert (found[0] - right[0]).abs().max() < 1e-9


def test_what_is_no_qnode_is_refused():
    with pytest.raises(ArgumentError, match="qnode: expected a QNode of PennyLane, got function"):
        twirl_qnode(lambda x: x, SpinOnQubits(1))

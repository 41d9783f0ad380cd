"""PennyLane: circuits handed out as QNodes, and QNodes taken in as modules that verbs understand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError, require
from haar.systems.quantum.circuit import Circuit, Gate
from haar.systems.quantum.on_qubits import MOST_TWIRLED, OnQubits
from haar.systems.quantum.twirl import twirl


class PennyLaneCircuit(nn.Module):
    """A circuit of this library that runs on PennyLane's ``default.qubit``, sharing its parameters.

    Args:
        circuit: The circuit.

    Raises:
        MissingExtraError: If PennyLane is not installed.
        ArgumentError: If the model is no circuit.
    """

    def __init__(self, circuit: nn.Module) -> None:
        super().__init__()
        if not isinstance(circuit, Circuit):
            raise ArgumentError(
                "circuit", expected="a quantum circuit", got=f"{type(circuit).__name__}, which has no gates"
            )
        self.circuit = circuit
        self._qml = require("pennylane", "quantum")

    def qnode(self, x: Float[Tensor, "batch ..."]) -> Any:
        """A QNode of no argument at these inputs: the list of <O_k>, differentiable through torch."""
        qml = self._qml
        program = self.circuit.program(x)
        device = qml.device("default.qubit", wires=program.qubits)

        def node() -> Any:
            qml.StatePrep(program.start, wires=range(program.qubits))
            for gate in program.gates:
                _apply(qml, gate)
            return [qml.expval(_observable(qml, words)) for words in program.observables]

        return qml.QNode(node, device, interface="torch", diff_method="backprop")

    def forward(self, x: Float[Tensor, "batch atoms 3"]) -> Float[Tensor, " batch"]:
        """Scaled energies, as `Circuit.forward`."""
        if getattr(self.circuit, "parity", "none") == "average":
            return (self._energy(x) + self._energy(-x)) / 2
        return self._energy(x)

    def _energy(self, x: Tensor) -> Tensor:
        values = [value.expand(len(x)).real.to(x) for value in self.qnode(x)()]
        energy: Tensor = self.circuit.readout(torch.stack(values, -1))
        return energy


def to_pennylane(circuit: nn.Module) -> PennyLaneCircuit:
    """The same circuit on PennyLane, sharing its parameters.

    Args:
        circuit: A quantum model of this library.

    Raises:
        MissingExtraError: If PennyLane is not installed.
        ArgumentError: If the model is no circuit.
    """
    return PennyLaneCircuit(circuit)


class QNodeModel(nn.Module):
    """A user's QNode as a torch module: it can be audited, averaged and trained like any other.

    Args:
        qnode: Called as ``qnode(x, **weights)`` with a batch ``x`` (parameter broadcasting); returns one expectation or
            a list of them, each of shape (batch,).
        weights: First values of its trainable arguments.
        symmetry: What it should respect, for `haar.audit`.

    Example:
        >>> def node(x, *, scale):
        ...     return (scale * x).cos().sum((1, 2))
        >>> model = QNodeModel(node, {"scale": torch.tensor(1.0)})
        >>> model(torch.zeros(4, 2, 3)).tolist()
        [6.0, 6.0, 6.0, 6.0]
    """

    def __init__(
        self, qnode: Callable[..., Any], weights: Mapping[str, Tensor], *, symmetry: Symmetry | None = None
    ) -> None:
        super().__init__()
        self.qnode, self.symmetry = qnode, symmetry
        self.weights = nn.ParameterDict({name: nn.Parameter(value.clone()) for name, value in weights.items()})

    def forward(self, x: Tensor) -> Tensor:
        """(batch,) for one expectation, (batch, k) for a list of k."""
        found = self.qnode(x, **dict(self.weights.items()))
        one = isinstance(found, Tensor)
        values = [value.real.expand(len(x)).to(x) for value in ([found] if one else found)]
        return values[0] if one else torch.stack(values, -1)

    def twirled(self, rep: OnQubits) -> QNodeModel:
        """The same model with trainable gates and observables made equivariant, see `twirl_qnode`.

        Args:
            rep: How the group acts on the qubits.
        """
        values = {name: value.detach() for name, value in self.weights.items()}
        return QNodeModel(twirl_qnode(self.qnode, rep), values, symmetry=self.symmetry)


def twirl_qnode(qnode: Callable[..., Any], rep: OnQubits) -> Callable[..., Any]:
    """A QNode whose trainable gates and observables commute with a group.

    A gate exp(i theta G) becomes exp(i theta T(G)), an observable O becomes T(O). Gates that are broadcast over the
    batch encode data: they, and the preparation of the first state, stay as they are, for how they move under the group
    is theirs to say. Fixed gates must commute with the group already.

    Args:
        qnode: A PennyLane QNode on the wires 0 .. n - 1, with expectation values.
        rep: How the group acts on its qubits.

    Raises:
        ArgumentError: When it runs: if a fixed gate does not commute, or a gate has no generator or a measurement is no
            expectation value.
        MissingExtraError: If PennyLane is not installed.
    """
    qml = require("pennylane", "quantum")
    wires = range(rep.qubits)

    def one(operation: Any) -> Any:
        if operation.batch_size is not None or isinstance(operation, qml.operation.StatePrepBase):
            return operation
        if not operation.num_params:
            matrix = torch.as_tensor(qml.matrix(operation, wire_order=wires), dtype=torch.complex128)
            if float((twirl(matrix, rep) - matrix).abs().max()) > 1e-10:
                raise ArgumentError(
                    "qnode",
                    expected=f"fixed gates that commute with {rep.group.name}",
                    got=f"{operation.name} on {list(operation.wires)}",
                    way_out="replace it by a gate with a parameter, or begin in the state that it prepares",
                )
            return operation
        if not operation.has_generator or operation.num_params != 1:
            raise ArgumentError(
                "qnode", expected="gates with one parameter and a generator", got=operation.name, way_out="decompose it"
            )
        generator = torch.as_tensor(qml.matrix(operation.generator(), wire_order=wires), dtype=torch.complex128)
        angle = torch.as_tensor(operation.data[0]).to(torch.complex128)
        return qml.QubitUnitary(torch.linalg.matrix_exp(1j * angle * twirl(generator, rep)), wires=wires)

    def measured(measurement: Any) -> Any:
        if not isinstance(measurement, qml.measurements.ExpectationMP) or measurement.obs is None:
            raise ArgumentError("qnode", expected="expectation values", got=type(measurement).__name__)
        matrix = torch.as_tensor(qml.matrix(measurement.obs, wire_order=wires), dtype=torch.complex128)
        return qml.expval(qml.Hermitian(twirl(matrix, rep), wires=wires))

    def twirling(tape: Any) -> Any:
        outside = [wire for wire in tape.wires if wire not in wires]
        if outside:
            raise ArgumentError(
                "qnode", expected=f"wires 0 to {rep.qubits - 1} (at most {MOST_TWIRLED})", got=f"wires {outside}"
            )
        made = [one(operation) for operation in tape.operations]
        new = tape.copy(operations=made, measurements=[measured(m) for m in tape.measurements])
        return [new], lambda results: results[0]

    changed: Callable[..., Any] = qml.transform(twirling)(qnode)
    return changed


def _apply(qml: Any, gate: Gate) -> None:
    wires, value = list(gate.wires), gate.value
    if gate.kind in ("RX", "RY", "RZ", "CRY"):
        getattr(qml, gate.kind)(value, wires=wires if gate.kind == "CRY" else wires[0])
    elif gate.kind == "ZZ":
        qml.IsingZZ(2.0 * value, wires=wires)
    elif gate.kind == "heisenberg":
        for name in ("IsingXX", "IsingYY", "IsingZZ"):
            getattr(qml, name)(-2.0 * value, wires=wires)
    elif gate.kind == "unitary":
        qml.QubitUnitary(value, wires=wires)
    else:
        if gate.generator is None:
            raise ArgumentError("gate", expected="a generator", got=gate.kind)
        # Not our spectral blocks: an independent exponential.
        matrix = torch.linalg.matrix_exp(1j * value * gate.generator.to(torch.complex128))
        qml.QubitUnitary(matrix, wires=wires)


def _observable(qml: Any, words: Mapping[str, float]) -> Any:
    terms = []
    for word in words:
        parts = [getattr(qml, f"Pauli{part[0]}")(int(part[1:])) for part in word.split()] or [qml.Identity(0)]
        terms.append(qml.prod(*parts) if len(parts) > 1 else parts[0])
    return qml.dot(list(words.values()), terms)

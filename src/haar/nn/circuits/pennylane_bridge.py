"""PennyLane: circuits handed out as QNodes, and QNodes taken in as modules that verbs understand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Real, Shaped
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError, ShapeError, require
from haar.groups.lie import exponential
from haar.nn.circuits.circuit import Circuit, Gate
from haar.nn.circuits.given import given
from haar.nn.circuits.independent_rows import IndependentRows
from haar.nn.circuits.on_qubits import OnQubits
from haar.nn.circuits.twirled_qnode import twirl_qnode

#: Imaginary parts below this are rounding of single precision.
_REAL = 1e-6


class PennyLaneCircuit(nn.Module):
    """A circuit of this library that runs on PennyLane's ``default.qubit``, sharing its parameters.

    Args:
        circuit: A circuit of this library.

    Raises:
        MissingExtraError: If PennyLane is not installed.
        ArgumentError: If the model is no circuit.
    """

    def __init__(self, circuit: nn.Module) -> None:
        super().__init__()
        if not isinstance(circuit, Circuit):
            inner = [name for name, part in circuit.named_children() if isinstance(part, Circuit)]
            raise ArgumentError(
                "circuit",
                expected="a quantum circuit",
                got=f"{type(circuit).__name__}, which has no gates",
                way_out=f"give its {inner[0]}" if inner else "",
            )
        require("pennylane", "quantum")
        self.circuit = circuit

    def qnode(self, x: Real[Tensor, "batch ..."]) -> Any:
        """A QNode of no argument at these inputs: the list of <O_k>, differentiable through torch."""
        qml = require("pennylane", "quantum")
        program = self.circuit.program(given(x, self.circuit, self.circuit.row))
        device = qml.device("default.qubit", wires=program.qubits)

        def node() -> Any:
            qml.StatePrep(program.start, wires=range(program.qubits))
            for gate in program.gates:
                _apply(qml, gate)
            return [qml.expval(_observable(qml, words)) for words in program.observables]

        return qml.QNode(node, device, interface="torch", diff_method="backprop")

    def forward(self, x: Real[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """What the circuit's own `forward` returns."""
        return self.circuit.run(x, self._expectations)

    def _expectations(self, x: Tensor) -> Tensor:
        return torch.stack([value.real.expand(len(x)).to(x) for value in self.qnode(x)()], -1)


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

    For every new size of batch the QNode is run on rows of random numbers, together and apart, and refused if one
    sample speaks for others (a circuit that reads x[0], or a mean over the batch).

    Args:
        qnode: Called as ``qnode(x, **weights)`` with a batch ``x`` (parameter broadcasting); returns one expectation or
            a list of them, each of shape (batch,), or one number where it does not depend on ``x``.
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
        for name, value in weights.items():
            if not isinstance(value, Tensor) or not (value.is_floating_point() or value.is_complex()):
                kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
                raise ArgumentError("weights", expected="tensors of real numbers", got=f"{kind} for {name!r}")
        self.qnode, self.symmetry = qnode, symmetry
        self.weights = nn.ParameterDict({name: nn.Parameter(value.clone()) for name, value in weights.items()})
        self._rows = IndependentRows()
        # A twirl that took data for an angle may leave nothing of it: what it was made from is looked at too.
        self._as_given = qnode

    def forward(self, x: Shaped[Tensor, "batch ..."]) -> Tensor:
        """(batch,) for one expectation, (batch, k) for a list of k.

        In the precision of `x`, where that has one.

        Raises:
            ShapeError: If expectations are not one a sample.
            ArgumentError: If they depend on other samples, or are no numbers.
        """
        weights = dict(self.weights.items())
        if x.is_floating_point() and x.element_size() < 4:  # unknown to PennyLane, and exact in single precision
            return self.forward(x.float()).to(x.dtype)
        if not len(x):
            return self._run(x.new_zeros((1, *x.shape[1:])), weights)[:0]
        self._rows.check(lambda own, beside: self._run(own, beside, self._as_given), x, weights)
        if len(x) == 1 and self.qnode is not self._as_given:
            # Beside two samples a weight of shape (1,) is seen to be none of them, and not left as it is.
            return self._run(x.expand(2, *x.shape[1:]), weights)[:1]
        return self._run(x, weights)

    def _run(self, x: Tensor, weights: Mapping[str, Tensor], qnode: Callable[..., Any] | None = None) -> Tensor:
        found = (self.qnode if qnode is None else qnode)(x, **weights)
        one = isinstance(found, Tensor)
        if not one and not isinstance(found, list | tuple):
            raise ArgumentError(
                "qnode",
                expected="an expectation or a list of them, as tensors of torch",
                got=type(found).__name__,
                way_out='make it with interface="torch"',
            )
        values = [_expectation(value, x) for value in ([found] if one else found)]
        return values[0] if one else torch.stack(values, -1)

    def twirled(self, rep: OnQubits) -> QNodeModel:
        """The same model with trainable gates and observables made equivariant, see `twirl_qnode`.

        Args:
            rep: How the group acts on the qubits.
        """
        values = {name: value.detach() for name, value in self.weights.items()}
        made = QNodeModel(twirl_qnode(self.qnode, rep), values, symmetry=self.symmetry)
        made._as_given = self._as_given
        return made


def _expectation(value: Any, x: Tensor) -> Tensor:
    """One number a sample."""
    if not isinstance(value, Tensor):
        raise ArgumentError(
            "qnode", expected="tensors of torch", got=type(value).__name__, way_out='make it with interface="torch"'
        )
    if value.shape != (len(x),) and value.numel() != 1:
        raise ShapeError(
            "qnode",
            expected=f"expectations of shape ({len(x)},), one a sample",
            got=tuple(value.shape),
            way_out="write the circuit for a batch: x[:, 0] in place of x[0]",
        )
    if value.is_complex() and bool(value.detach().imag.abs().max() > _REAL):
        raise ArgumentError("qnode", expected="real expectations", got="complex numbers")
    real = value.real.reshape(-1).expand(len(x))
    return real.to(x) if x.is_floating_point() else real.to(x.device)


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
        matrix = exponential(1j * value * gate.generator.to(torch.complex128))
        qml.QubitUnitary(matrix, wires=wires)


def _observable(qml: Any, words: Mapping[str, float]) -> Any:
    terms = []
    for word in words:
        parts = [getattr(qml, f"Pauli{part[0]}")(int(part[1:])) for part in word.split()] or [qml.Identity(0)]
        terms.append(qml.prod(*parts) if len(parts) > 1 else parts[0])
    return qml.dot(list(words.values()), terms)

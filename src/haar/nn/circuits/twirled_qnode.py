"""A PennyLane QNode whose trainable gates and observables commute with a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

from haar.errors import ArgumentError, require
from haar.groups.lie import exponential
from haar.nn.circuits.on_qubits import MOST_TWIRLED, OnQubits
from haar.nn.circuits.twirl import twirl

#: A gate is exp(i K) to this; PennyLane makes some matrices in single precision.
_SAME = 1e-5
#: Added to angles, so that a gate is looked at where it is not the identity by accident.
_ASIDE = 0.9137


def twirl_qnode(qnode: Callable[..., Any], rep: OnQubits) -> Callable[..., Any]:
    """A QNode whose trainable gates and observables commute with a group.

    A gate exp(i theta G) becomes exp(i theta T(G)), an observable O becomes T(O). What a gate's G is, is never taken on
    trust: exp(i theta G) is compared with its matrix, there and at another angle. Gates that are broadcast over the
    batch encode data (`QNodeModel` makes sure that no other gates do): they, and the preparation of the first state,
    stay as they are, for how they move under the group is theirs to say. Fixed gates must commute with the group
    already.

    Args:
        qnode: A PennyLane QNode on the wires 0 .. n - 1, with expectation values.
        rep: How the group acts on its qubits.

    Raises:
        ArgumentError: If it is no QNode. When it runs: if a fixed gate does not commute, a gate is no exp(i theta G)
            with a Hermitian G, or a measurement is no expectation value.
        MissingExtraError: If PennyLane is not installed.
    """
    qml = require("pennylane", "quantum")
    if not isinstance(qnode, qml.QNode):
        raise ArgumentError("qnode", expected="a QNode of PennyLane", got=type(qnode).__name__)
    gates = _Twirled(qml, rep)

    def measured(measurement: Any) -> Any:
        if not isinstance(measurement, qml.measurements.ExpectationMP) or measurement.obs is None:
            raise ArgumentError("qnode", expected="expectation values", got=type(measurement).__name__)
        return qml.expval(qml.Hermitian(twirl(gates.matrix(measurement.obs), rep), wires=gates.wires))

    def twirling(tape: Any) -> Any:
        outside = [wire for wire in tape.wires if wire not in gates.wires]
        if outside:
            raise ArgumentError(
                "qnode", expected=f"wires 0 to {rep.qubits - 1} (at most {MOST_TWIRLED})", got=f"wires {outside}"
            )
        sizes = sorted({operation.batch_size for operation in tape.operations} - {None})
        if len(sizes) > 1:
            raise ArgumentError(
                "qnode",
                expected="gates that are broadcast over one batch, as data are",
                got=f"batches of {' and '.join(map(str, sizes))}",
                way_out="give weights as numbers, a[0] in place of a",
            )
        made = [gates.of(operation) for operation in tape.operations]
        new = tape.copy(operations=made, measurements=[measured(m) for m in tape.measurements])
        return [new], lambda results: results[0]

    changed: Callable[..., Any] = qml.transform(twirling)(qnode)
    return changed


class _Twirled:
    """Gates of PennyLane, one by one.

    Args:
        qml: PennyLane.
        rep: How the group acts.
    """

    def __init__(self, qml: Any, rep: OnQubits) -> None:
        self.qml, self.rep, self.wires = qml, rep, range(rep.qubits)

    def of(self, operation: Any) -> Any:
        """The gate, or the one in its place."""
        qml = self.qml
        marks = (qml.Barrier, qml.Snapshot, qml.GlobalPhase)  # commute with everything
        if isinstance(operation, (qml.operation.StatePrepBase, *marks)) or operation.batch_size is not None:
            return operation
        by_angle = isinstance(operation, qml.ops.op_math.Exp) or (operation.num_params == 1 and operation.has_generator)
        trained = any(isinstance(value, Tensor) and value.requires_grad for value in operation.data)
        if not by_angle and not trained:
            return self.fixed(operation)
        hamiltonian = self.hamiltonian(operation)
        return qml.QubitUnitary(exponential(1j * twirl(hamiltonian, self.rep)), wires=self.wires)

    def fixed(self, operation: Any) -> Any:
        """A gate without an angle, that must commute already."""
        matrix = self.matrix(operation)
        if not float((twirl(matrix, self.rep) - matrix).abs().max()) < 1e-10:
            raise ArgumentError(
                "qnode",
                expected=f"fixed gates that commute with {self.rep.group.name}",
                got=f"{operation.name} on {list(operation.wires)}",
                way_out="replace it by a gate with a parameter, or begin in the state that it prepares",
            )
        return operation

    def hamiltonian(self, operation: Any) -> Tensor:
        """The Hermitian K with exp(i K) the gate, differentiable in its angle.

        Raises:
            ArgumentError: If there is none.
        """
        symbolic = self.qml.ops.op_math
        if isinstance(operation, symbolic.Exp):  # the parameter of exp(c B) is c, and not an angle
            base, c = self.matrix(operation.base), torch.as_tensor(operation.coeff)
            if not c.is_complex() or not _hermitian(base):
                self.refuse(operation)
            found = base * c / 1j
        elif isinstance(operation, symbolic.Adjoint):
            found = -self.hamiltonian(operation.base)
        elif isinstance(operation, symbolic.Controlled):
            on = [int(value) for value in operation.control_values]
            found = self.matrix(self.qml.Projector(on, wires=operation.control_wires)) @ self.hamiltonian(
                operation.base
            )
        else:
            found = self.by_generator(operation)
        self.check(operation, found)
        return found

    def by_generator(self, operation: Any) -> Tensor:
        """The angle times the generator that PennyLane tells, if that is what moves the gate.

        Raises:
            ArgumentError: If it is not.
        """
        if not operation.has_generator or operation.num_params != 1:
            raise ArgumentError(
                "qnode", expected="gates with one parameter and a generator", got=operation.name, way_out="decompose it"
            )
        generator = self.matrix(operation.generator())
        angle = torch.as_tensor(operation.data[0])
        aside = self.qml.ops.functions.bind_new_parameters(operation, [angle.detach() + _ASIDE])
        self.check(aside, (angle.detach() + _ASIDE) * generator.detach())
        return angle * generator

    def check(self, operation: Any, hamiltonian: Tensor) -> None:
        """Refuse what is not exp(i K), or with a K that is not Hermitian.

        Raises:
            ArgumentError: If it is so.
        """
        k = hamiltonian.detach()
        with torch.no_grad():
            off = float((exponential(1j * k) - self.matrix(operation)).abs().max())
        if not _hermitian(k) or not off <= _SAME:
            self.refuse(operation)

    def refuse(self, operation: Any) -> NoReturn:
        """Say that a gate is not of the form."""
        raise ArgumentError(
            "qnode",
            expected="gates exp(i theta G) with a Hermitian G and a parameter theta",
            got=operation.name,
            way_out="write exponentials as qml.exp(H, 1j * theta) or qml.evolve(H, theta), or decompose the gate",
        )

    def matrix(self, operation: Any) -> Tensor:
        """Of an operator on all wires.

        Raises:
            ArgumentError: If it has none.
        """
        try:
            matrix = self.qml.matrix(operation, wire_order=self.wires)
        except Exception as error:  # PennyLane has many, of many kinds
            raise ArgumentError(
                "qnode", expected="gates and observables with a matrix", got=operation.name, way_out="decompose it"
            ) from error
        found = torch.as_tensor(matrix).to(torch.complex128)
        # An operator on no wires is a number.
        return found if found.ndim else found * torch.eye(2**self.rep.qubits, dtype=torch.complex128)


def _hermitian(matrix: Tensor) -> bool:
    k = matrix.detach()
    return float((k - k.mH).abs().max()) <= _SAME * max(1.0, float(k.abs().max()))

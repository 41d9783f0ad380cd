"""A module of a user's circuit gives every sample its own answer, or refuses the circuit, whatever comes first."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from haar.errors import ArgumentError, HaarError
from haar.nn.circuits import QNodeModel, SpinOnQubits

qml = pytest.importorskip("pennylane", reason="these tests run PennyLane, extra quantum")
pytestmark = [
    pytest.mark.referee,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pennylane.exceptions.PennyLaneDeprecationWarning"),
]
X = torch.tensor([0.1, 1.0, 2.0], dtype=torch.float64).reshape(3, 1, 1)


def node(angle, *, shots=None, wires=1):
    """cos of `angle` of the inputs and of a."""

    @qml.qnode(qml.device("default.qubit", wires=wires), interface="torch", diff_method="best")
    def circuit(x, a):
        qml.RX(angle(x, a), wires=0)
        return qml.expval(qml.PauliZ(0)) if wires == 1 else [qml.expval(qml.PauliZ(q)) for q in range(wires)]

    return circuit if shots is None else qml.set_shots(circuit, shots)


def model(circuit, a: float = 0.0) -> QNodeModel:
    return QNodeModel(circuit, {"a": torch.tensor(a, dtype=torch.float64)})


COUPLED = {
    "the first": lambda x, a: x[0, 0, 0] + a,
    "the last": lambda x, a: x[-1, 0, 0] + a,
    "times an angle of zero": lambda x, a: x[0, 0, 0] * a,
    "a mean": lambda x, a: x[:, 0, 0] - x.mean() + a,
    "the largest": lambda x, a: x[:, 0, 0] / (1 + x.abs().max()) + a,
    "the next": lambda x, a: x.roll(1, 0)[:, 0, 0] + a,
    "one feature more": lambda x, a: x[:, 0, 0] + x[0, 0, 0] + a,
}


@pytest.mark.parametrize("angle", COUPLED.values(), ids=COUPLED)
@pytest.mark.parametrize("first", [X, 0 * X, torch.ones_like(X), X[:1]], ids=["rows", "zeros", "alike", "one"])
def test_circuits_in_which_one_sample_speaks_for_others_are_refused(angle, first):
    made = model(node(angle))
    for x in (first, X):
        with pytest.raises(
            ArgumentError, match="qnode: expected a circuit in which every sample of a batch is by itself"
        ):
            made(x)


def test_features_in_the_place_of_samples_are_refused():
    for rows in (1, 3, 5):
        with pytest.raises(HaarError, match=r"qnode: expected expectations of shape .* one a sample, got \(3,\)"):
            model(node(lambda x, a: x[0] + a))(torch.randn(rows, 3, dtype=torch.float64))


def test_circuits_for_batches_are_run_as_they_are():
    made = model(node(lambda x, a: x[:, 0, 0] + a), 0.3)
    for x in (0 * X, X, X[:1], X[:2]):
        assert (made(x) - (x[:, 0, 0] + 0.3).cos()).abs().max() < 1e-12
    assert made(X[:0]).shape == (0,)
    assert made(X.float()).dtype == torch.float32
    for dtype in (torch.float16, torch.bfloat16):
        coarse = X.to(dtype)
        assert (made(coarse).double() - (coarse.double()[:, 0, 0] + 0.3).cos()).abs().max() < 4e-3
    assert (made(torch.tensor([[[1]], [[2]]])) - torch.tensor([1.3, 2.3]).cos()).abs().max() < 1e-6  # whole numbers
    bad = torch.tensor([0.1, torch.nan, 2.0], dtype=torch.float64).reshape(3, 1, 1)
    assert made(bad).isnan().tolist() == [False, True, False]
    assert (model(node(lambda _, a: a), 0.3)(X) - torch.tensor(0.3).cos()).abs().max() < 1e-6  # reads no input
    both = model(node(lambda x, a: x[:, 0, 0] + a, wires=2))(X)
    assert (both - torch.stack([X[:, 0, 0].cos(), torch.ones(3)], -1)).abs().max() < 1e-12


def test_inputs_that_cannot_be_made_up_are_looked_at_as_they_are():
    def states(read):
        @qml.qnode(qml.device("default.qubit", wires=1), interface="torch")
        def circuit(x, a):
            qml.AmplitudeEmbedding(read(x), wires=[0])
            qml.RX(a, wires=0)
            return qml.expval(qml.PauliZ(0))

        return model(circuit)

    angle = X.reshape(3)
    x = torch.stack([angle.cos(), angle.sin()], -1)
    assert (states(lambda x: x)(x) - (2 * angle).cos()).abs().max() < 1e-12
    with pytest.raises(ArgumentError, match="qnode: expected a circuit in which every sample"):
        states(lambda x: x[0])(x)
    alike = states(lambda x: x[0])
    assert (alike(x[:1].expand(3, -1)) - (2 * angle[0]).cos()).abs().max() < 1e-12
    with pytest.raises(ArgumentError, match="qnode: expected a circuit in which every sample"):
        alike(x)  # what was right for equal samples is not remembered


def test_weights_in_the_place_of_samples_are_not_left_untwirled():
    @qml.qnode(qml.device("default.qubit", wires=2), interface="torch")
    def circuit(x, a):
        qml.RY(x[:, 0, 0], wires=1)
        qml.RX(a[None], wires=0)
        return qml.expval(qml.PauliZ(0))

    twirled = model(circuit, 0.3).twirled(SpinOnQubits(2))
    for x in (X[:1], X):
        with pytest.raises(
            ArgumentError, match=r"qnode: expected gates .* one batch.*got batches of 1 and [23]; give weights"
        ):
            twirled(x)


def test_a_circuit_for_one_sample_alone_is_refused():
    def circuit(x, a):
        return a * x.reshape(1)  # fails for more

    with pytest.raises(ArgumentError, match="got one that runs on one sample and not on two"):
        model(circuit)(X[:1])


def test_weights_that_cannot_be_made_up_are_used_as_they_are():
    calls = []

    def circuit(x, a):
        calls.append(len(x))
        if abs(float(a.detach()) - 0.5) > 1e-9:
            raise ValueError(a)
        return (x[:, 0, 0] * a).cos()

    made = model(circuit, 0.5)
    assert (made(X) - (X[:, 0, 0] / 2).cos()).abs().max() < 1e-12
    assert (made(0 * X) - 1).abs().max() < 1e-12
    assert len(calls) < 8  # and what was found is remembered
    first = model(lambda x, a: (x[0, 0, 0] * a).cos() if abs(float(a.detach()) - 0.5) < 1e-9 else 1 / 0, 0.5)
    with pytest.raises(ArgumentError, match="qnode: expected a circuit in which every sample"):
        first(0 * X)
    with pytest.raises(RuntimeError, match="of my own"):
        model(failing)(X)


def failing(x, a):
    raise RuntimeError("of my own", len(x), a)


def test_circuits_that_are_sampled():
    assert (model(node(lambda x, a: x[:, 0, 0] + a, shots=400))(X) - X[:, 0, 0].cos()).abs().max() < 0.3
    with pytest.raises(HaarError, match="qnode: expected"):
        model(node(lambda x, a: x[0, 0, 0] + a, shots=400))(X)


def test_a_function_that_differentiates_inside_and_the_random_state():
    def slope(x: Tensor, a: Tensor) -> Tensor:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad((a * leaf.square()).sum(), leaf)[0].sum((1, 2))

    state = torch.random.get_rng_state()
    with torch.enable_grad():
        assert (model(slope, 0.5)(X) - X[:, 0, 0]).abs().max() < 1e-12
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_twirl_is_not_taken_of_data_that_look_like_an_angle():
    twirled = model(node(lambda x, a: x[0, 0, 0] + a, wires=2)).twirled(SpinOnQubits(2))
    for x in (X[:1], X):
        with pytest.raises(ArgumentError, match="qnode: expected a circuit in which every sample"):
            twirled(x)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda x, **_: x.sum((1, 2)).numpy(),
            "expected an expectation or a list of them, as tensors of torch, got ndarray",
        ),
        (lambda *_, **__: [1.0], "expected tensors of torch, got float"),
        (lambda x, **_: torch.ones(len(x), 4), r"expectations of shape \(2,\), one a sample, got \(2, 4\)"),
        (lambda x, **_: 1j * x.sum((1, 2)), "expected real expectations, got complex numbers"),
    ],
)
def test_what_is_no_expectation_is_refused(answer, words):
    with pytest.raises(HaarError, match=words):
        model(answer)(X[:2])

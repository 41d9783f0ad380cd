"""What every model claims holds to 1e-10, and what it does not claim is broken."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

import haar
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO
from haar.nn.circuits import (
    ExchangeCircuit,
    GraphCircuit,
    RotationCircuit,
    WaterCircuit,
    WithForces,
    energy_and_forces,
    molecular_symmetry,
)
from haar.nn.circuits.states import permutation_index
from haar.systems.quantum import CoordinateNetwork, DistanceSets, GenericCircuit
from haar.systems.quantum.evaluation import symmetry_errors
from haar.testing import assert_equivariant
from haar.testing.equivariance import equivariance_error


def points(m: int, batch: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(batch, m, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


CLAIMING = [
    *(RotationCircuit(m, layers=2) for m in (1, 2, 3)),
    *(ExchangeCircuit(m, layers=2) for m in (1, 2, 3)),
    ExchangeCircuit(3, layers=2, parity="average"),
    RotationCircuit(3, layers=2, parity="average"),
    ExchangeCircuit(3, layers=2, radial=(1.5, 0.5, 1.0, 0.3)),
    *(GraphCircuit(m, layers=2) for m in (1, 3)),
    GraphCircuit(2, layers=2, edge="inverse"),
    GraphCircuit(2, layers=2, edge="exponential"),
    WaterCircuit(layers=2),
    WaterCircuit(layers=2, free=True),
    *(DistanceSets(m) for m in (1, 3)),
]


@pytest.mark.parametrize("model", CLAIMING, ids=lambda m: f"{type(m).__name__}-{m.atoms}")
def test_energies_and_forces_have_the_claimed_symmetry(model: nn.Module) -> None:
    x = points(model.atoms)
    assert_equivariant(model, model.symmetry, x)  # all of S_m, and random rotations
    claimed = model.symmetry
    exchange = "S" in claimed.group.name.replace("SO", "")
    both = WithForces(model, atoms=model.atoms, parity=claimed.group.name.startswith("O"))
    full = molecular_symmetry(model.atoms, parity=claimed.group.name.startswith("O"), exchange=exchange, forces=True)
    assert_equivariant(both, full, x)


@pytest.mark.parametrize("model", [ExchangeCircuit(3, layers=2), GraphCircuit(2, layers=2)])
def test_the_audit_verifies_the_claim(model: nn.Module) -> None:
    report = haar.audit(model, model.symmetry, points(model.atoms, 8), elements=6, layers=False, data_symmetry=False)
    assert report.findings.worst.relative.value < 1e-10
    broken = haar.audit(
        RotationCircuit(model.atoms),
        model.symmetry,
        points(model.atoms, 8),
        elements=6,
        layers=False,
        data_symmetry=False,
    )
    assert broken.findings.worst.relative.value > 1e-2


@pytest.mark.parametrize(
    "model", [ExchangeCircuit(2, layers=1), RotationCircuit(2, layers=1), GenericCircuit(1, layers=1)]
)
def test_derivatives_of_first_and_second_order(model: nn.Module) -> None:
    """Also at x = 0, where a norm has no derivative."""
    x = points(model.atoms, 2)
    x[1, 0] = 0.0
    x.requires_grad_()
    assert torch.autograd.gradcheck(model, x, atol=1e-7)
    assert torch.autograd.gradgradcheck(model, x, atol=1e-6)


def test_graph_circuit_has_the_derivatives_of_finite_differences() -> None:
    model, x = GraphCircuit(3, layers=2), points(3, 2).requires_grad_()
    assert torch.autograd.gradcheck(model, x)
    assert torch.autograd.gradgradcheck(model, x)


def test_the_generic_circuit_breaks_everything() -> None:
    """Trap: RX(x) RY(y) RZ(z) is no encoding of a vector."""
    broken = symmetry_errors(GenericCircuit(3), points(3, 20))
    assert min(broken.values()) > 0.1
    assert GenericCircuit(3).symmetry.group.order == 1


def test_the_rotation_circuit_breaks_exchanges() -> None:
    for m in (2, 3):
        assert symmetry_errors(RotationCircuit(m), points(m, 20))["permutation"] > 0.05


def test_chirality_leaks_from_three_atoms_on() -> None:
    """Trap: SO(3) is not O(3)."""
    for m in (1, 2):
        assert symmetry_errors(ExchangeCircuit(m), points(m))["parity"] < 1e-13
    assert symmetry_errors(ExchangeCircuit(3), points(3))["parity"] > 1e-3
    assert symmetry_errors(ExchangeCircuit(3, parity="average"), points(3))["parity"] < 1e-13


def test_water_needs_shared_parameters() -> None:
    for free, holds in ((False, True), (True, False)):
        model = WaterCircuit(free=free)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
        error = symmetry_errors(model, points(2, 20))["permutation"]
        assert (error < 1e-12) if holds else (error > 0.1)


def test_lih_is_a_one_qubit_signal_processing_circuit() -> None:
    """Only differences of scales matter; the expectation is -1 - 2 <Z> of one qubit; at most D + 1 harmonics."""
    model = RotationCircuit(1, layers=4, readout="raw")
    delta = (model.alpha[:, 0] - model.alpha[:, 1]).detach()
    r = torch.linspace(0.0, 3.0, 17, dtype=torch.float64)
    x = torch.zeros(17, 1, 3, dtype=torch.float64)
    x[:, 0, 1] = r
    X = torch.tensor([[0, 1], [1, 0]], dtype=torch.complex128)
    Z = torch.tensor([[1, 0], [0, -1]], dtype=torch.complex128)
    expected = []
    for length in r:
        psi = torch.tensor([1, 0], dtype=torch.complex128)
        for d in range(5):
            if d:
                psi = torch.linalg.matrix_exp(-2j * model.angle.detach()[d - 1, 0] * Z) @ psi
            psi = torch.linalg.matrix_exp(-0.5j * delta[d] * length * X) @ psi
        expected.append(-1 - 2 * (psi.conj() @ Z @ psi).real)
    assert (model(x) - torch.stack(expected)).abs().max() < 1e-13
    shifted = RotationCircuit(1, layers=4, readout="raw")
    with torch.no_grad():
        shifted.alpha.add_(0.37)  # both scales of every layer alike
    assert (shifted(x) - model(x)).abs().max() < 1e-13
    with torch.no_grad():
        model.alpha.copy_(torch.tensor([1.0, 0.0]).expand(5, 2))
        period = torch.arange(16, dtype=torch.float64) * 2 * math.pi / 16
        wave = torch.zeros(16, 1, 3, dtype=torch.float64)
        wave[:, 0, 2] = period
        spectrum = torch.fft.fft(model(wave)).abs()
    assert spectrum[6:11].max() < 1e-12  # harmonics beyond D + 1 = 5


def test_reversed_angles_give_the_same_energy_and_zero_is_stationary() -> None:
    """Trap: all angles at 0 never leave 0 by gradient descent."""
    x = points(3)
    for model in (RotationCircuit(3), ExchangeCircuit(3)):
        energy = model(x).detach()
        with torch.no_grad():
            model.angle.neg_()
        assert (model(x) - energy).abs().max() < 1e-13
        with torch.no_grad():
            model.angle.zero_()
        model(x).sum().backward()
        assert model.angle.grad.abs().max() < 1e-12


def test_equal_scales_in_a_singlet_are_a_dead_encoding() -> None:
    """Trap: a singlet whose qubits encode one atom alike does not see it."""
    model, x = ExchangeCircuit(1), points(1).requires_grad_()
    with torch.no_grad():
        model.alpha.fill_(0.7)
    energy = model(x)
    (slope,) = torch.autograd.grad(energy.sum(), x)
    assert energy.std() < 1e-13
    assert slope.abs().max() < 1e-13
    assert (ExchangeCircuit(1).alpha[:, 0] > 0).all()
    assert (ExchangeCircuit(1).alpha[:, 1] < 0).all()


def test_breaking_is_linear_in_eps_and_absent_at_zero() -> None:
    model, x = ExchangeCircuit(3), points(3, 20)
    errors = [symmetry_errors(model.relaxed(scale), x)["rotation"] for scale in (0.0, 1e-3, 1e-2)]
    assert errors[0] < 1e-13
    assert errors[2] / errors[1] == pytest.approx(10.0, rel=0.02)
    assert model.eps is None
    loose = model.relaxed(1e-3, trainable=True)
    loose(x).sum().backward()
    assert loose.eps.grad.abs().max() > 0
    assert not model.relaxed(1e-3).eps.requires_grad
    with pytest.raises(ArgumentError, match="scale: expected 0 or more, got -1"):
        model.relaxed(-1)


def test_torque_vanishes_exactly_for_rotation_invariant_models() -> None:
    for model in (RotationCircuit(3), ExchangeCircuit(3), GraphCircuit(3), DistanceSets(3)):
        assert symmetry_errors(model, points(3))["torque"] < 1e-12
    assert symmetry_errors(GenericCircuit(3), points(3))["torque"] > 0.1


def test_the_graph_state_moves_with_its_qubits() -> None:
    model, x = GraphCircuit(3, layers=2), points(3, 2)
    psi = model.state(x)
    for order in itertools.permutations(range(3)):
        index = permutation_index(4, [0, *(o + 1 for o in order)])
        moved = torch.empty_like(x)
        moved[:, list(order)] = x
        assert (model.state(moved) - psi[:, index]).abs().max() < 1e-13


def test_averaging_a_circuit_never_increases_its_error() -> None:
    from haar.actions import Defining, Invariant, Points, Symmetry
    from haar.groups import octahedral

    group = octahedral()
    symmetry = Symmetry(group, Points(rotation=Defining(group)), Invariant(group))
    model, x = GenericCircuit(2, layers=1), points(2, 4)
    target = x.norm(dim=-1).sum(1)
    averaged = haar.average(model, symmetry, micro_batch=24)
    assert equivariance_error(averaged, symmetry, x).relative < 1e-12
    with torch.no_grad():
        orbit = torch.stack([model(symmetry.inputs[0].act(g, x)) for g in group.elements()])
        assert (averaged(x) - target).square().mean() <= (orbit - target).square().mean()


def test_parameter_counts_of_the_protocol() -> None:
    counts = {
        "A": (GenericCircuit(3), 199),
        "A LiH": (GenericCircuit(1, layers=6), 94),
        "B": (RotationCircuit(3), 61),
        "C": (ExchangeCircuit(3), 31),
        "D": (GraphCircuit(3), 41),
        "E": (DistanceSets(3), 1185),
        "MLP": (CoordinateNetwork(3), 865),
    }
    assert {name: model.parameter_count for name, (model, _) in counts.items()} == {
        n: c for n, (_, c) in counts.items()
    }


def test_models_are_plain_modules() -> None:
    import copy
    import pickle

    x = points(2)
    for model in (ExchangeCircuit(2), GraphCircuit(2), GenericCircuit(2)):
        y = model(x)
        twin = type(model)(2, seed=7)
        twin.load_state_dict(model.state_dict())
        assert torch.equal(twin(x), y)
        assert torch.equal(copy.deepcopy(model)(x), y)
        assert torch.equal(pickle.loads(pickle.dumps(model))(x), y)
        single = model.float()(x.float())
        assert single.dtype == torch.float32
        assert (single - y).abs().max() < 1e-4


def test_wrong_inputs_are_refused_in_words() -> None:
    with pytest.raises(ShapeError, match=r"x: expected \(batch, 3, 3\), got \(5, 2, 3\)"):
        ExchangeCircuit(3)(points(2))
    with pytest.raises(ArgumentError, match="readout: expected one of affine, raw, got 'linear'"):
        GraphCircuit(2, readout="linear")
    with pytest.raises(ArgumentError, match="edge: expected one of distance, inverse, exponential"):
        GraphCircuit(2, edge="r")
    with pytest.raises(ArgumentError, match="qubits: expected 1 to 12 for blocks"):
        ExchangeCircuit(7)
    with pytest.raises(ArgumentError, match="layers: expected at least 1, got 0"):
        RotationCircuit(2, layers=0)
    with pytest.raises(ArgumentError, match=r"radial: expected \(c, k, mu, s\) with s > 0"):
        ExchangeCircuit(2, radial=(1.0, 1.0, 1.0, 0.0))
    with pytest.raises(ArgumentError, match=r"radial: expected \(c, k, mu, s\) with s > 0"):
        ExchangeCircuit(2, radial=(1.0, float("nan"), 1.0, 1.0))
    with pytest.raises(ArgumentError, match="scale: expected 0 or more, got nan"):
        ExchangeCircuit(2).relaxed(float("nan"))


def test_forces_are_minus_the_slope_and_enter_a_loss() -> None:
    model, x = ExchangeCircuit(2, layers=1), points(2, 2)
    energy, forces = energy_and_forces(model, x, create_graph=True)
    step = 1e-5
    moved = x.clone()
    moved[0, 1, 2] += step
    back = x.clone()
    back[0, 1, 2] -= step
    slope = (model(moved)[0] - model(back)[0]).item() / (2 * step)
    assert forces[0, 1, 2].item() == pytest.approx(-slope, abs=1e-8)
    (energy.square().mean() + forces.square().mean()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_rotations_of_the_test_are_rotations() -> None:
    turn = SO(3).sample(1)[0]
    assert float(torch.linalg.det(turn)) == pytest.approx(1.0)

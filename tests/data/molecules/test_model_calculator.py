"""Torch models of atoms as calculators."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from haar.actions import Symmetry
from haar.average import average
from haar.data.molecules import model_calculator
from haar.data.molecules.results import results_of
from haar.errors import ArgumentError, DataError

pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee

from ase.build import bulk, molecule  # noqa: E402
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress  # noqa: E402


class Pairs(nn.Module):
    """Energies of neighbours, with a dependence on the frame if wanted."""

    def __init__(self, frame=0.0, dtype=torch.float64):
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(1.5, dtype=dtype))
        self.frame = frame

    def forward(self, positions, numbers, cell, edge_index, shifts):
        neighbour, centre = edge_index
        way = positions[neighbour] + shifts @ cell - positions[centre]
        weight = numbers[neighbour] * torch.exp(-way.norm(dim=-1)) * torch.sigmoid(numbers[centre] / 10.0)
        return self.strength * (weight * (1 + self.frame * way[:, 0] ** 3)).sum()


def direct(positions, numbers):
    apart = torch.pdist(positions)
    return {"energy": (apart - 1).square().sum(), "forces": numbers[:, None] * torch.ones_like(positions)}


@pytest.fixture
def salt():
    made = bulk("NaCl", "rocksalt", 5.6)
    made.set_cell(np.asarray(made.cell) + np.array([[0.1, 0, 0], [0, 0.2, 0.1], [0, 0, -0.1]]), scale_atoms=True)
    made.rattle(0.1, seed=1)
    return made


def test_forces_and_stress_are_derivatives_of_the_energy(salt):
    salt.calc = model_calculator(Pairs(), cutoff=5.0)
    assert np.abs(salt.get_forces() - calculate_numerical_forces(salt, eps=1e-4)).max() < 1e-6
    assert np.abs(salt.get_stress() - calculate_numerical_stress(salt, eps=1e-5)).max() < 1e-8


def test_the_average_of_a_model_is_a_calculator_too(salt):
    symmetry = Symmetry.of_atoms("Oh", inputs="positions, numbers, cell, edge_index, shifts")
    salt.calc = model_calculator(average(Pairs(frame=0.1), symmetry), cutoff=5.0)
    assert np.abs(salt.get_forces() - calculate_numerical_forces(salt, eps=1e-4)).max() < 1e-6
    mirrored = salt.copy()
    mirrored.set_cell(-np.asarray(salt.cell))
    mirrored.positions *= -1
    mirrored.calc = model_calculator(Pairs(frame=0.1), cutoff=5.0)
    plain = mirrored.get_potential_energy()
    mirrored.calc = salt.calc
    energy = mirrored.get_potential_energy()
    assert salt.get_potential_energy() == pytest.approx(energy, abs=1e-11)
    assert abs(plain - energy) > 1e-3


def test_neighbours_are_those_of_a_loop(salt):
    def count(positions, edge_index, shifts):
        return 0 * positions.sum() + edge_index.shape[1] + 1e-3 * shifts.abs().sum()

    salt.calc = model_calculator(count, cutoff=4.0, outputs="energy")
    cell, x = np.asarray(salt.cell), salt.positions
    images = [(i, j, k) for i in range(-3, 4) for j in range(-3, 4) for k in range(-3, 4)]
    near = [
        np.abs(image).sum()
        for a in range(2)
        for b in range(2)
        for image in images
        if 1e-9 < np.linalg.norm(x[b] + np.array(image) @ cell - x[a]) < 4.0
    ]
    assert salt.get_potential_energy() == pytest.approx(len(near) + 1e-3 * sum(near))


def test_what_the_model_says_itself_is_taken():
    water = molecule("H2O")
    for model, outputs in (
        (direct, "energy"),
        (lambda positions, numbers: tuple(direct(positions, numbers).values()), "energy, forces"),
    ):
        water.calc = model_calculator(model, inputs=["pos", "z"], outputs=outputs)
        assert water.get_forces().tolist() == [[8] * 3, [1] * 3, [1] * 3] if outputs != "energy" else True
        assert water.get_potential_energy() > 0


def test_forces_that_the_model_says_are_not_derived_again(salt):
    def said(positions, numbers):
        x = positions.detach()
        return {"energy": (x**2).sum(), "forces": 3 * x}

    salt.calc = model_calculator(said)
    assert np.abs(salt.get_forces() - 3 * salt.positions).max() < 1e-12
    with pytest.raises(NotImplementedError):
        salt.get_stress()
    assert results_of(salt, salt.calc).keys() == {"energy", "forces", "free_energy"}


def test_a_graph_of_torch_geometric():
    pytest.importorskip("torch_geometric", reason="needs the extra haar[graphs]")

    def model(graph):
        neighbour, centre = graph.edge_index
        return (graph.pos[neighbour] - graph.pos[centre]).square().sum() * graph.z.sum()

    water = molecule("H2O")
    water.calc = model_calculator(model, graph=True, cutoff=10.0)
    total = sum(np.square(a - b).sum() for a in water.positions for b in water.positions)
    assert water.get_potential_energy() == pytest.approx(10 * total)
    assert np.abs(water.get_forces() - calculate_numerical_forces(water, eps=1e-4)).max() < 1e-5


def test_it_computes_in_the_models_precision_and_is_copied_and_pickled(salt):
    seen = []
    model = Pairs(dtype=torch.float32)
    model.register_forward_pre_hook(lambda _, args: seen.append(args[0].dtype))
    made = model_calculator(model, cutoff=5.0)
    salt.calc = made
    energy = salt.get_potential_energy()
    assert seen == [torch.float32]
    plain = model_calculator(Pairs(dtype=torch.float32), cutoff=5.0)
    for other in (copy.deepcopy(plain), pickle.loads(pickle.dumps(plain))):
        salt.calc = other
        assert salt.get_potential_energy() == pytest.approx(energy)


def test_it_works_where_gradients_are_off(salt):
    salt.calc = model_calculator(Pairs(), cutoff=5.0)
    with torch.inference_mode():
        assert np.abs(salt.get_forces()).max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "cutoff: expected the radius of the neighbour list in Angstrom, got none"),
        ({"cutoff": 0}, "cutoff: expected a length in Angstrom above 0, got 0"),
        (
            {"cutoff": 5.0, "inputs": ["positions", "bonds"]},
            "inputs: expected names among positions, .* got 'bonds'; give",
        ),
        ({"cutoff": 5.0, "outputs": "forces"}, "outputs: expected names with an energy among them, got forces"),
    ],
)
def test_what_it_cannot_be_made_of(options, message):
    with pytest.raises(ArgumentError, match=message):
        model_calculator(Pairs(), **options)


def test_a_model_that_says_no_energy():
    water = molecule("H2O")
    water.calc = model_calculator(lambda positions: {"charge": positions.sum()}, inputs=["positions"])
    with pytest.raises(
        DataError, match="model: expected a tensor of energies, a tuple, or a dict with energy, got charge"
    ):
        water.get_potential_energy()


def test_forces_are_not_said_to_be_zero_where_a_model_has_no_derivative():
    water = molecule("H2O")
    water.calc = model_calculator(lambda positions: positions.detach().sum(), inputs=["positions"])
    with pytest.raises(
        DataError, match="model: expected forces, or an energy with a derivative by positions, got neither"
    ):
        water.get_forces()


def test_a_model_of_several_structures_is_told_them_apart():
    seen = {}

    def energies(positions, cell, pbc, batch):
        seen.update(cell=tuple(cell.shape), pbc=tuple(pbc.shape), batch=batch.tolist())
        return torch.zeros(len(cell), dtype=positions.dtype).index_add(0, batch, positions.square().sum(1))

    water = molecule("H2O")
    calculator = model_calculator(energies, batched=True)
    first = results_of(water, calculator)
    assert seen == {"cell": (1, 3, 3), "pbc": (1, 3), "batch": [0, 0, 0]}
    quarter = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], -np.eye(3)])
    found = calculator.oriented_results(water, quarter)
    assert seen == {"cell": (2, 3, 3), "pbc": (2, 3), "batch": [0, 0, 0, 1, 1, 1]}
    middle = water.positions.mean(0)
    for one, matrix in zip(found, quarter, strict=True):
        at = (water.positions - middle) @ matrix.T + middle
        assert one["energy"] == pytest.approx((at**2).sum(), rel=1e-12)
        assert np.abs(one["forces"] + 2 * at).max() < 1e-12
    assert first["energy"] == pytest.approx((water.positions**2).sum(), rel=1e-12)
    with pytest.raises(ArgumentError, match=r"batched: expected a model with an argument batch, got one of positions"):
        model_calculator(lambda positions: positions.sum(), batched=True)

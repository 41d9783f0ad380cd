"""What calculators say, in one form."""

from __future__ import annotations

import numpy as np
import pytest

from haar.data.molecules.results import calculator_name, check_calculator, full_stress, results_of, turned, voigt
from haar.errors import ArgumentError, DataError

pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee

from ase.build import bulk, molecule  # noqa: E402
from ase.calculators.calculator import Calculator, all_changes  # noqa: E402
from ase.calculators.emt import EMT  # noqa: E402
from ase.constraints import FixAtoms  # noqa: E402


class Told(Calculator):
    """Says what it was told to."""

    implemented_properties = ("energy", "forces", "magmoms")

    def __init__(self, **told):
        super().__init__()
        self.told = told

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = dict(self.told)


def test_energy_forces_and_in_crystals_stress():
    copper, water = bulk("Cu", cubic=True), molecule("H2O")
    copper.rattle(0.1, seed=0)
    found = results_of(copper, EMT())
    copper.calc = EMT()
    assert float(found["energy"]) == copper.get_potential_energy()
    assert np.array_equal(found["forces"], copper.get_forces())
    assert np.allclose(found["stress"], copper.get_stress(voigt=False), atol=0)
    assert "stress" not in results_of(water, EMT())


def test_constraints_change_nothing_and_atoms_stay_as_they_are():
    water = molecule("H2O")
    water.set_constraint(FixAtoms([0, 1, 2]))
    assert np.abs(results_of(water, EMT())["forces"]).max() > 0
    assert water.calc is None
    assert len(water.constraints) == 1


def test_what_calculators_tell_beside():
    water, forces = molecule("H2O"), np.zeros((3, 3))
    found = results_of(water, Told(energy=1.0, forces=forces, magmoms=np.ones(3), unknown=3))
    assert found.keys() == {"energy", "forces", "magmoms"}
    assert "magmoms" not in results_of(water, Told(energy=1.0, forces=forces, magmoms=np.ones((3, 3))))


def test_six_entries_are_a_tensor_and_back():
    stress = np.arange(6.0)
    full = full_stress(stress)
    assert full.tolist() == [[0, 5, 4], [5, 1, 3], [4, 3, 2]]
    assert voigt(full).tolist() == stress.tolist()
    assert full_stress(full) is full


def test_tensors_turn_on_both_sides():
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    stress = np.diag([1.0, 2.0, 3.0])
    assert turned({"stress": stress}, quarter)["stress"].tolist() == np.diag([2.0, 1.0, 3.0]).tolist()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"energy": 1.0}, r"structure 3 \(H2O\): the calculator failed, PropertyNotImplementedError"),
        ({"energy": np.nan, "forces": np.zeros((3, 3))}, r"structure 3 \(H2O\): energy is NaN or infinite"),
    ],
)
def test_calculators_that_fail(told, message):
    with pytest.raises(DataError, match=message):
        results_of(molecule("H2O"), Told(**told), "structure 3")


class Blind(Calculator):
    implemented_properties = ("forces",)


@pytest.mark.parametrize(
    ("calculator", "message"),
    [
        (EMT, "calculator: expected a calculator of ASE, got EMT; haar.data.molecules.model_calculator"),
        (3, "expected a calculator of ASE, got int"),
        (Blind(), "expected a calculator that knows energies, got one of forces"),
    ],
)
def test_what_is_no_calculator(calculator, message):
    with pytest.raises(ArgumentError, match=message):
        check_calculator("calculator", calculator)


def test_the_name_is_the_class_unless_there_is_another():
    assert calculator_name(EMT()) == "EMT"
    assert calculator_name(Told()) == "Told"

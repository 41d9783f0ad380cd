"""A force field with faults of known kinds and sizes."""

from __future__ import annotations

import numpy as np
import pytest

ase_calculators = pytest.importorskip("ase.calculators.emt", reason="these tests need ASE, extra chemistry")


class Faulty(ase_calculators.EMT):
    """EMT with faults; energies are off by `size` times what the fault's name says, forces and stress stay."""

    def __init__(self, fault="", size=1.0):
        super().__init__()
        self.fault, self.size, self.calls = fault, size, 0

    def calculate(self, atoms=None, *args, **named):
        super().calculate(atoms, *args, **named)
        self.calls += 1
        x, cell = atoms.get_positions(), np.asarray(atoms.cell)
        x = x - x.mean(0)
        weights = np.arange(1, len(x) + 1)
        hand = np.sign(np.linalg.det(cell))
        spread = np.linalg.norm(x, axis=1)[:, None]
        chiral = np.linalg.det(np.stack([(spread**k * x).sum(0) for k in (1, 2, 3)]))
        extra = {
            "": 0.0,
            "rotations": (x[:, 0] ** 2).sum(),
            "reflections": chiral,
            "translations": atoms.get_positions().sum(),
            "order of equal atoms": (weights * spread[:, 0]).sum(),
            "supercell": len(x) ** 2,
        }
        self.results["energy"] = self.results["energy"] + self.size * extra.get(self.fault, 0.0)
        if self.fault == "handedness of the cell" and "stress" in self.results:
            self.results["stress"] = hand * self.results["stress"]


class Single(ase_calculators.EMT):
    """EMT that rounds to single precision."""

    def calculate(self, atoms=None, *args, **named):
        rounded = atoms.copy()
        rounded.set_positions(atoms.get_positions().astype(np.float32).astype(float))
        super().calculate(rounded, *args, **named)
        self.results = {key: np.asarray(value).astype(np.float32).astype(float) for key, value in self.results.items()}
        self.atoms = atoms.copy()


@pytest.fixture
def faulty():
    return Faulty


@pytest.fixture
def single():
    return Single()


@pytest.fixture
def crystal():
    from ase.build import bulk

    made = bulk("Cu", cubic=True)
    made.rattle(0.1, seed=0)
    return made


@pytest.fixture
def ethanol():
    from ase.build import molecule

    made = molecule("CH3CH2OH")
    made.rattle(0.1, seed=0)
    return made

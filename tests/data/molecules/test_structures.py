"""Structures from every kind of file that people have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.data.molecules import read_structures
from haar.errors import ArgumentError, DataError

pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee

from ase.build import bulk, molecule  # noqa: E402
from ase.calculators.singlepoint import SinglePointCalculator  # noqa: E402
from ase.io import write  # noqa: E402

R = np.random.default_rng(0).normal(size=(6, 3, 3))
Z = np.array([8, 1, 1])


def test_extxyz_keeps_cells_and_labels(tmp_path):
    water, copper = molecule("H2O"), bulk("Cu", cubic=True)
    water.calc = SinglePointCalculator(water, energy=-1.5, forces=np.ones((3, 3)))
    write(tmp_path / "a.extxyz", [water, copper])
    one, two = read_structures(tmp_path / "a.extxyz")
    assert one.get_potential_energy() == -1.5
    assert one.get_forces().tolist() == np.ones((3, 3)).tolist()
    assert two.pbc.all()
    assert np.allclose(two.cell, copper.cell)


@pytest.mark.parametrize("names", [("R", "z", "E", "F"), ("positions", "numbers", "energies", "forces")])
def test_sets_of_arrays_by_either_names(tmp_path, names):
    energies = np.arange(6.0).reshape(6, 1)
    np.savez(tmp_path / "a.npz", **dict(zip(names, (R, Z, energies, 2 * R), strict=True)))
    found = read_structures(tmp_path / "a.npz")
    assert [one.get_chemical_formula() for one in found] == ["H2O"] * 6
    assert np.array_equal(found[4].positions, R[4])
    assert (found[4].get_potential_energy(), found[4].get_forces().tolist()) == (4.0, (2 * R[4]).tolist())
    few = read_structures(tmp_path / "a.npz", most=3)  # spread evenly
    assert [one.get_potential_energy() for one in few] == [0.0, 2.0, 5.0]


def test_a_set_with_cells(tmp_path):
    np.savez(tmp_path / "a.npz", R=R, z=Z, cell=np.stack([np.eye(3) * (k + 4) for k in range(6)]))
    found = read_structures(tmp_path / "a.npz")
    assert found[2].cell.lengths().tolist() == [6, 6, 6]
    assert found[2].pbc.all()
    np.savez(tmp_path / "b.npz", R=R, z=Z, cell=np.eye(3) * 5, pbc=np.array([True, True, False]))
    found = read_structures(tmp_path / "b.npz")
    assert found[5].cell.lengths().tolist() == [5, 5, 5]
    assert found[5].pbc.tolist() == [True, True, False]


def test_graphs_of_tensors_alone(tmp_path):
    geometric = pytest.importorskip("torch_geometric.data", reason="needs the extra haar[graphs]")
    graphs = [
        geometric.Data(
            z=torch.tensor(Z), pos=torch.from_numpy(r), energy=torch.tensor([float(k)]), force=torch.ones(3, 3)
        )
        for k, r in enumerate(R)
    ]
    torch.save(graphs, tmp_path / "list.pt")
    torch.save(graphs[0], tmp_path / "one.pt")
    torch.save((geometric.InMemoryDataset.collate(graphs)), tmp_path / "joined.pt")
    for name, count in (("list", 6), ("one", 1), ("joined", 6)):
        found = read_structures(tmp_path / f"{name}.pt")
        assert len(found) == count
        last = found[-1]
        assert np.array_equal(last.positions, R[count - 1])
        assert last.get_atomic_numbers().tolist() == Z.tolist()
        assert (last.get_potential_energy(), last.get_forces().tolist()) == (count - 1.0, np.ones((3, 3)).tolist())


class Gadget:
    pass


def test_nothing_is_unpickled(tmp_path):
    pytest.importorskip("torch_geometric.data", reason="needs the extra haar[graphs]")
    torch.save([Gadget()], tmp_path / "a.pt")
    with pytest.raises(DataError, match=r"no graphs of tensors alone .*nothing is unpickled"):
        read_structures(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"R": R}, r"no numbers \(numbers, z, Z, .*\); it holds R"),
        ({"z": Z}, r"no positions \(positions, pos, R, .*\); it holds z"),
        ({"R": R[..., :2], "z": Z}, r"expected positions \(n, atoms, 3\), got float64 \(6, 3, 2\)"),
        ({"R": R, "z": Z[:2]}, r"expected atomic numbers \(3,\), got \(2,\)"),
        ({"R": R, "z": np.array([8.5, 1, 1])}, r"expected an atomic number for each of 3 atoms, got \[8.5, 1.0, 1.0\]"),
        ({"R": R, "z": np.array([0, 1, 1])}, "expected an atomic number for each of 3 atoms"),
        ({"R": R, "z": np.array([119, 1, 1])}, "expected atomic numbers, got 119"),
    ],
)
def test_sets_that_are_none(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_structures(tmp_path / "a.npz")


def test_coordinates_that_are_none(tmp_path):
    np.savez(tmp_path / "a.npz", R=np.where(R[1, 2, 2] == R, np.nan, R), z=Z)
    with pytest.raises(
        ArgumentError, match=r"STRUCTURES: expected atoms with finite coordinates, got NaN .* in frame 1"
    ):
        read_structures(tmp_path / "a.npz", argument="STRUCTURES")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_structures(tmp_path / "a.xyz")

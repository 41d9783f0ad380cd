"""Surfaces: shipped sets, files, frames, units; electronic structure against reference numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from haar.data.molecules import Molecules
from haar.data.molecules.ab_initio import ab_initio, check_apart
from haar.data.molecules.generation import generate
from haar.data.molecules.geometries import SCANS, find_scan, pyramid
from haar.data.molecules.molecules import open_molecules
from haar.data.molecules.public_sets import check_lengths, read_npy_set
from haar.errors import ArgumentError, DataError, ShapeError
from haar.folders import claimed_file


@pytest.mark.parametrize("name", sorted(SCANS))
def test_shipped_sets_are_what_the_generator_makes(name: str) -> None:
    scan, shipped = find_scan(name), Molecules.shipped(name)
    assert shipped.species == scan.species
    assert len(shipped) == scan.count
    assert (shipped.positions - scan.positions()).abs().max() < 1e-12
    assert shipped.forces.sum(1).abs().max() < 1e-8
    assert torch.linalg.cross(shipped.positions, shipped.forces).sum(1).abs().max() < 1e-6


def test_forces_of_the_shipped_stretch_are_the_slope_of_its_energies() -> None:
    """Trap: Hartree per bohr is not Hartree per Angstrom."""
    lih = Molecules.shipped("lih")
    r, force = lih.active[:, 0, 2], lih.active_forces[:, 0, 2]
    step, e = float(r[1] - r[0]), lih.energy
    slope = (8 * (e[3:-1] - e[1:-3]) - (e[4:] - e[:-4])) / (12 * step)
    assert (slope + force[2:-2])[40:].abs().max() < 1e-6
    assert float(lih.energy.min()) == pytest.approx(-7.99890, abs=1e-5)
    assert float(lih.energy.max()) == pytest.approx(-7.83150, abs=1e-5)


def test_frames_turn_positions_and_forces_alike() -> None:
    nh3 = Molecules.shipped("nh3")[:20]
    for frame in ("rotated", "augmented"):
        moved = nh3.in_frame(frame, seed=3)
        assert torch.equal(moved.energy, nh3.energy)
        work = (moved.active * moved.active_forces).sum((1, 2)) - (nh3.active * nh3.active_forces).sum((1, 2))
        assert work.abs().max() < 1e-13
        assert (moved.active - nh3.active).abs().max() > 0.5
    order = nh3.in_frame("rotated", seed=3).active.norm(dim=-1) - nh3.active.norm(dim=-1)
    assert order.abs().max() < 1e-14
    assert nh3.in_frame("canonical") is nh3


def test_files_are_read_back(tmp_path: Path) -> None:
    one = Molecules.shipped("h2o")[:5]
    one.save(tmp_path / "a.npz")
    other = Molecules.load(tmp_path / "a.npz")
    assert torch.equal(one.positions, other.positions)
    assert torch.equal(one.forces, other.forces)
    assert (other.species, other.origin) == (one.species, one.origin)
    (tmp_path / "b.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"b\.npz: not a .npz archive"):
        Molecules.load(tmp_path / "b.npz")


def made(positions: Tensor, species: tuple[str, ...] = ("O", "H", "H")) -> Molecules:
    return Molecules(species, positions, torch.zeros(len(positions), dtype=torch.float64), torch.zeros_like(positions))


def test_bad_molecules_are_refused() -> None:
    good = Molecules.shipped("h2o").positions[:2]
    near = good.clone()
    near[1, 2] = near[1, 1]
    with pytest.raises(
        ArgumentError, match=r"positions: expected atoms at least 0\.001 Angstrom apart, got atoms 1 and 2 of"
    ):
        made(near)
    with pytest.raises(ArgumentError, match="positions: expected finite numbers"):
        made(good * float("nan"))
    with pytest.raises(ShapeError, match=r"positions: expected \(2, 2, 3\)"):
        made(good, ("Li", "H"))
    with pytest.raises(ArgumentError, match=r"species: expected the central atom first, then equal atoms.*got H, O, H"):
        made(good, ("H", "O", "H")).in_frame("augmented")
    with pytest.raises(ArgumentError, match="frame: expected one of canonical, rotated, augmented, got 'turned'"):
        made(good).in_frame("turned")
    with pytest.raises(ArgumentError, match="data: expected one of lih, nh3"):
        Molecules.shipped("ch4")
    with pytest.raises(ArgumentError, match="count: expected at least 2 geometries, got 1"):
        find_scan("lih").positions(1)


def write_set(folder: Path, molecules: Molecules, *, length: float = 1.0, energy: float = 1.0) -> None:
    np.save(folder / "Energy.npy", (energy * molecules.energy).numpy())
    np.save(folder / "Forces.npy", (energy / length * molecules.forces).numpy())
    np.save(folder / "Positions.npy", (length * molecules.positions).numpy())


def test_public_sets_are_read_in_their_units(tmp_path: Path) -> None:
    water = Molecules.shipped("h2o")[:6]
    write_set(tmp_path, water, length=1 / 0.529177210903, energy=27.211386245988)
    read = read_npy_set(tmp_path, ("O", "H", "H"), energy="ev", length="bohr")
    assert (read.positions - water.positions).abs().max() < 1e-12
    assert (read.energy - water.energy).abs().max() < 1e-10
    assert (read.forces - water.forces).abs().max() < 1e-12
    turned = Molecules(("H", "O", "H"), water.positions[:, [1, 0, 2]], water.energy, water.forces[:, [1, 0, 2]])
    write_set(tmp_path, turned)
    assert read_npy_set(tmp_path, ("H", "O", "H"), centre=1).species == ("O", "H", "H")


def test_public_sets_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    water = Molecules.shipped("h2o")[:6]
    write_set(tmp_path, water, length=0.1)  # nanometres
    with pytest.raises(
        ArgumentError, match=r"length: expected bonds of 0.35 to 6 Angstrom, got a median of 0.0.* read as ang"
    ):
        read_npy_set(tmp_path, ("O", "H", "H"))
    write_set(tmp_path, water)
    with pytest.raises(ArgumentError, match="species: expected the central atom first"):
        read_npy_set(tmp_path, ("H", "O", "H"))
    with pytest.raises(ArgumentError, match="energy: expected one of hartree, ev, kcal/mol, got 'meV'"):
        read_npy_set(tmp_path, ("O", "H", "H"), energy="meV")
    with pytest.raises(DataError, match=r"Forces has shape \(6, 3, 3\), expected \(6, 4, 3\)"):
        read_npy_set(tmp_path, ("N", "H", "H", "H"))
    np.save(tmp_path / "Energy.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"Energy\.npy: expected plain numbers"):
        read_npy_set(tmp_path, ("O", "H", "H"))
    (tmp_path / "Energy.npy").unlink()
    with pytest.raises(DataError, match=r"0 files named \*Energy\*\.npy, expected one"):
        read_npy_set(tmp_path, ("O", "H", "H"))


LIH = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.6]], dtype=torch.float64)


def ammonia() -> Tensor:
    """r = 1.0116, angle between bonds 106.7 degrees."""
    angle = torch.deg2rad(torch.tensor(106.7, dtype=torch.float64))
    polar = torch.rad2deg(((2 / 3 * (1 - angle.cos())).sqrt()).asin())
    bonds = pyramid(
        torch.full((3,), 1.0116, dtype=torch.float64),
        polar.expand(3),
        120 * torch.arange(3, dtype=torch.float64),
    )
    return torch.cat([torch.zeros(1, 3, dtype=torch.float64), bonds])


REFERENCE = [
    ("lih", "sto-3g", {"hf": -7.861865, "mp2": -7.874769, "ccsd": -7.882314, "fci": -7.882324}),
    ("lih", "6-31g", {"hf": -7.979322, "mp2": -7.991935, "ccsd": -7.998347, "fci": -7.998358}),
    ("nh3", "sto-3g", {"hf": -55.453997, "mp2": -55.501131, "ccsd": -55.518788, "fci": -55.519001}),
    ("nh3", "6-31g", {"hf": -56.161079, "mp2": -56.277962, "ccsd": -56.290676}),
]


@pytest.mark.referee
@pytest.mark.parametrize(("molecule", "basis", "energies"), REFERENCE)
def test_reference_energies(molecule: str, basis: str, energies: dict[str, float]) -> None:
    pytest.importorskip("pyscf", reason="electronic structure needs the extra chemistry")
    species, where = (("Li", "H"), LIH) if molecule == "lih" else (("N", "H", "H", "H"), ammonia())
    for method, expected in energies.items():
        energy, forces = ab_initio(species, where, method=method, basis=basis)
        assert energy == pytest.approx(expected, abs=2e-6)
        assert forces.sum(0).abs().max() < 1e-6


@pytest.mark.referee
def test_reference_forces_are_finite_differences() -> None:
    pytest.importorskip("pyscf", reason="electronic structure needs the extra chemistry")
    _, forces = ab_initio(("Li", "H"), LIH, method="fci")
    assert float(forces[1, 2]) * 0.529177210903 == pytest.approx(8.3732e-3, abs=2e-7)
    where, step = ammonia(), 1e-3
    _, push = ab_initio(("N", "H", "H", "H"), where)
    shifted = [where.clone(), where.clone()]
    shifted[0][1, 0] += step
    shifted[1][1, 0] -= step
    up, down = (ab_initio(("N", "H", "H", "H"), one)[0] for one in shifted)
    assert float(push[1, 0]) == pytest.approx(-(up - down) / (2 * step), abs=2e-6)


@pytest.mark.referee
def test_generation_goes_on_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyscf", reason="electronic structure needs the extra chemistry")
    from haar.data.molecules import generation

    asked = []

    def counting(species: object, positions: Tensor, **how: object) -> tuple[float, Tensor]:
        asked.append(float(positions[1, 2]))
        if len(asked) == 13:
            raise KeyboardInterrupt
        return -float(len(asked)), torch.zeros(2, 3, dtype=torch.float64)

    monkeypatch.setattr(generation, "ab_initio", counting)
    with pytest.raises(KeyboardInterrupt):
        generate("lih", tmp_path / "lih.npz", count=20)
    assert not (tmp_path / "lih.npz").exists()
    whole = generate("lih", tmp_path / "lih.npz", count=20)
    assert len(asked) == 13 + 10  # ten were kept
    assert len(whole) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["lih.npz"]


def test_a_set_that_another_process_computes_is_refused(tmp_path: Path) -> None:
    with claimed_file(tmp_path / "lih.npz"), pytest.raises(ArgumentError, match="a file that no other command writes"):
        generate("lih", tmp_path / "lih.npz", count=2)


def test_what_cannot_be_computed_is_refused() -> None:
    with pytest.raises(ArgumentError, match="method: expected one of hf, mp2, ccsd, fci, got 'dft'"):
        ab_initio(("Li", "H"), LIH, method="dft")
    with pytest.raises(ArgumentError, match="positions: expected atoms at least"):
        ab_initio(("Li", "H"), torch.zeros(2, 3, dtype=torch.float64))
    check_apart(LIH[None], "positions")


def pair(apart: float) -> Tensor:
    return torch.tensor([[[0.0, 0, 0], [0, 0, 1.0]], [[0.0, 0, 0], [0, apart, 0]]], dtype=torch.float64)


def test_atoms_are_a_thousandth_of_an_angstrom_apart() -> None:
    check_apart(pair(1.01e-3), "x")
    with pytest.raises(
        ArgumentError, match=r"x: expected atoms at least 0\.001 Angstrom apart, got atoms 0 and 1 of geo"
    ):
        check_apart(pair(0.99e-3), "x")
    with pytest.raises(ArgumentError, match="of geometry 1 at the same place"):
        check_apart(pair(0.5), "x", least=0.6)


@pytest.mark.parametrize(("length", "fits"), [(0.349, False), (0.351, True), (5.99, True), (6.01, False)])
def test_bonds_are_of_lengths_that_molecules_have(length: float, *, fits: bool) -> None:
    active = torch.tensor([[[0.0, 0.0, length]]] * 3)
    if fits:
        check_lengths(active, "bohr")
        return
    with pytest.raises(ArgumentError, match=r"got a median of .* read as bohr; is the unit angstrom, or nanometres\?"):
        check_lengths(active, "bohr")


def test_energies_in_kilocalories_are_read(tmp_path: Path) -> None:
    water = Molecules.shipped("h2o")[:3]
    write_set(tmp_path, water, energy=627.5094740631)
    read = read_npy_set(tmp_path, ("O", "H", "H"), energy="kcal/mol")
    assert (read.energy - water.energy).abs().max() < 1e-10
    assert (read.forces - water.forces).abs().max() < 1e-12
    assert read.origin == f"{tmp_path.name}, read as kcal/mol and angstrom"
    plain = read_npy_set(tmp_path, ("O", "H", "H"))
    assert plain.energy.tolist() == pytest.approx((627.5094740631 * water.energy).tolist(), rel=1e-12)
    for centre in (-1, 3):
        with pytest.raises(ArgumentError, match=f"centre: expected 0 to 2, got {centre}"):
            read_npy_set(tmp_path, ("O", "H", "H"), centre=centre)
    np.save(tmp_path / "Positions.npy", np.full((3, 3, 3), np.inf))
    with pytest.raises(DataError, match=r"Positions\.npy: has NaN or infinity"):
        read_npy_set(tmp_path, ("O", "H", "H"))
    np.save(tmp_path / "More_Positions.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"2 files named \*Positions\*\.npy, expected one"):
        read_npy_set(tmp_path, ("O", "H", "H"))


def two_bonds() -> Molecules:
    positions = torch.tensor([[[1.0, 0, 0], [1, 2, 0]], [[0, 0, 0], [0, 0, 3]]], dtype=torch.float64)
    forces = torch.tensor([[[0.0, 0, 9], [0.003, 0, 0]], [[0, 0, 0], [0, 0, 0.006]]], dtype=torch.float64)
    return Molecules(("Li", "H"), positions, torch.tensor([-7.5, -7.25], dtype=torch.float64), forces, "by hand")


def test_a_set_is_told_in_one_row() -> None:
    table = two_bonds().table("two")
    (row,) = table.rows
    assert row[:3] == ["two", "Li, H", 2]
    force = 1e3 * ((0.003**2 + 0.006**2) / 6) ** 0.5
    assert row[3:7] == pytest.approx([-7.5, -7.25, 1e3 * 0.25 / 2**0.5, force], rel=1e-12)
    assert (row[7], table.note) == ("2.000 … 3.000", "by hand")
    assert two_bonds().active.tolist() == [[[0, 2, 0]], [[0, 0, 3]]]
    assert two_bonds()[1:].energy.tolist() == [-7.25]


def test_frames_are_drawn_by_their_seed_and_atoms_are_exchanged() -> None:
    nh3 = Molecules.shipped("nh3")[:12]
    for frame in ("rotated", "augmented"):
        usual = nh3.in_frame(frame)
        assert torch.equal(usual.positions, nh3.in_frame(frame, seed=0).positions)
        assert not torch.equal(usual.positions, nh3.in_frame(frame, seed=1).positions)
        # turned, not mirrored
        volumes = [torch.linalg.det(some.active) for some in (nh3, nh3.in_frame("rotated"))]
        torch.testing.assert_close(*volumes, rtol=1e-9, atol=1e-12)
    lengths = nh3.in_frame("augmented").active.norm(dim=-1)
    assert (lengths - nh3.active.norm(dim=-1)).abs().max() > 1e-3
    torch.testing.assert_close(lengths.sort().values, nh3.active.norm(dim=-1).sort().values, rtol=1e-12, atol=0)
    pushes = nh3.in_frame("augmented").active_forces.norm(dim=-1)
    by_length = pushes.gather(1, lengths.argsort(-1))
    expected = nh3.active_forces.norm(dim=-1).gather(1, nh3.active.norm(dim=-1).argsort(-1))
    torch.testing.assert_close(by_length, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": {"schema": 2, "species": ["Li", "H"], "origin": ""}}, "schema 2, this version reads 1"),
        ({"head": {"species": ["Li", "H"], "origin": ""}}, "schema None, this version reads 1"),
        ({"head": {"schema": 1, "origin": ""}}, "not a set of molecules"),
        ({"energy": np.zeros(3)}, r"positions is torch.float64 \(2, 2, 3\), expected numbers \(3, 2, 3\)"),
        ({"energy": np.float64(1.0)}, r"energy is torch.float64 \(\), expected numbers \(0,\)"),
        ({"forces": np.zeros((2, 2, 3), dtype=np.int64)}, "forces is torch.int64"),
        ({"forces": np.full((2, 2, 3), np.nan)}, "forces has NaN or infinity"),
    ],
)
def test_files_that_hold_something_else_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    some = two_bonds()
    arrays = {name: getattr(some, name).numpy() for name in ("positions", "energy", "forces")}
    held = {"head": {"schema": 1, "species": ["Li", "H"], "origin": "x"}, **arrays, **change}
    held["head"] = np.array(json.dumps(held["head"]))
    np.savez(tmp_path / "a.npz", **held)
    with pytest.raises(DataError, match=f"a.npz: {message}"):
        Molecules.load(tmp_path / "a.npz")


def test_a_set_is_opened_by_name_or_file(tmp_path: Path) -> None:
    two_bonds().save(tmp_path / "a.npz")
    assert open_molecules(str(tmp_path / "a.npz")).origin == "by hand"
    assert len(open_molecules("lih")) == 160
    with pytest.raises(ArgumentError, match=r"data: expected one of lih, .*, or an .npz file, got 'lih.txt'"):
        open_molecules("lih.txt")
    with pytest.raises(DataError, match=r"b\.npz: no such file"):
        open_molecules(str(tmp_path / "b.npz"))


@pytest.mark.usefixtures("unchecked_annotations")
def test_sets_whose_parts_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one = two_bonds()
    parts = {"positions": one.positions, "energy": one.energy, "forces": one.forces}
    for name in ("positions", "forces"):
        with pytest.raises(ShapeError, match=rf"{name}: expected \(2, 2, 3\) for species and energy, got \(1, 2, 3\)"):
            Molecules(one.species, **{**parts, name: parts[name][:1]})
    for name, value in parts.items():
        bad = value.clone()
        bad[0] = torch.inf
        with pytest.raises(ArgumentError, match=f"{name}: expected finite numbers, got infinity or NaN"):
            Molecules(one.species, **{**parts, name: bad})
    one.save(tmp_path / "lih.part.npz")
    with pytest.raises(DataError, match=r"lih\.part\.npz: begun with other geometries; remove it"):
        generate("lih", tmp_path / "lih.npz", count=3)

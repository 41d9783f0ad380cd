"""Published files: small ones are written in their form, read back value by value, and broken in every way."""

from __future__ import annotations

import io
import os
import pickle
import tarfile

import h5py
import numpy as np
import pytest
import torch

from haar.data.published import (
    MOTION_SPLITS,
    QM9_TARGETS,
    PointClouds,
    read_md17,
    read_modelnet40,
    read_motion,
    read_numbers,
    read_particles,
    read_qm9,
)
from haar.data.published.arrays import checked, first_of
from haar.errors import ArgumentError, DataError

RANDOM = np.random.default_rng(0)


# --- Pickles


class _Trap:
    def __reduce__(self):
        return os.system, ("echo this must never run > trapped",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_numbers_are_read_from_pickles_of_every_protocol(tmp_path, protocol):
    path = tmp_path / "numbers.pkl"
    held = ([(1, 2)], [RANDOM.normal(size=(3, 2)), np.arange(4, dtype=np.int32)], {"a": np.float64(0.5)})
    path.write_bytes(pickle.dumps(held, protocol=protocol))
    read = read_numbers(path)
    assert read[0] == held[0]
    assert read[2] == held[2]
    for got, expected in zip(read[1], held[1], strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("hide", [lambda trap: trap, lambda trap: [np.array([trap], dtype=object)]])
def test_a_pickle_that_would_run_code_is_refused_before_it_does(tmp_path, monkeypatch, hide):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(hide(_Trap())))
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.system"):
        read_numbers("trap.pkl")
    assert not (tmp_path / "trapped").exists()


def test_a_file_that_is_no_pickle_is_refused(tmp_path):
    (tmp_path / "text.pkl").write_text("hello")
    with pytest.raises(DataError, match="not a pickle"):
        read_numbers(tmp_path / "text.pkl")
    with pytest.raises(DataError, match="no such file"):
        read_numbers(tmp_path / "absent.pkl")


# --- Charged particles


def _write_particles(folder, split="train", samples=3, frames=45, particles=5):
    arrays = {
        "loc": RANDOM.normal(size=(samples, frames, 3, particles)),
        "vel": RANDOM.normal(size=(samples, frames, 3, particles)),
        "charges": RANDOM.choice([-1.0, 1.0], size=(samples, particles, 1)),
    }
    for part, array in arrays.items():
        np.save(folder / f"{part}_{split}_charged5_initvel1small.npy", array)
    return arrays


def test_particles_come_back_with_the_components_last(tmp_path):
    written = _write_particles(tmp_path)
    read = read_particles(tmp_path, "train", dtype=torch.float64)
    np.testing.assert_array_equal(read.positions[2, 7, 4], written["loc"][2, 7, :, 4])
    np.testing.assert_array_equal(read.velocities[1, 0, 3], written["vel"][1, 0, :, 3])
    np.testing.assert_array_equal(read.charges, written["charges"][..., 0])
    start, _, charges, stop = read.pairs()
    np.testing.assert_array_equal(start, read.positions[:, 30])
    np.testing.assert_array_equal(stop, read.positions[:, 40])
    assert charges.shape == (3, 5)
    assert len(read_particles(tmp_path, "train", limit=2)) == 2


def test_particles_that_do_not_fit_are_refused(tmp_path):
    _write_particles(tmp_path)
    with pytest.raises(DataError, match="loc_valid"):
        read_particles(tmp_path, "valid")
    with pytest.raises(ArgumentError, match="stop: expected a frame from 0 to 44, got 45"):
        read_particles(tmp_path, "train").pairs(stop=45)
    np.save(tmp_path / "charges_train_charged5_initvel1small.npy", np.ones((3, 4, 1)))
    with pytest.raises(DataError, match="expected 3 x 5 charges"):
        read_particles(tmp_path, "train")
    np.save(tmp_path / "vel_train_charged5_initvel1small.npy", np.full((3, 45, 3, 5), np.nan))
    with pytest.raises(DataError, match="NaN"):
        read_particles(tmp_path, "train")
    np.save(tmp_path / "loc_train_charged5_initvel1small.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="nothing is unpickled"):
        read_particles(tmp_path, "train")


# --- Motion capture


@pytest.fixture
def motion(tmp_path):
    bones = [[child, (child - 1) // 2] for child in range(1, 31)]
    trials = [RANDOM.normal(size=(frames, 31, 3)) for frames in (60, 200, 31, 30)]
    path = tmp_path / "motion.pkl"
    path.write_bytes(pickle.dumps((bones, trials)))
    return path, bones, trials


def test_motion_comes_back(motion):
    path, bones, trials = motion
    read = read_motion(path, dtype=torch.float64)
    assert read.bones.tolist() == bones
    for got, expected in zip(read.trials, trials, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_samples_are_spread_evenly_over_the_trials(motion):
    path, _, trials = motion
    made = read_motion(path, dtype=torch.float64).samples([1, 0], 8)
    assert made.origins[:, 0].tolist() == [1] * 4 + [0] * 4
    assert made.origins[:4, 1].tolist() == [0, 56, 113, 169]  # 170 starts are possible
    np.testing.assert_array_equal(made.positions[1], trials[1][56])
    np.testing.assert_allclose(made.velocities[1], trials[1][57] - trials[1][56])
    np.testing.assert_array_equal(made.futures[1], trials[1][[82, 83, 84, 85, 86]])
    np.testing.assert_allclose(made.scalars()[..., 1], made.positions[..., 1] / 10)
    np.testing.assert_allclose(made.scalars()[..., 0], np.linalg.norm(made.velocities, axis=-1))
    uneven = read_motion(path, dtype=torch.float64).samples([1, 0], 5, horizon=(2, 4))
    assert uneven.origins[:, 0].tolist() == [1, 1, 1, 0, 0]  # the first trial has one more
    assert uneven.origins[:, 1].tolist() == [0, 98, 195, 0, 55]
    np.testing.assert_array_equal(uneven.futures[4], trials[0][[57, 59]])
    assert len(read_motion(path).samples([0], 1)) == 1
    assert read_motion(path).trials[0].dtype == torch.float32
    for trials_asked, count, horizon in (([0], 0, (1,)), ([], 1, (1,)), ([0], 1, ()), ([0], 1, (0, 3))):
        with pytest.raises(ArgumentError, match="count: expected at least one window, trial and frame to predict"):
            read_motion(path).samples(trials_asked, count, horizon=horizon)
    with pytest.raises(ArgumentError, match="trials: expected trials from 0 to 3, got -1"):
        read_motion(path).samples([-1], 5)


def test_short_trials_give_what_they_have(motion):
    read = read_motion(motion[0])
    assert len(read.samples([2, 3, 0], 30)) == 1 + 0 + 10  # 31 frames hold one window, 30 none
    with pytest.raises(ArgumentError, match="a trial of more than 30 frames"):
        read.samples([3], 5)
    with pytest.raises(ArgumentError, match="trials from 0 to 3, got 9"):
        read.samples([9], 5)


def test_the_graph_joins_joints_one_and_two_bones_apart(motion):
    edges, apart = read_motion(motion[0]).graph()
    pairs = {tuple(pair): kind for pair, kind in zip(edges.T.tolist(), apart.tolist(), strict=True)}
    assert pairs[0, 1] == pairs[1, 0] == 1
    assert pairs[1, 2] == pairs[3, 0] == 2  # siblings; grandparent
    assert (3, 2) not in pairs
    assert all(one != other for one, other in pairs)
    assert sum(kind == 1 for kind in pairs.values()) == 60


def test_the_published_splits_do_not_overlap():
    for parts in MOTION_SPLITS.values():
        trials = [trial for part in parts.values() for trial in part]
        assert len(set(trials)) == len(trials) == max(trials) + 1


@pytest.mark.parametrize(
    ("held", "match"),
    [
        ([1, 2, 3], "expected a pair"),
        (([[0, 1]], []), "at least one trial"),
        (([[0, 1]], [np.zeros((5, 2))]), "expected shape any x any x 3"),
        (([[0, 9]], [np.zeros((5, 2, 3))]), "the bones name 9"),
        (([[0, 2]], [np.zeros((5, 2, 3))]), "the bones name 2"),
        (([[-1, 1]], [np.zeros((5, 2, 3))]), "the bones name 1"),
        (([[0, 1]], [np.zeros((5, 2, 3)), np.zeros((5, 4, 3))]), r"the trials have \[2, 4\] joints"),
    ],
)
def test_motion_of_another_form_is_refused(tmp_path, held, match):
    (tmp_path / "motion.pkl").write_bytes(pickle.dumps(held))
    with pytest.raises(DataError, match=match):
        read_motion(tmp_path / "motion.pkl")


# --- QM9

WATER = """3
gdb 3 799.58812\t437.90386\t282.94545\t1.8511\t6.31\t-0.2928\t0.0687\t0.3615\t19.0002\t0.021375\t\
-76.404702\t-76.401867\t-76.400922\t-76.422349\t6.002
O\t-0.0343604951\t 0.9775395708\t 0.0076015923\t-0.589706
H\t 0.0647664923\t 0.0205721989\t 1.5346341*^-6\t 0.294853
H\t 0.8717903737\t 1.3007924048\t 0.0006931336\t 0.294853
1671.4222\t3803.6305\t3907.698
O\tO
InChI=1S/H2O/h1H2\tInChI=1S/H2O/h1H2
"""
METHANE = "5\ngdb 1 " + " ".join(["1.0"] * 15) + "\n" + "C 0 0 0 0\n" + "H 1 1 1 0\n" * 4 + "1 2\nC C\nx x\n"


def test_qm9_is_read_from_a_folder_and_from_the_archive(tmp_path):
    folder = tmp_path / "xyz"
    folder.mkdir()
    (folder / "dsgdb9nsd_000001.xyz").write_text(METHANE)
    (folder / "dsgdb9nsd_000003.xyz").write_text(WATER)
    with tarfile.open(tmp_path / "dsgdb9nsd.xyz.tar.bz2", "w:bz2") as archive:
        for name, text in (("dsgdb9nsd_000001.xyz", METHANE), ("dsgdb9nsd_000003.xyz", WATER)):
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    for path in (folder, tmp_path / "dsgdb9nsd.xyz.tar.bz2"):
        read = read_qm9(path, dtype=torch.float64)
        assert read.indices.tolist() == [1, 3]
        assert read.numbers.tolist() == [[6, 1, 1, 1, 1], [8, 1, 1, 0, 0]]
        assert read.atoms.sum().item() == 8
        assert read.positions[1, 1].tolist() == [0.0647664923, 0.0205721989, 1.5346341e-6]
        assert read.names == QM9_TARGETS
        assert read.target("mu")[1].item() == 1.8511
        assert read.target("Cv")[1].item() == 6.002
        # Hartree to eV, by the CODATA value known apart from the library.
        assert read.target("U0")[1].item() == pytest.approx(-76.404702 * 27.211386, rel=1e-6)
        assert read.target("gap")[1].item() == pytest.approx(0.3615 * 27.211386, rel=1e-6)
    assert read_qm9(folder, exclude=[1]).indices.tolist() == [3]
    (tmp_path / "uncharacterized.txt").write_text("a heading\n-----\n   3  O  x\n 1 listed\n")
    with pytest.raises(DataError, match="no molecule found"):
        read_qm9(folder, exclude=tmp_path / "uncharacterized.txt")
    with pytest.raises(ArgumentError, match="name: expected one of mu"):
        read_qm9(folder, limit=1).target("energy")


@pytest.mark.parametrize(
    "text", ["", "3\nhello\n", WATER.replace("gdb", "gdc"), WATER[:200], WATER.replace("O\t-0.03", "Q\t-0.03")]
)
def test_broken_files_of_qm9_are_refused(tmp_path, text):
    (tmp_path / "dsgdb9nsd_000003.xyz").write_text(text)
    with pytest.raises(DataError, match="not one of QM9's files"):
        read_qm9(tmp_path)


def test_a_broken_archive_is_refused(tmp_path):
    (tmp_path / "archive.tar.bz2").write_bytes(b"BZh9 not really")
    with pytest.raises(DataError, match="archive"):
        read_qm9(tmp_path / "archive.tar.bz2")


def test_qm9_is_read_as_far_as_asked_and_no_file_is_longer_than_a_molecule(tmp_path):
    for number, text in ((1, METHANE), (3, WATER), (4, METHANE.replace("gdb 1", "gdb 4"))):
        (tmp_path / f"dsgdb9nsd_00000{number}.xyz").write_text(text)
    assert read_qm9(tmp_path).positions.dtype == torch.float32
    assert read_qm9(tmp_path, limit=2).indices.tolist() == [1, 3]
    assert read_qm9(tmp_path, limit=2, exclude=[1]).indices.tolist() == [3, 4]
    (tmp_path / "list.txt").write_text("3 x\n1234567890\n")
    read = read_qm9(tmp_path, exclude=tmp_path / "list.txt", dtype=torch.float64)
    assert read.indices.tolist() == [1, 4]
    hartree = 27.211386245988
    units = [1, 1, hartree, hartree, hartree, 1, hartree, hartree, hartree, hartree, hartree, 1]
    assert read.targets[0].tolist() == pytest.approx(units, rel=1e-8)
    for size, fits in ((1 << 20, True), ((1 << 20) + 1, False)):
        padded = METHANE + " " * (size - len(METHANE))
        (tmp_path / "dsgdb9nsd_000001.xyz").write_text(padded)
        if fits:
            assert len(read_qm9(tmp_path)) == 3
            continue
        with pytest.raises(DataError, match="1048577 bytes; a molecule of this set has at most 1048576"):
            read_qm9(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        WATER.replace("\t6.002", ""),
        WATER.replace("6.002", "inf"),
        WATER.replace("0.9775395708", "nan"),
        METHANE.replace("C 0 0 0 0", "C 0 0"),
        "5\n" + METHANE.split("\n", 1)[1].rsplit("H 1 1 1 0\n", 1)[0],
    ],
)
def test_files_of_qm9_with_holes_are_refused(tmp_path, text):
    (tmp_path / "dsgdb9nsd_000003.xyz").write_text(text)
    with pytest.raises(DataError, match="not one of QM9's files"):
        read_qm9(tmp_path)


# --- ModelNet40


def test_point_clouds_come_back(tmp_path):
    held = RANDOM.normal(size=(4, 64, 3)).astype(np.float32)
    for part in range(2):
        with h5py.File(tmp_path / f"ply_data_train{part}.h5", "w") as file:
            file["data"], file["label"] = held[2 * part : 2 * part + 2], np.array([[3], [part]], dtype=np.uint8)
    (tmp_path / "shape_names.txt").write_text("airplane\nbathtub\n")
    read = read_modelnet40(tmp_path, "train", points=32)
    np.testing.assert_array_equal(read.points, held[:, :32])
    assert read.labels.tolist() == [3, 0, 3, 1]
    assert read.names == ("airplane", "bathtub")
    assert len(read_modelnet40(tmp_path, "train", points=64, limit=3)) == 3
    assert read_modelnet40(tmp_path, "train", points=64, limit=3).labels.tolist() == [3, 0, 3]
    assert read_modelnet40(tmp_path, "train", points=8, dtype=torch.float64).points.dtype == torch.float64
    with pytest.raises(ArgumentError, match=r"points: expected at most 64, as .* has, got 1024"):
        read_modelnet40(tmp_path, "train")
    with pytest.raises(DataError, match=r"ply_data_test0\.h5"):
        read_modelnet40(tmp_path, "test")
    with pytest.raises(ArgumentError, match="split"):
        read_modelnet40(tmp_path, "valid")
    (tmp_path / "ply_data_train1.h5").write_bytes(b"no")
    with pytest.raises(DataError, match="opening it as HDF5 failed"):
        read_modelnet40(tmp_path, "train", points=8)


def test_dropped_points_lie_on_the_first():
    clouds = PointClouds(torch.randn(200, 100, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(200).long())
    made = clouds.with_dropout(torch.Generator().manual_seed(1))
    kept = (made.points == clouds.points).all(-1)
    assert torch.equal(made.points[~kept], clouds.points[:, :1].expand_as(clouds.points)[~kept])
    share = 1 - kept.double().mean(1)
    assert share.max() < 0.96  # at most the ratio, and its spread over a hundred points
    assert abs(share.mean().item() - 0.875 / 2) < 5 * 0.875 / 12**0.5 / 200**0.5 + 0.01
    for most in (1.5, -0.1):
        with pytest.raises(ArgumentError, match="most"):
            clouds.with_dropout(torch.Generator(), most=most)
    none = clouds.with_dropout(torch.Generator().manual_seed(1), most=0)
    assert torch.equal(none.points, clouds.points)
    assert torch.equal(made.points, clouds.with_dropout(torch.Generator().manual_seed(1), most=0.875).points)


# --- MD17


@pytest.mark.parametrize("names", [("z", "R", "E", "F"), ("nuclear_charges", "coords", "energies", "forces")])
def test_molecular_dynamics_come_back(tmp_path, names):
    arrays = (
        np.array([6, 1, 1]),
        RANDOM.normal(size=(7, 3, 3)),
        RANDOM.normal(size=(7, 1)),
        RANDOM.normal(size=(7, 3, 3)),
    )
    np.savez(tmp_path / "md.npz", **dict(zip(names, arrays, strict=True)), name=np.array("a molecule"))
    read = read_md17(tmp_path / "md.npz", limit=5)
    np.testing.assert_array_equal(read.numbers, arrays[0])
    np.testing.assert_array_equal(read.positions, arrays[1][:5])
    np.testing.assert_array_equal(read.energies, arrays[2][:5, 0])
    np.testing.assert_array_equal(read.forces, arrays[3][:5])
    assert len(read) == 5


def test_molecular_dynamics_of_another_form_are_refused(tmp_path):
    np.savez(tmp_path / "few.npz", R=np.zeros((2, 3, 3)))
    with pytest.raises(DataError, match="'z' or 'nuclear_charges'"):
        read_md17(tmp_path / "few.npz")
    np.savez(tmp_path / "odd.npz", z=np.ones(3, dtype=int), R=np.zeros((2, 4, 3)), E=np.zeros(2), F=np.zeros((2, 4, 3)))
    with pytest.raises(DataError, match="expected shape any x 3 x 3, got 2 x 4 x 3"):
        read_md17(tmp_path / "odd.npz")
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(DataError, match=r"not a \.npz archive of arrays"):
        read_md17(tmp_path / "text.npz")
    with pytest.raises(DataError, match="no such file"):
        read_md17(tmp_path / "absent.npz")


def test_entries_and_numbers_that_are_none():
    assert first_of({"R": 1, "E": 2}, ("positions", "R"), what="set.npz") == 1
    with pytest.raises(DataError, match=r"set\.npz: expected an entry 'positions' or 'coords', got E, R$"):
        first_of({"R": 1, "E": 2}, ("positions", "coords"), what="set.npz")
    assert checked([1, 2], (2,), what="E", dtype=torch.float64).tolist() == [1.0, 2.0]
    for array in (["a", "b"], [1j, 2]):
        with pytest.raises(DataError, match=r"E: expected numbers, got (<U1|complex128)"):
            checked(array, (2,), what="E", dtype=torch.float64)


def test_clouds_that_are_not_there(tmp_path):
    with pytest.raises(ArgumentError, match="split: expected 'train' or 'test', got 'valid'"):
        read_modelnet40(tmp_path, "valid")
    with pytest.raises(DataError, match=r"expected files ply_data_test0\.h5 and so on, found none"):
        read_modelnet40(tmp_path, "test")

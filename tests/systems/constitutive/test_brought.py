"""Laws, data and files that users bring: each is read as it stands, or refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.errors import ArgumentError, DataError, ShapeError
from haar.systems.constitutive import (
    Hyperelastic,
    StandardMaterial,
    TensorNetwork,
    check_law,
    check_notation,
    detect_notation,
    elastic_constants,
    export_law,
    fit_law,
    from_callable,
    identify,
    make_law,
    material_symmetry,
    read_components,
    write_components,
)
from haar.training import Plan

SOURCE = torch.Generator().manual_seed(0)
E = 0.02 * torch.randn(40, 6, dtype=torch.float64, generator=SOURCE)
C = torch.diag(torch.tensor([50.0, 50, 50, 150, 150, 150], dtype=torch.float64))
C[:3, :3] += 60
S = E @ C
NAMES = ["e11", "e22", "e33", "gamma23", "gamma13", "gamma12", "s11", "s22", "s33", "s23", "s13", "s12"]


@pytest.fixture
def table(tmp_path):
    """Writes the samples as a CSV file with another header, or other marks between numbers."""

    def write(names=NAMES, mark=",", first=None):
        write_components(tmp_path / "plain.csv", E, S)
        lines = (tmp_path / "plain.csv").read_text().splitlines()[1:]
        rows = lines if first is None else [f"{one},{line}" for one, line in zip(first, lines, strict=True)]
        text = "\n".join([",".join(names), *rows]).replace(",", mark)
        (tmp_path / "data.csv").write_text(text, encoding="utf-8")
        return tmp_path / "data.csv"

    return write


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_marks_between_numbers_are_read(table, mark):
    torch.testing.assert_close(read_components(table(mark=mark)).strain, E)


def test_names_in_greek_and_units_of_engineers_are_read(table):
    greek = [name.replace("gamma", "γ").replace("e", "ε").replace("s", "σ") for name in NAMES]
    torch.testing.assert_close(read_components(table(greek)).strain, E)
    units = [f"{name} [N/mm^2]" if name[0] == "s" else name for name in NAMES]
    torch.testing.assert_close(read_components(table(units)).stress, 1e6 * S)


def test_a_column_of_paths_may_be_written_in_capitals(table):
    measured = read_components(table(["Path", *NAMES], first=[k // 10 for k in range(40)]))
    assert measured.strain.shape == (4, 10, 6)


def test_units_of_some_columns_alone_are_refused(table):
    with pytest.raises(DataError, match="some columns of stress have a unit and some not"):
        read_components(table([name + " [MPa]" if name == "s11" else name for name in NAMES]))


def test_names_that_are_not_understood_are_told(table):
    with pytest.raises(DataError, match=r"no strain 12; .* \(not understood: 2exy\)"):
        read_components(table(["2exy" if name == "gamma12" else name for name in NAMES]))


def symmetric(x, d):
    out = torch.zeros(len(x), d, d, dtype=torch.float64)
    pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)] if d == 3 else [(0, 0), (1, 1), (0, 1)]
    for k, (i, j) in enumerate(pairs):
        out[:, i, j] = out[:, j, i] = x[:, k] / (1 if i == j else 2**0.5)
    return out


@pytest.mark.parametrize("d", [2, 3])
def test_tensors_in_a_file_are_tensors_and_no_paths(tmp_path, d):
    n = d * (d + 1) // 2
    strain, stress = E[:, :n], S[:, :n]
    np.savez(tmp_path / "t.npz", strain=symmetric(strain, d).numpy(), stress=symmetric(stress, d).numpy())
    measured = read_components(tmp_path / "t.npz")
    torch.testing.assert_close(measured.strain, strain)
    torch.testing.assert_close(measured.stress, stress)


def test_files_without_samples_or_of_two_lengths_are_refused(tmp_path):
    np.savez(tmp_path / "none.npz", strain=np.zeros((0, 6)), stress=np.zeros((0, 6)))
    with pytest.raises(DataError, match="expected at least one sample, got none"):
        read_components(tmp_path / "none.npz", notation="voigt")
    arrays = {name: np.ones(5 if name == "s12" else 4) for name in NAMES}
    np.savez(tmp_path / "two.npz", **arrays)
    with pytest.raises(DataError, match="expected components of one length"):
        read_components(tmp_path / "two.npz")


def test_tensor_features_of_a_group_without_mirrors_have_none():
    network = TensorNetwork("plane C6", features="tensor")
    assert network.effective == "plane SO(2)"
    assert TensorNetwork("plane D6", features="tensor").effective == "plane O(2)"
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    stress = network(E[:, :3])
    away = (network(E[:, :3] @ mirror) - stress @ mirror).detach()
    assert float(away.norm()) > 0.01 * float(stress.detach().norm())


def test_a_law_of_arrays_is_checked_by_differences():
    stiff = from_callable(lambda e: e @ np.diag([2.0, 2, 2, 1, 1, 1]), "voigt", numpy=True)
    assert check_law(stiff, "cubic").holds
    soft = from_callable(lambda e: -e, "voigt", numpy=True)
    least = {one.name: one.value for one in check_law(soft, "cubic").findings}
    assert least["least eigenvalue of the tangent, over its size"] == pytest.approx(-1, abs=1e-9)


def test_a_law_may_be_trained_after_its_export():
    law = Hyperelastic("cubic", width=2, degree=2)
    export_law(law)
    assert all(p.requires_grad for p in law.parameters())


def test_laws_with_history_run_in_single_precision():
    law = StandardMaterial("plane D4", units=4).float()
    path = E[:10, :3].view(2, 5, 3).float()
    assert law(path).dtype == torch.float32
    assert float(law.dissipated(path).detach().min()) >= -1e-14


def test_an_exact_fit_is_not_tested_on_its_rounding():
    found = identify(E, S, draws=10)
    assert found.chosen.name == "cubic"
    assert found.lattice is None
    assert "break" not in found.summary


def test_elements_of_crystal_classes_have_names():
    group = material_symmetry("4/mmm").group
    names = {group.describe(g) for g in group.elements()}
    assert {"1", "-1", "R(90 deg about [0 0 1])", "mirror [1 0 0]"} <= names
    assert len(names) == 16


def test_names_are_found_whatever_their_case():
    assert material_symmetry("OH").name == "m-3m"
    assert material_symmetry("d6H").name == "6/mmm"
    assert elastic_constants("m-3m") == (3, 6)


def test_notations_by_name_and_in_the_plane():
    plane = material_symmetry("plane D4")
    strain = 0.02 * torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    stress = Hyperelastic(plane, width=0, degree=2)
    with torch.no_grad():
        stress.linear.copy_(torch.arange(1.0, 1.0 + len(stress.linear)))
        y = stress(strain)
    assert len(check_notation(strain, y, "abaqus-mandel", plane).told) >= 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Hyperelastic("cubic")(E[:, :3]), ShapeError, "strain: expected 6 components"),
        (lambda: Hyperelastic("cubic")(E.float()), ArgumentError, "strain: expected float64, as the law's numbers"),
        (lambda: make_law("tensor", "cubic", size=3, width=4), ArgumentError, "size: expected size or width"),
        (lambda: check_law(Hyperelastic("cubic"), "plane D4"), ArgumentError, "one of 3 dimensions"),
        (lambda: check_law(Hyperelastic("cubic"), "cubic", size=0.0), ArgumentError, "size: expected a number above"),
        (lambda: check_law(StandardMaterial("cubic"), "cubic", E), ShapeError, r"strain: expected \[paths, steps, 6\]"),
        (lambda: check_law(lambda e: e[:, :2], "cubic"), ShapeError, "law: expected stresses"),
        (lambda: from_callable(lambda e: e[..., 0])(E), ShapeError, "function: expected stresses"),
        (lambda: from_callable(lambda _: None)(E), ArgumentError, "function: expected a tensor of stresses"),
        (
            lambda: fit_law(StandardMaterial("cubic", units=2), E, S, Plan(steps=1, learning_rate=1e-3)),
            ShapeError,
            r"strain: expected paths \[paths, steps, components\]",
        ),
        (
            lambda: fit_law(Hyperelastic("cubic", width=2), E[:1], S[:1], Plan(steps=1, learning_rate=1e-3)),
            DataError,
            "strain: expected at least two samples, got 1",
        ),
        (lambda: detect_notation(E, 0 * S, "cubic"), DataError, "stress: all are zero"),
        (lambda: identify(E, S.where(S.max() > S, torch.nan)), DataError, "stress: sample .* holds NaN"),
        (lambda: identify(E, S, level=2.0), ArgumentError, "level: expected a number between 0 and 1"),
        (lambda: material_symmetry("fcc"), ArgumentError, "did you mean cubic"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()

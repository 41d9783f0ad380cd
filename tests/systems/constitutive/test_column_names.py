"""Numbered components: read in every order that is said, refused where nothing says it or they mean no tensor."""

from __future__ import annotations

import pytest
import torch

from haar.cli.app import main
from haar.errors import DataError
from haar.systems.constitutive.components import read_components
from haar.systems.constitutive.generators import CubicCrystal, random_strains
from haar.systems.constitutive.notation import ORDERS, mandel_to_components, named_notation

F64 = torch.float64
NUMBERED = [*(f"e{k}" for k in range(1, 7)), *(f"s{k}" for k in range(1, 7))]


def _data(rows=60):
    x = random_strains(rows, 0.05, torch.Generator().manual_seed(0))
    return x, CubicCrystal()(x)


def _written(path, strain, stress, head):
    rows = torch.cat([strain, stress], -1).tolist()
    path.write_text("\n".join(",".join(map(str, row)) for row in [head, *rows]) + "\n")
    return path


def _numbered(path, notation, head=NUMBERED):
    x, y = _data()
    told = named_notation(notation)
    return _written(path, mandel_to_components(x, told.strain), mandel_to_components(y, told.stress), head)


@pytest.mark.parametrize("notation", [*ORDERS, "mandel", "abaqus-tensor/voigt-tensor"])
def test_numbers_mean_the_order_that_is_said(notation, tmp_path):
    x, y = _data()
    found = read_components(_numbered(tmp_path / "a.csv", notation), notation=notation)
    assert torch.allclose(found.strain, x, atol=1e-14)
    assert torch.allclose(found.stress, y, atol=1e-14)
    assert found.notation == named_notation(notation)


@pytest.mark.parametrize("prefixes", [("strain_", "stress_"), ("eps", "sigma"), ("E", "S")])
def test_other_ways_to_write_them_with_units_and_in_any_order_of_columns(prefixes, tmp_path):
    strain, stress = prefixes
    head = [*(f"{strain}{k} [%]" for k in range(1, 7)), *(f"{stress}{k} [MPa]" for k in range(1, 7))]
    x, y = _data()
    told = named_notation("abaqus")
    values = torch.cat([mandel_to_components(x, told.strain), mandel_to_components(y, told.stress)], -1)
    turned = list(reversed(range(12)))
    path = _written(tmp_path / "a.csv", values[:, turned[:6]], values[:, turned[6:]], [head[k] for k in turned])
    found = read_components(path, notation="abaqus")
    assert torch.allclose(found.strain, 0.01 * x, atol=1e-14)
    assert torch.allclose(found.stress, 1e6 * y, rtol=1e-12)


def test_named_strains_beside_numbered_stresses_and_the_plane_in_voigts_numbers(tmp_path):
    x, y = _data()
    names = ["e11", "e22", "e33", "gamma23", "gamma13", "gamma12"]
    told = named_notation("abaqus")
    strain = mandel_to_components(x, named_notation("voigt").strain)
    path = _written(tmp_path / "a.csv", strain, mandel_to_components(y, told.stress), [*names, *NUMBERED[6:]])
    found = read_components(path, notation="abaqus")
    assert torch.allclose(found.strain, x, atol=1e-14)
    assert torch.allclose(found.stress, y, atol=1e-14)
    plane = 0.01 * torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.1, -1.0]], dtype=F64)
    path = _written(tmp_path / "b.csv", plane, plane, ["e1", "e2", "e6", "s1", "s2", "s6"])
    found = read_components(path, notation="voigt")
    assert found.dim == 2
    assert found.strain[0].tolist() == pytest.approx([0.01, 0.02, 0.03 / 2**0.5])


def test_numbers_beside_names_are_left_alone(tmp_path):
    plane = torch.tensor([[0.01, 0.02, 0.03]], dtype=F64)
    head = ["e11", "e22", "gamma12", "s11", "s22", "s12", "s1"]
    path = _written(tmp_path / "a.csv", plane, torch.cat([plane, 9 + plane[:, :1]], -1), head)
    assert read_components(path).stress.tolist()[0] == pytest.approx([0.01, 0.02, 0.03 * 2**0.5])


@pytest.mark.parametrize(
    ("head", "notation", "match"),
    [
        (
            NUMBERED,
            None,
            r"columns of strain are numbered \(e1, ...\), and nothing says in which order; say --notation",
        ),
        (
            [f"e{k}" for k in range(6)] + NUMBERED[6:],
            "voigt",
            r"columns of strain are numbered \[0, 1, 2, 3, 4, 5\]; components have 1 to 6",
        ),
        (["e1", "e1 [%]", *NUMBERED[2:]], "voigt", r"strain 11 stands there twice"),
        (["e1", "x", *NUMBERED[2:]], "voigt", r"no strain 22; columns are named such as e11.* \(not understood: x\)"),
    ],
)
def test_each_fault_is_one_line(head, notation, match, tmp_path):
    path = _numbered(tmp_path / "a.csv", "voigt", head)
    with pytest.raises(DataError, match=match) as raised:
        read_components(path, notation=notation)
    assert "\n" not in str(raised.value)


def test_three_numbers_may_be_principal_values(tmp_path):
    x = torch.full((2, 3), 0.01, dtype=F64)
    path = _written(tmp_path / "a.csv", x, x, ["e1", "e2", "e3", "s1", "s2", "s3"])
    with pytest.raises(DataError, match=r"columns of strain are numbered 1 to 3: principal values, or components"):
        read_components(path, notation="voigt")


def test_a_wrong_order_is_told_by_the_data(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _numbered(tmp_path / "a.csv", "voigt")
    words = ["constitutive", "fit", "a.csv", "--group", "mmm", "-o", "law.safetensors", "--steps", "1"]
    assert main([*words, "--notation", "voigt"]) == 0
    capsys.readouterr()
    assert main(words) == 2
    assert "are numbered (e1, ...), and nothing says in which order" in " ".join(capsys.readouterr().err.split())
    # of a cube all axes are alike: orders of the shears are told by a class that has a main axis
    assert main([*words, "--notation", "lexicographic"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "they are written as 11 22 33 23 13 12" in told

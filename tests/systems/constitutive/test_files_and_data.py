"""Files of components, microstructures and their homogenisation, cycles: what is read and what refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.errors import ArgumentError, DataError, HaarError, ShapeError
from haar.systems.constitutive.components import check_cycles, read_components, write_components
from haar.systems.constitutive.detection import checked_samples
from haar.systems.constitutive.elastic import project_stiffness
from haar.systems.constitutive.generators import (
    cubic_stiffness,
    fibres,
    homogenise,
    isotropic_stiffness,
    laminate,
    laminate_stiffness,
    polycrystal,
    turned_stiffness,
)
from haar.systems.constitutive.notation import ORDERS, mandel_to_components, named_notation
from haar.systems.constitutive.symmetry import material_symmetry

F64 = torch.float64
HEAD = ["e11", "e22", "e33", "gamma23", "gamma13", "gamma12", "s11", "s22", "s33", "s23", "s13", "s12"]


def _data(seed=0, rows=4):
    return 0.01 * torch.randn(2, rows, 6, dtype=F64, generator=torch.Generator().manual_seed(seed))


def _csv(
    path, head=HEAD, rows=((0.01, 0, 0, 0.02, 0, 0, 5, 0, 0, 3, 0, 0), (0.02, 0, 0, 0, 0, 0.01, 9, 0, 0, 0, 0, 1))
):
    path.write_text("\n".join(",".join(map(str, row)) for row in [head, *rows]) + "\n")
    return path


@pytest.mark.parametrize("notation", ["voigt", "abaqus", "mandel", "lexicographic-tensor"])
def test_named_components_there_and_back(notation, tmp_path):
    x, y = _data()
    write_components(tmp_path / "a.csv", x, y, notation)
    told = None if "gamma" in (tmp_path / "a.csv").read_text() else notation
    found = read_components(tmp_path / "a.csv", notation=told)
    assert torch.allclose(found.strain, x, atol=1e-15)
    assert torch.allclose(found.stress, y, atol=1e-15)
    assert found.dim == 3


@pytest.mark.parametrize("order", ORDERS)
def test_arrays_in_every_order(order, tmp_path):
    x, y = _data()
    told = named_notation(order)
    arrays = {"strain": mandel_to_components(x, told.strain), "stress": mandel_to_components(y, told.stress)}
    np.savez(tmp_path / "a.npz", **{k: v.numpy() for k, v in arrays.items()})
    found = read_components(tmp_path / "a.npz", notation=order)
    assert torch.allclose(found.strain, x, atol=1e-15)
    assert torch.allclose(found.stress, y, atol=1e-15)


def test_units_paths_and_the_plane(tmp_path):
    head = ["path", "eps_xx [%]", "eps_yy [%]", "gamma_xy [%]", "sigma_xx [MPa]", "sigma_yy [MPa]", "sigma_xy [MPa]"]
    rows = [(0, 1, 0, 0, 2, 0, 0), (0, 2, 0, 0, 4, 0, 0), (1, 0, 1, 2, 0, 2, 1), (1, 0, 2, 2, 0, 4, 1)]
    found = read_components(_csv(tmp_path / "a.csv", head, rows))
    assert found.strain.shape == (2, 2, 3)
    assert found.strain[0, 0].tolist() == pytest.approx([0.01, 0, 0])
    assert found.strain[1, 0].tolist() == pytest.approx([0, 0.01, 0.01 * 2**0.5])
    assert found.stress[0, 1, 0].item() == pytest.approx(4e6)


def _refused(tmp_path, match, head=HEAD, rows=None, **options):
    path = _csv(tmp_path / "a.csv", head) if rows is None else _csv(tmp_path / "a.csv", head, rows)
    with pytest.raises(DataError, match=match):
        read_components(path, **options)


def test_each_fault_of_a_file_is_one_line(tmp_path):
    tensor = [name.replace("gamma", "e") for name in HEAD]
    good = (0.01, 0, 0, 0.02, 0, 0, 5, 0, 0, 3, 0, 0)
    _refused(
        tmp_path,
        r"nothing says whether shear strains are tensor or engineering; name them gamma12, or say --notation",
        tensor,
    )
    _refused(
        tmp_path, r"shear strains are called gamma \(engineering\), --notation says tensor", notation="voigt-tensor"
    )
    _refused(
        tmp_path, r"some shear strains are called gamma \(engineering\) and some not", [*HEAD[:3], "e23", *HEAD[4:]]
    )
    _refused(tmp_path, r"no stress 12; columns are named", [*HEAD[:-1], "other"])
    _refused(tmp_path, r"two columns are called e11", ["e11", "e11", *HEAD[2:]])
    _refused(tmp_path, r"stress 13 stands there twice", [*HEAD[:-1], "s31"])
    _refused(tmp_path, r"strain of row 2 is NaN or infinite \(1 numbers are\)", rows=[good, ("nan", *good[1:])])
    _refused(
        tmp_path,
        r"strains up to 5: percent, or microstrain\? say so in the header: e11 \[%\]",
        rows=[good, (5, *good[1:])],
    )
    _refused(tmp_path, r"all stresses are zero", rows=[(*good[:6], 0, 0, 0, 0, 0, 0)])
    _refused(tmp_path, r"strain 11 is in 'mpa'; units of strain are -, 1, %, percent", ["e11 [MPa]", *HEAD[1:]])
    _refused(tmp_path, r"stress 11 is in 'furlong'; units of stress are", [*HEAD[:6], "s11 [furlong]", *HEAD[7:]])
    _refused(tmp_path, r"line 3 has 2 fields, the header 12", rows=[good, (1, 2)])
    _refused(tmp_path, r"column e11 holds what is no number", rows=[("x", *good[1:])])
    _refused(tmp_path, r"expected a header and rows, got 1 line", rows=[])
    paths = [(0, *good), (0, *good), (1, *good)]
    _refused(tmp_path, r"path 1 has 1 increments, the first 2: an incomplete path", ["path", *HEAD], paths)
    _refused(tmp_path, r"rows of one path do not stand together", ["path", *HEAD], [paths[0], paths[2], paths[0]])


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match=r"expected a .csv or .npz file, got .txt"):
        read_components(tmp_path / "a.txt")
    with pytest.raises(DataError, match=r"missing.csv: cannot be read"):
        read_components(tmp_path / "missing.csv")
    (tmp_path / "bad.npz").write_text("x")
    with pytest.raises(DataError, match=r"bad.npz: cannot be read as numbers"):
        read_components(tmp_path / "bad.npz")
    np.savez(tmp_path / "a.npz", strain=np.ones((2, 6)), stress=np.ones((2, 6)))
    with pytest.raises(DataError, match=r"components are not named; say --notation"):
        read_components(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", strain=np.ones((2, 6)), stress=np.ones((2, 3)))
    with pytest.raises(
        DataError, match=r"expected strain and stress of one shape \(..., 3 or 6\), got \(2, 6\) and \(2, 3\)"
    ):
        read_components(tmp_path / "b.npz", notation="voigt")


def test_open_cycles_are_refused():
    t = 2 * torch.pi * torch.arange(21, dtype=F64) / 20
    closed = torch.stack([t.cos(), t.sin(), 0 * t], -1)[None]
    check_cycles(closed)
    with pytest.raises(DataError, match=r"strain: expected closed cycles, got path 1 that ends 31.3% of its size away"):
        check_cycles(
            torch.cat([closed, closed.roll(0)])[:, :]
            .clone()
            .index_put((torch.tensor(1), torch.tensor(20)), closed[0, 1])
        )


# representative volumes

SOFT, HARD = isotropic_stiffness(1.0, 0.5), isotropic_stiffness(5.0, 3.0)


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_laminates_are_those_of_the_exact_formula(share):
    C = homogenise(laminate(4, share), torch.stack([SOFT, HARD]))
    assert torch.allclose(C, laminate_stiffness(HARD, SOFT, share), atol=1e-10)
    assert torch.allclose(C, project_stiffness(C, material_symmetry("inf/mm")), atol=1e-10)


def test_arrays_of_fibres_have_their_symmetry_and_lie_between_the_bounds():
    stack = torch.stack([SOFT, HARD])
    for array, name, error in (("square", "4/mmm", 1e-10), ("hexagonal", "6/mmm", 0.02)):
        phases = fibres(9, 0.3, array=array)
        C = homogenise(phases, stack, tolerance=1e-12)
        assert (C - project_stiffness(C, material_symmetry(name))).norm() / C.norm() < error
        shares = torch.bincount(phases.flatten(), minlength=2).double() / phases.numel()
        voigt = torch.einsum("k,kij->ij", shares, stack)
        reuss = torch.linalg.inv(torch.einsum("k,kij->ij", shares, torch.linalg.inv(stack)))
        assert torch.linalg.eigvalsh(voigt - C).min() > -1e-9
        assert torch.linalg.eigvalsh(C - reuss).min() > -1e-9


def test_polycrystals_are_nearer_to_isotropic_with_more_grains():
    source = torch.Generator().manual_seed(0)
    away = []
    for grains in (1, 30):
        phases, frames = polycrystal(6, grains, source)
        assert torch.allclose(torch.linalg.det(frames), torch.ones(grains, dtype=F64))
        C = homogenise(phases, turned_stiffness(cubic_stiffness(1.68, 1.21, 0.75), frames))
        away.append(float((C - project_stiffness(C, material_symmetry("isotropic"))).norm() / C.norm()))
    assert away[1] < 0.6 * away[0]


def test_refusals_of_volumes():
    with pytest.raises(ArgumentError, match=r"share: expected a whole number of 4 cells, got 0.3"):
        laminate(4, 0.3)
    with pytest.raises(ArgumentError, match=r"share: expected fibres that do not touch, got 0.9"):
        fibres(8, 0.9)
    with pytest.raises(ArgumentError, match=r"array: expected square or hexagonal, got 'random'"):
        fibres(8, array="random")
    with pytest.raises(ArgumentError, match=r"bulk: expected a modulus above 0, got -1"):
        isotropic_stiffness(-1.0, 1.0)
    with pytest.raises(ShapeError, match=r"stiffness: expected one for each of 2 phases, got 1"):
        homogenise(laminate(2), SOFT[None])
    with pytest.raises(HaarError, match=r"homogenisation: residual .* after 2 steps"):
        homogenise(
            polycrystal(4, 5, torch.Generator().manual_seed(0))[0],
            torch.stack([SOFT, HARD, 3 * SOFT, SOFT, HARD]),
            most=2,
        )


def test_samples_are_one_a_row():
    pair = torch.ones(3, 6), torch.ones(3, 6)
    assert checked_samples(*pair, 6)[0].dtype == torch.float64
    for place, name, bad in (
        (0, "strain", torch.ones(3, 5)),
        (1, "stress", torch.ones(2, 6)),
        (1, "stress", torch.ones(6)),
    ):
        given = list(pair)
        given[place] = bad
        with pytest.raises(DataError, match=rf"{name}: expected samples \(3, 6\), one a row, got \("):
            checked_samples(*given, 6)


def test_too_few_steps_of_homogenisation_are_told():
    with pytest.raises(HaarError, match=r"homogenisation: residual .* after 2 steps; the phases differ too much"):
        homogenise(fibres(8, 0.3), torch.stack([SOFT, 100 * HARD]), most=2)

"""Groups from metadata: each rule, the registry, and generated data sets whose solver confirms them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.audit import domain_symmetry, dynamics_defects, known_data_set
from haar.data.well.axis import Axis
from haar.errors import ArgumentError

PERIODIC = Axis.cells("x", 16, length=1.0)


def axis(name, size=16, boundary="PERIODIC", length=1.0):
    return Axis.cells(name, size, length=length, boundary=boundary)


@pytest.mark.parametrize(
    ("axes", "order"),
    [
        ([axis("x"), axis("y")], 8),
        ([axis("x"), axis("y", 32, length=2.0)], 4),
        ([axis("x"), axis("y", length=2.0)], 4),
        ([axis("x"), axis("y", boundary="WALL")], 4),
        ([axis("x"), axis("y", boundary=("WALL", "OPEN"))], 2),
        ([axis("x", boundary=("OPEN", "WALL")), axis("y", boundary=("WALL", "OPEN"))], 1),
        ([axis("x"), axis("y"), axis("z")], 48),
        ([axis("x"), axis("y"), axis("z", boundary="WALL")], 16),
        ([axis("x")], 2),
    ],
)
def test_the_grid_and_its_boundaries(axes, order):
    found = domain_symmetry(axes)
    assert found.point.order == order
    assert (found.excluded == ()) == (order == [0, 2, 8, 48][len(axes)])


def test_points_that_a_reversal_does_not_keep():
    stretched = Axis("y", torch.linspace(0, 1, 16, dtype=torch.float64).square().numpy())
    found = domain_symmetry([axis("x"), stretched])
    assert found.point.order == 2
    assert any("not symmetric about the middle" in line for line in found.excluded)
    assert domain_symmetry([axis("x"), Axis.chebyshev("y", 16, length=1.0)]).point.order == 4


def test_nodes_of_a_periodic_axis():
    nodes = [Axis.periodic_nodes(name, 16, length=1.0) for name in "xy"]
    assert domain_symmetry(nodes).centring == "node"
    assert domain_symmetry([axis("x"), axis("y")]).centring == "cell"


def test_special_directions_and_curved_grids():
    found = domain_symmetry([axis("x"), axis("y"), axis("z")], special=["z"])
    assert found.point.order == 8  # C4v about z
    assert domain_symmetry([axis("x"), axis("y")], grid_type="equiangular").point.order == 1
    with pytest.raises(ArgumentError, match="special: expected axes among x, y, got w"):
        domain_symmetry([axis("x"), axis("y")], special=["w"])


@pytest.mark.parametrize(
    ("name", "order", "shifts"),
    [
        ("gray_scott_reaction_diffusion", 8, True),
        ("shear_flow", 4, True),
        ("rayleigh_benard_uniform", 2, True),
        ("turbulent_radiative_layer_2D", 1, True),
        ("planetswe", 1, False),
        ("helmholtz_staircase", 1, False),
        ("unheard_of", 8, True),
    ],
)
def test_the_registry(name, order, shifts):
    found = domain_symmetry([axis("x"), axis("y")], name=name)
    assert found.point.order == order
    assert any(found.periodic) == shifts


def test_known_parities_reach_the_symmetry():
    cube = [axis(n, 8) for n in "xyz"]
    found = domain_symmetry(cube, name="MHD_64")
    symmetry = found.symmetry("density, magnetic_field:vector, velocity:vector")
    flip = next(g for g in symmetry.group.elements() if symmetry.group.describe(g) == "mxmymz")
    signs = symmetry.outputs.rep.signed_permutation(flip)[1].tolist()
    assert signs == [1, 1, 1, 1, -1, -1, -1]  # an axial field does not change under inversion
    assert known_data_set("no_such") is None


@given(st.sampled_from([(8, 8), (8, 16), (4, 4, 4), (12,)]), st.integers(1, 4))
def test_shifts_come_along_the_periodic_axes(shape, step):
    axes = [axis("xyz"[k], n, boundary="PERIODIC" if k == 0 else "WALL", length=n / 4) for k, n in enumerate(shape)]
    found = domain_symmetry(axes)
    if shape[0] % step:
        with pytest.raises(ArgumentError, match="step"):
            found.group(step=step)
        return
    assert found.group(step=step).order == found.point.order * (shape[0] // step)


def test_a_real_solver_confirms_the_group_of_its_metadata():
    from haar.data.generators import GrayScottGenerator
    from haar.data.solvers.gray_scott import GrayScott

    data = GrayScottGenerator(resolution=(16, 16), n_trajectories=2, n_steps=2)
    fields = next(data.batches(2))
    state = torch.stack([fields["A"][:, 0], fields["B"][:, 0]], 1)
    found = domain_symmetry([Axis.periodic_nodes(a, 16, length=1.0) for a in "xy"], name=data.name)
    solver = GrayScott(data.grid, feed=0.029, kill=0.057)
    defects = dynamics_defects(lambda u: solver.evolve(u, 20), found.symmetry("A, B"), state)
    assert len(defects) == 7
    assert max(defects.values()) < 1e-10

"""Groups from metadata: each rule, the registry, and generated data sets whose solver confirms them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.audit import dynamics_defects
from haar.data import Axis, domain_symmetry, known_data_set
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


def moved(symmetry, name, values):
    g = next(g for g in symmetry.group.elements() if symmetry.group.describe(g) == name)
    return symmetry.inputs[0].act(g, values)


def test_axes_that_store_unlike_points_are_not_exchanged_and_each_is_reversed_in_its_own_way():
    nodes, cells = Axis.periodic_nodes("x", 8, length=1.0), Axis.cells("y", 8, length=1.0)
    values = torch.arange(64.0).reshape(1, 1, 8, 8)
    back = (-torch.arange(8)) % 8
    for axes in ([nodes, cells], [cells, nodes]):
        found = domain_symmetry(axes)
        assert found.point.order == 4
        assert found.excluded[-1].startswith(f"exchange of {axes[0].name} and {axes[1].name}: their points lie at ")
        for symmetry in (found.symmetry("p"), found.symmetry("p", step=2)):
            for place, (axis, name) in enumerate(zip(axes, ("mx", "my"), strict=True), start=2):
                about = back if axis is nodes else torch.arange(8).flip(0)
                assert torch.equal(moved(symmetry, name, values), values.index_select(place, about))
        assert found.group(step=2).order == 4 * 16
    three = domain_symmetry([nodes, Axis.periodic_nodes("y", 8, length=1.0), Axis.cells("z", 8, length=1.0)])
    assert (three.point.order, three.centring) == (16, ("node", "node", "cell"))
    ball = torch.arange(512.0).reshape(1, 1, 8, 8, 8)
    assert torch.equal(moved(three.symmetry("p"), "mz", ball), ball.flip(4))
    assert torch.equal(moved(three.symmetry("p"), "my", ball), ball[:, :, :, back])
    walled = domain_symmetry([nodes, Axis.nodes("y", 8, length=1.0)])
    assert walled.centring == "node"
    assert torch.equal(moved(walled.symmetry("p"), "my", values), values.flip(3))


@pytest.mark.parametrize(
    ("axes", "why"),
    [
        ([axis("x"), axis("y", 12, length=0.75)], "16 and 12 points"),
        ([axis("x"), axis("y", length=1.001)], "their spacings differ"),
        ([axis("x"), axis("y", boundary="WALL")], "their boundaries differ"),
        ([axis("x", boundary="WALL"), Axis.nodes("y", 16, length=15 / 16)], "their points lie at cell and at node"),
        (
            [Axis.chebyshev("x", 16, length=1.0), Axis("y", Axis.chebyshev("y", 16, length=1.0).coordinates[::-1])],
            "their boundaries differ",
        ),
        ([Axis("x", PERIODIC.coordinates, PERIODIC.boundary, "cell", True), axis("y")], "vary from trajectory"),
    ],
)
def test_axes_that_differ_in_one_thing_are_not_exchanged(axes, why):
    found = domain_symmetry(axes)
    assert found.point.order == 4
    assert [line for line in found.excluded if line.startswith("exchange of x and y: ") and why in line]


def test_exchanges_that_are_allowed_follow_from_one_another():
    nearly = [axis(name, length=1 + 9e-6 * k) for k, name in enumerate("xyz")]
    found = domain_symmetry(nearly)
    assert found.point.order == 8
    assert len(found.excluded) == 3
    assert domain_symmetry(nearly[:2]).point.order == 8


def test_equal_lengths_in_single_precision_far_from_the_origin_are_equal():
    far = [Axis(name, axis(name).coordinates.astype("float32") + start) for name, start in (("x", 0.0), ("y", 1000.0))]
    far[1] = Axis("y", far[1].coordinates.astype("float32"), centring=far[0].centring)
    assert domain_symmetry(far).point.order == 8


def test_reversals_and_shifts_that_keep_no_points():
    uneven = PERIODIC.coordinates**2
    for centring, why in (("cell", "not symmetric about the middle"), ("periodic-node", "not evenly spaced")):
        found = domain_symmetry([Axis("x", uneven, PERIODIC.boundary, centring)])
        assert (found.point.order, found.periodic) == (1, (False,))
        assert why in found.excluded[0]
    half_open = domain_symmetry([Axis("x", PERIODIC.coordinates - 1 / 32, centring="periodic-node")])
    assert half_open.excluded == ("reversal of x: its points leave out an end that is not joined to the other",)
    twice = domain_symmetry([Axis.nodes("x", 9, length=1.0, boundary="PERIODIC")])
    assert (twice.point.order, twice.periodic, twice.group(step=3).order) == (2, (False,), 2)


def test_what_singles_out_a_direction_also_forbids_its_exchange():
    found = domain_symmetry([axis("x"), axis("y"), axis("z")], name="rayleigh_taylor_instability")
    assert found.point.order == 8  # C4v about z
    assert "exchange of x and z: one has a preferred direction" in found.excluded
    named = [axis("theta"), axis("phi")]
    assert domain_symmetry(named, name="planetswe").point.order == 1
    assert domain_symmetry(named, name="helmholtz_staircase").point.order == 1


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


@pytest.mark.parametrize(("more", "order"), [(1.04e-5, 8), (1.06e-5, 4)])
def test_spacings_are_equal_to_one_part_in_a_hundred_thousand_and_the_rounding_of_files(more, order):
    # of 16 cells of 1/16 the rounding of the last point is 4.9e-7 of the spacing, shared by 15 steps
    assert domain_symmetry([axis("x"), axis("y", length=1 + more)]).point.order == order

"""Laws inside torch-fem, and beside felupe, where these are installed: both are independent of this library."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.systems.constitutive import Hyperelastic, TensorNetwork, fit_law, material_symmetry
from haar.systems.constitutive.generators import CubicCrystal, NeoHookean
from haar.systems.constitutive.hosts import Body, plate_with_hole, to_torchfem
from haar.systems.constitutive.hosts.torchfem import piola
from haar.training import Plan

F64 = torch.float64
pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning"),  # torch-fem's use of torch
    pytest.mark.filterwarnings("ignore::DeprecationWarning:felupe"),
    pytest.mark.filterwarnings("ignore:.*[Ff]orce.*:DeprecationWarning"),
]


def left(p):
    return p[0] < 1e-9


def right(p):
    return p[0] > 1 - 1e-9


@pytest.fixture
def double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(F64)
    yield
    torch.set_default_dtype(before)


def solid(material, cells=2, stretch=0.2):
    """A cube with one side clamped and the other moved along x, free across, in torch-fem."""
    solids = pytest.importorskip("torchfem.solid", reason="these tests run torch-fem (package torch-fem)")
    from torchfem.mesh import cube_hexa

    nodes, elements = cube_hexa(cells + 1, cells + 1, cells + 1)
    body = solids.Solid(nodes, elements, material)
    held = (nodes[:, 0] < 1e-9)[:, None].expand(-1, 3).clone()
    held[:, 0] |= nodes[:, 0] > 1 - 1e-9
    body.constraints = held
    moved = torch.zeros_like(nodes)
    moved[nodes[:, 0] > 1 - 1e-9, 0] = stretch
    body.displacements = moved
    u, f, *_ = body.solve(increments=torch.linspace(0, 1, 3), rtol=1e-12, atol=1e-12, max_iter=12)
    return nodes, u, f


def neo_hookean_energy(F, params):
    C = F.mT @ F
    log_J = 0.5 * torch.logdet(C)
    return params[0] / 2 * (torch.trace(C) - 3) - params[0] * log_J + params[1] / 2 * log_J**2


def test_a_law_gives_the_displacements_of_torchfems_own(double):
    del double
    materials = pytest.importorskip("torchfem.materials", reason="these tests run torch-fem (package torch-fem)")
    _, ours, force = solid(to_torchfem(NeoHookean()))
    _, theirs, other = solid(materials.Hyperelastic3D(neo_hookean_energy, torch.tensor([1.0, 1.0])))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    torch.testing.assert_close(force, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    "law",
    [
        CubicCrystal(),
        Hyperelastic("m-3m", width=8, generator=0),
        TensorNetwork(material_symmetry("cubic"), width=2, generator=torch.Generator().manual_seed(0)),
    ],
    ids=lambda law: type(law).__name__,
)
def test_torchfem_and_scikit_fem_find_one_solution(double, law):
    del double
    pytest.importorskip("torchfem.solid", reason="these tests run torch-fem (package torch-fem)")
    skfem = pytest.importorskip("skfem", reason="needs the extra haar[materials]")
    if not isinstance(law, CubicCrystal):
        crystal, strain = CubicCrystal(), 0.05 * torch.randn(60, 6, generator=torch.Generator().manual_seed(1))
        fit_law(law, strain, crystal(strain), Plan(steps=60, learning_rate=1e-2))
    nodes, u, force = solid(to_torchfem(law), stretch=0.05)
    body = Body(skfem.MeshHex.init_tensor(*3 * [np.linspace(0, 1, 3)]), law, quadratic=False)
    # skfem's quadrature of this order has two points an axis, as torch-fem's
    solution = body.pull(left, right, 0.05, increments=2)
    reaction = float(force[nodes[:, 0] > 1 - 1e-9, 0].sum())
    assert abs(solution.reaction[-1]) == pytest.approx(abs(reaction), rel=1e-9)
    for k in range(3):
        found = np.array([solution.displacement[body.basis.nodal_dofs[k, j]] for j in range(27)])
        order = [int(np.abs(nodes.numpy() - p).sum(1).argmin()) for p in body.mesh.p.T]
        np.testing.assert_allclose(found, u[order, k].numpy(), rtol=0, atol=1e-10)


def test_felupe_finds_the_same_plate(double):
    """Plane strain, linear quadrilaterals of the plate with a hole: its own neo-Hookean solid, its own assembly."""
    del double
    felupe = pytest.importorskip("felupe", reason="these tests run felupe")
    mesh = plate_with_hole(cells=4)
    solution = Body(mesh, NeoHookean(), quadratic=False).pull(
        left, right, 0.1, increments=2, sides={1: lambda p: p[1] < 1e-9}
    )
    theirs = felupe.Mesh(np.ascontiguousarray(mesh.p.T), np.ascontiguousarray(mesh.t.T), "quad")
    field = felupe.FieldContainer([felupe.FieldPlaneStrain(felupe.RegionQuad(theirs), dim=2)])
    x, y = theirs.points.T
    conditions = {
        "left": felupe.Boundary(field[0], mask=x < 1e-9, skip=(0, 1)),
        "bottom": felupe.Boundary(field[0], mask=y < 1e-9, skip=(1, 0)),
        "move": felupe.Boundary(field[0], mask=x > 1 - 1e-9, skip=(0, 1), value=0.1),
    }
    body = felupe.SolidBody(felupe.NeoHookeCompressible(mu=1.0, lmbda=1.0), field)
    step = felupe.Step(items=[body], boundaries=conditions)
    felupe.Job(steps=[step]).evaluate(verbose=0, tol=1e-12)
    ours = solution.displacement[Body(mesh, NeoHookean(), quadratic=False).basis.nodal_dofs]
    np.testing.assert_allclose(ours.T, field[0].values, rtol=0, atol=1e-10)


def test_a_law_is_a_material_of_felupe():
    """P and dP/dF in somebody else's Newton method: it converges, to the same reaction."""
    felupe = pytest.importorskip("felupe", reason="these tests run felupe")
    skfem = pytest.importorskip("skfem", reason="needs the extra haar[materials]")
    law = CubicCrystal()

    def numbers(F):
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(F, (0, 1), (-2, -1))))

    def stress(x, **_):
        with torch.no_grad():
            P, _ = piola(law, numbers(x[0]))
        return [np.moveaxis(P.numpy(), (-2, -1), (0, 1)), x[-1]]

    def elasticity(x, **_):
        with torch.no_grad():
            _, A = piola(law, numbers(x[0]))
        return [np.moveaxis(A.numpy(), (-4, -3, -2, -1), (0, 1, 2, 3))]

    cube = felupe.Cube(n=3)
    field = felupe.FieldContainer([felupe.Field(felupe.RegionHexahedron(cube), dim=3)])
    conditions = {
        "clamped": felupe.Boundary(field[0], fx=0.0),
        "move": felupe.Boundary(field[0], fx=1.0, skip=(0, 1, 1), value=0.05),
    }
    known, unknown = felupe.dof.partition(field, conditions)
    loadcase = {"dof0": known, "dof1": unknown, "ext0": felupe.dof.apply(field, conditions, known)}
    body = felupe.SolidBody(felupe.Material(stress=stress, elasticity=elasticity), field)
    done = felupe.newtonraphson(items=[body], **loadcase, tol=1e-12, verbose=0)
    assert done.success
    mesh = skfem.MeshHex.init_tensor(*3 * [np.linspace(0, 1, 3)])
    ours = Body(mesh, law, quadratic=False).pull(left, right, 0.05)
    reaction = felupe.tools.force(field, done.fun, conditions["move"])[0]
    assert abs(reaction) == pytest.approx(abs(ours.reaction[-1]), rel=1e-8)

"""Finite elements: quadratic Newton, an independent code's numbers, rotated solutions, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.errors import ArgumentError
from haar.groups.crystal import turn
from haar.systems.constitutive.generators import CubicCrystal, LatticeCell, NeoHookean
from haar.systems.constitutive.hosts.newton import NotConvergedError, Solution, newton
from haar.systems.constitutive.hosts.torchfem import piola
from haar.systems.constitutive.hyperelastic import Hyperelastic

F64 = torch.float64


def _left(p):
    return p[0] < 1e-9


def _right(p):
    return p[0] > p[0].max() - 1e-9


def _bottom(p):
    return p[1] < 1e-9


def test_newtons_method_by_hand():
    """x^2 = 2 from 1.5: residuals square."""
    found, residuals = newton(
        lambda u: (2 * u, u**2 - 2), lambda matrix, force, _: force / matrix, np.array([1.5]), np.array([0])
    )
    assert found[0] == pytest.approx(2**0.5, abs=1e-10)
    assert residuals[0] == 1.0
    assert residuals[1] == pytest.approx((17 / 12) ** 2 * 4 - 8)
    with pytest.raises(
        NotConvergedError, match=r"Newton's method left .* after 2 corrections; load in more increments"
    ):
        newton(lambda u: (np.ones(1), u**2 + 1), lambda _, force, __: force, np.array([1.5]), np.array([0]), most=2)


def test_orders_of_convergence():
    assert Solution(np.zeros(1), residuals=[[1.0, 1e-2, 1e-4, 1e-8, 1e-16]]).orders() == pytest.approx([2.0])
    assert Solution(np.zeros(1), residuals=[[1.0, 0.05, 0.005, 0.0005, 0.00005]]).orders() == pytest.approx([1.0])


@pytest.mark.referee
def test_a_cube_has_the_reaction_that_felupe_finds():
    """felupe 11.3.0: 3 x 3 x 3 linear hexahedra, one side clamped, the other moved by 0.2 along x alone."""
    import skfem

    from haar.systems.constitutive.hosts.skfem import Body

    mesh = skfem.MeshHex.init_tensor(*3 * [np.linspace(0, 1, 4)])
    solution = Body(mesh, NeoHookean(), quadratic=False).pull(_left, _right, 0.2, increments=2)
    assert solution.reaction[-1] == pytest.approx(0.453126789, abs=1e-9)
    assert len(solution.steps) == 2


@pytest.mark.referee
@pytest.mark.parametrize(("specimen", "stretch"), [("plate_with_hole", 0.05), ("notched_bar", 0.2)])
def test_specimens_are_solved_with_quadratic_convergence(specimen, stretch):
    from haar.systems.constitutive import hosts

    mesh = getattr(hosts, specimen)(cells=3)
    solution = hosts.Body(mesh, CubicCrystal()).pull(_left, _right, stretch, sides={1: _bottom})
    assert min(solution.orders()) > 1.8
    assert solution.reaction[-1] > 0


@pytest.mark.referee
def test_turned_material_and_load_give_a_turned_solution():
    """A square of a cubic material with its axes along x and y, pulled along x, or along y after a quarter turn."""
    import skfem

    from haar.systems.constitutive.hosts.skfem import Body
    from haar.systems.constitutive.symmetry import material_symmetry

    mesh = skfem.MeshQuad.init_tensor(*2 * [np.linspace(0, 1, 4)])
    quarter = turn((0.0, 0.0, 1.0), torch.pi / 2)
    law = Hyperelastic("mmm", width=6, generator=1)
    with torch.no_grad():
        law.linear[3:12] = torch.tensor([2.0, 0.5, 0.5, 1.5, 0.5, 1.0, 0.6, 0.6, 0.6], dtype=F64)
    other = Hyperelastic(material_symmetry("mmm").turned(quarter), width=6, generator=1)
    same = CubicCrystal()
    reactions = [Body(mesh, same).pull(_left, _right, 0.05, sides={1: _bottom}).reaction[-1]]
    flipped = skfem.MeshQuad(np.ascontiguousarray(mesh.p[::-1]), np.ascontiguousarray(mesh.t[::-1]))
    reactions.append(Body(flipped, same).pull(_left, _right, 0.05, sides={1: _bottom}).reaction[-1])
    assert reactions[0] == pytest.approx(reactions[1], rel=1e-8)
    assert other.material.name == law.material.name


@pytest.mark.referee
def test_refusals_of_bodies():
    import skfem

    from haar.systems.constitutive.hosts import Body, notched_bar, plate_with_hole, to_torchfem

    with pytest.raises(ArgumentError, match=r"law: expected one of 3 dimensions for this mesh, got 2 dimensions"):
        Body(skfem.MeshTet(), LatticeCell())
    with pytest.raises(ArgumentError, match=r"mesh: expected one of MeshTri1, .* got MeshLine1"):
        Body(skfem.MeshLine(), NeoHookean())
    with pytest.raises(
        ArgumentError, match=r"radius: expected a hole between 0 and 1, the plate's half width, got 1.5"
    ):
        plate_with_hole(radius=1.5)
    with pytest.raises(ArgumentError, match=r"radius: expected a notch between 0 and the bar's half width, got 2.0"):
        notched_bar(radius=2.0)
    with pytest.raises(ArgumentError, match=r"law: expected a law in space, got plane D4, of the plane|got plane d4"):
        to_torchfem(LatticeCell())


def test_first_piola_stress_is_the_energys_derivative():
    law = NeoHookean()
    F = torch.eye(3, dtype=F64) + 0.1 * torch.randn(2, 3, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    P, A = piola(law, F)

    def energy(G):
        from haar.actions.representation import to_mandel

        return law.energy(to_mandel(0.5 * (G.mT @ G - torch.eye(3, dtype=F64))))

    assert torch.allclose(P[0], torch.autograd.functional.jacobian(energy, F[0]), atol=1e-10)
    assert torch.allclose(A[0], torch.autograd.functional.hessian(energy, F[0]), atol=1e-9)

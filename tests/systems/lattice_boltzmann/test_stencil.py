from __future__ import annotations

import math

import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.groups import dihedral
from haar.intertwiners import intertwiners, invariants
from haar.systems.lattice_boltzmann.moment_blocks import blocks_of, moment_blocks
from haar.systems.lattice_boltzmann.pairs import Pairs
from haar.systems.lattice_boltzmann.stencil import Stencil

#: Order of the group, orbits of single populations and of pairs.
COUNTS = {
    "D2Q5": (8, 2, 6),
    "D2Q7": (12, 2, 7),
    "D2Q9": (8, 3, 15),
    "D3Q15": (48, 3, 16),
    "D3Q19": (48, 3, 19),
    "D3Q27": (48, 4, 35),
}


@pytest.mark.parametrize("name", COUNTS)
def test_groups_permute_populations_forward_and_have_the_orbits_that_are_known(name):
    stencil = Stencil.named(name)
    rep, group = stencil.representation, stencil.group
    matrices = stencil.element_matrices()
    fixed = matrices.diagonal(dim1=1, dim2=2).sum(1)
    assert (group.order, invariants(rep).shape[1], intertwiners(rep, rep).dim) == COUNTS[name]
    assert float(fixed.square().mean()) == pytest.approx(COUNTS[name][2])
    f = torch.rand(stencil.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for g, B in zip(group.elements(), matrices, strict=True):
        matrix = group.defining_matrix(g)
        for i in range(stencil.size):  # the value of c_i goes to the place of g c_i
            j = int((stencil.velocities - matrix @ stencil.velocities[i]).norm(dim=1).argmin())
            assert (B @ f)[j] == f[i]
        assert torch.equal(B @ stencil.weights, stencil.weights)
        torch.testing.assert_close(stencil.velocities.T @ (B @ f), matrix @ (stencil.velocities.T @ f))
    a, b = group.sample(2, torch.Generator().manual_seed(1))
    assert torch.equal(rep.matrix(a) @ rep.matrix(b), rep.matrix(group.compose(a, b)))


def test_rotations_alone_leave_more_freedom():
    square = Stencil.named("D2Q9")
    turned = square.under(square.group.subgroup([1], "C4"))
    assert intertwiners(turned.representation, turned.representation).dim == 21


def test_a_scrambled_stencil_has_the_same_group_blocks_and_projection():
    stencil, order = Stencil.named("D3Q19"), torch.randperm(19, generator=torch.Generator().manual_seed(3))
    given = Stencil(stencil.velocities[order], stencil.weights[order])
    assert given.group.order == 48
    assert [block.name for block in moment_blocks(given)] == [block.name for block in moment_blocks(stencil)]
    for mine, theirs in zip(moment_blocks(given), moment_blocks(stencil), strict=True):
        torch.testing.assert_close(mine.projection, theirs.projection[order][:, order])
    torch.testing.assert_close(given.non_conserved, stencil.non_conserved[order][:, order])
    assert torch.equal(stencil.permuted(order).velocities, given.velocities)


@pytest.mark.parametrize("name", COUNTS)
def test_blocks_split_what_is_not_conserved_and_commute_with_the_group(name):
    stencil = Stencil.named(name)
    blocks = moment_blocks(stencil)
    assert sum(block.functionals.shape[1] for block in blocks) == stencil.size - 1 - stencil.dim
    total = sum(block.projection for block in blocks)
    torch.testing.assert_close(total @ total, total)
    for block in blocks:
        assert float((stencil.conserved.T @ block.projection).abs().max()) < 1e-12
        for B in stencil.element_matrices()[:8]:
            torch.testing.assert_close(B @ block.projection, block.projection @ B)


def test_the_square_has_two_shear_viscosities_and_the_hexagon_one():
    assert [block.irreducible for block in blocks_of(Stencil.named("D2Q9"), "shear")] == ["B1", "B2"]
    assert len(blocks_of(Stencil.named("D2Q7"), "shear")) == 1
    assert len(blocks_of(Stencil.named("D3Q27"), "shear")) == 2
    with pytest.raises(ArgumentError, match=r"rates: expected names among bulk, shear, ghost, .*, got 'shaer'"):
        blocks_of(Stencil.named("D2Q9"), "shaer")


def test_equilibria_have_the_moments_that_they_are_made_of():
    for name in ("D2Q7", "D2Q9", "D3Q15"):
        stencil = Stencil.named(name)
        u = 0.05 * torch.randn(6, stencil.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        density, velocity = stencil.moments(stencil.equilibrium(torch.full((6,), 1.1, dtype=torch.float64), u))
        torch.testing.assert_close(density, torch.full_like(density, 1.1))
        torch.testing.assert_close(velocity, u)
    c, w = stencil.velocities, stencil.weights
    expected = w[3] * 1.1 * (1 + 3 * c[3] @ u[0] + 4.5 * (c[3] @ u[0]) ** 2 - 1.5 * u[0] @ u[0])
    torch.testing.assert_close(stencil.equilibrium(torch.tensor(1.1, dtype=torch.float64), u[0])[3], expected)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ArgumentError, match=r"stencil: expected one of D2Q5, .*, got 'D2Q8'; Stencil\(velocities"):
        Stencil.named("D2Q8")
    with pytest.raises(ArgumentError, match=r"group: .* permutes the velocities of D2Q9 .*, got D6, whose element r60"):
        Stencil.named("D2Q9", dihedral(6))
    square = Stencil.named("D2Q9")
    with pytest.raises(ArgumentError, match="weights: expected positive numbers with sum 1"):
        Stencil(square.velocities, 2 * square.weights)
    with pytest.raises(ArgumentError, match="weights: expected sum w c = 0 and sum w c c a multiple"):
        Stencil(square.velocities * torch.tensor([1.0, 2.0]), square.weights)
    with pytest.raises(ShapeError, match="weights: expected 9, one a velocity"):
        Stencil(square.velocities.tolist(), square.weights[:8].tolist())
    with pytest.raises(ShapeError, match=r"f: expected 9 populations \(D2Q9\) on the last axis, got \(9, 4\)"):
        square.check(torch.rand(9, 4))
    with pytest.raises(ArgumentError, match="f: expected floating-point populations"):
        square.check(torch.ones(4, 9, dtype=torch.int64))
    with pytest.raises(ArgumentError, match=r"tau: expected at least 0.5, got 0.4"):
        square.viscosity(0.4)


@pytest.mark.usefixtures("unchecked_annotations")
def test_pairs_and_populations_that_do_not_fit():
    rows = torch.ones(3, 9).double()
    Pairs(rows, rows, rows)
    with pytest.raises(ArgumentError, match=r"after: expected a tensor \[samples, Q\], got list; torch.as"):
        Pairs(rows, rows.tolist(), rows)
    for place, name in enumerate(("before", "after", "equilibrium")):
        given = [rows, rows, rows]
        given[place] = rows[0] if place == 0 else rows[:2]
        with pytest.raises(ShapeError, match=rf"{name}: expected \[samples, Q\], all three alike, got \("):
            Pairs(*given)
    square = Stencil.named("D2Q9")
    square.check(torch.ones(9, 4), axis=0)
    for shape, axis, where in (((9, 4), -1, "last axis"), ((4, 9), 0, "axis 0"), ((), 0, "axis 0")):
        with pytest.raises(ShapeError, match=rf"f: expected 9 populations \(D2Q9\) on the {where}, got .*; name"):
            square.check(torch.ones(shape), axis=axis)


def test_a_lattice_without_opposites_says_so():
    corners = [[math.cos(2 * math.pi * k / 3), math.sin(2 * math.pi * k / 3)] for k in range(3)]
    triangle = Stencil([[0.0, 0.0], *corners], [0.5, 0.5 / 3, 0.5 / 3, 0.5 / 3])
    with pytest.raises(ArgumentError, match="stencil: expected the opposite of every velocity, got D2Q4"):
        _ = triangle.opposite

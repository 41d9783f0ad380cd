from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.systems.lattice_boltzmann import (
    BGK,
    MRT,
    NCO,
    TRT,
    Lesson,
    Lock,
    Stencil,
    averaged,
    draw_pairs,
    fit,
    freeze,
    lenn,
    moment_blocks,
)
from haar.systems.lattice_boltzmann.collision import jacobian, linearised, relaxation_time
from haar.systems.lattice_boltzmann.contenders import MODELS, contender
from haar.systems.lattice_boltzmann.learned import LearnedCollision, limited, mlp
from haar.systems.lattice_boltzmann.viscosity import viscosities

D2Q9 = Stencil.named("D2Q9")
F = torch.rand(20, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
CONSERVING = ("cons", "gavg", "lenn", "locked", "nco")
SYMMETRIC = ("sym", "gavg", "lenn", "locked", "nco")


def made(name, stencil=D2Q9):
    return contender(name, stencil, viscosity=1 / 30, channels=3, seed=1)


def defect(collision, stencil, f):
    with torch.no_grad():
        y = collision(f)
        return max(float((collision(f @ B.T) - y @ B.T).abs().max()) for B in stencil.element_matrices())


@pytest.mark.parametrize("name", MODELS)
def test_collisions_are_symmetric_and_conserve_as_they_say_and_freezing_changes_nothing(name):
    collision = made(name)
    with torch.no_grad():
        change = (collision(F) - F) @ D2Q9.conserved
        frozen = freeze(collision)
        torch.testing.assert_close(frozen(F), collision(F), rtol=0, atol=1e-14)
    assert float(change[:, 0].abs().max()) < 1e-14
    assert (float(change.abs().max()) < 1e-14) is (name in CONSERVING)
    assert (defect(collision, D2Q9, F / F.sum(1, keepdim=True)) < 1e-12) is (name in SYMMETRIC)
    assert frozen(F[0]).shape == (9,)


@pytest.mark.parametrize("name", ["D2Q5", "D2Q7", "D3Q15", "D3Q19", "D3Q27"])
def test_every_stencil_has_equivariant_locked_collisions(name):
    stencil = Stencil.named(name)
    collision = made("locked", stencil)
    f = stencil.weights + 1e-3 * torch.randn(4, stencil.size, generator=torch.Generator().manual_seed(0)).double()
    assert defect(collision, stencil, f) < 1e-12
    assert float(((collision(f) - f) @ stencil.conserved).detach().abs().max()) < 1e-14
    if name not in ("D2Q5", "D2Q7"):  # no isotropic stress; no axes at right angles
        found = viscosities(linearised(collision, stencil), stencil)
        assert list(found.values()) == pytest.approx([1 / 30, 1 / 30], rel=1e-9)


def test_relaxations_are_what_the_formulas_say():
    density = F.sum(1, keepdim=True)
    u = F @ D2Q9.velocities / density
    along = u @ D2Q9.velocities.T
    equilibrium = D2Q9.weights * density * (1 + 3 * along + 4.5 * along**2 - 1.5 * u.square().sum(1, keepdim=True))
    torch.testing.assert_close(BGK(D2Q9, 1.0)(F), equilibrium)
    torch.testing.assert_close(BGK(D2Q9, 0.7)(F), F + (equilibrium - F) / 0.7)
    field = F.view(2, 10, 9).movedim(-1, 1)
    torch.testing.assert_close(BGK(D2Q9, 0.7).along(field), BGK(D2Q9, 0.7)(F).view(2, 10, 9).movedim(-1, 1))
    away, back = F - equilibrium, (F - equilibrium)[:, D2Q9.opposite]
    odd = 0.5 + (3 / 16) / 0.2
    torch.testing.assert_close(TRT(D2Q9, 0.7)(F), F - (away + back) / 1.4 - (away - back) / (2 * odd))
    J = linearised(MRT(D2Q9, 0.7, {"bulk": 1.2, "ghost 3 E": 0.3, "shear B1": 0.5}), D2Q9)
    rates = {"bulk A1": 1.2, "shear B1": 0.5, "shear B2": 1 / 0.7, "ghost 3 E": 0.3, "ghost 4 A1": 1.0}
    for block in moment_blocks(D2Q9):
        torch.testing.assert_close(block.functionals.T @ J, (1 - rates[block.name]) * block.functionals.T)


def test_a_lock_makes_any_linear_coefficient_exact_for_untrained_networks():
    rates = {"shear B1": 1 / 0.6, "shear B2": 1 / 0.8, "bulk": 1.1, "ghost": 0.9}
    collision = lenn(D2Q9, channels=2, rates=rates)
    J = linearised(collision, D2Q9)
    told = {"bulk A1": 1.1, "shear B1": 1 / 0.6, "shear B2": 1 / 0.8, "ghost 3 E": 0.9, "ghost 4 A1": 0.9}
    for block in moment_blocks(D2Q9):
        wanted = (1 - told[block.name]) * block.functionals.T
        assert float((block.functionals.T @ J - wanted).abs().max()) < 1e-12
    assert viscosities(J, D2Q9) == pytest.approx({"axis": 0.1, "diagonal": 1 / 30}, rel=1e-9)


def test_the_lock_is_in_the_training_loop():
    pairs = draw_pairs(D2Q9, 400, tau=0.6, seed=1)
    collision = lenn(D2Q9, channels=2, viscosity=1 / 30, generator=torch.Generator().manual_seed(0))
    losses = fit(collision, pairs, Lesson(4, 64, 1e-2))
    assert float(losses[-4:].mean()) < 0.7 * float(losses[:4].mean())
    found = viscosities(linearised(collision, D2Q9), D2Q9)
    assert list(found.values()) == pytest.approx([1 / 30, 1 / 30], rel=1e-9)
    first = next(collision.network.parameters())
    inputs = pairs.before[:8] / pairs.before[:8].sum(1, keepdim=True)

    def value(step):
        with torch.no_grad():
            first[0] += step
            answer = float(collision(inputs).square().sum().detach())
        with torch.no_grad():
            first[0] -= step
        return answer

    collision.zero_grad()
    (gradient,) = torch.autograd.grad(collision(inputs).square().sum(), first)
    assert float(gradient[0].detach()) == pytest.approx((value(1e-5) - value(-1e-5)) / 2e-5, rel=1e-4)


def test_the_gradient_of_shared_weights_is_that_of_the_dense_matrix_summed_over_orbits():
    layer = lenn(D2Q9, channels=2).network[0]
    x, wanted = F[:, :9], torch.randn(20, 18, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ((layer(x) - wanted) ** 2).sum().backward()
    dense = layer.matrix().detach().requires_grad_()
    ((x @ dense.T + layer.offset().detach() - wanted) ** 2).sum().backward()
    basis = layer.space.basis()
    torch.testing.assert_close(layer.weight.grad, torch.einsum("kij,ij->k", basis, dense.grad))


def test_averaging_changes_no_equivariant_collision_and_twice_is_once():
    equivariant, plain = made("lenn"), made("cons")
    with torch.no_grad():
        torch.testing.assert_close(averaged(equivariant, D2Q9)(F), equivariant(F), rtol=0, atol=1e-14)
        once = averaged(plain, D2Q9)
        torch.testing.assert_close(averaged(once, D2Q9)(F), once(F), rtol=0, atol=1e-14)


def test_the_projection_is_symmetric_and_the_reconstruction_is_not():
    P = D2Q9.non_conserved
    torch.testing.assert_close(P @ P, P)
    torch.testing.assert_close(P, P.T)
    ours = LearnedCollision(D2Q9, mlp(D2Q9, 8), conserving="reconstruction")
    d = torch.randn(9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    theirs = d.clone()
    theirs[2] = -(d[0] + 2 * d[3] + d[4] + 2 * d[6] + 2 * d[7])
    theirs[5] = (d[0] + 3 * d[3] + 2 * d[4] + 2 * d[6] + 4 * d[7] - d[1]) / 2
    theirs[8] = -(d[0] + d[1] + d[3] + 2 * d[4] + 2 * d[7]) / 2
    torch.testing.assert_close(ours.rebuild @ d, theirs)
    assert float(((ours(F) - F) @ D2Q9.conserved).detach().abs().max()) < 1e-14
    assert max(float((ours.rebuild @ B - B @ ours.rebuild).abs().max()) for B in D2Q9.element_matrices()) > 0.1
    for B in D2Q9.element_matrices():
        torch.testing.assert_close(P @ B, B @ P)


def test_limited_changes_keep_populations_positive_and_moments():
    g = D2Q9.weights.expand(2, -1)
    change = torch.stack([D2Q9.non_conserved[5], 0.01 * D2Q9.non_conserved[5]])
    new = limited(g, g - change)
    assert float(new.min()) > 0
    torch.testing.assert_close(new @ D2Q9.conserved, g @ D2Q9.conserved)
    torch.testing.assert_close(new[1], g[1] - change[1])


def test_richer_features_and_less_symmetry_have_more_weights():
    sizes = [
        sum(p.numel() for p in network.parameters())
        for network in (
            lenn(D2Q9),
            lenn(D2Q9, regular=2),
            lenn(D2Q9.under(D2Q9.group.subgroup([2, 4], "C2v"))),
        )
    ]
    assert sizes[0] == 1251 < sizes[1]
    assert sizes[0] < sizes[2]
    assert defect(lenn(D2Q9, 2, regular=2), D2Q9, F / F.sum(1, keepdim=True)) < 1e-12


def test_learned_rates_are_bounded_and_give_the_viscosity():
    for bounded, low, high in (("rate", 0.5, 1.0), ("time", 1.0, 2.0)):
        collision = NCO(D2Q9, 0.1, bounded=bounded)
        away = F / 10 - F.mean()
        rates = collision.rates(F / F.sum(1, keepdim=True), away).detach()
        assert low <= float(rates.min()) <= float(rates.max()) <= high
        found = viscosities(linearised(collision, D2Q9), D2Q9)
        assert list(found.values()) == pytest.approx([0.1, 0.1], rel=1e-6)


def test_jacobians_of_functions_without_derivatives_come_from_differences():
    matrix = torch.randn(9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(jacobian(lambda f: f @ matrix.T, D2Q9.weights), matrix)
    cut = jacobian(lambda f: (f @ matrix.T).detach(), D2Q9.weights)
    torch.testing.assert_close(cut, matrix, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BGK(D2Q9, 0.4), "tau: expected at least 0.5, got 0.4"),
        (lambda: TRT(D2Q9, 0.8, magic=0.0), "magic: expected a number above 0"),
        (lambda: MRT(D2Q9, 0.8, {"ghots": 1.0}), "rates: expected names among"),
        (lambda: Lock(D2Q9, {"bulk": 2.5}), "rates: expected numbers from 0 to 2, got 2.5 for 'bulk'"),
        (lambda: LearnedCollision(D2Q9, nn.Identity(), conserving="mass"), "conserving: expected one of projection"),
        (
            lambda: LearnedCollision(D2Q9, nn.Identity(), conserving="none", lock=Lock(D2Q9, {"bulk": 1.0})),
            "lock: expected conserving='projection' beside it",
        ),
        (lambda: NCO(D2Q9, 0.1, bounded="both"), "bounded: expected 'rate' or 'time', got 'both'"),
        (lambda: NCO(Stencil.named("D2Q5"), 0.1), "stencil: expected one with ghost moments, got D2Q5"),
        (lambda: made("lennn"), "collision: expected one of naive, cons"),
        (lambda: relaxation_time(D2Q9, -0.1), "viscosity: expected a number of at least 0"),
        (
            lambda: freeze(LearnedCollision(D2Q9, nn.Sequential(nn.Linear(9, 9), nn.Dropout(), nn.Linear(9, 9)))),
            "layers",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()

"""Collisions, populations and files that users bring: each is run as it should be, or refused in one line."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import haar
from haar.errors import ArgumentError, DataError, ShapeError
from haar.groups import cyclic
from haar.systems.lattice_boltzmann import (
    BGK,
    MRT,
    NCO,
    Host,
    LearnedCollision,
    Lesson,
    Lock,
    Obstacle,
    Stencil,
    Wall,
    averaged,
    draw_pairs,
    fit,
    freeze,
    inspect_collision,
    lenn,
    measured_viscosities,
    mlp,
    on_cells,
    read_pairs,
    rollout,
    simulate,
)
from haar.systems.lattice_boltzmann.flows import cavity, decaying, shear_wave, taylor_green

D2Q9 = Stencil.named("D2Q9")
SWAPPED = D2Q9.permuted([0, 2, 1, 3, 4, 5, 6, 7, 8])
PAIRS = draw_pairs(D2Q9, 40)
F = taylor_green(D2Q9, 8).populations


def in_place(f):
    f += (D2Q9.equilibrium(*D2Q9.moments(f)) - f) / 0.8
    return f


def test_a_collision_that_writes_into_its_input_is_what_it_computes():
    exact = draw_pairs(D2Q9, 20, tau=0.8)
    torch.testing.assert_close(draw_pairs(D2Q9, 20, in_place).after, exact.after)
    torch.testing.assert_close(draw_pairs(D2Q9, 20, in_place).before, exact.before)
    report = inspect_collision(in_place, D2Q9, samples=16, points=3)
    assert report.equivariant
    assert report.viscosity["axis"] == pytest.approx(0.1, abs=1e-9)


def test_a_stress_that_never_relaxes_has_no_finite_viscosity():
    report = inspect_collision(lambda f: 1.0 * f, D2Q9, samples=8, points=3)
    assert report.viscosity == {"axis": math.inf, "diagonal": math.inf}
    # one block that stays: the viscosity of the other is still read
    half = inspect_collision(MRT(D2Q9, 0.8, {"shear B1": 0.0}), D2Q9, samples=8, points=3).viscosity
    assert half["axis"] == pytest.approx(0.1, abs=1e-9)
    assert half["diagonal"] == math.inf


@pytest.mark.parametrize("smooth", [True, False])
def test_single_precision_is_no_growth(smooth):
    bgk = BGK(D2Q9, 0.8)
    collision = bgk if smooth else on_cells(lambda f: bgk(torch.from_numpy(f)).numpy(), numpy=True)
    report = inspect_collision(collision, D2Q9, samples=16, points=4, precision=torch.float32)
    assert report.waves.stable
    assert report.viscosity["axis"] == pytest.approx(0.1, rel=1e-2)
    # more than rounding is growth in single precision too
    worse = inspect_collision(lambda f: bgk(f) * 1.01, D2Q9, samples=16, points=4, precision=torch.float32)
    assert not worse.waves.stable


def test_differences_are_as_good_as_derivatives():
    bgk = BGK(D2Q9, 0.8)
    by_hand = on_cells(lambda f: bgk(torch.from_numpy(f)).numpy(), numpy=True)
    report = inspect_collision(by_hand, D2Q9, samples=16, points=4)
    assert report.viscosity["axis"] == pytest.approx(0.1, abs=1e-8)
    assert report.waves.stable


def test_the_inference_form_is_over_the_elements_of_the_average():
    model = LearnedCollision(D2Q9, mlp(D2Q9, generator=torch.Generator().manual_seed(0)), conserving="reconstruction")
    for group in (D2Q9.group, cyclic(4)):
        average = haar.average(model, D2Q9.under(group).symmetry)
        torch.testing.assert_close(freeze(average)(PAIRS.before), average(PAIRS.before).detach())


def hooked():
    network = mlp(D2Q9)
    network[0].register_forward_hook(lambda _module, _inputs, output: 2 * output)
    return network


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(9, 8), nn.GELU(), nn.Linear(8, 8), nn.GELU("tanh"), nn.Linear(8, 9)),
        nn.Sequential(nn.Linear(9, 8), nn.Softplus(), nn.Linear(8, 8), nn.Softplus(5.0), nn.Linear(8, 9)),
        nn.Sequential(nn.ReLU(), nn.Linear(9, 8), nn.Linear(8, 9)),
        hooked(),
    ],
    ids=["two GELUs", "two softplus", "function first", "hook"],
)
def test_a_network_without_an_inference_form_is_refused(network):
    with pytest.raises(ArgumentError, match="collision: expected a network"):
        freeze(LearnedCollision(D2Q9, network.double()))


def test_masks_are_arrays_too():
    mask = np.zeros((8, 8), dtype=bool)
    mask[3:5, 3:5] = True
    ran = [
        simulate(F, BGK(D2Q9, 0.8), 5, stencil=D2Q9, boundaries=given).state
        for given in ([Obstacle(mask)], [Obstacle(torch.from_numpy(mask), (0.0, 0.0))])
    ]
    torch.testing.assert_close(ran[0], ran[1], rtol=0, atol=0)
    assert float((ran[0] - simulate(F, BGK(D2Q9, 0.8), 5, stencil=D2Q9).state).abs().max()) > 1e-4


def other_file(tmp_path, **changed):
    arrays = {"f_pre": PAIRS.before.numpy(), "f_post": PAIRS.after.numpy(), "f_eq": PAIRS.equilibrium.numpy()}
    np.savez(tmp_path / "pairs.npz", **{**arrays, **changed})
    return tmp_path / "pairs.npz"


def test_files_of_pairs_that_are_none_are_refused(tmp_path):
    after = PAIRS.after.numpy()
    empty = {name: np.zeros((0, 9)) for name in ("f_pre", "f_post", "f_eq")}
    hollow = {name: np.zeros((3, 9)) for name in ("f_pre", "f_post", "f_eq")}
    for changed, message in (
        ({"f_post": 1.1 * after}, "f_post: expected the mass of f_pre"),
        ({"f_post": after[:, [0, 2, 3, 4, 1, 5, 6, 7, 8]]}, "f_post: expected the momentum of f_pre"),
        (empty, "f_pre: expected at least one sample"),
        (hollow, "f_pre: expected a density above 0, got 0 in row 0"),
    ):
        with pytest.raises(DataError, match=message):
            read_pairs(other_file(tmp_path, **changed), D2Q9)
    np.save(tmp_path / "one.npy", after)
    with pytest.raises(DataError, match="got an npy file of one array"):
        read_pairs(tmp_path / "one.npy", D2Q9)
    assert len(read_pairs(other_file(tmp_path), D2Q9)) == 40


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate(F, BGK(Stencil.named("D2Q5"), 0.8), 1, stencil=D2Q9), "got one made for D2Q5"),
        (lambda: simulate(F, averaged(BGK(SWAPPED, 0.8), SWAPPED), 1, stencil=D2Q9), "velocities in another order"),
        (lambda: inspect_collision(BGK(SWAPPED, 0.8), D2Q9), "velocities in another order"),
        (lambda: draw_pairs(D2Q9, 5, BGK(SWAPPED, 0.8)), "velocities in another order"),
        (lambda: simulate(F, lambda f: f[..., :1], 1, stencil=D2Q9), r"expected one that gives \(64, 9\)"),
        (lambda: simulate(F, lambda f: f.numpy(), 1, stencil=D2Q9), "expected one that gives a tensor"),
        (lambda: inspect_collision(lambda f: f * math.nan, D2Q9), "got nan for population 0"),
        (lambda: inspect_collision(lambda f: f[:, :5], D2Q9), r"expected one that gives \(256, 9\)"),
        (lambda: inspect_collision(BGK(D2Q9, 0.8), D2Q9, flow=(0.1, 0.0, 0.0)), "flow: expected 2 numbers"),
        (lambda: inspect_collision(BGK(D2Q9, 0.8), D2Q9, precision=torch.int64), "precision: expected a floating"),
        (lambda: measured_viscosities(BGK(D2Q9, 0.8), D2Q9, steps=8), "steps: expected at least 9"),
        (lambda: rollout(F, Host(D2Q9, BGK(D2Q9, 0.8), (8, 8)), 4, segment=-1), "segment: expected at least 1"),
        (lambda: rollout(F, Host(D2Q9, BGK(D2Q9, 0.8), (8, 6)), 4), r"f: expected \[batch, 9"),
        (lambda: simulate(F[:0], BGK(D2Q9, 0.8), 1, stencil=D2Q9), "f: expected at least one run"),
        (lambda: simulate(F, BGK(D2Q9, 0.8), 1, stencil=D2Q9, force=(math.nan, 0.0)), "force: expected finite"),
        (lambda: Host(D2Q9, BGK(D2Q9, 0.8), (8, 8), boundaries=[Wall(0, "low", (0.0, math.nan))]), "finite velocities"),
        (
            lambda: simulate(F, BGK(D2Q9, 0.8), 1, stencil=D2Q9, observers={"mean": lambda f: f.zero_().sum()}),
            "observers: expected functions that leave the populations",
        ),
        (
            lambda: simulate(F, BGK(D2Q9, 0.8), 1, stencil=D2Q9, observers={"mean": lambda _: None}),
            "observers: expected functions that give a tensor or a number, got NoneType of 'mean'",
        ),
        (lambda: LearnedCollision(D2Q9, mlp(D2Q9))(F[0].flatten(1).T.float()), "f: expected float64"),
        (lambda: freeze(lenn(D2Q9, 2))(F[0].flatten(1).T.float()), "f: expected float64"),
        (lambda: NCO(D2Q9, 0.1)(F[0].flatten(1).T.float()), "f: expected float64"),
        (lambda: LearnedCollision(D2Q9, nn.Linear(9, 1).double())(PAIRS.before), "network: expected one that gives 9"),
        (lambda: LearnedCollision(D2Q9, mlp(D2Q9), lock=Lock(Stencil.named("D2Q5"), {"shear": 1.0})), "a Lock of D2Q9"),
        (lambda: Lock(D2Q9, {}), "rates: expected rates by name"),
        (lambda: MRT(D2Q9, 0.8, {"ghost": math.nan}), "rates: expected numbers from 0 to 2"),
        (lambda: D2Q9.permuted([0] * 9), "order: expected the places 0 to 8"),
        (lambda: Stencil(torch.cat([D2Q9.velocities, torch.ones(1, 2).double()]), [0.1] * 10), "every velocity once"),
        (lambda: Stencil(D2Q9.velocities, D2Q9.weights.float()), "give them in double precision"),
        (lambda: D2Q9.equilibrium(torch.ones(2), torch.zeros(2, 3)), "velocity: expected 2 numbers"),
        (lambda: taylor_green(D2Q9, 8, 0.7), "speed: expected one below that of sound"),
        (lambda: decaying(D2Q9, 8, modes=0), "modes: expected at least 1"),
        (lambda: shear_wave(D2Q9, 8, (1.5, 0)), "direction: expected 2 whole numbers"),
        (lambda: cavity(D2Q9, 1), "size: expected at least 2"),
        (lambda: draw_pairs(D2Q9, 5, speed=-1.0), "speed: expected a number of at least 0"),
        (lambda: PAIRS.split(2.0), "share: expected a share"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_a_run_that_may_end_early_hands_back_its_state_and_gives_no_advice():
    ran = simulate(F, lambda f: f * 1e200, 5, stencil=D2Q9, stop=True)
    assert ran.blown_up is not None
    assert "keep=PATH" not in str(ran.blown_up)


def test_populations_that_want_gradients_run(recwarn):
    simulate(F.clone().requires_grad_(), BGK(D2Q9, 0.8), 1, stencil=D2Q9)
    assert not recwarn.list


def test_a_collision_of_another_shape_is_not_trained():
    with pytest.raises(ShapeError, match="5 populations"):
        fit(lenn(Stencil.named("D2Q5"), 1), PAIRS, Lesson(1, 20))

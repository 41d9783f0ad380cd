"""The source's architectures: equivariant without their branches, free with them, whatever the order of points."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.groups import O
from haar.relax.wrapping.side_branch import SideBranch
from haar.systems.adaptive_constrained_equivariance.charged import ChargedTask
from haar.systems.adaptive_constrained_equivariance.steerable_network import SteerableNetwork
from haar.systems.adaptive_constrained_equivariance.vector_neurons import VectorNeuronNetwork

F64 = torch.float64
TURN = O(3).sample(1, torch.Generator().manual_seed(4)).double()[0]
MIRROR = torch.diag(torch.tensor([1.0, 1, -1], dtype=F64))
MOVES = {"turn": TURN, "mirror": MIRROR}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def made(kind, gamma):
    generator = torch.Generator().manual_seed(1)
    if kind == "steerable":
        network = SteerableNetwork(4, layers=2, generator=generator)
    else:
        network = VectorNeuronNetwork(5, layers=2, nearest=3, outputs=4, hidden=8, generator=generator)
    for module in network.modules():
        if isinstance(module, SideBranch):
            module.fix(torch.tensor(gamma))
    return network.double()


def moved(rows, turn, vectors):
    """Rows whose first vectors are turned."""
    turned = rows[..., : 3 * vectors].unflatten(-1, (vectors, 3)) @ turn.mT
    return torch.cat([turned.flatten(-2), rows[..., 3 * vectors :]], -1)


PARTICLES, CLOUD = drawn(3, 5, 7), drawn(3, 9, 4)


@pytest.mark.parametrize("turn", MOVES.values(), ids=MOVES)
def test_they_turn_with_space_at_gamma_zero_and_do_not_with_their_branches(turn):
    strict, free = made("steerable", 0.0), made("steerable", 1.0)
    torch.testing.assert_close(strict(moved(PARTICLES, turn, 2)), strict(PARTICLES) @ turn.mT, rtol=1e-10, atol=1e-10)
    assert (free(moved(PARTICLES, turn, 2)) - free(PARTICLES) @ turn.mT).abs().max() > 1e-4
    strict, free = made("vectors", 0.0), made("vectors", 1.0)
    torch.testing.assert_close(strict(moved(CLOUD, turn, 1)), strict(CLOUD), rtol=1e-10, atol=1e-10)
    assert (free(moved(CLOUD, turn, 1)) - free(CLOUD)).abs().max() > 1e-4


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_the_order_of_points_does_not_matter(gamma):
    order = torch.randperm(5, generator=torch.Generator().manual_seed(2))
    network = made("steerable", gamma)
    torch.testing.assert_close(network(PARTICLES[:, order]), network(PARTICLES)[:, order], rtol=1e-10, atol=1e-10)
    network = made("vectors", gamma)
    torch.testing.assert_close(network(CLOUD.flip(1)), network(CLOUD), rtol=1e-10, atol=1e-10)


def test_steerable_messages_move_with_what_they_are_about():
    shift = torch.cat([drawn(3), torch.zeros(4, dtype=F64)])
    network = made("steerable", 1.0)
    torch.testing.assert_close(network(PARTICLES + shift), network(PARTICLES) + shift[:3], rtol=1e-9, atol=1e-9)
    # every particle hears of every other one
    x = PARTICLES.clone().requires_grad_()
    (network(x)[0, 0].sum()).backward()
    assert (x.grad[0].abs().sum(-1) > 1e-6).all()
    assert (x.grad[1:] == 0).all()


def test_branches_are_those_of_the_source():
    network = SteerableNetwork(4, layers=3, generator=torch.Generator().manual_seed(0))
    d = 16
    sides = {name: side for name, side in network.named_modules() if isinstance(side, SideBranch)}
    assert len(sides) == 2 * 3
    widths = [[p.shape for p in side.branch.parameters() if p.ndim == 2] for side in sides.values()]
    assert widths[:2] == [[(2 * d, 2 * d), (d, 2 * d), (d, d)], [(2 * d, d), (d, 2 * d), (d, d)]]
    network = VectorNeuronNetwork(5, layers=2, nearest=3, outputs=4, generator=torch.Generator().manual_seed(0))
    sides = [side for side in network.modules() if isinstance(side, SideBranch)]
    assert [tuple(side.branch.map.weight.shape) for side in sides] == [
        (15, 6), (15, 6), (15, 30), (15, 30), (15, 30), (15, 30), (9, 15),
    ]  # fmt: skip


def test_a_leaky_cut_keeps_what_points_along_and_shrinks_what_points_away():
    layer = made("vectors", 0.0).layers[0]
    x = drawn(50, 2, 3)
    q, d = layer.feature(x), layer.direction(x)
    q = q / q.square().sum(-1, keepdim=True).mean(-2, keepdim=True).sqrt()
    before, after = ((v * d).sum(-1) for v in (q, layer(x)))
    torch.testing.assert_close(after, torch.where(before > 0, before, 0.2 * before), rtol=1e-8, atol=1e-8)


def test_charged_particles_have_either_network():
    models = {
        name: ChargedTask(network=name, pool=4, start=0, stop=1, hidden=8, layers=2)
        for name in ("steerable", "messages")
    }
    kinds = {
        name: type(task.model(torch.Generator().manual_seed(0), torch.Generator()).model).__name__
        for name, task in models.items()
    }
    assert kinds == {"steerable": "SteerableNetwork", "messages": "ParticleNetwork"}
    with pytest.raises(ArgumentError, match="network: expected one of steerable, messages, got 'segnn'"):
        ChargedTask(network="segnn")

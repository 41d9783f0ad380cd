"""What is learned of a site: at every latent matrix an element of its group, with a gradient that reaches it."""

from __future__ import annotations

import pytest
import torch

from haar.align.latents import HeadsTurn, RotationTurn, UnitsTurn
from haar.weights import Heads, Rotation, Units

TURNS = {
    "rotation": lambda: RotationTurn(Rotation(5)),
    "rotation that fixes ones": lambda: RotationTurn(Rotation(5, fixes_ones=True)),
    "units": lambda: UnitsTurn(Units(6, "any")),
    "heads": lambda: HeadsTurn(Heads(4, 3)),
    "grouped heads": lambda: HeadsTurn(Heads(3, 2, queries=4, scores="rotary")),
}


def drawn(turn, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for latent in turn.parameters():
            shift = torch.eye(latent.shape[-1], dtype=torch.float64).roll(seed, -1)  # no order that moves nothing
            latent.add_(3 * shift + 0.5 * torch.randn(latent.shape, generator=generator, dtype=torch.float64))
    return turn


def test_what_is_learned_is_no_more_than_what_can_move():
    shapes = {name: [tuple(one.shape) for one in make().parameters()] for name, make in TURNS.items()}
    assert shapes == {
        "rotation": [(5, 5)],
        "rotation that fixes ones": [(4, 4)],
        "units": [(6, 6)],
        "heads": [(4, 4)],
        "grouped heads": [(3, 3), (3, 4, 4)],
    }


@pytest.mark.parametrize("name", TURNS)
def test_at_first_nothing_moves(name):
    turn = TURNS[name]()
    for port, map_ in turn.exact().items():
        torch.testing.assert_close(map_.matrix(), torch.eye(turn.site.ports[port], dtype=torch.float64))


@pytest.mark.parametrize("name", TURNS)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_learned_is_what_is_used(name, seed):
    """The matrices that the loss sees are those of the element that is returned, port by port."""
    turn = drawn(TURNS[name](), seed)
    soft, exact = turn(), turn.exact()
    moved = 0.0
    for port, dim in turn.site.ports.items():
        matrix = exact[port].matrix()
        torch.testing.assert_close(soft[port].matrix().detach(), matrix, rtol=0, atol=1e-12)
        torch.testing.assert_close(matrix @ matrix.mT, torch.eye(dim, dtype=torch.float64), rtol=0, atol=1e-12)
        assert not exact[port].apply(torch.eye(dim, dtype=torch.float64), 0).requires_grad
        moved += float((matrix - torch.eye(dim, dtype=torch.float64)).abs().sum())
    assert moved > 0.1


def test_heads_move_as_blocks_and_queries_stay_with_their_keys():
    """Against a loop over heads, with three groups of two query heads of size 2."""
    site = Heads(3, 2, queries=2)
    turn = HeadsTurn(site)
    order, inner = [2, 0, 1], [[1, 0], [0, 1], [1, 0]]
    with torch.no_grad():
        for to, come in enumerate(order):
            turn.latent[to, come] += 1
        for to, own in enumerate(inner):
            for k, come in enumerate(own):
                turn.inner[to, k, come] += 1
    q, k = torch.arange(12.0), torch.arange(6.0)
    expected_q, expected_k = [], []
    for to in range(3):
        expected_k += k[2 * order[to] : 2 * order[to] + 2].tolist()
        for place in range(2):
            head = 2 * order[to] + inner[to][place]
            expected_q += q[2 * head : 2 * head + 2].tolist()
    for found in (turn(), turn.exact()):
        assert found["q"].apply(q.double(), 0).tolist() == found["o"].apply(q.double(), 0).tolist() == expected_q
        assert found["k"].apply(k.double(), 0).tolist() == found["v"].apply(k.double(), 0).tolist() == expected_k


@pytest.mark.parametrize("name", ["units", "heads", "grouped heads"])
def test_gradients_go_straight_through(name):
    """Of the sum of what a port moves, times numbers: their outer product, summed over the coordinates of a block."""
    turn = drawn(TURNS[name](), 1)
    port = "k" if name != "units" else ""
    dim = turn.site.ports[port]
    x, y = (torch.arange(1.0, dim + 1, dtype=torch.float64) ** power for power in (1, 2))
    (turn()[port].apply(x, 0) @ y).backward()
    size = dim // len(turn.latent)
    expected = torch.einsum("is,js->ij", y.reshape(-1, size), x.reshape(-1, size))
    torch.testing.assert_close(turn.latent.grad, expected)


@pytest.mark.parametrize("name", ["rotation", "rotation that fixes ones"])
def test_the_derivative_of_a_rotation_is_finite_where_nothing_is_turned(name):
    turn = TURNS[name]()
    gram = torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (turn()[""].matrix() * gram).sum().backward()
    assert bool(turn.latent.grad.isfinite().all())
    assert float(turn.latent.grad.norm()) > 0.1
    torch.testing.assert_close(turn.latent.grad, -turn.latent.grad.mT)

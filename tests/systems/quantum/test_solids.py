"""Clouds of points on solids are what they say, and classifiers have the symmetry that they claim."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.systems.quantum.solids import SOLIDS, solids
from haar.systems.quantum.solids_contest import CLASSIFIERS, solids_contest

SMALL = {"points": 3, "train": 30, "validation": 5, "test": 10, "batch_size": 8}


def test_clouds_are_centred_of_one_size_and_drawn_evenly() -> None:
    clouds, kinds = solids(23, 5, seed=1)
    assert kinds.bincount().tolist() == [5, 5, 5, 4, 4]
    assert clouds.mean(1).abs().max() < 1e-12
    assert torch.allclose(clouds.norm(dim=-1).amax(1), torch.ones(23, dtype=torch.float64))
    assert torch.equal(solids(23, 5, seed=1)[0], clouds)
    assert not torch.equal(solids(23, 5, seed=2)[0], clouds)


@pytest.mark.parametrize(
    ("name", "on"),
    {
        "ball": lambda p: p.norm(dim=-1) - 1,
        "box": lambda p: p.abs().amax(-1) - 1,
        "tube": lambda p: p[..., :2].norm(dim=-1) - 1,
        "cone": lambda p: p[..., :2].norm(dim=-1) - (1 - p[..., 2] / 2),
        "ring": lambda p: (p[..., :2].norm(dim=-1) - 1).square() + p[..., 2].square() - 0.09,
    }.items(),
)
def test_points_lie_on_their_surfaces(name: str, on) -> None:
    points = SOLIDS[name](4, torch.Generator().manual_seed(0))
    assert on(points).abs().max() < 1e-12
    assert points.std() > 0.3


def test_orientations_are_uniform() -> None:
    """Of the farthest point, which has length 1: a third of its square on every axis."""
    clouds, _ = solids(3000, 4, seed=0)
    far = clouds[torch.arange(3000), clouds.norm(dim=-1).argmax(1)]
    assert torch.allclose(far.square().mean(0), torch.full((3,), 1 / 3, dtype=torch.float64), atol=0.03)
    assert far.mean(0).abs().max() < 0.06


def test_only_networks_of_invariants_do_not_care_about_the_orientation() -> None:
    clouds, _ = solids(6, 3, seed=0)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).Q
    turn = turn * turn.det()
    for name, make in CLASSIFIERS.items():
        torch.manual_seed(0)
        model = make(3).double()
        exact = name.startswith(("HyQuRP", "Distances"))
        assert ((model(clouds @ turn.T) - model(clouds)).abs().max() < 1e-10) == exact
        assert ((model(clouds.flip(1)) - model(clouds)).abs().max() < 1e-10) == (name != "MLP")


def test_classifiers_have_about_equal_sizes_and_say_every_answer() -> None:
    sizes = []
    for name in CLASSIFIERS:
        found = solids_contest(name, steps=1, learning_rate=0.01, **SMALL)
        sizes.append(found["parameters"])
        assert len(found["right"]) == 10
        assert set(found["right"]) <= {0, 1}
    assert max(sizes) < 1.25 * min(sizes)


def test_distances_learn_and_the_same_seed_says_the_same() -> None:
    state = torch.random.get_rng_state()
    one, other = (solids_contest("Distances", points=6, train=200, test=200, steps=150, seed=4) for _ in range(2))
    assert one["right"] == other["right"]
    assert sum(one["right"]) > 80
    assert torch.equal(state, torch.random.get_rng_state())


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"name: expected one of HyQuRP, .*, got 'TFN'"):
        solids_contest("TFN")
    with pytest.raises(ArgumentError, match="validation: expected at least 1, got 0"):
        solids_contest("MLP", validation=0)
    with pytest.raises(ArgumentError, match="points: expected at least 2, got 1"):
        solids_contest("MLP", points=1)
    with pytest.raises(ArgumentError, match="points: expected 1 to 64, got 65"):
        solids(5, 65)

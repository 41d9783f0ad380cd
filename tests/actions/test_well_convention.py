"""The convention of The Well's augmentations: its rotation k turns by -k quarters, its cube rotations are ours."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
import torch

from haar.actions import Field, Layout
from haar.groups import cyclic, octahedral, reflections

pytestmark = pytest.mark.referee


@pytest.fixture(scope="module")
def augmentation():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, at import
        return pytest.importorskip("the_well.data.augmentation", reason="the_well is not installed (extra 'well')")


def trajectory(dim: int, x: torch.Tensor) -> dict:
    """A piece of trajectory in the package's form: time, space, components last."""
    last = x.movedim(1, -1)
    space = x.shape[2:]
    orders = {
        0: {"p": last[..., 0]},
        1: {"u": last[..., 1 : 1 + dim]},
        2: {"D": last[..., 1 + dim :].reshape(len(x), *space, dim, dim)},
    }
    empty = {order: {} for order in orders}
    return {"variable_fields": orders, "constant_fields": empty, "variable_scalars": {}, "constant_scalars": {}}


def channels(dim: int, data: dict) -> torch.Tensor:
    fields = data["variable_fields"]
    parts = [fields[0]["p"].unsqueeze(-1), fields[1]["u"], fields[2]["D"].flatten(-2)]
    return torch.cat(parts, -1).movedim(-1, 1)


def metadata(dim: int, space: tuple[int, ...]) -> SimpleNamespace:
    inner = SimpleNamespace(grid_type="cartesian", spatial_resolution=space)
    return SimpleNamespace(dataset=SimpleNamespace(n_spatial_dims=dim, metadata=inner))


def field_of(group) -> Field:
    return Field.of_layout(Layout.parse("p, u:vector, D:tensor", dim=group.space_dim), group)


@pytest.mark.parametrize("k", range(4))
def test_its_rotation_k_is_a_turn_by_minus_k_quarters(augmentation, k, generator):
    x = torch.randn(3, 7, 6, 6, generator=generator, dtype=torch.float64)
    theirs = augmentation.RandomRotation90(hardcoded_rotation_index=k)(trajectory(2, x), metadata(2, (6, 6)))
    assert torch.equal(channels(2, theirs), field_of(cyclic(4)).act(torch.tensor(-k % 4), x))


@pytest.mark.parametrize("k", range(24))
def test_its_rotations_of_the_cube_are_ours(augmentation, k, generator):
    group = octahedral()
    x = torch.randn(2, 13, 3, 3, 3, generator=generator, dtype=torch.float64)
    permutation, mask = (torch.tensor(part) for part in augmentation.PROPER_3D_ROTATIONS[k])
    motion = group.motion(group.elements())
    same = (motion.index == permutation).all(1) & (motion.sign == 1 - 2 * mask).all(1)
    (g,) = torch.nonzero(same).flatten()
    theirs = augmentation.RandomRotation90(hardcoded_rotation_index=k)(trajectory(3, x), metadata(3, (3, 3, 3)))
    assert torch.equal(channels(3, theirs), field_of(group).act(g, x))


def test_its_reversals_are_ours(augmentation, generator):
    group = reflections(2)
    x = torch.randn(2, 7, 4, 6, generator=generator, dtype=torch.float64)
    for g in group.elements():
        mask = group.motion(g).sign < 0
        assert torch.equal(
            channels(2, augmentation.RandomAxisFlip.flip(trajectory(2, x), mask)), field_of(group).act(g, x)
        )

"""Every kind of action acts: as the group multiplies, on batches of elements, and leaves what it is given alone."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from contract_actions import EXAMPLES, public_actions
from left_as_found import left_as_found

from haar.errors import ShapeError


@pytest.fixture(params=EXAMPLES)
def name(request):
    return request.param


def made(name):
    """The action, a tensor, and two elements."""
    action = EXAMPLES[name].make()
    return action, EXAMPLES[name].tensor(), action.group.sample(2, torch.Generator().manual_seed(1))


def close(one, other, name):
    # what is interpolated is approximate, and says so
    if not EXAMPLES[name].make().approximate:
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_every_kind_of_action_has_an_example():
    assert set(EXAMPLES) == set(public_actions())


def test_only_interpolation_is_approximate():
    assert [name for name in EXAMPLES if EXAMPLES[name].make().approximate] == ["InterpolatedField"]


def test_it_acts_as_the_group_multiplies(name):
    action, x, (g, h) = made(name)
    group = action.group
    if name == "Boxes":  # told by their least and their largest corner
        x = torch.cat([x[..., :2], x[..., :2] + x[..., 2:].abs()], -1)
    close(action.act(group.identity(), x), x, name)
    close(action.act(g, action.act(h, x)), action.act(group.compose(g, h), x), name)
    close(action.act(group.inverse(g), action.act(g, x)), x, name)


def test_what_it_is_given_stays_as_it_was(name):
    action, x, (g, _) = made(name)
    with left_as_found(None, (x, g)):
        y = action.act(g, x)
        y = action.move(g)(x)
    assert y.shape == x.shape
    assert y.dtype == x.dtype


def test_a_prepared_move_is_the_action(name):
    action, x, (g, _) = made(name)
    torch.testing.assert_close(action.move(g)(x), action.act(g, x), rtol=1e-12, atol=1e-12)


def test_one_element_a_sample(name):
    action, x, _ = made(name)
    elements = action.group.sample(len(x), torch.Generator().manual_seed(2))
    each = torch.cat([action.act(g, row[None]) for g, row in zip(elements, x, strict=True)])
    torch.testing.assert_close(action.act(elements, x), each, rtol=1e-12, atol=1e-12)


def test_copies_and_pickles_act_alike(name):
    action, x, (g, _) = made(name)
    for other in (copy.deepcopy(action), pickle.loads(pickle.dumps(action))):
        torch.testing.assert_close(other.act(g, x), action.act(g, x), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["single", "half"])
def test_other_precisions(name, dtype):
    action, x, (g, _) = made(name)
    if not x.is_floating_point():
        with pytest.raises(ShapeError, match="whole numbers"):
            action.act(g, x.to(dtype))
        return
    y = action.act(g, x.to(dtype))
    assert y.dtype == dtype
    assert float((y.double() - action.act(g, x)).abs().max()) < (1e-4 if dtype is torch.float32 else 0.1)


def test_vmap_is_the_loop(name):
    action, x, (g, _) = made(name)
    move, rows = action.move(g), torch.stack([x, EXAMPLES[name].tensor(3)])
    close_to = torch.stack([move(row) for row in rows])
    torch.testing.assert_close(torch.func.vmap(move)(rows), close_to, rtol=1e-12, atol=1e-14)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own use, inside jvp
def test_forward_mode_is_the_slope(request, name):
    if name == "InterpolatedField":
        reason = "torch has no forward derivative of grid_sample"
        request.applymarker(pytest.mark.xfail(reason=reason, raises=NotImplementedError, strict=True))
    action, x, (g, _) = made(name)
    if not x.is_floating_point():
        return  # numbers of nodes have no slope
    move, along = action.move(g), EXAMPLES[name].tensor(3)
    _, slope = torch.func.jvp(move, (x,), (along,))
    step = 1e-6
    torch.testing.assert_close(slope, (move(x + step * along) - move(x - step * along)) / (2 * step), rtol=0, atol=1e-7)


def test_it_is_exported(name):
    action, x, (g, _) = made(name)
    move = action.move(g)
    torch.testing.assert_close(torch.export.export(move, (x,)).module()(x), move(x), rtol=1e-12, atol=1e-12)

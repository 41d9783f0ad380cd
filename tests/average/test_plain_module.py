"""An average is a plain module: nothing mutated, copies, gradients, transforms and every precision."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from plain_loop import DOUBLE, loop, vector_symmetry
from torch import nn
from torch.autograd import forward_ad

from haar.actions import Defining, Symmetry, Vector
from haar.average import anytime, average, soft
from haar.errors import ArgumentError
from haar.groups import cyclic, shifts


def test_single_precision_keeps_its_own_tolerance(case, name):
    model, symmetry, args = case(name, dtype=torch.float32)
    averaged = average(model, symmetry)
    y = averaged(*args)
    assert y.dtype == torch.float32
    scale = float(y.detach().abs().max())
    torch.testing.assert_close(y, loop(model, symmetry, args), rtol=0, atol=1e-5 * scale)


def test_gradients_flow_to_inputs_and_weights(case):
    model, symmetry, args = case("D3 on vectors")
    averaged = average(model, symmetry, micro_batch=2)
    assert torch.autograd.gradcheck(averaged, (args[0].requires_grad_(),))
    averaged(*args).square().sum().backward()
    loop_model = copy.deepcopy(model)
    loop_model.zero_grad()
    loop(loop_model, symmetry, args).square().sum().backward()
    for ours, theirs in zip(model.parameters(), loop_model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own use, inside jvp
def test_functional_transforms_compose(case):
    model, symmetry, (x,) = case("D3 on vectors")
    averaged = average(model, symmetry)
    _, tangent = torch.func.jvp(averaged, (x,), (torch.ones_like(x),))
    step = 1e-6
    difference = (averaged(x + step) - averaged(x - step)) / (2 * step)
    torch.testing.assert_close(tangent, difference, rtol=0, atol=1e-8)
    each = torch.func.vmap(lambda row: averaged(row[None])[0])(x)
    torch.testing.assert_close(each, averaged(x), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own use, inside jvp
@pytest.mark.parametrize("micro_batch", ["auto", 1, 3, 8])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad])
def test_forward_mode_differentiation(case, micro_batch, warm, mode):
    model, symmetry, (x,) = case("D4 with history and constants")
    tangent = torch.randn_like(x)
    averaged = average(model, symmetry, micro_batch=micro_batch)
    moved = [symmetry.inputs[0].act(g, tangent) for g in symmetry.group.elements()]
    at = [symmetry.inputs[0].act(g, x) for g in symmetry.group.elements()]
    each = [torch.func.jvp(model, (y,), (v,))[1] for y, v in zip(at, moved, strict=True)]
    back = [
        symmetry.outputs.act(symmetry.group.inverse(g), t) for g, t in zip(symmetry.group.elements(), each, strict=True)
    ]
    with mode():
        if warm:
            averaged(x)
        found = torch.func.jvp(averaged, (x,), (tangent,))[1]
        with forward_ad.dual_level():
            dual = forward_ad.unpack_dual(averaged(forward_ad.make_dual(x, tangent))).tangent
    for ours in (found, dual):
        torch.testing.assert_close(ours, torch.stack(back).mean(0), rtol=1e-11, atol=1e-12)


def test_the_model_is_not_changed(case):
    model, symmetry, args = case("D4 with shifts")
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    averaged = average(model, symmetry)
    averaged(*args)
    assert model.training
    assert averaged.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert all(not module._forward_hooks for module in model.modules())


def test_state_dict_is_the_models_in_train_and_eval(case):
    model, symmetry, _ = case("D4 with shifts")
    averaged = average(model, symmetry, window="hann")
    names = [f"model.{name}" for name in model.state_dict()]
    assert list(averaged.train().state_dict()) == names
    assert list(averaged.eval().state_dict()) == names


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_give_the_same(case, name, travel):
    model, symmetry, args = case(name)
    averaged = average(model, symmetry, micro_batch=2)
    y = averaged(*args)
    other = travel(averaged)
    torch.testing.assert_close(other(*args), y, rtol=0, atol=1e-14)
    assert other.model is not averaged.model


def test_inference_mode_and_grad_mode_agree(case):
    model, symmetry, args = case("D4 with shifts")
    averaged = average(model, symmetry, micro_batch=4)
    y = averaged(*args)
    with torch.inference_mode():
        assert torch.equal(averaged(*args), y)


def test_moving_to_half_precision_keeps_the_group_exact():
    averaged = average(nn.Identity(), vector_symmetry(cyclic(3)), micro_batch=3)
    x = torch.randn(4, 2, dtype=DOUBLE)
    averaged.to(torch.bfloat16)
    assert averaged(x.bfloat16()).dtype == torch.bfloat16
    averaged.to(DOUBLE)
    torch.testing.assert_close(averaged(x), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_sums_in_single(dtype):
    group = shifts((16,), step=1)
    symmetry = Symmetry.of_fields(group, "p")
    x = torch.randn(2, 1, 16, dtype=dtype)
    terms = average(lambda x: x * 0.1 + x.roll(1, -1), symmetry, micro_batch=16).stacked(x)
    y = average(lambda x: x * 0.1 + x.roll(1, -1), symmetry, micro_batch=16)(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y, terms.double().mean(0).to(dtype), rtol=2 * torch.finfo(dtype).eps, atol=1e-3)


def test_autocast_rounds_the_model_and_not_the_moves():
    symmetry = vector_symmetry(cyclic(3))
    averaged = average(nn.Identity(), symmetry)
    x = torch.randn(4, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(averaged(x), x, rtol=0, atol=1e-6)
    linear = average(nn.Linear(2, 2), symmetry)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = linear(x)
    torch.testing.assert_close(y.float(), linear(x), rtol=0, atol=0.05)


class TwoInputs(nn.Module):
    """Takes its inputs by name too, and an option by its name alone."""

    def forward(self, x, y, *, option=None):
        return x.exp() * y if option is None else x


def _two_inputs():
    group = cyclic(3)
    action = Vector(Defining(group))
    return Symmetry(group, (action, action), action)


def test_inputs_may_be_given_by_name_in_any_order(case):
    symmetry, x, y = _two_inputs(), torch.randn(4, 2, dtype=DOUBLE), torch.randn(4, 2, dtype=DOUBLE)
    for averaged in (average(TwoInputs(), symmetry), anytime(TwoInputs(), symmetry)):
        expected = averaged(x, y)
        assert torch.equal(averaged(y=y, x=x), expected)
        assert torch.equal(averaged(x, y=y), expected)
    softened = soft(TwoInputs(), symmetry, [((x, y), x)])
    assert torch.equal(softened(y=y, x=x), softened(x, y))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"z": torch.zeros(4, 2)}, "args: expected the model's own arguments"),
        ({"y": torch.zeros(4, 2), "option": 1}, "option: expected inputs that the model takes by position"),
    ],
)
def test_names_that_the_model_does_not_take_by_position_are_one_line(named, told):
    with pytest.raises(ArgumentError, match=told) as caught:
        average(TwoInputs(), _two_inputs())(torch.zeros(4, 2), **named)
    assert "\n" not in str(caught.value)


def test_an_exported_program_of_a_fixed_batch_is_run_element_by_element():
    symmetry, x = vector_symmetry(cyclic(3)), torch.randn(4, 2, dtype=DOUBLE)
    model = nn.Linear(2, 2, dtype=DOUBLE)
    program = torch.export.export(model, (x,)).module()
    averaged = average(program, symmetry)
    torch.testing.assert_close(averaged(x), average(model, symmetry)(x), rtol=1e-14, atol=1e-14)
    assert averaged.plan(x).elements == 1


def test_shapes_are_found_on_the_meta_device(case, name):
    model, symmetry, args = case(name)
    real = average(model, symmetry)(*args)
    averaged = average(copy.deepcopy(model).to("meta"), symmetry).to("meta")
    said = averaged(*(x.to("meta") for x in args))
    assert said.is_meta
    assert (said.shape, said.dtype) == (real.shape, real.dtype)

"""Every module that is on a face keeps what all promise; a new one without an example fails by its name."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from contract_modules import BARE, EXAMPLES, F64, NOT, public_modules
from left_as_found import left_as_found
from torch import Tensor
from torch.utils import _pytree as pytree


@pytest.fixture(params=EXAMPLES)
def name(request):
    return request.param


def made(name):
    """The module in float64 and eval mode, its lazy constants made, and its inputs."""
    example = EXAMPLES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = example.make().to(F64).eval()
    return module, example.inputs()


def close(one, other, tolerance=1e-10):
    ones, others = pytree.tree_leaves(one), pytree.tree_leaves(other)
    assert len(ones) == len(others) > 0
    for a, b in zip(ones, others, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, check_dtype=False)


def promised(request, name, what):
    if name in NOT[what]:
        request.applymarker(pytest.mark.xfail(reason=NOT[what][name], strict=True))


def test_every_public_module_has_an_example():
    assert set(EXAMPLES) == set(public_modules()) - BARE


def test_what_is_not_promised_names_modules_that_are_there():
    assert {name for names in NOT.values() for name in names} <= set(EXAMPLES)


def test_a_call_leaves_everything_as_it_was(name):
    module, inputs = made(name)
    with torch.no_grad(), left_as_found(module, inputs):
        first = module(*inputs)
    with left_as_found(module, inputs):
        close(module(*inputs), first)


def test_the_state_is_the_same_in_train_and_eval_and_after_calls(name):
    module, inputs = made(name)
    before = list(module.state_dict())
    module(*inputs)
    assert list(module.state_dict()) == before
    assert list(module.train().state_dict()) == before
    assert list(module.eval().state_dict()) == before
    other, _ = made(name)
    other.load_state_dict(module.state_dict(), strict=True)
    close(other(*inputs), module(*inputs))


def test_copies_and_pickles_give_the_same_and_share_nothing(name):
    module, inputs = made(name)
    with torch.no_grad():
        y = module(*inputs)
        file = io.BytesIO()
        torch.save(module, file)
        file.seek(0)
        others = [copy.deepcopy(module), pickle.loads(pickle.dumps(module)), torch.load(file, weights_only=False)]
        for other in others:
            close(other(*inputs), y)
            owned = {p.data_ptr() for p in module.parameters()}
            assert owned.isdisjoint(p.data_ptr() for p in other.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["single", "half"])
def test_other_precisions(request, name, dtype):
    if dtype is torch.bfloat16:
        promised(request, name, "half")
    module, inputs = made(name)
    with torch.no_grad():
        y = module(*inputs)
        x = pytree.tree_map_only(Tensor, lambda t: t.to(dtype) if t.is_floating_point() else t, inputs)
        lower = module.to(dtype)(*x)
    for a, b in zip(pytree.tree_leaves(lower), pytree.tree_leaves(y), strict=True):
        assert a.dtype == dtype
        size = b.abs().max().clamp(min=1)
        assert float((a.double() - b).abs().max() / size) < (1e-4 if dtype is torch.float32 else 0.2)


def test_without_type_checks_nothing_is_left_either_and_some_are_compiled():
    # Types are checked here by a library that draws from Python's random numbers, and that no compiler sees through.
    program = Path(__file__).parent / "contract_program.py"
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.stdout == "", done.stderr
    assert done.returncode == 0, done.stderr


def test_exported(request, name):
    promised(request, name, "export")
    module, inputs = made(name)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own
        y = module(*inputs)
        close(torch.export.export(module, inputs).module()(*inputs), y)


def test_vmap_is_the_loop(request, name):
    promised(request, name, "vmap")
    module, inputs = made(name)
    count = len(EXAMPLES[name].shapes)
    rows = [EXAMPLES[name].inputs(seed)[:count] for seed in (1, 2)]
    rest = inputs[count:]
    with torch.no_grad():
        module(*inputs)
        whole = torch.func.vmap(lambda *x: module(*x, *rest))(*(torch.stack(xs) for xs in zip(*rows, strict=True)))
        each = [module(*x, *rest) for x in rows]
    close(whole, pytree.tree_map(lambda *ys: torch.stack(ys), *each))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own use, inside jvp
def test_forward_mode_is_the_slope(request, name):
    promised(request, name, "forward mode")
    module, inputs = made(name)
    count = len(EXAMPLES[name].shapes)
    x, along, rest = inputs[:count], EXAMPLES[name].inputs(3)[:count], inputs[count:]
    module(*inputs)

    def run(*at):
        return tuple(pytree.tree_leaves(module(*at, *rest)))

    _, slopes = torch.func.jvp(run, x, along)
    step = 1e-6
    with torch.no_grad():
        up, down = (run(*(a + s * t for a, t in zip(x, along, strict=True))) for s in (step, -step))
    for slope, above, below in zip(slopes, up, down, strict=True):
        torch.testing.assert_close(slope, (above - below) / (2 * step), rtol=1e-5, atol=1e-6)

"""What modules, verbs and actions give for a seed is a promise: their numbers are recorded, and stay.

That they are right is proved elsewhere; here nothing changes unseen. Whoever means to change one deletes
``numbers.json``, runs the test, and looks at the new one.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import re
import warnings

import contract_actions
import numpy as np
import pytest
import torch
from contract_edges import EDGED, answer, cases
from contract_modules import EXAMPLES, F64
from contract_numbers import CALLS, OPTIONS
from contract_rooms import ROOMS
from contract_verbs import VERBS
from kept import Kept
from torch import Tensor, nn
from torch.utils import _pytree as pytree

# What is drawn in single precision rounds by the make of the processor.
KEPT = Kept("numbers.json", rel=1e-4, abs=1e-6)
#: Modules whose basis is free up to a sign, which the make of the processor chooses.
FREE = {"Bilinear", "TensorSquare"}
#: Called for as long as a time lasts.
TIMED = {"moments_within"}
ASKED = {name: one for name, one in (VERBS | CALLS | ROOMS).items() if name not in TIMED}


def rounded(value):
    """A number as it is kept."""
    return float(f"{float(value):.7g}")


def sums(x):
    """What a tensor is told by: its kind, and two sums that hang on every entry."""
    x = x.detach().to_dense() if x.layout != torch.strided else x.detach()
    kind = [str(x.dtype).removeprefix("torch."), *x.shape]
    if not x.numel():
        return kind
    parts = torch.view_as_real(x) if x.is_complex() else x
    flat = parts.double().flatten()
    flat = flat[flat.isfinite()]
    weights = torch.arange(1, len(flat) + 1, dtype=F64).mul(0.7).cos()
    return [*kind, rounded(flat.norm()), rounded(flat @ weights)]


def timed(name):
    """Whether it is told in seconds, or hangs on them."""
    return "seconds" in str(name) or "equal_time" in str(name)


def told(value, depth=0):
    """A result in numbers and words: what is long, by its sums; what is no result, by its kind."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "bifc":
        value = torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, Tensor):
        return sums(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, np.floating)):
        return rounded(value) if math.isfinite(value) else str(value)
    if isinstance(value, (str, enum.Enum)):
        return re.sub(r"[-+]?\d[\d.e+-]*", "#", str(value))
    if isinstance(value, (list, tuple)):
        if len(value) > 6 and all(isinstance(x, float) for x in value):
            return sums(torch.tensor(value, dtype=F64))
        return [told(x, depth + 1) for x in value]
    if isinstance(value, dict):
        return {str(key): told(x, depth + 1) for key, x in value.items() if not timed(key)}
    if isinstance(value, nn.Module):
        return {"kind": type(value).__name__, "state": told(value.state_dict()), "trains": value.training}
    if callable(getattr(value, "to_dict", None)):
        return told(value.to_dict(), depth + 1)
    if dataclasses.is_dataclass(value) and depth < 4:
        names = [each.name for each in dataclasses.fields(value) if not timed(each.name)]
        return {name: told(getattr(value, name), depth + 1) for name in names}
    return type(value).__name__


@pytest.fixture(params=sorted(EXAMPLES | OPTIONS))
def module(request):
    """A module as it is drawn for a seed, its precision that of its inputs, and the name of its example."""
    example = (EXAMPLES | OPTIONS)[request.param]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return request.param, example.make().double(), example.inputs()


@pytest.mark.filterwarnings("ignore:the kept space is undetermined")  # five rows are few
def test_what_a_module_gives(module):
    name, module, inputs = module
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        drawn = told(module.state_dict())
        trained = [y for y in pytree.tree_leaves(module.train()(*inputs)) if isinstance(y, Tensor)]
        slopes = torch.zeros(())
        loss = sum(y.square().sum() for y in trained if y.requires_grad)
        if isinstance(loss, Tensor):
            wanted = [p for p in module.parameters() if p.requires_grad]
            slopes = torch.cat([g.flatten() for g in torch.autograd.grad(loss, wanted, materialize_grads=True)])
        with torch.no_grad():
            given = module.eval()(*inputs)
    found = {"drawn": drawn, "trained": told(trained), "slopes": told(slopes), "given": told(given)}
    found["shown"] = told(module.extra_repr())
    KEPT.compare(f"module {name}", pytree.tree_map_only(float, abs, found) if name in FREE else found)


@pytest.mark.parametrize("name", ASKED)
def test_what_a_verb_gives(name):
    make, call = ASKED[name]
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of an exported program
        torch.manual_seed(0)
        model = make()
        if name in ("average", "anytime"):
            model.eval()
        found = told(call(model, torch.randn(24, 2, generator=torch.Generator().manual_seed(0), dtype=F64)))
    KEPT.compare(f"verb {name}", found)


def short(value):
    """A result as one number that hangs on all of its numbers, words and truths; a refusal in its words."""
    if isinstance(value, str) and value.startswith("refused"):
        return value
    leaves = pytree.tree_leaves(value)
    numbers = [float(one) if isinstance(one, (bool, int, float)) else float(len(str(one))) for one in leaves]
    return rounded(sum(math.cos(k) * math.asinh(one) for k, one in enumerate(numbers, 1)))


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("name", EDGED)
def test_what_the_edges_of_options_give(name):
    call, given = EDGED[name]
    found = {case: answer(call, options, told) for case, options in cases(call, given)}
    KEPT.compare(f"edges of {name}", {case: short(one) for case, one in found.items()})


@pytest.mark.parametrize("name", contract_actions.EXAMPLES)
def test_what_an_action_gives(name):
    action, x = contract_actions.EXAMPLES[name].make(), contract_actions.EXAMPLES[name].tensor()
    elements = action.group.sample(3, torch.Generator().manual_seed(1))
    found = [told(action.act(g, x)) for g in elements]
    KEPT.compare(f"action {name}", found)


def test_everything_recorded_is_still_asked():
    names = [f"module {name}" for name in EXAMPLES | OPTIONS] + [f"verb {name}" for name in ASKED]
    names += [f"action {name}" for name in contract_actions.EXAMPLES] + [f"edges of {name}" for name in EDGED]
    KEPT.finish(sorted(names))

"""What a call may not change: modes, state, gradients, hooks, inputs, and the random state of the process."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _random_state() -> tuple[Any, ...]:
    # Python's own is looked at where nothing checks types at run time, for that draws which item to look at.
    own = None if "beartype" in sys.modules else random.getstate()
    return own, np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002


@contextmanager
def left_as_found(model: Any, inputs: Any = ()) -> Iterator[None]:
    """Raise if what runs inside leaves a mark."""
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    modes = [module.training for module in modules]
    hooks = [[len(getattr(module, kind)) for kind in _HOOKS] for module in modules]
    held = {id(p): p for module in modules for p in (*module.parameters(), *module.buffers())}.values()
    state = [(p, p.detach().clone(), p.requires_grad, p.grad) for p in held]
    names = list(model.state_dict()) if modules else []
    given = [x for x in pytree.tree_leaves(inputs) if isinstance(x, Tensor)]
    before = [(x._version, x.detach().clone(), x.requires_grad, x.grad) for x in given]
    noise = _random_state()
    grad, default = torch.is_grad_enabled(), torch.get_default_dtype()
    yield
    assert _random_state() == noise, "the random state of the process"
    assert (torch.is_grad_enabled(), torch.get_default_dtype()) == (grad, default), "a mode of torch"
    assert [module.training for module in modules] == modes, "train or eval mode"
    assert [[len(getattr(module, kind)) for kind in _HOOKS] for module in modules] == hooks, "hooks"
    assert (list(model.state_dict()) if modules else []) == names, "names of the state"
    for p, value, asked, gradient in state:
        assert torch.equal(p.detach().nan_to_num(), value.nan_to_num()), "a parameter or a buffer"
        assert p.requires_grad is asked, "whether a parameter is trained"
        assert p.grad is gradient, "a gradient"
    for x, (version, value, asked, gradient) in zip(given, before, strict=True):
        assert x._version == version, "a write into an input"
        assert torch.equal(x.detach().nan_to_num(), value.nan_to_num()), "an input"
        assert x.requires_grad is asked, "whether an input is differentiated"
        assert x.grad is gradient, "an input's gradient"

"""Every module on a face runs where its tensors are: nothing is made, drawn or read on the CPU behind its back.

On ``meta`` tensors have shapes and no values: a constant left on the CPU beside them, or a number read from them, which
on an accelerator would make the host wait, is an error.
"""

from __future__ import annotations

import pytest
import torch
from contract_modules import EXAMPLES, F64
from torch import Tensor
from torch.utils import _pytree as pytree

#: Modules that read numbers, and why.
READ = {
    "Anytime": "stops where its estimate says so, by a number",
    "PCAFrame": "refuses clouds without an axis, by their numbers",
    "WeightedFrame": "refuses clouds that do not span space, by their numbers",
    "GraphConvolution": "refuses edges to nodes that are not there, by their numbers",
}


def moved(name, device):
    example = EXAMPLES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, inputs = example.make().to(F64).eval(), example.inputs()
        found = module(*inputs)
    there = pytree.tree_map(lambda x: x.to(device) if isinstance(x, Tensor) else x, inputs)
    return module.to(device), there, found


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - set(READ)))
def test_a_module_runs_where_its_tensors_are(name):
    module, inputs, found = moved(name, "meta")
    leaves, wanted = (
        [x for x in pytree.tree_leaves(tree) if isinstance(x, Tensor)] for tree in (module(*inputs), found)
    )
    assert [(x.device.type, x.shape, x.dtype) for x in leaves] == [("meta", x.shape, x.dtype) for x in wanted]


@pytest.mark.parametrize("name", sorted(READ))
def test_modules_that_read_numbers_are_those_that_say_so(name):
    module, inputs, _ = moved(name, "meta")
    with pytest.raises((RuntimeError, NotImplementedError), match=r"meta tensor"):
        module(*inputs)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no accelerator here")
@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_module_gives_on_an_accelerator_what_it_gives_on_the_cpu(name):
    module, inputs, found = moved(name, "cuda")
    for x, y in zip(pytree.tree_leaves(module(*inputs)), pytree.tree_leaves(found), strict=True):
        if isinstance(y, Tensor):
            assert x.device.type == "cuda"
            torch.testing.assert_close(x.cpu(), y, rtol=1e-9, atol=1e-9)  # sums in another order

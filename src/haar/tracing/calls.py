"""A call of torch as a graph writes it, and what kind of call it is: a step, a question, or no part of a graph."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


#: What a tensor tells of itself without its numbers.
TOLD = _words(
    "shape size dim ndim ndimension dtype device layout numel nelement stride storage_offset element_size itemsize "
    "nbytes is_floating_point is_complex is_contiguous is_cuda is_sparse is_quantized is_meta is_mps is_xla is_cpu "
    "is_xpu is_leaf is_neg is_conj is_inference is_pinned is_shared is_signed is_same_size is_nested is_sparse_csr "
    "is_mkldnn is_tensor is_storage result_type requires_grad requires_grad_ retain_grad retains_grad grad_fn names "
    "has_names output_nr register_hook get_device data_ptr untyped_storage storage __len__ __hash__ __repr__ "
    "__format__ __dir__ _version can_cast promote_types broadcast_shapes __dlpack_device__ _is_view is_vulkan is_ipu "
    "is_maia is_hpu is_mtia is_ort get_default_dtype is_coalesced sparse_dim dense_dim dim_order sym_size sym_numel "
    "sym_stride sym_storage_offset"
)
#: How many numbers come out depends on the numbers that go in.
_COUNTING = _words(
    "nonzero argwhere unique unique_consecutive masked_select bincount histc _unique2 unique_dim nonzero_static"
)
#: What runs a graph backwards is no step of a graph.
BACKWARDS = _words("grad backward _engine_run_backward")


def call_as_written(function: Any, args: tuple[Any, ...]) -> tuple[str, Any, tuple[Any, ...]]:
    """A call as `torch.fx` writes it: a method by its name, a property by getattr, anything else as it is."""
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    if name in ("__get__", "__set__", "__delete__") and owner is not None:
        if name == "__get__":
            return "call_function", getattr, (args[0], owner.__name__)
        return "call_function", function, (args[0], owner.__name__)
    if name == "__getitem__":
        return "call_function", operator.getitem, args
    if name == "__setitem__":
        return "call_function", operator.setitem, args
    qualified = getattr(function, "__qualname__", "")
    if qualified.startswith(("TensorBase.", "Tensor.")) and args and isinstance(args[0], Tensor):
        return "call_method", name, args
    return "call_function", function, args


def counts(name: str, args: tuple[Any, ...]) -> bool:
    """Whether a call of this name may return more or fewer numbers where its arguments hold others."""
    if name in _COUNTING or (name == "repeat_interleave" and any(isinstance(a, Tensor) for a in args[1:])):
        return True
    return name == "getitem" and any(t.dtype == torch.bool for t in tensors_in(args[1]))


def tensors_in(tree: Any) -> list[Tensor]:
    """All tensors of a nest, those in the ends of slices included."""
    if isinstance(tree, slice):
        tree = (tree.start, tree.stop, tree.step)
    found: list[Tensor] = []
    for leaf in pytree.tree_leaves(tree):
        if isinstance(leaf, slice):
            found += tensors_in((leaf.start, leaf.stop, leaf.step))
        elif isinstance(leaf, Tensor):
            found.append(leaf)
    return found

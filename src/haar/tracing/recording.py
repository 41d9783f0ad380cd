"""A run of a model written down: every call of torch, with the caller's modules kept whole where they are leaves."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor, fx, nn
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor
from torch.fx._symbolic_trace import _wrapped_fns_to_patch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from haar.errors import ArgumentError
from haar.tracing.operators import operator_name, plain_name

Leaves = Callable[[nn.Module, str], bool]


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


#: What a tensor tells of itself without its numbers.
_TOLD = _words(
    "shape size dim ndim ndimension dtype device layout numel nelement stride storage_offset element_size itemsize "
    "nbytes is_floating_point is_complex is_contiguous is_cuda is_sparse is_quantized is_meta is_mps is_xla is_cpu "
    "is_xpu is_leaf is_neg is_conj is_inference is_pinned is_shared is_signed is_same_size is_nested is_sparse_csr "
    "is_mkldnn is_tensor is_storage result_type requires_grad requires_grad_ retain_grad retains_grad grad_fn names "
    "has_names output_nr register_hook get_device data_ptr untyped_storage storage __len__ __hash__ __repr__ "
    "__format__ __dir__ _version can_cast promote_types broadcast_shapes __dlpack_device__ _is_view is_vulkan is_ipu "
    "is_maia is_hpu is_mtia is_ort get_default_dtype is_coalesced sparse_dim dense_dim dim_order"
)
#: How many numbers come out depends on the numbers that go in.
_COUNTING = _words(
    "nonzero argwhere unique unique_consecutive masked_select bincount histc _unique2 unique_dim nonzero_static"
)
#: What runs a graph backwards is no step of a graph.
_BACKWARDS = _words("grad backward _engine_run_backward")


class NotFollowedError(ArgumentError):
    """A model whose run cannot be written down as a graph: it branches on numbers, or hides what it does."""


@dataclass(frozen=True)
class Ref:
    """The value of an earlier step.

    Args:
        step: Its place in the recording.
    """

    step: int


@dataclass
class Recorded:
    """One step of a run.

    Args:
        op: As in `torch.fx`.
        target: As in `torch.fx`.
        args: Arguments; a `Ref` where a tensor comes from an earlier step.
        kwargs: Keyword arguments.
        shape: Shapes of the tensors it returned, in its nesting.
        random: Whether it depends on the inputs.
    """

    op: str
    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: Any = None
    random: bool = False


class Recording:
    """Runs a model once, without gradients, and writes its steps down.

    Args:
        model: The model.
        leaves: Whether a module, given with its name, is one step.

    Attributes:
        steps: The steps, placeholders first and the output last.
        constants: Tensors that are neither parameters nor made by a step, by name.
        entered: How many steps are inputs and their parts.
    """

    def __init__(self, model: nn.Module, leaves: Leaves) -> None:
        self.model, self.leaves = model, leaves
        self.steps: list[Recorded] = []
        self.constants: dict[str, Tensor] = {}
        self.entered = self._depth = 0
        self._names = {id(m): name for name, m in reversed(list(model.named_modules(remove_duplicate=False)))}
        self._own = {id(t): name for name, t in [*model.named_buffers(), *model.named_parameters()]}
        self._inside_of: list[str] = []
        self._made: dict[int, int] = {}  # a tensor's id: the step that made it
        self._held: list[Any] = []  # so that no id and no memory is used twice
        self._touched: set[int] = set()  # memory that depends on the inputs

    def run(self, inputs: Mapping[str, Any], constants: Mapping[str, Any], bound: tuple[Any, Any]) -> Any:
        """Run the model.

        Args:
            inputs: Values of its inputs by name: what depends on them is followed.
            constants: Values of further arguments by name, taken as they are.
            bound: The same as positional and keyword arguments.
        """
        for name, value in {**inputs, **constants}.items():
            self._enter(name, value, random=name in inputs)
        self.entered = len(self.steps)
        with _recorded(self), torch.no_grad():
            made = self.model(*bound[0], **bound[1])
        self.steps.append(Recorded("output", "output", (self._refs(made),), {}, shape_of(made)))
        return made

    # -- what the modes tell -------------------------------------------------------------------------------------------

    def function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a function or a method of torch."""
        if self._depth:
            return function(*args, **kwargs)
        op, target, args = _call_of(function, args)
        name = operator_name(target if target is not getattr else args[1])
        if name in _TOLD:
            return self._inside(function, args if target is not getattr else args[:1], kwargs)
        self._refuse_what_no_graph_has(name, args)
        random = self._depends((args, kwargs))
        if any(is_functorch_wrapped_tensor(t) for t in _tensors((args, kwargs))):
            if random:
                self._refuse("a transform of torch.func (vmap, grad, jvp), whose tensors stand for others")
            return function(*args, **kwargs) if target is not getattr else function(args[0])
        if random and _counts(name, args):
            self._refuse(f"{name}, whose result's size depends on the numbers")
        step = Recorded(op, target, self._refs(args), self._refs(kwargs), random=random)
        made = self._inside(function, args if target is not getattr else args[:1], kwargs, writes=random)
        if not _tensors(made) and plain_name(target) != "setitem":
            if random:
                self._refuse(f"{name}, a branch or a number taken from a tensor's values")
            return made
        self._note(step, made)
        return made

    def operator(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of an ATen operator that no function of torch stands for: of a scripted function, say."""
        if self._depth:
            return function(*args, **kwargs)
        return self.function(function, args, kwargs)

    def module(self, call: Callable[..., Any], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a module: one step if it is a leaf that takes tensors and numbers."""
        path = self._names.get(id(module))
        if self._depth:
            return call(module, *args, **kwargs)
        if path is None or not self.leaves(module, path) or not _is_plain_nest((args, kwargs)):
            self._inside_of.append(path or type(module).__name__)
            made = call(module, *args, **kwargs)
            self._inside_of.pop()
            return made
        random = self._depends((args, kwargs))
        step = Recorded("call_module", path, self._refs(args), self._refs(kwargs), random=random)
        made = self._inside(partial(call, module), args, kwargs, writes=random)
        self._note(step, made)
        return made

    def leaf_function(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A call of a function that the caller marked with `torch.fx.wrap`."""
        if self._depth:
            return function(*args, **kwargs)
        random = self._depends((args, kwargs))
        step = Recorded("call_function", function, self._refs(args), self._refs(kwargs), random=random)
        made = self._inside(function, args, kwargs, writes=random)
        self._note(step, made)
        return made

    # -- values --------------------------------------------------------------------------------------------------------

    def _enter(self, name: str, value: Any, *, random: bool) -> None:
        step = Recorded("placeholder", name, (), {}, random=random)
        if random and not _is_plain_nest(value):
            raise NotFollowedError(
                "inputs",
                expected="tensors, or tuples, lists and dicts of them",
                got=f"{type(value).__name__} as {name!r}",
                way_out="wrap the model so that it takes tensors",
            )
        self._note(step, value)

    def _note(self, step: Recorded, made: Any) -> None:
        """Write a step down; parts of what it returned become steps of their own."""
        step.shape = shape_of(made)
        self.steps.append(step)
        self._place(made, len(self.steps) - 1, random=step.random)

    def _place(self, made: Any, at: int, *, random: bool) -> None:
        if isinstance(made, Tensor):
            self._made[id(made)] = at
            self._held.append(made)
            if random:
                self._touched |= {_memory(made)} - {None}
            return
        if _is_plain_nest(made) and isinstance(made, (tuple, list, Mapping)):
            for key in made if isinstance(made, Mapping) else range(len(made)):
                if _tensors(made[key]):
                    step = Recorded("call_function", operator.getitem, (Ref(at), key), {}, random=random)
                    self._note(step, made[key])

    def _refs(self, tree: Any) -> Any:
        """The same nest with references in place of tensors."""
        if isinstance(tree, Tensor):
            return self._ref(tree)
        if isinstance(tree, slice):
            return slice(*(self._refs(part) for part in (tree.start, tree.stop, tree.step)))
        if isinstance(tree, Mapping):
            return {key: self._refs(part) for key, part in tree.items()}
        if isinstance(tree, torch.Size):
            return tuple(tree)
        if isinstance(tree, (tuple, list)):
            parts = [self._refs(part) for part in tree]
            return parts if isinstance(tree, list) else tuple(parts)
        if hasattr(tree, "__dataclass_fields__") and not isinstance(tree, type):
            return {name: self._refs(getattr(tree, name)) for name in tree.__dataclass_fields__}
        return tree

    def _ref(self, tensor: Tensor) -> Ref:
        if id(tensor) not in self._made:
            name = self._own.get(id(tensor), "")
            if not name and _memory(tensor) in self._touched:
                self._refuse("a tensor that an earlier step left behind where no call returned it")
            if not name:
                name = f"_constant{len(self.constants)}"
                self.constants[name] = tensor
            self._note(Recorded("get_attr", name, (), {}), tensor)
        return Ref(self._made[id(tensor)])

    def _depends(self, tree: Any) -> bool:
        found = _tensors(tree)
        return any(_memory(t) in self._touched or self._is_random(t) for t in found)

    def _is_random(self, tensor: Tensor) -> bool:
        at = self._made.get(id(tensor))
        return at is not None and self.steps[at].random

    def _inside(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], *, writes: bool = False
    ) -> Any:
        """Call without writing down what happens inside; memory that is written depends on the inputs from then on."""
        before = [(t, t._version) for t in _tensors((args, kwargs))] if writes else []  # noqa: SLF001 (counts writes)
        self._depth += 1
        try:
            made = function(*args, **kwargs)
        finally:
            self._depth -= 1
        self._touched |= {_memory(t) for t, version in before if t._version != version} - {None}  # noqa: SLF001
        return made

    def _refuse_what_no_graph_has(self, name: str, args: tuple[Any, ...]) -> None:
        if name in _BACKWARDS:
            self._refuse("derivatives taken inside forward")
        if name in ("__set__", "__delete__"):
            self._refuse(f"a write into {args[1]!r} of a tensor")

    def _refuse(self, what: str) -> NoReturn:
        where = f" (in {self._inside_of[-1]!r})" if self._inside_of and self._inside_of[-1] else ""
        raise NotFollowedError(
            "model",
            expected="a run that is a graph of torch's calls",
            got=f"{type(self.model).__name__}, with {what}{where}",
            way_out="put that part into a module of its own that is one step",
        )


class _Functions(TorchFunctionMode):
    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        return self.recording.function(func, args, kwargs or {})


class _Operators(TorchDispatchMode):
    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        return self.recording.operator(func, args, kwargs or {})


@contextmanager
def _recorded(recording: Recording) -> Iterator[None]:
    """All calls go through a recording."""
    call = nn.Module.__call__

    def of_module(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return recording.module(call, module, args, kwargs)

    wrapped = [(frame, name, frame[name]) for (_, name), frame in _wrapped_fns_to_patch.items() if name in frame]
    with ExitStack() as stack:
        stack.callback(setattr, nn.Module, "__call__", call)
        nn.Module.__call__ = of_module  # type: ignore[method-assign]
        for frame, name, function in wrapped:
            stack.callback(frame.__setitem__, name, function)
            frame[name] = partial(recording.leaf_function, function)
        if "torch._dynamo" in sys.modules:  # a compiled part would run without telling
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(_Operators(recording))
        stack.enter_context(_Functions(recording))
        yield


def _call_of(function: Any, args: tuple[Any, ...]) -> tuple[str, Any, tuple[Any, ...]]:
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


def _counts(name: str, args: tuple[Any, ...]) -> bool:
    if name in _COUNTING or (name == "repeat_interleave" and any(isinstance(a, Tensor) for a in args[1:])):
        return True
    return name == "getitem" and any(t.dtype == torch.bool for t in _tensors(args[1]))


def _tensors(tree: Any) -> list[Tensor]:
    if isinstance(tree, slice):
        tree = (tree.start, tree.stop, tree.step)
    found: list[Tensor] = []
    for leaf in pytree.tree_leaves(tree):
        if isinstance(leaf, slice):
            found += _tensors((leaf.start, leaf.stop, leaf.step))
        elif isinstance(leaf, Tensor):
            found.append(leaf)
    return found


_PLAIN = (Tensor, int, float, complex, str, torch.dtype, torch.device, torch.layout, torch.memory_format, slice)


def _is_plain_nest(tree: Any) -> bool:
    """Whether a nest holds tensors, numbers and words only, so that all tensors in it are seen."""
    return all(leaf is None or leaf is Ellipsis or isinstance(leaf, _PLAIN) for leaf in pytree.tree_leaves(tree))


def _memory(tensor: Tensor) -> int | None:
    while is_functorch_wrapped_tensor(tensor):
        tensor = get_unwrapped(tensor)
    try:
        return tensor.untyped_storage().data_ptr() or None
    except (RuntimeError, NotImplementedError):  # sparse tensors have none
        return None


def shape_of(value: Any) -> Any:
    """Shapes in place of tensors.

    Example:
        >>> shape_of((torch.zeros(2, 3), [torch.zeros(1)], "x"))
        ((2, 3), [(1,)], 'x')
    """
    return fx.node.map_aggregate(value, lambda leaf: tuple(leaf.shape) if isinstance(leaf, Tensor) else leaf)

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
from haar.tracing.calls import BACKWARDS, TOLD, call_as_written, counts, tensors_in
from haar.tracing.operators import operator_name, plain_name

Leaves = Callable[[nn.Module, str], bool]


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
        kwargs: Keyword arguments, as `args` holds them.
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
        model: The model whose run is written down.
        leaves: Whether a module, given with its name, is one step.

    Attributes:
        steps: The steps, placeholders first and the output last.
        constants: Tensors that are neither parameters nor made by a step, by name.
        entered: Number of steps are inputs and their parts.
    """

    def __init__(self, model: nn.Module, leaves: Leaves) -> None:
        self.model, self.leaves = model, leaves
        self.steps: list[Recorded] = []
        self.constants: dict[str, Tensor] = {}
        self.entered = self._depth = 0
        self._names = {id(m): name for name, m in reversed(list(model.named_modules(remove_duplicate=False)))}
        self._own = {id(t): name for name, t in [*model.named_buffers(), *model.named_parameters()]}
        self._refused: NotFollowedError | None = None
        self._inside_of: list[str] = []
        self._made: dict[int, int] = {}  # a tensor's id: the step that made it
        self._held: list[Any] = []  # so that no id and no memory is used twice
        self._touched: set[int] = set()  # memory that depends on the inputs

    def run(
        self,
        inputs: Mapping[str, Any],
        constants: Mapping[str, Any],
        bound: tuple[Any, Any],
        state: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """Run the model.

        Args:
            inputs: Values of its inputs by name: what depends on them is followed.
            constants: Values of further arguments by name, taken as they are.
            bound: The same as positional and keyword arguments.
            state: Parameters and buffers in place of its own, by name.
        """
        if state is not None:
            self._own = {id(t): name for name, t in state.items()}
        for name, value in {**inputs, **constants}.items():
            self._enter(name, value, random=name in inputs)
        self.entered = len(self.steps)
        with _recorded(self), torch.no_grad():
            if state is None:
                made = self.model(*bound[0], **bound[1])
            else:
                made = torch.func.functional_call(self.model, dict(state), tuple(bound[0]), bound[1])
        if self._refused is not None:  # a model may catch what is raised inside
            raise self._refused
        self.steps.append(Recorded("output", "output", (self._refs(made),), {}, shape_of(made)))
        return made

    # -- what the modes tell -------------------------------------------------------------------------------------------

    def function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a function or a method of torch."""
        if self._depth:
            return function(*args, **kwargs)
        op, target, args = call_as_written(function, args)
        name = operator_name(target if target is not getattr else args[1])
        if name in TOLD:
            return self._inside(function, args if target is not getattr else args[:1], kwargs)
        self._refuse_what_no_graph_has(name, args)
        random = self._depends((args, kwargs))
        if any(is_functorch_wrapped_tensor(t) for t in tensors_in((args, kwargs))):
            if random:
                self._refuse("a transform of torch.func (vmap, grad, jvp), whose tensors stand for others")
            return function(*args, **kwargs) if target is not getattr else function(args[0])
        if random and counts(name, args):
            self._refuse(f"{name}, whose result's size depends on the numbers")
        step = Recorded(op, target, self._refs(args), self._refs(kwargs), random=random)
        made = self._inside(function, args if target is not getattr else args[:1], kwargs, writes=random)
        if not tensors_in(made) and plain_name(target) != "setitem":
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
                self._touch([made])
            return
        if _is_plain_nest(made) and isinstance(made, (tuple, list, Mapping)):
            for key in made if isinstance(made, Mapping) else range(len(made)):
                if tensors_in(made[key]):
                    step = Recorded("call_function", operator.getitem, (Ref(at), key), {}, random=random)
                    self._note(step, made[key])

    def _touch(self, tensors: list[Tensor]) -> None:
        """Memory that depends on the inputs from now on."""
        self._touched |= {place for place in map(_memory, tensors) if place is not None}

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
        found = tensors_in(tree)
        return any(_memory(t) in self._touched or self._is_random(t) for t in found)

    def _is_random(self, tensor: Tensor) -> bool:
        at = self._made.get(id(tensor))
        return at is not None and self.steps[at].random

    def _inside(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], *, writes: bool = False
    ) -> Any:
        """Call without writing down what happens inside; memory that is written depends on the inputs from then on."""
        before = [(t, t._version) for t in tensors_in((args, kwargs))] if writes else []  # noqa: SLF001 (counts writes)
        self._depth += 1
        try:
            made = function(*args, **kwargs)
        finally:
            self._depth -= 1
        self._touch([t for t, version in before if t._version != version])  # noqa: SLF001
        return made

    def _refuse_what_no_graph_has(self, name: str, args: tuple[Any, ...]) -> None:
        if name in BACKWARDS:
            self._refuse("derivatives taken inside forward")
        if name in ("__set__", "__delete__"):
            self._refuse(f"a write into {args[1]!r} of a tensor")

    def _refuse(self, what: str) -> NoReturn:
        where = f" (in {self._inside_of[-1]!r})" if self._inside_of and self._inside_of[-1] else ""
        self._refused = NotFollowedError(
            "model",
            expected="a run that is a graph of torch's calls",
            got=f"{type(self.model).__name__}, with {what}{where}",
            way_out="put that part into a module of its own that is one step",
        )
        raise self._refused


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

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled meanwhile, and torch._dynamo takes seconds to import

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

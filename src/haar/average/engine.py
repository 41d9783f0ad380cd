"""The averaged model: move the inputs, run the model, move the outputs back, average. One engine for every weighted set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from haar.actions import Action, Invariant, Move, Symmetry
from haar.average.micro_batch import Plan, choose_plan
from haar.average.weighted import Frame, How, WeightedSet
from haar.errors import ArgumentError, ShapeError


class Mover(nn.Module):
    """One group element prepared for all inputs and, through its inverse, for all outputs of a model."""

    def __init__(self, symmetry: Symmetry, g: Tensor) -> None:
        super().__init__()
        back = symmetry.group.inverse(g)
        self.inputs = nn.ModuleList([action.move(g) for action in _flat(symmetry.inputs)])
        self.outputs = nn.ModuleList([action.move(back) for action in _flat(symmetry.outputs)])


class Averaged(nn.Module):
    """A model averaged over a group: x -> sum_k w_k psi(g_k)^-1 f(phi(g_k) x).

    Source: Reynolds operator; group averaging at test time after arXiv 2511.09573, weighted frames arXiv 2402.16077.

    Args:
        model: Any module or callable; it is wrapped, never changed.
        symmetry: How the group acts on its inputs and outputs.
        how: The weighted set of elements, or a `Frame`.
        micro_batch: Elements per forward pass: a number, or ``"auto"`` for a one-off timing per shape, dtype and device.
        memory_limit: Bytes that ``"auto"`` may use for the activations of one pass; by default a quarter of what is free.
        window: Weight of every output point in the frame of the moved input, ``(*space)``; see `haar.average.windowed`.

    Attributes:
        elements: The fixed weighted set, or None for a frame.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        symmetry: Symmetry,
        how: How,
        *,
        micro_batch: int | str = "auto",
        memory_limit: int | None = None,
        window: Tensor | None = None,
    ) -> None:
        super().__init__()
        if not (micro_batch == "auto" or (isinstance(micro_batch, int) and micro_batch >= 1)):
            raise ArgumentError("micro_batch", expected="'auto' or a positive number of elements", got=repr(micro_batch))
        self.model = model
        self.symmetry = symmetry
        self.how = how
        self.micro_batch = micro_batch
        self.memory_limit = memory_limit
        self.elements: WeightedSet | None = None
        if isinstance(how, Frame):
            if window is not None:
                raise ArgumentError("window", expected="a fixed weighted set", got="a frame")
            self.movers = nn.ModuleList()
        else:
            self.elements = how.weighted(symmetry.group)
            self.movers = nn.ModuleList([Mover(symmetry, g) for g in self.elements.elements])
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("window_sum", self._window_sum(), persistent=False)
        self._plans: dict[Any, Plan] = {}

    def forward(self, *args: Any) -> Any:
        """The average over the weighted set.

        Args:
            args: The model's inputs.

        Returns:
            What the model returns, averaged.

        Raises:
            ShapeError: If an input or output does not fit its action.
        """
        self.symmetry.check_inputs(args)
        if self.elements is None:
            return self._frame_average(args)
        total: Any = None
        for weight, y in self.terms(*args):
            scaled = _map(lambda leaf, w=weight: leaf * w, y)
            total = scaled if total is None else _map2(torch.add, total, scaled)
        if self.window_sum is not None:
            total = _map(lambda leaf: leaf / self.window_sum.to(leaf), total)
        return total

    def terms(self, *args: Any) -> Iterator[tuple[float, Any]]:
        """Yield (weight, psi(g)^-1 f(phi(g) x)) for every element of the fixed weighted set, in order.

        Raises:
            ArgumentError: If the average runs over a frame.
        """
        if self.elements is None:
            raise ArgumentError("how", expected="a fixed weighted set", got="a frame, which depends on the input")
        plan = self._plan(args)
        weights = self.elements.weights.tolist()
        for start in range(0, len(self.movers), plan.elements):
            movers = list(self.movers)[start : start + plan.elements]
            for k, y in enumerate(self._run(movers, args, plan)):  # type: ignore[arg-type]
                yield weights[start + k], y

    def stacked(self, *args: Any) -> Any:
        """All terms with a new leading axis: the orbit of predictions in the frame of x, for spreads and uncertainties."""
        terms = [y for _, y in self.terms(*args)]
        return pytree.tree_map(lambda *leaves: torch.stack(leaves), *terms)

    def _run(self, movers: Sequence[Mover], args: Sequence[Any], plan: Plan) -> list[Any]:
        """One forward pass for several elements, side by side on the batch axis."""
        actions = _flat(self.symmetry.inputs)
        leaves = _values(self.symmetry.inputs, tuple(args))
        moved: list[Any] = []
        for k, (action, x) in enumerate(zip(actions, leaves, strict=True)):
            if not isinstance(x, Tensor) or not action.batched:
                if isinstance(action, Invariant) or not isinstance(x, Tensor) or len(movers) == 1:
                    moved.append(movers[0].inputs[k](x) if isinstance(x, Tensor) else x)
                    continue
                raise ArgumentError(
                    "micro_batch", expected="1 for inputs without a batch axis that the group moves", got=len(movers)
                )
            copies = [mover.inputs[k](x) for mover in movers]
            joined = torch.cat(copies) if len(copies) > 1 else copies[0]
            if plan.channels_last and joined.ndim == 4:
                joined = joined.contiguous(memory_format=torch.channels_last)
            moved.append(joined)
        y = self.model(*_rebuild(self.symmetry.inputs, tuple(args), moved))
        self.symmetry.check_outputs(y)
        if self.window is not None:
            y = _map(lambda leaf: leaf * self.window.to(leaf), y)
        out_leaves = _values(self.symmetry.outputs, y)
        split = []
        for leaf in out_leaves:
            if isinstance(leaf, Tensor) and leaf.shape[0] % len(movers):
                raise ShapeError("output", expected=f"a batch axis divisible by {len(movers)} copies", got=tuple(leaf.shape))
            split.append(leaf.chunk(len(movers)) if isinstance(leaf, Tensor) else [leaf] * len(movers))
        results = []
        for k, mover in enumerate(movers):
            back = [m(part[k]) if isinstance(part[k], Tensor) else part[k] for m, part in zip(mover.outputs, split, strict=True)]
            results.append(_rebuild(self.symmetry.outputs, y, back))
        return results

    def _frame_average(self, args: Sequence[Any]) -> Any:
        frame = self.how
        if not isinstance(frame, Frame):
            raise ArgumentError("how", expected="a frame", got=type(frame).__name__)
        elements, weights = frame.at(args)
        total: Any = None
        for g, w in zip(elements, weights, strict=True):
            y = self.model(*self.symmetry.act_inputs(self.symmetry.group.inverse(g), args))
            self.symmetry.check_outputs(y)
            back = self.symmetry.act_outputs(g, y)
            scaled = _map(lambda leaf, w=w: leaf * w.to(leaf).reshape(-1, *([1] * (leaf.ndim - 1))), back)
            total = scaled if total is None else _map2(torch.add, total, scaled)
        return total

    def _plan(self, args: Sequence[Any]) -> Plan:
        if isinstance(self.micro_batch, int):
            return Plan(min(self.micro_batch, len(self.movers)), channels_last=False)
        if torch.compiler.is_compiling():
            return Plan(len(self.movers), channels_last=False)
        leaves = [x for x in pytree.tree_leaves(tuple(args)) if isinstance(x, Tensor)]
        key = tuple((tuple(x.shape), x.dtype, str(x.device)) for x in leaves) + (torch.is_grad_enabled(),)
        if key not in self._plans:
            unbatched = any(
                not action.batched and not isinstance(action, Invariant) for action in _flat(self.symmetry.inputs)
            )
            movers = list(self.movers)
            self._plans[key] = (
                Plan(1, channels_last=False)
                if unbatched
                else choose_plan(
                    self.model, lambda plan: self._run(movers[: plan.elements], args, plan), len(movers), leaves, self.memory_limit  # type: ignore[arg-type]
                )
            )
        return self._plans[key]

    def _window_sum(self) -> Tensor | None:
        if self.window is None or self.elements is None:
            return None
        from haar.actions import Field, Trivial
        from haar.actions.action import RestrictedAction

        fields = [a.action if isinstance(a, RestrictedAction) else a for a in _flat(self.symmetry.outputs)]
        field = next((a for a in fields if isinstance(a, Field)), None)
        if field is None:
            raise ArgumentError("window", expected="an output that is a field", got=repr(self.symmetry))
        scalar = Field(Trivial(self.symmetry.group), channels=None, centring=field.centring, periodic=field.periodic)  # type: ignore[arg-type]
        total = torch.zeros_like(self.window)
        for g, w in zip(self.elements.elements, self.elements.weights.tolist(), strict=True):
            total = total + w * scalar.act(self.symmetry.group.inverse(g), self.window[None])[0]
        return total

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = self.__dict__.copy()
        state["_plans"] = {}  # timings belong to a machine, not to a model
        return state


def _flat(tree: Any) -> list[Action]:
    leaves: list[Action] = pytree.tree_leaves(tree, is_leaf=lambda node: isinstance(node, Action))
    return leaves


def _values(actions: Any, values: Any) -> list[Any]:
    """Values in the order of the actions' leaves."""
    if isinstance(actions, Action):
        return [values]
    if isinstance(actions, dict):
        return [leaf for key in actions for leaf in _values(actions[key], values[key])]
    return [leaf for a, v in zip(actions, values, strict=True) for leaf in _values(a, v)]


def _rebuild(actions: Any, like: Any, leaves: Sequence[Any]) -> Any:
    """The structure of `like` with new leaves, in the order of the actions' leaves."""
    queue = iter(leaves)

    def walk(tree: Any, value: Any) -> Any:
        if isinstance(tree, Action):
            return next(queue)
        if isinstance(tree, dict):
            return {key: walk(tree[key], value[key]) for key in tree}
        walked = [walk(t, v) for t, v in zip(tree, value, strict=True)]
        return type(value)(*walked) if hasattr(value, "_fields") else type(value)(walked)

    return walk(actions, like)


def _map(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    return pytree.tree_map(lambda leaf: function(leaf) if isinstance(leaf, Tensor) else leaf, tree)


def _map2(function: Callable[[Tensor, Tensor], Tensor], a: Any, b: Any) -> Any:
    return pytree.tree_map(lambda x, y: function(x, y) if isinstance(x, Tensor) else x, a, b)


__all__ = ["Averaged", "Move", "Mover"]

"""The averaged model: move the inputs, run the model, move the outputs back, average. One engine for every set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from haar.actions import Action, Symmetry
from haar.actions.trees import action_leaves, map_values, rebuild, value_leaves
from haar.average.frame import Frame, frame_average
from haar.average.joining import Call
from haar.average.micro_batch import Plan
from haar.average.mover import Mover
from haar.average.orbit_table import OrbitTables
from haar.average.planner import Planned, Planner
from haar.average.stabiliser import distinct_rows
from haar.average.weighted import Given, How, WeightedSet
from haar.average.windowed import OutputWindow, window_of
from haar.errors import ArgumentError
from haar.groups.door import check_compact
from haar.probing import ForwardOnly, transformed
from haar.probing.manners import by_position, mode_dependent_layers, refuse_train_mode
from haar.probing.samples import check_samples, separate

_NUMBERS = itertools.count()


class Stand:
    """Stands for a tensor whose numbers were let go of."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype


class Prediction(NamedTuple):
    """What the model says of one moved input, moved back: y_k = psi(g_k)^-1 f(phi(g_k) x).

    Attributes:
        place: Index k of the element in the weighted set.
        form: The model's containers, with a `Stand` where its tensors stand.
        leaves: y_k, in the order of the actions.
    """

    place: int
    form: Any
    leaves: list[Any]


class Averaged(Planned):
    """A model averaged over a group: x -> sum_k w_k psi(g_k)^-1 f(phi(g_k) x).

    Source: Reynolds operator; group averaging at test time after arXiv 2511.09573.

    Args:
        model: Any module or callable; it is wrapped, never changed.
        symmetry: How the group acts on its inputs and outputs.
        how: The weighted set of elements, or a `Frame`.
        micro_batch: Elements per forward pass: a number, or ``"auto"`` for a one-off timing per shape, dtype and
            device.
        memory_limit: Bytes that ``"auto"`` may use for the activations of one pass; by default a quarter of what is
            free.
        window: Weight of every output point in the frame of the moved input, ``(*space)``, or ``"hann"`` or
            ``"triangle"``.
        share_stabilisers: Run inputs that an element leaves as they are only once (bit for bit the same input).
        check: Refuse a model that is stochastic or keeps state, for every new kind of input; without it, a given number
            of elements a pass is taken on trust.

    Attributes:
        elements: The fixed weighted set, or None for a frame.
        error: What is known of the difference to the average over the whole group, in words.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        symmetry: Symmetry,
        how: How,
        *,
        micro_batch: int | str = "auto",
        memory_limit: int | None = None,
        window: Tensor | str | None = None,
        share_stabilisers: bool = False,
        check: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(how, Given):
            check_compact("symmetry", symmetry.group)
        is_number = isinstance(micro_batch, int) and not isinstance(micro_batch, bool) and micro_batch >= 1
        if not (micro_batch == "auto" or is_number):
            raise ArgumentError(
                "micro_batch", expected="'auto' or a positive number of elements", got=repr(micro_batch)
            )
        self.model = model
        self.symmetry, self.how = symmetry, how
        self.micro_batch, self.memory_limit = micro_batch, memory_limit
        self.share_stabilisers, self.check = share_stabilisers, check
        self.elements: WeightedSet | None = None
        self.window: OutputWindow | None = None
        self.movers = nn.ModuleList()
        if isinstance(how, Frame):
            self.error = how.error
            if window is not None or share_stabilisers:
                raise ArgumentError(
                    "how", expected="a fixed weighted set for a window or shared stabilisers", got="a frame"
                )
        else:
            self.elements = how.weighted(symmetry.group)
            self.error = self.elements.error
            self._weights: list[float] = self.elements.weights.tolist()
            self.movers.extend(Mover(symmetry, g) for g in self.elements.elements)
            if window is not None:
                self.window = OutputWindow(symmetry, self.elements, window_of(window, symmetry.group))
        if symmetry.approximate:
            self.error += "; elements act by interpolation"
        self._inputs, self._outputs = action_leaves(symmetry.inputs), action_leaves(symmetry.outputs)
        self._flat = all(isinstance(action, Action) for action in self.symmetry.inputs)
        self._mode_dependent = mode_dependent_layers(model)
        self.quiet = ForwardOnly(model)
        self._planner, self._name = Planner(), f"average {next(_NUMBERS)}"
        self.training = model.training if isinstance(model, nn.Module) else False

    def forward(self, *args: Any, **named: Any) -> Any:
        """The average over the weighted set.

        Args:
            args: The model's inputs.
            named: Arguments of the model that are given by name.

        Returns:
            What the model returns, averaged.

        Raises:
            ShapeError: If an input or output does not fit its action.
            ArgumentError: If the model is stochastic, in train mode with dropout or batch norm, or returns integers.
        """
        args = by_position(self.model, args, named)
        call = self._call(args)
        if self.elements is None:
            if not isinstance(self.how, Frame):
                raise ArgumentError("how", expected="a frame", got=type(self.how).__name__)
            if self.check:
                self._plan(call)
            else:
                self.symmetry.check_inputs(args)
            return frame_average(self.answer, self.symmetry, self.how, args)
        plan = self._plan(call)
        averaged = None if plan.tables is None else self._by_tables(call, plan, plan.tables)
        if averaged is not None:
            return averaged
        form: Any = None
        total: list[Any] = [None] * len(self._outputs)
        for place, form_, leaves in self._predictions(call, plan, range(len(self.movers))):
            form, weight = form_, self._weights[place]
            weighed = leaves if self.window is None else self.window.weigh(place, leaves)
            total = [_add(t, leaf, weight) for t, leaf in zip(total, weighed, strict=True)]
        pairs = zip(total, value_leaves(self.symmetry.outputs, form), strict=True)
        return self._wrap(form, [t.to(stand.dtype).contiguous() if isinstance(t, Tensor) else t for t, stand in pairs])

    def terms(self, *args: Any) -> Iterator[tuple[float, Any]]:
        """Yield (weight, psi(g)^-1 f(phi(g) x)) for every element of the fixed weighted set, in order, without window.

        Raises:
            ArgumentError: If the average runs over a frame.
        """
        if self.elements is None:
            raise ArgumentError("how", expected="a fixed weighted set", got="a frame, which depends on the input")
        call = self._call(args)
        for place, form, leaves in self._predictions(call, self._plan(call), range(len(self.movers))):
            yield self._weights[place], self._wrap(form, leaves)

    def stacked(self, *args: Any) -> Any:
        """All terms with a new leading axis: the orbit of predictions in the frame of x, for spreads."""
        terms = [y for _, y in self.terms(*args)]
        return map_values(lambda *leaves: torch.stack(leaves), self.symmetry.outputs, *terms)

    def predictions(self, args: Sequence[Any], places: Sequence[int]) -> Iterator[Any]:
        """Yield psi(g_k)^-1 f(phi(g_k) x) for the elements at some places of the fixed weighted set.

        Args:
            args: The model's inputs.
            places: Indices of the elements to run, in the weighted set.
        """
        call = self._call(args)
        for _, form, leaves in self._predictions(call, self._plan(call), places):
            yield self._wrap(form, leaves)

    def answer(self, *args: Any) -> Any:
        """What the model says of inputs as they are; where gradients are off, also if it takes derivatives itself.

        Args:
            args: The model's inputs.
        """
        return self.model(*args) if torch.is_grad_enabled() or transformed() else self.quiet(*args)

    def joins(self, call: Call) -> bool:
        """Whether inputs and outputs have a batch axis on which copies can stand side by side.

        Args:
            call: The inputs, taken apart.
        """
        return call.length is not None and all(action.batched for action in self._outputs)

    def decide(self, *args: Any) -> int:
        """Find out for a trace to come how many elements may run in one pass: as many as were asked for, or one.

        Args:
            args: The model's inputs.

        Raises:
            ArgumentError: As `plan`.
        """
        self.symmetry.check_inputs(args)
        return self._planner.together(self, self._call(args))

    def tell_samples_apart(self, *args: Any) -> None:
        """Refuse a model with an output whose axis 0 does not count samples, found out with twice as many.

        Args:
            args: The model's inputs.

        Raises:
            ShapeError: Naming the first such output.
        """
        self.symmetry.check_inputs(args)
        self._planner.tell_samples_apart(self, self._call(args))

    def plan(self, *args: Any) -> Plan:
        """How these inputs are run: known for their shape, or found out now by a one-off timing.

        Args:
            args: The model's inputs.

        Raises:
            ArgumentError: If the model is stochastic or keeps state, or several elements a pass were asked for where
                copies cannot be joined.
        """
        return self._plan(self._call(args))

    def extra_repr(self) -> str:
        """The group, the number of elements, and what is known of the error."""
        number = "a frame" if self.elements is None else f"{len(self.elements)} elements"
        return f"{self.symmetry.group.name}, {number}: {self.error}"

    def _call(self, args: Sequence[Any]) -> Call:
        """The inputs, checked and taken apart."""
        refuse_train_mode(self._mode_dependent)
        if torch.compiler.is_compiling():  # checks read tables of the group, which a graph cannot hold
            return Call(self.symmetry.inputs, args)
        if not self._flat:
            self.symmetry.check_inputs(args)
            return Call(self.symmetry.inputs, args)
        try:
            return Call(self.symmetry.inputs, args)  # the planner checks shapes that it does not know
        except ValueError:
            self.symmetry.check_inputs(args)  # says more
            raise

    def _wrap(self, form: Any, leaves: Sequence[Any]) -> Any:
        """Leaves in the model's own containers."""
        return rebuild(self.symmetry.outputs, form, leaves)

    def _predictions(self, call: Call, plan: Plan, places: Sequence[int]) -> Iterator[Prediction]:
        """The model's prediction for every element, moved back, in order."""
        every: list[Mover] = list(self.movers)  # type: ignore[arg-type]
        movers = [every[k] for k in places]
        if self.share_stabilisers and plan.independent and not transformed():
            yield from self._shared(movers, call, plan, places)
            return
        for start in range(0, len(movers), plan.elements):
            form, copies = self._pass(movers[start : start + plan.elements], call, plan, check=start == 0)
            while copies:  # let go of each before the next pass needs the memory
                yield Prediction(places[start], form, copies.pop(0))
                start += 1  # noqa: PLW2901 (counts the copies of this pass)

    def _by_tables(self, call: Call, plan: Plan, tables: OrbitTables) -> Any:
        """The average with all copies moved at once; None if the model returns other shapes than the tables know."""
        number = len(self.movers)
        moved, form, passes = tables.moved(call), None, []
        for first in range(0, number, plan.elements):
            copies = min(plan.elements, number - first)
            form = self._model(plan, call.with_leaves(tables.some(moved, first, copies)))
            if first == 0:
                self.symmetry.check_outputs(form)
            passes.append(value_leaves(self.symmetry.outputs, form))
            if not tables.fit(passes[-1], copies):
                return None
        return self._wrap(form, tables.averaged(passes))

    def _pass(
        self, movers: Sequence[Mover], call: Call, plan: Plan, *, check: bool = True
    ) -> tuple[Any, list[list[Any]]]:
        """One forward pass for several elements, side by side on the batch axis."""
        moved = call.moved(movers, channels_last=plan.channels_last)
        form, parts = self._run(call, plan, moved, len(movers), check=check)
        return form, [mover.moved_back([part[k] for part in parts]) for k, mover in enumerate(movers)]

    def _model(self, plan: Plan, args: tuple[Any, ...]) -> Any:
        return self.quiet(*args) if plan.differentiates else self.model(*args)

    def _run(
        self, call: Call, plan: Plan, moved: Sequence[Any], copies: int, *, check: bool = True
    ) -> tuple[Any, list[list[Any]]]:
        y = self._model(plan, call.with_leaves(moved))
        if check and not torch.compiler.is_compiling():
            self.symmetry.check_outputs(y)
        leaves = value_leaves(self.symmetry.outputs, y)
        form = self._wrap(y, [Stand(leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in leaves])
        return form, [separate(leaf, copies) for leaf in leaves]

    def _shared(self, movers: Sequence[Mover], call: Call, plan: Plan, places: Sequence[int]) -> Iterator[Prediction]:
        """Every different moved sample once; then all inverse moves of its one output."""
        joined = call.moved(movers)
        rows, place = distinct_rows([x for x, same in zip(joined, call.shared, strict=True) if not same], len(movers))
        form, outputs = None, []
        for some in rows.split(max(1, plan.elements * int(call.length or 0))):
            moved = [x if same else x[some] for x, same in zip(joined, call.shared, strict=True)]
            form, parts = self._run(call, plan, moved, 1)
            check_samples([part[0] for part in parts], len(some))
            outputs.append([part[0] for part in parts])
        whole = [torch.cat(y) if isinstance(y[0], Tensor) else y[0] for y in zip(*outputs, strict=True)]
        for k, mover in enumerate(movers):
            chosen = [y.index_select(0, place[k]) if isinstance(y, Tensor) else y for y in whole]
            yield Prediction(places[k], form, mover.moved_back(chosen))

    def _plan(self, call: Call) -> Plan:
        if not torch.compiler.is_compiling():
            return self._planner.plan(self, call)
        if any(isinstance(x, (int, float)) and not isinstance(x, bool) for x in call.leaves):
            return Plan(1)  # a number may be unknown here
        elements = self._elements_of_graph(self._name, self.micro_batch, *call.leaves)
        if not elements:
            raise ArgumentError(
                "model",
                expected="one that can be averaged as it is asked for",
                got="one that is refused",
                way_out="call the average once outside of torch.compile: it says why",
            )
        return Plan(elements)

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
    def _elements_of_graph(self, name: str, micro_batch: int | str, *leaves: Any) -> int:
        """Elements per pass of a graph, found out while it is compiled; 0 for a model that is refused.

        What is found holds for this average alone: its name, as an argument, is what a graph is looked up by.
        """
        del name, micro_batch
        try:
            call = Call(self.symmetry.inputs, rebuild(self.symmetry.inputs, self.symmetry.inputs, leaves))
            return self._planner.together(self, call)
        except ArgumentError:
            return 0

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = self.__dict__.copy()
        state["_planner"], state["_name"] = Planner(), f"average {next(_NUMBERS)}"  # timings belong to a machine
        return state


def _add(total: Any, leaf: Any, weight: float) -> Any:
    """Add weight * leaf, in float32 at least, so that many small terms are not lost."""
    if not isinstance(leaf, Tensor):
        return leaf
    if leaf.dtype in (torch.float16, torch.bfloat16):
        leaf = leaf.float()
    return leaf * weight if total is None else torch.add(total, leaf, alpha=weight)


def check_averaged(averaged: Any) -> None:
    """Say in a line what is no averaged model.

    Raises:
        ArgumentError: If it has no symmetry and no elements.
    """
    if not (hasattr(averaged, "symmetry") and hasattr(averaged, "elements")):
        raise ArgumentError(
            "averaged",
            expected="an averaged model",
            got=type(averaged).__name__,
            way_out="haar.average(model, symmetry) makes one",
        )

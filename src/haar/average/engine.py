"""The averaged model: move the inputs, run the model, move the outputs back, average. One engine for every set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.average.frame import Frame, frame_average
from haar.average.joining import Call, separate
from haar.average.micro_batch import Plan, choose_plan, layouts
from haar.average.mover import Mover
from haar.average.orbit_table import OrbitTables, orbit_tables
from haar.average.probing import (
    agree,
    by_position,
    is_tracing,
    mode_dependent_layers,
    refuse_stochastic,
    refuse_train_mode,
    untouched_random_state,
    unwritten,
)
from haar.average.stabiliser import distinct_rows
from haar.average.trees import action_leaves, map_values, rebuild, value_leaves
from haar.average.weighted import How, WeightedSet
from haar.average.windowed import OutputWindow, window_of
from haar.errors import ArgumentError, HaarError


class Prediction(NamedTuple):
    """What the model says of one moved input, moved back: y_k = psi(g_k)^-1 f(phi(g_k) x).

    Attributes:
        place: k.
        form: The model's containers, with dtypes where its tensors stand.
        leaves: y_k, in the order of the actions.
    """

    place: int
    form: Any
    leaves: list[Any]


class Averaged(nn.Module):
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
        check: Refuse a stochastic model at the first call.

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
        self._mode_dependent = mode_dependent_layers(model)
        self._plans: dict[Any, Plan] = {}
        self._checked = False
        self.training = model.training if isinstance(model, nn.Module) else False

    def forward(self, *args: Any, **named: Any) -> Any:
        """The average over the weighted set.

        Args:
            args: The model's inputs.
            named: The same by name.

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
            return frame_average(self.model, self.symmetry, self.how, args)
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
        return self._wrap(form, [t.to(dtype).contiguous() if isinstance(t, Tensor) else t for t, dtype in pairs])

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
            places: Which elements.
        """
        call = self._call(args)
        for _, form, leaves in self._predictions(call, self._plan(call), places):
            yield self._wrap(form, leaves)

    def plan(self, *args: Any) -> Plan:
        """How these inputs are run: known for their shape, or found out now by a one-off timing.

        Args:
            args: The model's inputs.

        Raises:
            ArgumentError: If the model is stochastic, or several elements a pass were asked for where copies cannot be
                joined.
        """
        return self._plan(self._call(args))

    def extra_repr(self) -> str:
        """The group, the number of elements, and what is known of the error."""
        number = "a frame" if self.elements is None else f"{len(self.elements)} elements"
        return f"{self.symmetry.group.name}, {number}: {self.error}"

    def _call(self, args: Sequence[Any]) -> Call:
        """The inputs, checked and taken apart."""
        refuse_train_mode(self._mode_dependent)
        if not torch.compiler.is_compiling():  # checks read tables of the group, which a graph cannot hold
            self.symmetry.check_inputs(args)
        return Call(self.symmetry.inputs, args)

    def _wrap(self, form: Any, leaves: Sequence[Any]) -> Any:
        """Leaves in the model's own containers."""
        return rebuild(self.symmetry.outputs, form, leaves)

    def _predictions(self, call: Call, plan: Plan, places: Sequence[int]) -> Iterator[Prediction]:
        """The model's prediction for every element, moved back, in order."""
        every: list[Mover] = list(self.movers)  # type: ignore[arg-type]
        movers = [every[k] for k in places]
        if self.share_stabilisers and not is_tracing() and self._joins(call):
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
            form = self.model(*call.with_leaves(tables.some(moved, first, copies)))
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
        form, parts = self._run(call, call.moved(movers, channels_last=plan.channels_last), len(movers), check=check)
        return form, [mover.moved_back([part[k] for part in parts]) for k, mover in enumerate(movers)]

    def _run(self, call: Call, moved: Sequence[Any], copies: int, *, check: bool = True) -> tuple[Any, list[list[Any]]]:
        y = self.model(*call.with_leaves(moved))
        if check and not torch.compiler.is_compiling():
            self.symmetry.check_outputs(y)
        leaves = value_leaves(self.symmetry.outputs, y)
        form = self._wrap(y, [leaf.dtype if isinstance(leaf, Tensor) else leaf for leaf in leaves])
        return form, [separate(leaf, copies) for leaf in leaves]

    def _shared(self, movers: Sequence[Mover], call: Call, plan: Plan, places: Sequence[int]) -> Iterator[Prediction]:
        """Every different moved sample once; then all inverse moves of its one output."""
        joined = call.moved(movers)
        rows, place = distinct_rows([x for x, same in zip(joined, call.shared, strict=True) if not same], len(movers))
        form, outputs = None, []
        for some in rows.split(max(1, plan.elements * int(call.length or 0))):
            moved = [x if same else x[some] for x, same in zip(joined, call.shared, strict=True)]
            form, parts = self._run(call, moved, 1)
            outputs.append([part[0] for part in parts])
        whole = [torch.cat(y) if isinstance(y[0], Tensor) else y[0] for y in zip(*outputs, strict=True)]
        for k, mover in enumerate(movers):
            chosen = [y.index_select(0, place[k]) if isinstance(y, Tensor) else y for y in whole]
            yield Prediction(places[k], form, mover.moved_back(chosen))

    def _joins(self, call: Call) -> bool:
        """Whether inputs and outputs have a batch axis on which copies can stand side by side."""
        return call.length is not None and all(action.batched for action in self._outputs)

    def _plan(self, call: Call) -> Plan:
        fixed = None if self.micro_batch == "auto" else min(int(self.micro_batch), len(self.movers))
        joins = self._joins(call)
        if fixed is not None and fixed > 1 and not joins:
            raise ArgumentError(
                "micro_batch", expected="1 for inputs or outputs without a batch axis", got=fixed, way_out='use "auto"'
            )
        plan = Plan(fixed if fixed is not None else len(self.movers) if joins else 1)
        leaves = call.tensors
        if is_tracing() or any(x.numel() == 0 or x.is_meta for x in leaves):  # there is nothing to time or compare
            return plan
        key = (
            tuple((x.shape, x.dtype, x.device, torch.is_autocast_enabled(x.device.type)) for x in leaves),
            torch.is_grad_enabled(),
            self.micro_batch,
        )
        if key not in self._plans:
            differentiable = torch.is_grad_enabled()
            with torch.no_grad(), untouched_random_state(leaves), unwritten(leaves):
                self._plans[key] = self._find_plan(call, plan, differentiable=differentiable)
        return self._plans[key]

    def _find_plan(self, call: Call, plan: Plan, *, differentiable: bool) -> Plan:
        movers: list[Mover] = list(self.movers)  # type: ignore[arg-type]
        if self.check and not self._checked:
            refuse_stochastic(lambda: _tensors(self._pass(movers[:1], call, Plan(1))[1][0]))
            self._checked = True
        if plan.elements > 1 and (self.check or self.micro_batch == "auto") and not self._copies_agree(call, movers):
            if self.micro_batch != "auto":
                raise ArgumentError(
                    "micro_batch",
                    expected="1 for a model in which the samples of a batch influence each other",
                    got=plan.elements,
                    way_out='use micro_batch="auto"',
                )
            plan = Plan(1)
        tables: dict[bool, OrbitTables | None] = {
            last: None if differentiable else self._tables(call, movers, channels_last=last)
            for last in layouts(self.model, call.tensors)
        }
        if self.micro_batch != "auto" or plan.elements == 1:
            return replace(plan, tables=tables[False])
        at_once = {last: table.moved(call) for last, table in tables.items() if table is not None}

        def run(candidate: Plan, first: int) -> object:
            some, last = movers[first : first + candidate.elements], candidate.channels_last
            if (table := tables[last]) is None:
                return self._pass(some, call, candidate, check=False)
            return self.model(*call.with_leaves(table.some(at_once[last], first, len(some))))

        chosen = choose_plan(self.model, run, len(movers), call.tensors, self.memory_limit)
        return replace(chosen, tables=tables[chosen.channels_last])

    def _copies_agree(self, call: Call, movers: Sequence[Mover]) -> bool:
        """Whether two copies in one batch get the same predictions as alone."""
        single = [_tensors(self._pass([mover], call, Plan(1))[1][0]) for mover in movers[:2]]
        try:
            joint = [_tensors(leaves) for leaves in self._pass(movers[:2], call, Plan(2))[1]]
        except HaarError:
            raise
        except Exception:  # noqa: BLE001 (a model of a fixed batch, such as an exported one, raises what it likes)
            return False
        return all(agree(a, b) for a, b in zip(single, joint, strict=True))

    def _tables(self, call: Call, movers: Sequence[Mover], *, channels_last: bool) -> OrbitTables | None:
        """Tables that move all copies at once, if they pay; backward through a gather is a slow scatter."""
        if self.window is not None or self.share_stabilisers or not self._joins(call):
            return None
        y = self.model(*call.with_leaves(call.moved(movers[:1], channels_last=channels_last)))
        self.symmetry.check_outputs(y)
        leaves = value_leaves(self.symmetry.outputs, y)
        with torch.inference_mode(mode=False):
            return orbit_tables(call, movers, self._weights, leaves, channels_last=channels_last)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = self.__dict__.copy()
        state["_plans"] = {}  # timings belong to a machine, not to a model
        return state


def _tensors(leaves: Sequence[Any]) -> list[Tensor]:
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def _add(total: Any, leaf: Any, weight: float) -> Any:
    """Add weight * leaf, in float32 at least, so that many small terms are not lost."""
    if not isinstance(leaf, Tensor):
        return leaf
    if leaf.dtype in (torch.float16, torch.bfloat16):
        leaf = leaf.float()
    return leaf * weight if total is None else torch.add(total, leaf, alpha=weight)

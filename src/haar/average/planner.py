"""Plans: found once for inputs of a kind, tried before they are trusted, and looked at again when the model changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.actions.trees import value_leaves
from haar.average.fingerprint import Fingerprint
from haar.average.joining import Call
from haar.average.micro_batch import Plan, choose_plan, layouts
from haar.average.mover import Mover
from haar.average.orbit_table import OrbitTables, orbit_tables
from haar.average.weighted import WeightedSet
from haar.average.windowed import OutputWindow
from haar.containers import mapped
from haar.errors import ArgumentError, HaarError
from haar.probing import ForwardOnly, transformed, undisturbed
from haar.probing.manners import interacting_layer, refuse_interacting, unwritten
from haar.probing.samples import check_samples, separate
from haar.probing.trial import Trial

#: One trial at a time: it puts the model's state back, and another would disturb its timings.
_TRIALS = threading.RLock()


class Planned(nn.Module):
    """What a plan is made for: a model, how it is moved, and what was asked for."""

    model: Callable[..., Any]
    quiet: ForwardOnly
    symmetry: Symmetry
    movers: nn.ModuleList
    elements: WeightedSet | None
    window: OutputWindow | None
    micro_batch: int | str
    memory_limit: int | None
    share_stabilisers: bool
    check: bool

    def joins(self, call: Call) -> bool:
        """Whether copies can stand side by side."""
        raise NotImplementedError


@dataclass
class _Known:
    """A plan, the weights it was tried with and those seen last, whether the trial said anything, how often doubted."""

    plan: Plan
    tried: int
    informative: bool
    seen: int
    doubts: int = 0


class Planner:
    """How an averaged model runs its inputs, by their shapes, dtypes, devices and what else the answer depends on."""

    def __init__(self) -> None:
        self._known: dict[Any, _Known] = {}
        self._together: dict[Any, int] = {}
        self._fingerprint: Fingerprint | None = None

    @property
    def plans(self) -> list[Plan]:
        """All plans that are known."""
        return [known.plan for known in self._known.values()]

    def plan(self, averaged: Planned, call: Call) -> Plan:
        """The plan for a call, known or found out now.

        Args:
            averaged: The averaged model.
            call: Inputs of the call that is planned.

        Raises:
            ArgumentError: If the model is stochastic or keeps state, or several elements a pass were asked for where
                copies cannot be joined.
        """
        if transformed():
            averaged.symmetry.check_inputs(call.args)
            return Plan(min(_wanted(averaged, call), self._together.get(_kind(call), 1)))
        fingerprint = self._fingerprint
        if fingerprint is None:
            fingerprint = self._fingerprint = Fingerprint(averaged.model)
        key = (
            tuple([_of_leaf(x) for x in call.leaves]),
            torch.is_grad_enabled(),
            averaged.micro_batch,
            fingerprint.switches(),
        )
        known = self._known.get(key)
        if known is None:
            averaged.symmetry.check_inputs(call.args)
            return self._found(averaged, call, key)
        if not known.informative or known.tried != fingerprint.weights():
            return self._doubted(averaged, call, key, known, fingerprint.weights())
        return known.plan

    def together(self, averaged: Planned, call: Call) -> int:
        """How many elements may share a pass where nothing can be timed: all that are wanted, or one.

        Args:
            averaged: The averaged model.
            call: Inputs with values.

        Raises:
            ArgumentError: As `plan`.
        """
        wanted = _wanted(averaged, call)
        if any(type(x) not in (Tensor, nn.Parameter) for x in call.tensors):  # stand-ins of an export
            return min(wanted, self._together.get(_kind(call), 1))
        with _TRIALS, undisturbed(averaged.model, mode=None), unwritten(call.tensors):
            tried = _Tried(averaged, call)
            elements = tried.elements(wanted)
        self._note(call, elements, informative=tried.trial.informative)
        return elements if tried.trial.informative else 1

    def tell_samples_apart(self, averaged: Planned, call: Call) -> None:
        """Refuse outputs whose axis 0 does not count samples.

        Args:
            averaged: The averaged model.
            call: Inputs with values.

        Raises:
            ShapeError: Naming the first such output.
        """
        with _TRIALS, undisturbed(averaged.model, mode=None):
            _Tried(averaged, call).tell_samples_apart()

    def _found(self, averaged: Planned, call: Call, key: Any) -> Plan:
        wanted, leaves = _wanted(averaged, call), call.tensors
        if any(x.numel() == 0 or x.is_meta for x in leaves):  # there is nothing to time or compare
            return Plan(wanted)
        with _TRIALS:
            if key in self._known:  # by another thread meanwhile
                return self._known[key].plan
            fingerprint = Fingerprint(averaged.model)
            with undisturbed(averaged.model, mode=None), unwritten(leaves):
                tried = _Tried(averaged, call)
                plan = tried.plan(wanted)
            if not tried.trial.informative:
                plan = replace(plan, elements=1, independent=False)
            self._note(call, plan.elements, informative=tried.trial.informative)
            self._fingerprint = fingerprint
            weights = fingerprint.weights()
            self._known[key] = _Known(plan, weights, tried.trial.informative, weights)
            return plan

    def _doubted(self, averaged: Planned, call: Call, key: Any, known: _Known, weights: int) -> Plan:
        """Look again after 1, 2, 4, 8, ... changes of the weights, when these stay, or after calls that said nothing.

        Between, where gradients are off, two copies of what came are compared.
        """
        with _TRIALS:
            stays = known.informative and known.seen == weights
            known.seen, known.doubts = weights, known.doubts + (not stays)
            rarely = not stays and bool(known.doubts & (known.doubts - 1))
            if rarely and (not known.informative or torch.is_grad_enabled()):
                return known.plan
            if not known.informative:
                doubts = known.doubts
                self._known.pop(key, None)
                plan = self._found(averaged, call, key)
                self._known[key].doubts = doubts
                return plan
            if known.plan.independent:
                with undisturbed(averaged.model, mode=None), unwritten(call.tensors):
                    tried = _Tried(averaged, call)
                    holds = tried.holds_here() if rarely else tried.holds(known.plan.elements)
                if not holds:
                    self._note(call, 1, informative=True)
                    if averaged.micro_batch != "auto" and known.plan.elements > 1:
                        refuse_interacting(known.plan.elements)
                    known.plan = replace(known.plan, elements=1, independent=False)
            if not rarely:
                known.tried = weights
            return known.plan

    def _note(self, call: Call, elements: int, *, informative: bool) -> None:
        """Remember for transforms how many elements were seen to share a pass; one is for ever."""
        kind = _kind(call)
        if informative and self._together.get(kind) != 1:
            self._together[kind] = elements


class _Tried:
    """A model tried for one call."""

    def __init__(self, averaged: Planned, call: Call) -> None:
        self.averaged, self.differentiable = averaged, torch.is_grad_enabled()
        self.call = call.like([x.detach() if isinstance(x, Tensor) else x for x in call.leaves])
        self.movers: list[Mover] = list(averaged.movers)  # type: ignore[arg-type]
        self.auto = averaged.micro_batch == "auto"
        self.trial = Trial(averaged.model, self.run, self.call)

    def model(self, *args: Any) -> Any:
        """The model's values, in the caller's gradient mode: it may branch on it."""
        if self.differentiable:
            return mapped(Tensor.detach, self.averaged.model(*args))
        return self.averaged.quiet(*args)

    def run(self, leaves: Sequence[Any]) -> list[Any]:
        y = self.model(*self.call.with_leaves(leaves))
        self.averaged.symmetry.check_outputs(y)
        return [separate(leaf, 1)[0] for leaf in value_leaves(self.averaged.symmetry.outputs, y)]

    def moved(self, first: int) -> list[Any]:
        return self.call.moved(self.movers[first : first + 1]) if self.movers else list(self.call.leaves)

    def elements(self, wanted: int) -> int:
        """How many elements may share a pass: as many as wanted, or one."""
        return wanted if self._steady_and_independent(wanted, wanted > 1) else 1

    def plan(self, wanted: int) -> Plan:
        averaged = self.averaged
        shares = averaged.share_stabilisers and averaged.joins(self.call)
        unasked = not averaged.check and not self.auto
        independent = self._steady_and_independent(min(wanted, 2), wanted > 1 or shares)
        plan = Plan(wanted if independent or unasked else 1, independent=independent)
        if independent and self.auto and wanted > 1:
            plan = self._timed(plan)
        elif averaged.movers:
            plan = replace(plan, tables=self._tables(channels_last=False))
        if independent and plan.elements > 2 and not self._holds(plan.elements):
            plan = Plan(1, tables=self._tables(channels_last=False))
        return replace(plan, differentiates=not self.differentiable and averaged.quiet.differentiates)

    def tell_samples_apart(self) -> None:
        if self.call.length is None:
            return
        leaves, number = list(self.call.leaves), int(self.call.length)
        check_samples(self.run(leaves), number)
        with _ours_alone():
            check_samples(self.run(self.call.joined([leaves, leaves])), 2 * number)

    def holds(self, elements: int) -> bool:
        """Whether as many copies still leave each other alone."""
        return self.trial.independent_when_drawn(self._sizes(max(2, elements)))

    def holds_here(self) -> bool:
        """Whether two copies of what came leave each other alone."""
        return self.trial.independent([[self.moved(0), self.moved(len(self.movers) - 1)]], [])

    def _steady_and_independent(self, elements: int, asked: bool) -> bool:  # noqa: FBT001
        first = self.moved(0)
        if self.averaged.check:
            self.trial.refuse_unsteady(first)
            if not self.movers:  # a frame has one element a sample
                self.tell_samples_apart()
        else:
            self.run(first)  # what does not fit the symmetry is told first
        if not asked or not (self.averaged.check or self.auto):
            return False
        layer = interacting_layer(self.averaged.model)
        if layer is None and self._holds(max(2, elements)):
            return True
        if not self.auto and self.averaged.micro_batch != 1:
            refuse_interacting(min(int(self.averaged.micro_batch), len(self.movers)), layer)
        return False

    def _holds(self, elements: int) -> bool:
        number = len(self.movers)
        try:
            if elements == 2:
                return self.trial.independent([[self.moved(0), self.moved(min(1, number - 1))]], [2])
            found = self.trial.independent(self._passes(elements), self._sizes(elements))
        except HaarError:
            if not self.auto:
                raise
            return False
        if not found and not self.auto:
            refuse_interacting(elements)
        return found

    def _passes(self, elements: int) -> Iterator[list[list[Any]]]:
        for start in range(0, len(self.movers), elements):
            yield [self.moved(k) for k in range(start, min(start + elements, len(self.movers)))]

    def _sizes(self, elements: int) -> list[int]:
        return [elements, len(self.movers) % elements]

    def _timed(self, plan: Plan) -> Plan:
        """The fastest plan for these inputs."""
        call, averaged, movers = self.call, self.averaged, self.movers
        tables = {last: self._tables(channels_last=last) for last in layouts(averaged.model, call.tensors)}
        at_once = {last: table.moved(call) for last, table in tables.items() if table is not None}

        def run(candidate: Plan, first: int) -> object:
            some, last = movers[first : first + candidate.elements], candidate.channels_last
            if (table := tables[last]) is None:
                y = self.model(*call.with_leaves(call.moved(some, channels_last=last)))
                leaves = value_leaves(averaged.symmetry.outputs, y)
                parts = [separate(leaf, len(some)) for leaf in leaves]
                return [mover.moved_back([part[k] for part in parts]) for k, mover in enumerate(some)]
            return self.model(*call.with_leaves(table.some(at_once[last], first, len(some))))

        try:
            chosen = choose_plan(averaged.model, run, len(movers), call.tensors, averaged.memory_limit)
        except HaarError:
            raise
        except Exception:  # noqa: BLE001 (a model that takes two copies and not all, raises what it likes)
            return Plan(1, tables=tables[False])
        return replace(chosen, tables=tables[chosen.channels_last], independent=plan.independent)

    def _tables(self, *, channels_last: bool) -> OrbitTables | None:
        """Tables that move all copies at once, if they pay; backward through a gather is a slow scatter."""
        averaged, call = self.averaged, self.call
        special = averaged.window is not None or averaged.share_stabilisers
        if self.differentiable or special or not averaged.joins(call):
            return None
        y = self.model(*call.with_leaves(call.moved(self.movers[:1], channels_last=channels_last)))
        leaves = value_leaves(averaged.symmetry.outputs, y)
        with torch.inference_mode(mode=False):
            weights = averaged.elements.weights.tolist() if averaged.elements is not None else []
            return orbit_tables(call, self.movers, weights, leaves, channels_last=channels_last)


@contextmanager
def _ours_alone() -> Iterator[None]:
    """A model of a fixed batch, such as an exported one, raises what it likes when it is given two."""
    try:
        yield
    except HaarError:
        raise
    except Exception:  # noqa: BLE001, S110
        pass


def _wanted(averaged: Planned, call: Call) -> int:
    """Elements per pass that were asked for, if copies can be joined at all."""
    joins, number = averaged.joins(call), max(1, len(averaged.movers))
    if averaged.micro_batch == "auto":
        return number if joins else 1
    fixed = min(int(averaged.micro_batch), number)
    if fixed > 1 and not joins:
        raise ArgumentError(
            "micro_batch", expected="1 for inputs or outputs without a batch axis", got=fixed, way_out='use "auto"'
        )
    return fixed


def _of_leaf(x: Any) -> Any:
    """What a plan depends on in one input."""
    if isinstance(x, Tensor):
        device = x.device
        cast = None
        if device.type != "meta" and torch.is_autocast_enabled(device.type):
            cast = torch.get_autocast_dtype(device.type)
        return x.shape, x.dtype, device, cast
    return x if isinstance(x, (bool, str, type(None))) else type(x)


def _kind(call: Call) -> tuple[Any, ...]:
    """Inputs without their lengths, which an export leaves open."""
    return tuple([(x.ndim, x.dtype) if isinstance(x, Tensor) else type(x) for x in call.leaves])

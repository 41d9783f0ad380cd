"""The masks of a model in its training: before every step of an optimiser they meet gradients, after it weights."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from haar.compress.sparse.densities import erdos_renyi, uniform
from haar.compress.sparse.layer import MaskedLayer
from haar.compress.sparse.moments import check_optimizer, moments_of, takes_slow_roots
from haar.compress.sparse.placement import Place, Rules
from haar.compress.sparse.report import SparsityReport, told
from haar.errors import ArgumentError

Optimizer = torch.optim.Optimizer
_DENSITIES: Mapping[str, Callable[..., list[float]]] = {"erdos-renyi": erdos_renyi, "uniform": uniform}
_SCHEMA = 1
#: Layers have seeds of their own, and so many fit between two seeds of the user's.
_LAYERS = 4099
#: What is attached to an optimiser.
_MASKED: weakref.WeakKeyDictionary[Optimizer, list[weakref.ref[Sparsifier]]] = weakref.WeakKeyDictionary()


class Sparsifier:
    """Masks on some parameters of a model, and what they need in its training; made by `haar.compress.sparsify`.

    Once it is attached to the optimisers nothing else is to be done: their own hooks mask gradients before a step
    (after those of an update were read) and weights after it; or, where masked gradients would make the step slow
    (`haar.compress.sparse.moments.takes_slow_roots`), weights and moments after it, which is the same. A loop whose
    gradients are made within the step attaches with ``before=False`` and calls `before_step` where they are there.

    Args:
        places: The parameters that are masked.
        dense: Names of the weights that stay dense.
        rules: The regimes.
        steps: Number of steps of each optimiser.
        seed: Of all random choices.
        densities: ``"erdos-renyi"`` or ``"uniform"``.
        score: ``"entry"`` or ``"orbit"``.

    Attributes:
        layers: The masked parameters.
        dense: Names of the weights that stay dense.
    """

    def __init__(
        self,
        places: Sequence[Place],
        dense: Sequence[str],
        rules: Rules,
        *,
        steps: int,
        seed: int,
        densities: str,
        score: str,
    ) -> None:
        regimes = list(rules.values())
        self.layers: list[MaskedLayer] = []
        self.dense = tuple(dense)
        share: dict[str, float] = {}
        for rule, regime in enumerate(regimes):
            held = [place for place in places if place.rule == rule]
            if regime is not None and held:
                found = _DENSITIES[densities]([place.units.dense for place in held], regime.sparsity)
                share |= dict(zip((place.name for place in held), found, strict=True))
        for number, place in enumerate(places):
            regime = regimes[place.rule]
            if regime is not None:
                own = seed * _LAYERS + number
                self.layers.append(MaskedLayer(place, regime, share[place.name], steps, seed=own, score=score))
        self._facts = {
            "steps": steps,
            "seed": seed,
            "densities": densities,
            "score": score,
            "layers": [[one.name, list(one.place.units.shape), one.regime.facts()] for one in self.layers],
        }
        self._owner: dict[str, Optimizer] = {}
        self._held: dict[Optimizer, list[MaskedLayer]] = {}
        self._slow: set[Optimizer] = set()  # those that gradients go into whole
        self._whole: set[Optimizer] = set()  # those of them that are in a step now
        self._tied = any(layer.place.units.tied for layer in self.layers)
        self._handles: list[Any] = []

    def begin(self, state: Mapping[str, Any] | None = None) -> None:
        """Clear what is inactive: with the masks of the beginning, the same in all processes, or with those of a state.

        Raises:
            ArgumentError: If the state is of other regimes, layers, seeds or steps.
        """
        if state is None:
            self._agree(self.layers)
        else:
            self.load_state_dict(state)
        for layer in self.layers:
            layer.clear()
        self._tie(self.layers, gradients=False)

    def attach(self, *optimizers: Optimizer, before: bool = True) -> Sparsifier:
        """Mask at every step of some optimisers by their own hooks.

        Args:
            optimizers: That own masked parameters. Of one that wraps another, as Lightning Fabric's do, the other is
                meant: it is the one that steps.
            before: Whether their hooks mask gradients too; False in loops whose gradients are made in a closure, which
                call `before_step` at its end.

        Raises:
            ArgumentError: If an optimiser keeps no state of every entry, is attached already, to these masks or to
                others on its parameters, owns none of the masked parameters, or one that another optimiser owns.
        """
        for optimizer in map(_inmost, optimizers):
            check_optimizer(optimizer)
            self._check_free(optimizer)
            own = {id(p) for group in optimizer.param_groups for p in group["params"]}
            held = [layer for layer in self.layers if id(layer.place.parameter) in own]
            if not held:
                names = ", ".join(layer.name for layer in self.layers)
                raise ArgumentError(
                    "optimizer", expected=f"one that owns masked parameters ({names})", got="one of others"
                )
            for layer in held:
                if self._owner.get(layer.name, optimizer) is not optimizer:
                    raise ArgumentError(
                        "optimizer", expected="one owner of each masked tensor", got=f"two of {layer.name!r}"
                    )
                self._owner[layer.name] = optimizer
                layer.clear(optimizer)
            self._held[optimizer] = held
            if takes_slow_roots(optimizer, [layer.place.parameter for layer in held]):
                self._slow.add(optimizer)
            _MASKED.setdefault(optimizer, []).append(weakref.ref(self))
            if before:
                self._handles.append(optimizer.register_step_pre_hook(self._before))
            self._handles.append(optimizer.register_step_post_hook(self._after))
        return self

    def detach(self) -> None:
        """Take the hooks off; weights stay as they are."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._owner, self._held, self._slow = [], {}, {}, set()

    def _check_free(self, optimizer: Optimizer) -> None:
        """Refuse an optimiser whose steps these masks meet already, or others on the same parameters."""
        mine = {id(layer.place.parameter) for layer in self.layers}
        for known in _MASKED.get(optimizer, []):
            other = known()
            held = other is not None and any(one is optimizer for one in other._owner.values())  # noqa: SLF001 (its kind)
            if other is not None and held and mine & {id(layer.place.parameter) for layer in other.layers}:
                got = "one that these are attached to" if other is self else "one that other masks are attached to"
                raise ArgumentError(
                    "optimizer", expected="an optimiser without masks", got=got, way_out="detach() those first"
                )

    def before_step(self, optimizer: Optimizer | None = None) -> None:
        """Change the masks that are due, then mask the gradients; called after the backward pass.

        Args:
            optimizer: The one that is about to step; by default all.

        Raises:
            ArgumentError: If a masked parameter has no optimiser that was attached.
        """
        self._masked(self._of(None if optimizer is None else _inmost(optimizer)))

    def after_step(self, optimizer: Optimizer | None = None) -> None:
        """Mask the weights; called after the optimiser's step.

        Args:
            optimizer: The one that has stepped; by default all.
        """
        layers = self._of(None if optimizer is None else _inmost(optimizer))
        with torch.no_grad():  # the last is what the processor has at hand still
            _multiply([(layer.place.parameter, layer.mask()) for layer in reversed(layers)])
        if self._tied:
            self._tie(layers, gradients=False)

    def masks(self) -> dict[str, Tensor]:
        """Which entries of every masked parameter are active, by name."""
        return {layer.name: layer.mask() != 0 for layer in self.layers}

    def report(self) -> SparsityReport:
        """Densities, and what has moved."""
        return told(self.layers, self.dense)

    def state_dict(self) -> dict[str, Any]:
        """Masks and counters, and by what they are known again; plain values and tensors."""
        return {
            "schema": _SCHEMA,
            "facts": self._facts,
            "active": [layer.active.clone() for layer in self.layers],
            "seen": [layer.seen.clone() for layer in self.layers],
            "counters": [[layer.step, *layer.moves, int(layer.waiting)] for layer in self.layers],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; weights and optimisers are loaded by themselves.

        Raises:
            ArgumentError: If the state is of other regimes, layers, seeds or steps.
        """
        known, found = self._facts, state.get("facts")
        if state.get("schema") != _SCHEMA or found != known:
            told = found if isinstance(found, Mapping) else {}
            different = [key for key in known if told.get(key) != known[key]]
            what = ", ".join("other regimes or layers" if key == "layers" else f"other {key}" for key in different)
            raise ArgumentError(
                "state",
                expected="masks of the same regimes, layers, steps and seed",
                got=what or f"schema {state.get('schema')}",
                way_out="resume with the regimes it was begun with, or begin anew",
            )
        for layer, active, seen, counters in zip(
            self.layers, state["active"], state["seen"], state["counters"], strict=True
        ):
            device = layer.place.parameter.device
            layer.take(active.to(device))
            layer.seen = seen.to(device)
            layer.step, *moves, waiting = map(int, counters)
            layer.moves, layer.waiting = list(moves), bool(waiting)

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if any(argument is not None for argument in (*args[1:], kwargs.get("closure"))):  # the first is the optimiser
            raise ArgumentError(
                "closure",
                expected="a step whose gradients are there",
                got="a closure, which makes them within the step",
                way_out="call loss.backward() and then step(), or attach(optimizer, before=False) and call "
                "before_step at the closure's end",
            )
        layers = self._of(optimizer)
        if optimizer in self._slow:
            self._whole.add(optimizer)
            self._begin(layers)
        else:
            self._masked(layers)

    def _after(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        del args, kwargs
        if optimizer not in self._whole:
            self.after_step(optimizer)
            return
        self._whole.discard(optimizer)
        layers = self._of(optimizer)
        with torch.no_grad():
            for layer in reversed(layers):
                parameter = layer.place.parameter
                layer.cut([parameter.detach(), *moments_of(optimizer, parameter)])
        if self._tied:
            self._tie(layers, gradients=False)

    def _masked(self, layers: list[MaskedLayer]) -> None:
        """Begin a step, and mask its gradients."""
        self._begin(layers)
        there = [(layer.place.parameter.grad, layer.mask()) for layer in layers]
        with torch.no_grad():
            _multiply([(gradient, mask) for gradient, mask in there if gradient is not None])

    def _begin(self, layers: list[MaskedLayer]) -> None:
        """Change the masks that are due, and count a step."""
        due = [layer for layer in layers if layer.due()]
        if due:
            self._change(due)
        for layer in layers:
            layer.step += 1
        if self._tied:
            self._tie(layers, gradients=True)

    def _of(self, optimizer: Optimizer | None) -> list[MaskedLayer]:
        """The layers of an optimiser."""
        if len(self._owner) < len(self.layers):
            missing = next(layer.name for layer in self.layers if layer.name not in self._owner)
            raise ArgumentError(
                "optimizers",
                expected="an optimiser for every masked parameter",
                got=f"none of {missing!r}",
                way_out="attach it, or give its pattern the regime None (target networks are not masked)",
            )
        return self.layers if optimizer is None else self._held.get(optimizer, [])

    def _change(self, layers: list[MaskedLayer]) -> None:
        """Update masks: on every process as on the first."""
        proposals = [(layer, layer.proposal()) for layer in layers]
        there = [(layer, proposal) for layer, proposal in proposals if proposal is not None]
        if not there:
            return
        _as_on_the_first([t for _, proposal in there for t in (proposal.active, proposal.dropped, proposal.grown)])
        for layer, proposal in there:
            layer.change(proposal, self._owner.get(layer.name))

    def _agree(self, layers: list[MaskedLayer]) -> None:
        _as_on_the_first([layer.active for layer in layers])
        for layer in layers:
            layer.take(layer.active.to(layer.place.parameter.device))
            layer.seen = layer.active.clone()

    def _tie(self, layers: list[MaskedLayer], *, gradients: bool) -> None:
        """Hold tied weights, and their biases, or their gradients to what commutes."""
        for layer in layers:
            units, shift = layer.place.units, layer.place.shift
            if not units.tied:
                continue
            with torch.no_grad():
                for parameter in (layer.place.parameter, layer.place.bias):
                    value = None if parameter is None else parameter.grad if gradients else parameter
                    if value is None or parameter is None:
                        continue
                    if parameter is layer.place.parameter:
                        value.copy_(units.mean(value))
                    elif shift is not None:
                        basis = shift.to(value)
                        value.copy_(basis @ (basis.T @ value))


def _inmost(optimizer: Optimizer) -> Optimizer:
    """The optimiser that steps: a wrapper's own hooks are never called."""
    inner = getattr(optimizer, "optimizer", None)
    return _inmost(inner) if isinstance(inner, Optimizer) and inner is not optimizer else optimizer


def _multiply(pairs: list[tuple[Tensor, Tensor]]) -> None:
    if pairs:
        torch._foreach_mul_([value for value, _ in pairs], [mask for _, mask in pairs])


def _as_on_the_first(masks: list[Tensor]) -> None:
    """Where several processes train together, give all of them what the first one has."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        return
    joined = torch.cat([mask.flatten() for mask in masks]).to(torch.uint8)
    distributed.broadcast(joined, 0)
    for mask, part in zip(masks, joined.split([mask.numel() for mask in masks]), strict=True):
        mask.copy_(part.to(torch.bool))

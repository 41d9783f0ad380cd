"""verify: does a table leave the network's function alone, and if not, which axis of which tensor is wrong?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, NotEquivariantError
from haar.probing import KeptDouble, in_double_precision, undisturbed
from haar.seeding import Seed, generator_of
from haar.weights.action import ParameterAction
from haar.weights.bare import bare
from haar.weights.folding import folded
from haar.weights.gauge import Gauge
from haar.weights.sites import Rotation, Site

State = Mapping[str, Tensor]
#: What double precision leaves of an exact symmetry, relative to the outputs: rounding through a deep network.
TOLERANCE = 1e-10
#: Most draws of an element that moves something.
_DRAWS = 40


@dataclass(frozen=True)
class Verification:
    """How far outputs change when parameters are moved, in double precision, relative to the largest output.

    Attributes:
        folding: By folding the norms' gains and biases; 0 where there are none.
        sites: By a random element of each site alone.
        shifts: By what a softmax should not see.
        faults: For each wrong site what is wrong: the tensor, the axis, and the label under which nothing changes.
        tolerance: Largest change that counts as none.
    """

    folding: float
    sites: Mapping[str, float]
    shifts: float
    faults: tuple[str, ...]
    tolerance: float = TOLERANCE

    @property
    def preserved(self) -> bool:
        """Whether no output changes."""
        return max(self.folding, self.shifts, *self.sites.values()) <= self.tolerance

    def check(self) -> None:
        """Refuse a table that changes the function.

        Raises:
            NotEquivariantError: If an output changes; it names the sites, and the tensor and axis that are wrong.
        """
        if self.preserved:
            return
        changes = {"folding": self.folding, "shifts": self.shifts, **self.sites}
        told = ", ".join(f"{name} ({x:.2g})" for name, x in changes.items() if x > self.tolerance)
        raise NotEquivariantError(f"outputs change when parameters are moved by: {told}; {'; '.join(self.faults)}")

    def __str__(self) -> str:
        worst = max(self.folding, self.shifts, *self.sites.values())
        if self.preserved:
            return f"function preserved: {len(self.sites)} sites, largest change {worst:.1e}"
        return f"function changed by {worst:.1e}: {'; '.join(self.faults)}"


def verify(
    model: nn.Module,
    action: ParameterAction,
    inputs: Any,
    *,
    seed: Seed = 0,
    tolerance: float | int = TOLERANCE,
) -> Verification:
    """Move the parameters by random elements of every site, one site at a time, and run the model.

    All is done on a copy in double precision; what the model itself casts to single precision, as norms and routers of
    `transformers` do, is kept in double precision meanwhile. Where a site changes the outputs, each label that a tensor
    could have instead is tried in turn, to say which one is wrong.

    Args:
        model: The model; it is left as it was.
        action: The table.
        inputs: An input, a tuple of inputs, or inputs by name.
        seed: Seed of the elements.
        tolerance: Largest relative change of an output that counts as none.

    Raises:
        ArgumentError: If the parameters are not those of the table, or the model returns no tensor, or no number.

    Example:
        >>> from haar.weights import Units
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        >>> rows = {"0.weight": ("a", None), "0.bias": ("a",), "2.weight": (None, "a*"), "2.bias": (None,)}
        >>> verify(model, ParameterAction({"a": Units(4, "signs")}, rows), torch.randn(5, 2)).preserved
        True
        >>> rows["0.bias"] = (None,)
        >>> verify(model, ParameterAction({"a": Units(4, "signs")}, rows), torch.randn(5, 2)).faults
        ("0.bias, axis 0: expected 'a', the table says None",)
    """
    generator = generator_of(seed)
    runner = _Runner(bare(model), inputs)
    state = runner.state
    action.check(state)
    plain = dict(folded(action, state)) if _needs_folding(action) else state
    folding = runner.change(plain) if plain is not state else 0.0
    elements = {name: _moving(action, name, generator) for name in action.sites}
    sites = {name: runner.change(action.act(gauge, plain)) for name, gauge in elements.items()}
    shifts = runner.change(action.act(Gauge(action.identity().sites, action.random(0, state=plain).shifts), plain))
    faults = [
        _fault(runner, action, plain, name, elements[name], tolerance=float(tolerance))
        for name, change in sites.items()
        if change > tolerance
    ]
    if folding > tolerance:
        faults.append("norms: folding gains and biases changes the function; see which weights read each norm")
    if shifts > tolerance:
        faults.append(f"shifts: a label with + or ~ stands where the function sees it ({_marked(action)})")
    return Verification(folding, sites, shifts, tuple(faults), float(tolerance))


def _moving(action: ParameterAction, site: str, generator: torch.Generator) -> Gauge:
    """A random element of one site, in which not all of several units, heads or experts stay: of two, half would."""
    for _ in range(_DRAWS):
        drawn = action.random(generator, sites=[site])
        if len(next(iter(drawn.sites[site].values())).order) == 1 or drawn.moved_share(site):
            break
    return drawn


def _needs_folding(action: ParameterAction) -> bool:
    return bool(action.norms) and any(isinstance(site, Rotation) for site in action.sites.values())


def _marked(action: ParameterAction) -> str:
    return ", ".join(
        name for name, entry in action.entries.items() if any(leg.shifts for legs in entry.axes for leg in legs)
    )


class _Runner:
    """A model in double precision, its own outputs, and how far others are from these."""

    def __init__(self, model: nn.Module, inputs: Any) -> None:
        self.model = in_double_precision(model)
        if hasattr(self.model, "set_experts_implementation"):  # of transformers: its fast kernels are single precision
            self.model.set_experts_implementation("eager")  # type: ignore[operator]
        named = isinstance(inputs, Mapping)
        given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        self.args: Sequence[Any] = () if named else [_double(x) for x in given]
        self.kwargs = {name: _double(x) for name, x in inputs.items()} if named else {}
        self.state = {name: value.detach() for name, value in self.model.state_dict().items()}
        self.outputs = self._run(self.state)
        if not any(x.numel() for x in self.outputs):
            raise ArgumentError("inputs", expected="inputs of at least one sample", got="outputs without a number")
        self.size = max(float(x.abs().max()) for x in self.outputs if x.numel())

    def change(self, state: State) -> float:
        """The largest change of an output, relative to the largest output."""
        changes = [float((x - y).abs().max()) for x, y in zip(self._run(state), self.outputs, strict=True) if x.numel()]
        return max(changes) / (self.size or 1.0)

    def _run(self, state: State) -> list[Tensor]:
        with torch.no_grad(), undisturbed(self.model), KeptDouble():
            found = torch.func.functional_call(
                self.model, dict(state), tuple(self.args), dict(self.kwargs), tie_weights=False
            )
        tensors = list(_told(found))
        if not tensors:
            raise ArgumentError("model", expected="a model that returns tensors", got=type(found).__name__)
        return tensors


def _told(found: Any) -> Iterator[Tensor]:
    """What a model says: of what `transformers` returns, logits or last hidden states, and no caches."""
    for name in ("logits", "last_hidden_state"):
        if isinstance(getattr(found, name, None), Tensor):
            yield getattr(found, name)
            return
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, Mapping):
        for value in found.values():
            yield from _told(value)
    elif isinstance(found, (tuple, list)):
        for value in found:
            yield from _told(value)


def _double(x: Any) -> Any:
    return x.double() if isinstance(x, Tensor) and x.is_floating_point() else x


def _fault(
    runner: _Runner, action: ParameterAction, state: State, site: str, gauge: Gauge, *, tolerance: float
) -> str:  # fmt: skip
    """What is wrong with a site's labels: each one that mends it if it is changed, or which tensors the site moves."""
    mends = []
    for name, labels in action.tensors.items():
        shape = action.entries[name].read(state).shape
        for axis, label in enumerate(labels):
            for other in _instead(site, action.sites[site], label, shape[axis]):
                rows = {**action.tensors, name: (*labels[:axis], other, *labels[axis + 1 :])}
                try:
                    mended = replace(action, tensors=rows)
                    change = runner.change(mended.act(gauge, state))
                except ArgumentError:  # no label that this tensor could have
                    continue
                if change <= tolerance:
                    mends.append(f"{name}, axis {axis}: expected {other!r}, the table says {label!r}")
                    break  # for orders and signs, and for rotations, a label and its dual are one
    if mends:
        return " or ".join(mends)
    rows_told = ", ".join(action.touching(site))
    return f"{site}: its group, or more than one label, is wrong; it moves {rows_told}"


def _instead(name: str, site: Site, label: str | None, length: int) -> list[str | None]:
    """Labels that an axis of a length could have instead."""
    if label is not None and ("|" in label or label.rstrip("*+~").split(".")[0] != name):
        return []
    sizes = {port: size // (site.ports[""] if port in site.nested else 1) for port, size in site.ports.items()}
    forms = [f"{name}.{port}" if port else name for port, size in sizes.items() if length % size == 0]
    found: list[str | None] = [*forms, *(f"{form}*" for form in forms)]
    return [one for one in [None, *found] if one != label]

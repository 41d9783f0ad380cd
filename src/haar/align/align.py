"""align: one network moved within the symmetry of its parameters until it is nearest to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.align.activations import match_activations
from haar.align.alignment import Alignment, Distances
from haar.align.grams import UNCOUNTED, apart, relative, squared
from haar.align.learned import SIDES, Learning, Objective, learn
from haar.align.losses import Loss, batches_for, inputs_of_first, loss_of
from haar.align.matching import Matched, match_weights
from haar.align.pieces import pieces_of
from haar.align.states import called
from haar.errors import ArgumentError, check_count, known_keywords
from haar.watch import Unwatched, Watch
from haar.weights import Gauge, Moved, ParameterAction, balancing, folded
from haar.weights.bare import bare
from haar.weights.models import SYMMETRIES, Given, State, action_of, is_read, state_of  # noqa: F401 (words of before)

HOW = ("weights", "activations", "learned")


@known_keywords
def align(
    a: Given,
    b: Given,
    *,
    symmetry: ParameterAction | str = "auto",
    how: str = "weights",
    config: Mapping[str, Any] | None = None,
    example: Any = None,
    loss: Loss | None = None,
    data: Iterable[Any] | None = None,
    learning: Learning | None = None,
    sides: str = "one",
    sweeps: int = 15,
    watch: Watch = Unwatched(),
) -> Alignment:
    """Move a network within the symmetry of its parameters until it is nearest to another.

    Both come back in canonical form (norms folded, scales balanced), as ordinary checkpoints of the same shapes, and no
    function is changed but for rounding.

    Args:
        a: A model, or parameters by name. Single or double precision, in which all is computed.
        b: The same of the same architecture, which is moved.
        symmetry: ``"auto"``: what the architecture has, with orthogonal maps of a transformer's residual stream.
            ``"orthogonal"``, ``"signed"`` or ``"permutation"`` says what moves that stream, or the units of a
            perceptron, whose positive factors are free but for ``"permutation"``. Or a table of your own.
        how: ``"weights"`` needs no data. ``"activations"`` matches what the two compute on `example`. ``"learned"``
            begins with weights and then lowers the loss half way, by `loss` and `data`.
        config: What stands in a published architecture's ``config.json``; by default the model's own.
        example: Inputs of the model, or a tuple of them: to trace it where no adapter is known, and for activations. By
            default the inputs of `data`'s first batch.
        loss: For ``"learned"``: called with a function that runs a model, and a batch; or one of torch's, of outputs
            and targets.
        data: For ``"learned"``: batches of training data, gone through again and again.
        learning: For ``"learned"``: steps and rates.
        sides: For ``"learned"``: ``"one"`` moves B alone, ``"both"`` moves both towards each other. The elements that
            can be reached together are the same, the way to them is another.
        sweeps: Most sweeps of weight matching.
        watch: Told of the progress.

    Raises:
        ArgumentError: If the two are of different architectures, the architecture is not known, or a checkpoint is in
            half precision, quantised, or holds NaN.

    Example:
        >>> from haar.weights import adapted
        >>> from haar.weights.small import LlamaSizes, SmallLlama
        >>> model = SmallLlama(LlamaSizes(11, layers=1, dim=8, heads=2, groups=1, hidden=6)).double()
        >>> twin = SmallLlama(LlamaSizes(11, layers=1, dim=8, heads=2, groups=1, hidden=6)).double()
        >>> action = adapted(model.state_dict(), model.config)
        >>> moved = action.act(action.random(0), model.state_dict())
        >>> _ = twin.load_state_dict(moved)
        >>> align(model, twin).same
        True
    """
    check_count("sweeps", sweeps)
    if how not in HOW:
        raise ArgumentError("how", expected=f"one of {', '.join(HOW)}", got=repr(how))
    _check_sides(sides, how)
    a, b = bare(a), bare(b)
    first, second = state_of(a, "a"), state_of(b, "b")
    example = inputs_of_first(data) if example is None else example
    action = action_of(a, first, symmetry, config=config, example=example)
    action.check_pair(first, second)
    (mine, balance_a), (other, balance) = (canonical_of(action, state) for state in (first, second))
    if how == "activations":
        found = Matched(match_activations(action, _models(a, b), (mine, other), example), ())
    else:
        here, there = compared(action, mine), compared(action, other)
        found = match_weights(action, here, there, sweeps=sweeps, watch=watch)
    kept, gauge_a = mine, balance_a
    if how == "learned":
        objective, near = _objective(a, loss, data), action.act(found.gauge, other)
        turns = learn(action, mine, near, objective, learning or Learning(), sides=sides, watch=watch)
        found = Matched(action.compose(turns[1], found.gauge), found.distances)
        if sides == "both":
            kept, gauge_a = _moved(action, turns[0], mine), action.compose(turns[0], balance_a)
    moved = _moved(action, found.gauge, other)
    models = tuple(one if isinstance(one, nn.Module) else None for one in (a, b))
    return Alignment(
        action,
        kept,
        moved,
        action.compose(found.gauge, balance),
        _distances(action, (first, second), (mine, other), (kept, moved)),
        found.distances,
        how,
        (models[0], models[1]),
        gauge_a,
    )


def _check_sides(sides: str, how: str) -> None:
    if sides not in SIDES:
        raise ArgumentError("sides", expected=f"one of {', '.join(SIDES)}", got=repr(sides))
    if sides == "both" and how != "learned":
        raise ArgumentError(
            "sides",
            expected=f"'one' for how={how!r}, which looks at the two beside each other: who moves is all the same",
            got="'both'",
            way_out="how='learned' can move both",
        )


def canonical_of(action: ParameterAction, state: State) -> tuple[State, Gauge]:
    """Parameters of the same function with norms folded and scales balanced; the element that balanced them.

    Args:
        action: The table.
        state: Parameters by name. Of what is read when it is asked for, the canonical form is too.
    """
    with torch.no_grad():
        plain = _plain(action, state)
        balance = balancing(action, plain)
        return _moved(action, balance, plain), balance


def compared(action: ParameterAction, canonical: State) -> State:
    """Parameters in canonical form as they are compared: what has no size (``"^"``), by directions.

    Args:
        action: The table.
        canonical: The parameters, see `canonical_of`.
    """
    marked = [entry for entry in action.entries.values() if entry.sizeless]
    if not marked:
        return canonical
    seen = dict(canonical)
    with torch.no_grad():
        for entry in marked:
            seen.update(entry.write(entry.compared(entry.read(canonical)), canonical))
    return seen


def _moved(action: ParameterAction, gauge: Gauge, state: State) -> State:
    return Moved(action, gauge, state) if is_read(state) else action.act(gauge, state)


def _plain(action: ParameterAction, state: State) -> State:
    """Parameters with norms folded."""
    plain: State = folded(action, state) if action.norms else state
    return plain if is_read(state) else dict(plain)


def _models(a: Given, b: Given) -> tuple[nn.Module, nn.Module]:
    for argument, given in (("a", a), ("b", b)):
        if not isinstance(given, nn.Module):
            raise ArgumentError(argument, expected="a model, to compute activations", got="parameters by name")
    return a, b  # type: ignore[return-value]


def _objective(model: Given, loss: Loss | None, data: Iterable[Any] | None) -> Objective:
    """The loss of parameters at a step, over the batches in turn."""
    if loss is None or data is None or not isinstance(model, nn.Module):
        raise ArgumentError("how", expected="models, a loss and data for 'learned'", got="not all of them")
    batches, of_model = batches_for(loss, data), loss_of(loss)

    def objective(state: State, step: int, generator: torch.Generator) -> Tensor:
        del generator
        return of_model(called(model, state), batches[step % len(batches)])

    return objective


def _distances(
    action: ParameterAction, raw: tuple[State, State], canonical: tuple[State, State], moved: tuple[State, State]
) -> Distances:
    weight, came, before, after = {}, {}, {}, {}
    for name in action.entries:
        ends = moved if moved[0] is not canonical[0] else moved[1:]  # A is read once where it stays
        parts = pieces_of(action, name, *raw, *canonical, *ends)
        sums = [sum(one) for one in zip(*(_squares(action, name, part) for part in parts), strict=True)]
        norm, weight[name] = sums[0] / 2, sums[2] / 2
        counted = not name.endswith(UNCOUNTED)
        came[name] = relative(sums[1] ** 0.5, norm)
        before[name] = relative(sums[3] ** 0.5, weight[name]) if counted else 0.0
        after[name] = relative(sums[4] ** 0.5, weight[name]) if counted else 0.0
    return Distances(came, before, after, weight)


def _squares(action: ParameterAction, name: str, states: Sequence[State]) -> tuple[float, ...]:
    """Squared sizes and distances of a row, or of a part of it: raw, in canonical form, and moved; two at a time."""
    entry = action.entries[name]
    first, second, mine, other, *ends = states
    here, there = entry.read(first), entry.read(second)
    raw = squared(here) + squared(there), apart(there, here) ** 2
    here, there = entry.read(mine), entry.read(other)
    plain = squared(here) + squared(there), apart(there, here) ** 2
    del there
    if len(ends) > 1:
        here = entry.read(ends[0])
    return (*raw, *plain, apart(entry.read(ends[-1]), here) ** 2)

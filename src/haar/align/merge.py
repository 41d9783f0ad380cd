"""merge: one checkpoint of several, each moved within its symmetry towards their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor, nn

from haar.align.align import align, canonical_of
from haar.errors import ArgumentError, check_count, known_keywords
from haar.watch import Unwatched, Watch
from haar.weights import ParameterAction
from haar.weights.models import Given, action_of, state_of, with_state

G = TypeVar("G", nn.Module, Mapping[str, Tensor])
#: Rounds of moving each towards the mean; the mean of two needs one.
_ROUNDS = 5


@known_keywords
def merge(
    models: Sequence[G],
    *,
    shares: Sequence[float | int] | None = None,
    symmetry: ParameterAction | str = "auto",
    config: Mapping[str, Any] | None = None,
    example: Any = None,
    rounds: int = _ROUNDS,
    watch: Watch = Unwatched(),
) -> G:
    """The mean of networks of one architecture after alignment: an ordinary checkpoint of the same shapes.

    Two are aligned once. Several are aligned to their mean, which begins as the first of them, until the rounds are
    over.

    Args:
        models: Models, or parameters by name; at least two.
        shares: How much of each, positive numbers, which are divided by their sum; equal by default.
        symmetry: As for `align`.
        config: As for `align`.
        example: As for `align`.
        rounds: Rounds of aligning all to the mean, for more than two.
        watch: Told of the progress.

    Returns:
        A new model, or parameters by name, as they were given.

    Raises:
        ArgumentError: If there are fewer than two, a share is not positive, or as for `align`.

    Example:
        >>> import torch
        >>> one = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double()
        >>> x = torch.randn(5, 2, dtype=torch.float64)
        >>> bool(torch.allclose(merge([one, one, one], example=x)(x), one(x)))
        True
    """
    check_count("rounds", rounds)
    if len(models) < 2:
        raise ArgumentError("models", expected="at least two", got=len(models))
    parts = _shares(shares, len(models))
    first: Given = models[0]
    state = state_of(first, "models[0]")
    action = action_of(first, state, symmetry, config=config, example=example)
    others = [state_of(model, f"models[{k}]") for k, model in enumerate(models)]
    mean, _ = canonical_of(action, state)
    for _round in range(1 if len(models) == 2 else rounds):
        moved = [dict(align(mean, other, symmetry=action, watch=watch).b) for other in others]
        mean = _mean(moved, parts)
    merged: Any = with_state(models[0], mean) if isinstance(models[0], nn.Module) else mean
    return merged  # type: ignore[no-any-return]


def _shares(shares: Sequence[float | int] | None, count: int) -> list[float]:
    given = [1.0] * count if shares is None else [float(share) for share in shares]
    if len(given) != count:
        raise ArgumentError("shares", expected=f"{count} numbers, one for each model", got=len(given))
    if not all(0 < share < float("inf") for share in given):
        raise ArgumentError("shares", expected="numbers above 0", got=given)
    return [share / sum(given) for share in given]


def _mean(states: Sequence[Mapping[str, Tensor]], parts: Sequence[float]) -> dict[str, Tensor]:
    found = {}
    for name, value in states[0].items():
        if not value.is_floating_point():
            found[name] = value
            continue
        total = parts[0] * value
        for state, part in zip(states[1:], parts[1:], strict=True):
            total = total + part * state[name]
        found[name] = total
    return found

"""merge: one checkpoint of several, each moved within its symmetry towards their mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor, nn

from haar.align.align import align, canonical_of
from haar.align.circuits import mean_circuits
from haar.align.recalibrated import recalibrated
from haar.align.states import Mean
from haar.errors import ArgumentError, check_count, known_keywords
from haar.watch import Unwatched, Watch
from haar.weights import ParameterAction
from haar.weights.bare import bare
from haar.weights.models import Given, State, action_of, is_read, state_of, with_state

G = TypeVar("G", nn.Module, Mapping[str, Tensor])
#: Rounds of moving each towards the mean; the mean of two needs one.
_ROUNDS = 5
HEADS = ("factors", "circuits")


@dataclass(frozen=True)
class Merging:
    """The mean of several networks, and what it cost.

    Attributes:
        state: Its parameters. Of networks that are read from files it is computed when it is read.
        distances: For each round how far the networks are from their mean, relative to its norm.
        lost: For each site of heads, and scores or values, the share of the mean circuit's energy that a head's size
            cannot hold; empty where factors were averaged.
        model: The merged model, if models were given.
    """

    state: State
    distances: tuple[tuple[float, ...], ...]
    lost: Mapping[str, float]
    model: nn.Module | None = None

    @property
    def summary(self) -> str:
        """How far the networks are from the mean, and what was lost."""
        far = ", ".join(f"{x:.3g}" for x in self.distances[-1])
        told = f"The mean of {len(self.distances[-1])} networks; relative distances {far}."
        if self.lost:
            worst = max(self.lost, key=lambda name: self.lost[name])
            told += f" Circuits cut to the heads' size lose at most {self.lost[worst]:.2%} of their energy ({worst})."
        return told


@known_keywords
def merge(
    models: Sequence[G],
    *,
    shares: Sequence[float | int] | None = None,
    symmetry: ParameterAction | str = "auto",
    config: Mapping[str, Any] | None = None,
    example: Any = None,
    rounds: int = _ROUNDS,
    heads: str = "factors",
    calibration: Iterable[Any] | None = None,
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
        heads: Of attention heads: ``"factors"`` (queries, keys, values and output maps), whose gauge is matched first,
            or ``"circuits"``, their products, cut to the size of a head; see `merging` for what that loses.
        calibration: Batches of training inputs, by which batch norms get statistics of their own (see `recalibrated`).
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
    found = merging(
        models, shares=shares, symmetry=symmetry, config=config, example=example, rounds=rounds, heads=heads,
        calibration=calibration, watch=watch,
    )  # fmt: skip
    merged: Any = found.state if found.model is None else found.model
    return merged  # type: ignore[no-any-return]


@known_keywords
def merging(
    models: Sequence[G],
    *,
    shares: Sequence[float | int] | None = None,
    symmetry: ParameterAction | str = "auto",
    config: Mapping[str, Any] | None = None,
    example: Any = None,
    rounds: int = _ROUNDS,
    heads: str = "factors",
    calibration: Iterable[Any] | None = None,
    watch: Watch = Unwatched(),
) -> Merging:
    """What `merge` does, with how far the networks are from their mean, and what circuits lose.

    Args:
        models: As for `merge`.
        shares: As for `merge`.
        symmetry: As for `align`.
        config: As for `align`.
        example: As for `align`.
        rounds: As for `merge`.
        heads: As for `merge`.
        calibration: As for `merge`.
        watch: Told of the progress.

    Raises:
        ArgumentError: As for `merge`.

    Example:
        >>> from haar.weights.small import SmallGPT2
        >>> one, other = (SmallGPT2(5, 4, layers=1, dim=8, heads=2, hidden=6) for _ in range(2))
        >>> sorted(merging([one, other], heads="circuits").lost)
        ['heads0: scores', 'heads0: values']
    """
    check_count("rounds", rounds)
    if heads not in HEADS:
        raise ArgumentError("heads", expected=f"one of {', '.join(HEADS)}", got=repr(heads))
    if len(models) < 2:
        raise ArgumentError("models", expected="at least two", got=len(models))
    parts = _shares(shares, len(models))
    models = [bare(model) for model in models]
    first: Given = models[0]
    if calibration is not None and not isinstance(first, nn.Module):
        raise ArgumentError("calibration", expected="models, to run the batches", got="parameters by name")
    state = state_of(first, "models[0]")
    action = action_of(first, state, symmetry, config=config, example=example)
    others = [state_of(model, f"models[{k}]") for k, model in enumerate(models)]
    mean, _ = canonical_of(action, state)
    moved, distances = others, []
    for _round in range(1 if len(models) == 2 else rounds):
        moved, mean, far = _round_of(action, mean, others, parts, watch=watch)
        distances.append(far)
    lost: Mapping[str, float] = {}
    if heads == "circuits":
        mean, lost = mean_circuits(action, moved, parts)
    model = with_state(first, mean) if isinstance(first, nn.Module) else None
    if calibration is not None and model is not None:
        model = recalibrated(model, calibration)
        mean = {name: value.detach() for name, value in model.state_dict().items()}
    return Merging(mean, tuple(distances), lost, model)


def _round_of(
    action: ParameterAction, mean: State, others: Sequence[State], parts: Sequence[float], *, watch: Watch
) -> tuple[list[State], State, tuple[float, ...]]:
    """All networks moved towards a mean, their own mean, and how far each was."""
    found = [align(mean, other, symmetry=action, watch=watch) for other in others]
    moved = [one.b for one in found]
    own: State = Mean(moved, parts)
    if not any(map(is_read, moved)):
        own = dict(own)
    return moved, own, tuple(one.distances.total() for one in found)


def _shares(shares: Sequence[float | int] | None, count: int) -> list[float]:
    given = [1.0] * count if shares is None else [float(share) for share in shares]
    if len(given) != count:
        raise ArgumentError("shares", expected=f"{count} numbers, one for each model", got=len(given))
    if not all(0 < share < float("inf") for share in given):
        raise ArgumentError("shares", expected="numbers above 0", got=given)
    return [share / sum(given) for share in given]

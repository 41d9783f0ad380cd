"""The law of a field's components for an audit in distribution, in the data's own units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from haar.actions import Field, Symmetry
from haar.actions.statistics import invariant_statistics
from haar.cli.law_name import parse_law
from haar.errors import ArgumentError
from haar.moments.joint import InputLaw

#: Components of a law that is carried with all its covariances.
MOST = 4096


def law_of_fields(
    text: str, batches: Iterable[tuple[Tensor, Any, Any]], symmetry: Symmetry, *, points: int | None = None
) -> tuple[InputLaw, tuple[int, ...]]:
    """Independent components, one law for all, with the mean and spread of their channel in the data.

    Means and spreads are those of the data together with all its moved copies, so that the group leaves a symmetric law
    alone.

    Args:
        text: One law in words.
        batches: The data: inputs (batch, channel, *space) first.
        symmetry: How the group acts on them.
        points: Points of every axis, if not those of the data.

    Returns:
        The law of the flattened input, and its shape.

    Raises:
        ArgumentError: If the input has too many components, or the inputs are no fields.

    Example:
        >>> from haar.groups import dihedral
        >>> symmetry = Symmetry.of_fields(dihedral(4), "p")
        >>> law, shape = law_of_fields("gauss", [(torch.ones(2, 1, 4, 4), None, None)], symmetry)
        >>> shape, law.mean[0].item()
        ((1, 4, 4), 1.0)
    """
    action = symmetry.inputs[0]
    if not isinstance(action, Field):
        raise ArgumentError("--law", expected="a model of fields on a grid", got=repr(symmetry))
    one, mean_of, spread_of = _statistics(batches)
    shape = (one[0], *((points,) * (len(one) - 1) if points else one[1:]))
    size = torch.Size(shape).numel()
    if size > MOST:
        raise ArgumentError(
            "--law",
            expected=f"at most {MOST} components of the input",
            got=f"{size}, {shape}",
            way_out="give fewer points by --law-points",
        )
    mean, spread = invariant_statistics(action.rep, mean_of, spread_of)
    each = size // shape[0]
    level, scale = (values.repeat_interleave(each) for values in (mean, spread.clamp(min=1e-12)))
    unit = parse_law(text, 1)
    numbers = [",".join(map(repr, values.tolist())) for values in (level - unit.mean, scale)]
    return parse_law(text, size, mean=numbers[0], scale=numbers[1]), shape


def _statistics(batches: Iterable[tuple[Tensor, Any, Any]]) -> tuple[tuple[int, ...], Tensor, Tensor]:
    """Shape of one input, and mean and spread of every channel, read batch by batch (Chan, Golub and LeVeque 1983)."""
    shape: tuple[int, ...] = ()
    count, mean, squares = 0, torch.zeros(0), torch.zeros(0)
    for x, *_ in batches:
        shape = tuple(x.shape[1:])
        flat = x.to(torch.float64).movedim(1, 0).flatten(1)
        more, its = flat.shape[1], flat.mean(1)
        around = (flat - its[:, None]).square().sum(1)
        if not count:
            count, mean, squares = more, its, around
            continue
        step, total = its - mean, count + more
        mean = mean + step * (more / total)
        squares = squares + around + step.square() * (count * more / total)
        count = total
    return shape, mean, (squares / (count - 1)).sqrt()

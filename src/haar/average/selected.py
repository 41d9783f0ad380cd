"""The few elements that matter most for a model: chosen from its predictions on unlabelled inputs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions import Symmetry
from haar.actions.trees import value_leaves
from haar.average.engine import Averaged
from haar.average.weighted import ORBIT_LIMIT, How, Orbit, WeightedSet, equal_weights
from haar.errors import ArgumentError, known_keywords
from haar.groups import FiniteGroup, Group
from haar.probing import given_data
from haar.probing.manners import check_call

#: Sums of covariances in another order differ by less, relative.
_ROUNDING = 1e-12

#: Up to so many sets of elements all are compared; beyond it one element is added or exchanged at a time.
_ALL = 20_000


@dataclass(frozen=True)
class Selected(How):
    """Elements chosen for one model by `select`, with equal weights.

    Attributes:
        group: The group they belong to.
        elements: Numbers of the chosen elements, ``(m,)``.
        share: Part of the full gain that they bring, expected without labels: 0 for one element, 1 for all.
        shares: The same for the best 1, 2, ... elements that were looked at.
    """

    group: FiniteGroup
    elements: Int[Tensor, " m"]
    share: float
    shares: tuple[float, ...]

    def __str__(self) -> str:
        """In a line."""
        return (
            f"{len(self.elements)} of {self.group.order} elements of {self.group.name} "
            f"({', '.join(map(str, self.elements.tolist()))}): {self.share:.1%} of the gain expected"
        )

    def weighted(self, group: Group) -> WeightedSet:
        """The elements.

        Raises:
            ArgumentError: If they were chosen in another group.
        """
        if group != self.group and group.name != self.group.name:
            raise ArgumentError("how", expected=f"elements selected in {group.name}", got=f"in {self.group.name}")
        whole = len(self.elements) == self.group.order
        return equal_weights(self.elements, "exact" if whole else f"selected: {self.share:.1%} of the gain expected")


@known_keywords
def select(
    model: Callable[..., Any],
    symmetry: Symmetry,
    inputs: Tensor | Iterable[Any],
    *,
    m: int | None = None,
    share: float | int | None = None,
    scale: Tensor | None = None,
    micro_batch: int | str = "auto",
) -> Selected:
    """Choose the elements whose average is nearest to that of the full orbit.

    On data that the group preserves, with a symmetric truth, the mean squared error of an average over a set S of m
    elements exceeds that of the full average by ``sum_{g, h in S} C_gh / m^2``, where ``C_gh = E <f_g - Qf, f_h - Qf>``
    and f_g is the prediction for the input moved by g, moved back. C depends on g h^-1 alone and needs no labels. How
    much two elements have in common differs between models (a network that hardly notices half turns need not be asked
    twice), so that the best half of a group brings more than a random half, or one fixed beforehand.

    Args:
        model: Any module or callable.
        symmetry: How an enumerated group acts.
        inputs: One tensor or array, or batches, each a tensor, an array, a tuple of arguments, or arguments by name, a
            graph or atoms as `haar.audit` takes them. Labels beside them, as in ``(inputs, labels)``, are left unread.
        m: How many elements; or
        share: choose the fewest that bring this part of the gain, in (0, 1].
        scale: Errors are divided by it (broadcast against the outputs), such as the standard deviation of every
            channel.
        micro_batch: Elements per forward pass, or ``"auto"``.

    Returns:
        A strategy for `haar.average.average`, with the share expected for every number of elements.

    Raises:
        ArgumentError: If the group is not enumerated or too large, neither or both of m and share are given, one is
            out of range, or there are no inputs.

    Example:
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> blind = lambda x: x * torch.arange(8.0)[:, None]  # the same after the reflection of one axis
        >>> symmetry, x = Symmetry.of_fields(D4, "p"), torch.ones(2, 1, 8, 8)
        >>> [round(s, 6) for s in select(blind, symmetry, x, share=1).shares]
        [0.0, 1.0]

    Source: the excess of a weighted average is a quadratic form in its weights, from the risk decomposition of Elesedy
        and Zaidi (2021); choosing by it is our own.
    """
    check_call(model, symmetry)
    group = symmetry.group
    if not isinstance(group, FiniteGroup) or group.order > ORBIT_LIMIT:
        raise ArgumentError(
            "symmetry",
            expected=f"an enumerated group of at most {ORBIT_LIMIT} elements",
            got=group.name,
            way_out='use how="sampled", or a subgroup',
        )
    if (m is None) == (share is None):
        raise ArgumentError("m", expected="one of m and share", got="both" if m is not None else "neither")
    if m is not None and (not isinstance(m, SupportsIndex) or not 1 <= m <= group.order):
        raise ArgumentError("m", expected=f"1 to {group.order}, the order of {group.name}", got=m)
    if share is not None and not 0 < share <= 1:
        raise ArgumentError("share", expected="a part of the gain, above 0 and at most 1", got=share)
    orbit = Averaged(model, symmetry, Orbit(), micro_batch=micro_batch)
    inputs = given_data(inputs, model, symmetry, argument="inputs", labelled=False)
    if isinstance(inputs, Tensor) or (isinstance(inputs, tuple) and len(inputs) == 2):
        inputs = [inputs]
    batches = (_without_labels(batch, len(symmetry.inputs)) for batch in inputs)
    covariance = _right_invariant(group, _covariance(orbit, batches, scale))
    return _smallest(group, covariance, m, share)


def _without_labels(batch: Any, count: int) -> tuple[Any, ...]:
    """The model's arguments: what follows them in a batch, as loaders have it, is not asked for."""
    if not isinstance(batch, (tuple, list)):
        return (batch,)
    first = batch[0] if batch else None
    return tuple(first) if isinstance(first, (tuple, list)) else tuple(batch[:count])


def _covariance(orbit: Averaged, batches: Iterable[tuple[Any, ...]], scale: Tensor | None) -> Float[Tensor, "n n"]:
    """Sums of <f_g - Qf, f_h - Qf> over all inputs, in float64."""
    n = len(orbit.movers)
    total = torch.zeros(n, n, dtype=torch.float64)
    seen = 0
    for batch in batches:
        with torch.no_grad():
            stacked = orbit.stacked(*batch)
        for leaf in value_leaves(orbit.symmetry.outputs, stacked):
            if isinstance(leaf, Tensor):
                y = leaf if scale is None else leaf / scale
                y = torch.view_as_real(y) if y.is_complex() else y
                spread = (y - y.mean(0)).reshape(n, -1).to("cpu", torch.float64)
                total += spread @ spread.T
                seen += spread.shape[1]
    if not seen:
        raise ArgumentError("inputs", expected="at least one batch of inputs", got="none")
    return total / seen


def _right_invariant(group: FiniteGroup, covariance: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """The covariance on the orbits of the inputs: f_g(kx) = psi(k) f_gk(x), so that it is a function of g h^-1."""
    elements = group.elements()
    quotient = group.compose(elements[:, None], group.inverse(elements)[None, :])
    sums = torch.zeros(group.order, dtype=torch.float64).index_add_(0, quotient.reshape(-1), covariance.reshape(-1))
    return (sums / group.order)[quotient]


def _smallest(group: FiniteGroup, covariance: Tensor, m: int | None, share: float | int | None) -> Selected:
    """The best set of m elements, or the best of the smallest that reaches a share."""
    whole = float(covariance[0, 0])
    chosen: list[int] = []
    shares: list[float] = []
    for size in range(1, (m or group.order) + 1):
        chosen = _best(covariance, size, chosen)
        left = float(covariance[chosen][:, chosen].sum()) / size**2
        # a model that is equivariant already has nothing to gain: one element brings all of it
        shares.append(1 - left / whole if whole > 0 else 1.0)
        if share is not None and shares[-1] >= share - _ROUNDING:
            break
    return Selected(group, torch.tensor(sorted(chosen)), shares[-1], tuple(shares))


def _best(covariance: Float[Tensor, "n n"], size: int, before: Sequence[int]) -> list[int]:
    """The set of a size with the least sum of covariances. One may take the identity into it: S k is as good as S."""
    n = len(covariance)
    if math.comb(n - 1, size - 1) <= _ALL:
        rest = torch.tensor(list(itertools.combinations(range(1, n), size - 1)), dtype=torch.int64)
        sets = torch.cat([torch.zeros(len(rest), 1, dtype=torch.int64), rest.reshape(len(rest), size - 1)], 1)
        totals = covariance[sets[:, :, None], sets[:, None, :]].sum((1, 2))
        return [int(k) for k in sets[int(totals.argmin())]]
    members = torch.zeros(n, dtype=torch.bool)
    members[list(before)] = True
    load = covariance[:, members].sum(1)  # of every element with the set
    added = int(load.masked_fill(members, math.inf).argmin())
    members[added] = True
    load = load + covariance[:, added]
    for _ in range(n):  # every exchange lowers the sum; in practice a few do
        inside, outside = torch.nonzero(members[1:]).flatten() + 1, torch.nonzero(~members).flatten()
        if not len(inside) or not len(outside):
            break
        # half of what an exchange adds to the sum; the diagonal is the same everywhere
        change = load[outside][None, :] - load[inside][:, None] + covariance[0, 0] - covariance[inside][:, outside]
        place = int(change.argmin())
        out, into = inside[place // len(outside)], outside[place % len(outside)]
        if float(change.reshape(-1)[place]) >= -_ROUNDING * float(covariance[0, 0]):
            break
        members[out], members[into] = False, True
        load = load + covariance[:, into] - covariance[:, out]
    return [int(k) for k in torch.nonzero(members).flatten()]

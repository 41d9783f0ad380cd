"""Signed means over orbits of entries: the Reynolds projection for signed permutations, by two gathers."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from haar.actions.representation import Representation, Trivial
from haar.intertwiners.orbits import PairOrbits, pair_orbits


class OrbitMean:
    """Every entry becomes the signed mean of its orbit; entries of orbits that contradict themselves become zero.

    Entries are gathered orbit by orbit, one column an orbit, added along the columns and spread again. The map is
    symmetric, so that its derivative is itself.

    Args:
        label: Orbit of every entry, flat; -1 for entries that become zero.
        sign: Sign of every entry relative to the first of its orbit.
    """

    def __init__(self, label: Int[Tensor, " n"], sign: Int[Tensor, " n"]) -> None:
        label, sign = label.to(torch.int64), sign.to(torch.int64)
        count = int(label.max()) + 1 if len(label) else 0
        sizes = torch.bincount(label[label >= 0], minlength=count)
        order = label.argsort(stable=True)[int((label < 0).sum()) :]  # entry by entry, orbit by orbit
        first = sizes.cumsum(0) - sizes
        self._pieces: list[tuple[int, Tensor]] = []
        place = torch.full((count + 1,), count, dtype=torch.int64)
        start = 0
        for size in sizes.unique().tolist():
            orbits = torch.nonzero(sizes == size).flatten()
            columns = order[first[orbits] + torch.arange(size)[:, None]]  # (size, orbits of this size)
            self._pieces.append((size, columns))
            place[orbits] = start + torch.arange(len(orbits))
            start += len(orbits)
        self._gather = torch.cat([columns.flatten() for _, columns in self._pieces] or [order])
        self._spread = place[label]  # label -1 reads the last place, which holds a zero
        self._zeros = bool((label < 0).any())
        mixed = bool((sign < 0).any())
        self._sign = sign if mixed else None
        self._gathered_sign = sign[self._gather] if mixed else None
        self._held: dict[tuple[torch.device, torch.dtype], tuple[Tensor, ...]] = {}

    def __call__(self, value: Tensor) -> Tensor:
        """The mean, in the value's shape; differentiable any number of times."""
        out: Tensor = _Symmetric.apply(value, self)
        return out

    def of(self, value: Tensor) -> Tensor:
        """The mean of a value, or of each of several along leading axes; not differentiable."""
        gather, spread, *signs = self._on(value)
        many = value.reshape(-1, len(spread)) if value.numel() != len(spread) else value.reshape(-1)
        gathered = many.index_select(-1, gather)
        if signs:
            gathered = gathered * signs[0]
        means, start = [], 0
        for size, columns in self._pieces:
            count = columns.numel()
            means.append(gathered[..., start : start + count].unflatten(-1, (size, -1)).sum(-2) / size)
            start += count
        if self._zeros or not means:
            means.append(many.new_zeros((*many.shape[:-1], 1)))
        mean = means[0] if len(means) == 1 else torch.cat(means, -1)
        out = mean.index_select(-1, spread)
        return (out * signs[1] if signs else out).view(value.shape)

    def _on(self, value: Tensor) -> tuple[Tensor, ...]:
        """The tables on a tensor's device, signs in its dtype."""
        key = (value.device, value.dtype)
        if key not in self._held:
            tables = [self._gather.to(value.device), self._spread.to(value.device)]
            if self._sign is not None and self._gathered_sign is not None:
                tables += [self._gathered_sign.to(value), self._sign.to(value)]
            self._held[key] = tuple(tables)
        return self._held[key]

    def __deepcopy__(self, memo: dict[int, object]) -> OrbitMean:
        return self  # nothing of it ever changes

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_held": {}}


class _Symmetric(torch.autograd.Function):
    """A symmetric linear map: its derivatives, forward and backward, are itself."""

    @staticmethod
    def forward(value: Tensor, mean: OrbitMean) -> Tensor:
        return mean.of(value)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, OrbitMean], output: Tensor) -> None:  # noqa: ARG004 (torch's signature)
        ctx.mean = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return _Symmetric.apply(gradient, ctx.mean), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, None], value: Tensor, mean: OrbitMean) -> tuple[Tensor, int | None]:
        del info  # one call for all: several values lie along a leading axis
        along = in_dims[0]
        return _Symmetric.apply(value if along is None else value.movedim(along, 0), mean), None if along is None else 0

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:  # type: ignore[override]
        out: Tensor = _Symmetric.apply(tangent, ctx.mean)
        return out


def orbit_mean(rows: Representation, columns: Representation | None) -> OrbitMean:
    """The projection onto Hom_G(columns, rows) of signed permutations; without columns, onto the invariants of rows."""
    orbits: PairOrbits = pair_orbits(Trivial(rows.group) if columns is None else columns, rows)
    return OrbitMean(orbits.label.flatten(), orbits.sign.flatten())

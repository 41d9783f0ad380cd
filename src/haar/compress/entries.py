"""Perturbations of weights by themselves: noise, masks by chance and by size, n of m."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from haar.compress.perturbation import Perturbation
from haar.errors import ArgumentError
from haar.training import seed_of

if TYPE_CHECKING:
    from haar.compress.bench import Bench
    from haar.compress.layers import Layer

_SCOPES = ("tensor", "row", "global")
_TIES = ("split", "together")
#: Rows of fewer scores are sorted.
_FEW = 64


def drawn(seed: int, place: int, like: Tensor, *, normal: bool) -> Tensor:
    """Random numbers for one layer: the same for every level, so that curves are of one draw."""
    generator = torch.Generator().manual_seed(seed_of(seed, place))
    made = torch.randn if normal else torch.rand
    return made(like.shape, generator=generator, dtype=torch.float64).to(like)


def lowest(scores: Float[Tensor, "*rows n"], count: int) -> Bool[Tensor, "*rows n"]:
    """Where the `count` lowest scores of every row are; of equal ones the first.

    Example:
        >>> lowest(torch.tensor([[3.0, 1.0, 2.0]]), 2)
        tensor([[False,  True,  True]])
    """
    border = _border(scores, count) if count > 0 and scores.shape[-1] >= _FEW else None
    if border is None or bool(border.isnan().any()):
        order = scores.sort(dim=-1, stable=True).indices[..., :count]
        return torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, order, True)
    found = scores <= border
    if int(found.count_nonzero()) * found.shape[-1] > count * found.numel():  # equal scores at a border
        more = found.sum(-1, keepdim=True) - count
        equal = scores == border
        taken = equal.sum(-1, keepdim=True) - more
        found &= ~equal | (equal.cumsum(-1) <= taken)
    return found


def _border(scores: Float[Tensor, "*rows n"], count: int) -> Float[Tensor, "*rows 1"]:
    """The `count`-th lowest score of every row, NaN above all: numpy's selection takes a tenth of kthvalue's time."""
    if scores.device.type != "cpu" or scores.dtype not in (torch.float32, torch.float64):
        return scores.kthvalue(count, dim=-1, keepdim=True).values
    found = np.partition(scores.detach().numpy(), count - 1, axis=-1)[..., count - 1 : count]
    return torch.from_numpy(np.ascontiguousarray(found))


def share(level: float, count: int) -> int:
    """How many of so many are taken at a share; halves are rounded to even."""
    return round(level * count)


@dataclass(frozen=True)
class Noise(Perturbation):
    """W + sigma std(W) N(0, 1), by tensor; the level is sigma.

    Example:
        >>> Noise().check(0.1)
        0.1
    """

    name: ClassVar[str] = "noise"  # type: ignore[misc]
    measure: ClassVar[str] = "sigma"
    levels: tuple[float | int, ...] = (0.05, 0.1, 0.2, 0.4, 0.8)
    within: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Add noise to every layer."""
        if level == 0:
            return
        for place, layer in enumerate(bench.layers):
            weight = layer.matrices()
            layer.write(weight + level * weight.std(correction=0) * drawn(seed, place, weight, normal=True))


@dataclass(frozen=True)
class Random(Perturbation):
    """A share of the weights of every layer, chosen by chance, becomes 0.

    Example:
        >>> Random().name
        'random'
    """

    name: ClassVar[str] = "random"  # type: ignore[misc]
    levels: tuple[float | int, ...] = Perturbation.levels

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Mask every layer."""
        for place, layer in enumerate(bench.layers):
            scores = drawn(seed, place, layer.matrices(), normal=False)
            mask_tensor(layer, scores, level)


def mask_tensor(layer: Layer, scores: Float[Tensor, "groups out into"], level: float) -> None:
    """Drop the share with the lowest scores in one tensor."""
    weight = layer.matrices()
    gone = lowest(scores.flatten(), share(level, scores.numel()))
    layer.write(weight.masked_fill(gone.reshape(weight.shape), 0))


@dataclass(frozen=True)
class Magnitude(Perturbation):
    """The smallest weights become 0.

    Args:
        scope: Among which they are the smallest: ``"tensor"``, ``"row"`` (one output's), or ``"global"``.
        ties: Of equal sizes at the border, ``"split"`` drops as many as were asked for; ``"together"`` keeps or drops
            them all, so that weights that are tied stay so, and with them the symmetry of a layer.

    Raises:
        ArgumentError: If a word is unknown.

    Example:
        >>> Magnitude("row").name
        'magnitude (row)'
    """

    scope: str = "tensor"
    ties: str = "split"
    levels: tuple[float | int, ...] = Perturbation.levels

    def __post_init__(self) -> None:
        for argument, known in (("scope", _SCOPES), ("ties", _TIES)):
            if getattr(self, argument) not in known:
                raise ArgumentError(argument, expected=f"one of {', '.join(known)}", got=repr(getattr(self, argument)))

    @property
    def name(self) -> str:  # type: ignore[override]
        """With its scope, unless that is the tensor."""
        return "magnitude" if self.scope == "tensor" else f"magnitude ({self.scope})"

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Drop the smallest."""
        del seed
        matrices = [layer.matrices() for layer in bench.layers]
        if self.scope == "global":
            flat = torch.cat([weight.flatten() for weight in matrices])
            gone = list(self._gone(flat.abs(), level).split([weight.numel() for weight in matrices]))
        elif self.scope == "row":
            gone = [self._gone(weight.abs(), level) for weight in matrices]
        else:
            gone = [self._gone(weight.abs().flatten(), level) for weight in matrices]
        for layer, weight, mask in zip(bench.layers, matrices, gone, strict=True):
            layer.write(weight.masked_fill(mask.reshape(weight.shape), 0))

    def _gone(self, sizes: Float[Tensor, "*rows n"], level: float) -> Bool[Tensor, "*rows n"]:
        count = share(level, sizes.shape[-1])
        if self.ties == "split" or count == 0:
            return lowest(sizes, count)
        border = sizes.sort(dim=-1).values[..., count - 1 : count]
        below, upto = sizes < border, sizes <= border
        # Whichever is nearer to what was asked for, row by row; equal sizes share one fate.
        nearer = (upto.sum(-1) - count).abs() <= (below.sum(-1) - count).abs()
        return torch.where(nearer[..., None], upto, below)


def pattern(text: str) -> tuple[int, int]:
    """n and m of ``"n:m"``.

    Raises:
        ArgumentError: If it says nothing of the kind.

    Example:
        >>> pattern("2:4")
        (2, 4)
    """
    parts = text.split(":")
    if len(parts) != 2 or not all(part.isdigit() and part.isascii() for part in parts):
        raise ArgumentError("pattern", expected="n:m such as 2:4", got=repr(text))
    n, m = map(int, parts)
    if not 0 < n < m:
        raise ArgumentError("pattern", expected="n:m with 0 < n < m", got=repr(text))
    return n, m


def keep_best(
    layer: Layer, weight: Float[Tensor, "*rows into"], scores: Float[Tensor, "*rows into"], n_of_m: str
) -> Tensor:
    """Weights of which the n best of every m consecutive inputs are kept.

    Raises:
        ArgumentError: If m does not divide the number of inputs.
    """
    n, m = pattern(n_of_m)
    if weight.shape[-1] % m:
        raise ArgumentError(
            "perturbations",
            expected=f"layers whose number of inputs {m} divides, for {n_of_m}",
            got=f"{layer.name} with {weight.shape[-1]} inputs",
            way_out="leave it out: layers= takes patterns of names",
        )
    gone = lowest(scores.unflatten(-1, (-1, m)), m - n).flatten(-2)
    return weight.masked_fill(gone, 0)


@dataclass(frozen=True)
class NofM(Perturbation):
    """Of every m consecutive inputs of an output the n largest weights are kept; the one level is the sparsity.

    Args:
        pattern: ``"n:m"``.

    Raises:
        ArgumentError: If the pattern is none.

    Example:
        >>> NofM("2:4").levels
        (0.5,)
    """

    pattern: str = "2:4"
    fixed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        pattern(self.pattern)

    @property
    def levels(self) -> tuple[float, ...]:  # type: ignore[override]
        """The only one."""
        n, m = pattern(self.pattern)
        return (1 - n / m,)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The pattern."""
        return self.pattern

    def check(self, level: float | int) -> float:
        """The one level, or 0."""
        if level not in (0, *self.levels):
            raise ArgumentError("levels", expected=f"{self.levels[0]:g} for {self.name}", got=repr(level))
        return float(level)

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Keep the largest."""
        del seed
        for layer in bench.layers if level else ():
            weight = layer.matrices()
            layer.write(keep_best(layer, weight, weight.abs(), self.pattern))

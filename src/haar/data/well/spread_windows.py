"""Some windows of a data set, spread evenly over it, as an audit and a test of errors take them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions import Layout
from haar.data.well.windows import Windows
from haar.errors import ArgumentError, formerly


class SpreadWindows:
    """So many windows, spread evenly over a split, in batches of (inputs, labels, trajectories).

    Args:
        windows: All windows of the split.
        samples: Number of windows to take.
        batch_size: Windows in a batch.

    Raises:
        ArgumentError: If a number is below 1.
    """

    @formerly(batch="batch_size")
    def __init__(self, windows: Windows, *, samples: int, batch_size: int) -> None:
        for name, value in (("samples", samples), ("batch_size", batch_size)):
            if value < 1:
                raise ArgumentError(name, expected="at least 1", got=value)
        count = min(samples, len(windows))
        self.windows, self.batch_size = windows, batch_size
        self.chosen = torch.linspace(0, len(windows) - 1, count, dtype=torch.float64).round().long().tolist()

    def __len__(self) -> int:
        """Number of batches."""
        return math.ceil(len(self.chosen) / self.batch_size)

    def section(self, first: int, last: int) -> SpreadWindows:
        """The batches from `first` to before `last`, as windows of their own; no others are read.

        Args:
            first: Number of the first batch.
            last: Number of the batch after the last.
        """
        made = SpreadWindows(self.windows, samples=1, batch_size=self.batch_size)
        made.chosen = self.chosen[first * self.batch_size : last * self.batch_size]
        return made

    def stacked(self) -> tuple[Float[Tensor, "b inputs *space"], Float[Tensor, "b outputs *space"]]:
        """All of them at once."""
        x, y, _ = zip(*self, strict=True)
        return torch.cat(x), torch.cat(y)

    def __iter__(
        self,
    ) -> Iterator[tuple[Float[Tensor, "b inputs *space"], Float[Tensor, "b outputs *space"], Int[Tensor, " b"]]]:
        """Inputs, what follows them, and the trajectory of every window."""
        for start in range(0, len(self.chosen), self.batch_size):
            indices = self.chosen[start : start + self.batch_size]
            pairs = [self.windows[index] for index in indices]
            clusters = torch.tensor([self.windows.where(index)[0] for index in indices])
            yield torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs]), clusters


def field_scale(batches: Iterable[tuple[Tensor, Tensor, Tensor]], layout: Layout) -> Float[Tensor, " channel"]:
    """Standard deviation of every output field, one number for all its components, so that a group leaves it alone.

    Args:
        batches: Inputs, labels and trajectories of the windows whose labels are measured, such as `SpreadWindows`.
        layout: The channels of the output.
    """
    return scale_of_sums([field_sums(batches, layout)], layout)


def field_sums(batches: Iterable[tuple[Tensor, Tensor, Tensor]], layout: Layout) -> Float[Tensor, "3 channel"]:
    """Numbers, sums and sums of squares of every output channel.

    Args:
        batches: As in `field_scale`.
        layout: Likewise.
    """
    found = torch.zeros(3, layout.channels, dtype=torch.float64)
    for _, y, _ in batches:
        values = y.double().movedim(1, 0).flatten(1)
        found += torch.stack([torch.full_like(found[0], values.shape[1]), values.sum(1), values.square().sum(1)])
    return found


def scale_of_sums(sums: Sequence[Tensor], layout: Layout) -> Float[Tensor, " channel"]:
    """What `field_scale` gives, from the `field_sums` of sections of the windows, in their order.

    Args:
        sums: Of every section.
        layout: The channels of the output.
    """
    count, first, second = torch.stack(list(sums)).sum(0) if len(sums) > 1 else sums[0]
    variance = (second / count - (first / count).square()).clamp(min=0)
    scale = torch.ones_like(variance)
    for part in layout.slices().values():
        spread = variance[part].mean().sqrt()
        scale[part] = spread if spread > 0 else 1.0
    return scale

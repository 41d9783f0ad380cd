"""Data cut into sections of whole batches, which several processes read each its own of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from haar.errors import ArgumentError

#: Fewest sections of an amount of work that has as many batches: so many partial sums can be kept and gone on from.
_SECTIONS = 64


@runtime_checkable
class Sectioned(Protocol):
    """Data that give a section of their batches without reading the others."""

    def section(self, first: int, last: int) -> Iterable[Any]:
        """The batches from `first` to before `last`."""
        ...


@dataclass(frozen=True)
class Section:
    """Some batches in a row.

    Attributes:
        number: Which section it is.
        first: Its first batch.
        last: The batch after its last.
    """

    number: int
    first: int
    last: int


def sections(batches: int, world: int) -> list[Section]:
    """All sections of so many batches: the same for any number of processes up to 64, or to a power of two above.

    Args:
        batches: Number of batches; of none there is no section.
        world: Number of processes.

    Example:
        >>> [(one.first, one.last) for one in sections(3, 2)]
        [(0, 1), (1, 2), (2, 3)]
        >>> len(sections(1000, 3)), len(sections(1000, 100))
        (64, 128)
    """
    if not batches:
        return []
    count = min(batches, max(_SECTIONS, 1 << (world - 1).bit_length()))
    ends = [batches * k // count for k in range(count + 1)]
    return [Section(k, ends[k], ends[k + 1]) for k in range(count)]


def section(data: Any, part: Section) -> Iterable[Any]:
    """Some batches of an iterable with a length, read without the others where that can be.

    Args:
        data: A list of batches; a `DataLoader` in a fixed order; what has a method `section`; or another iterable with
            a length, whose earlier batches are read and passed over.
        part: Which batches.

    Raises:
        ArgumentError: If a loader draws its order anew on every process, or divides and repeats its samples itself.
    """
    if isinstance(data, Sectioned):
        return data.section(part.first, part.last)
    if isinstance(data, Sequence):
        return [data[k] for k in range(part.first, part.last)]
    loader = getattr(data, "_dataloader", data)  # Fabric's, which moves batches to its device
    check_order(loader)
    sampler = getattr(loader, "batch_sampler", None)
    if type(loader).__name__ == "DataLoader" and sampler is not None and loader is data:
        return _of_loader(loader, list(islice(sampler, part.first, part.last)))
    return _Some(data, part)


def check_order(loader: Any) -> None:
    """Refuse a loader whose samples are not the same ones, each once, in one order on every process.

    Raises:
        ArgumentError: Saying what to give instead.
    """
    kind = type(getattr(loader, "sampler", None)).__name__
    if kind.startswith("Distributed"):
        raise ArgumentError(
            "data",
            expected="a loader of all samples, which haar divides among the processes",
            got=f"one with a {kind}, which divides them itself and may repeat some",
            way_out="give the plain DataLoader (fabric.setup_dataloaders(loader, use_distributed_sampler=False))",
        )
    if kind in ("RandomSampler", "WeightedRandomSampler", "SubsetRandomSampler"):
        raise ArgumentError(
            "data",
            expected="a loader in one order, the same on every process",
            got=f"one with a {kind}",
            way_out="DataLoader(..., shuffle=False)",
        )


def _of_loader(loader: Any, indices: list[list[int]]) -> Iterable[Any]:
    from torch.utils.data import DataLoader

    return DataLoader(
        loader.dataset,
        batch_sampler=indices,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
    )


@dataclass(frozen=True)
class _Some:
    """A section of what can only be read from its beginning."""

    data: Iterable[Any]
    part: Section

    def __iter__(self) -> Iterator[Any]:
        yield from islice(iter(self.data), self.part.first, self.part.last)

    def __len__(self) -> int:
        return self.part.last - self.part.first

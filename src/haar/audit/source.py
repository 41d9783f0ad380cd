"""The data of an audit as several processes read them: in sections, any of which can be read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from haar.actions import Symmetry
from haar.audit.batches import Batch, batches, count_batches, rows_of
from haar.errors import ArgumentError
from haar.probing import given_data
from haar.processes import Section, section
from haar.processes.sections import check_order


@dataclass(frozen=True)
class Source:
    """The data of an audit, any section of which can be read again.

    Args:
        data: As the user gave them.
        model: Names and precision of its arguments say how data are read.
        symmetry: How the group acts.
        batch_size: Rows per batch, when data are tensors.
        clusters: The trajectory of every row, when data are tensors.
        max_samples: Rows to read at most.
    """

    data: Any
    model: Callable[..., Any]
    symmetry: Symmetry
    batch_size: int = 8
    clusters: Any | None = None
    max_samples: int | None = None

    @cached_property
    def whole(self) -> Any:
        """The data as verbs read them."""
        return given_data(self.data, self.model, self.symmetry)

    @property
    def _tensors(self) -> bool:
        return isinstance(self.whole, (Tensor, tuple))

    @property
    def _rows(self) -> int:
        """Rows per batch."""
        size = self.batch_size if self._tensors else getattr(self.data, "batch_size", None)
        if size is None and self.max_samples is not None:
            raise ArgumentError(
                "max_samples",
                expected="None beside batches of unknown size that several processes divide",
                got=self.max_samples,
                way_out="leave the others out of the data",
            )
        return self.batch_size if size is None else int(size)

    def count(self) -> int:
        """Number of batches.

        Raises:
            ArgumentError: If it is not known beforehand, or the order is not the same on every process.
        """
        check_order(getattr(self.data, "_dataloader", self.data))
        known = count_batches(
            self.whole, batch_size=self.batch_size, max_samples=self.max_samples, symmetry=self.symmetry
        )
        if known is None:
            raise ArgumentError(
                "data",
                expected="batches whose number is known, to be divided among processes",
                got=f"{type(self.data).__name__} without a length",
                way_out="read another part on each process, then Audit(...).run(part).gather()",
            )
        most = known if self.max_samples is None else -(-self.max_samples // self._rows)
        return min(known, most)

    def samples(self, first: Batch) -> int:
        """Number of samples; at most so many where the data do not tell.

        Args:
            first: The first batch.
        """
        if self._tensors:
            rows = count_batches(self.whole, batch_size=1, max_samples=self.max_samples, symmetry=self.symmetry)
            return rows or 0
        told: Any = getattr(self.data, "chosen", getattr(self.data, "dataset", None))
        try:
            return min(len(told), self.max_samples or len(told))
        except (TypeError, NotImplementedError):
            return self.count() * len(first.clusters)

    def read(self, part: Section) -> Iterator[Batch]:
        """The batches of a section.

        Args:
            part: Which.
        """
        data = self.whole
        if not self._tensors:
            data = given_data(section(self.data, part), self.model, self.symmetry)
        yield from batches(
            data,
            batch_size=self._rows,
            clusters=self.clusters,
            max_samples=self.max_samples,
            symmetry=self.symmetry,
            part=part,
        )

    def pieces(self, part: Section, cut: int) -> Iterator[Batch]:
        """A section where every batch is cut into so many pieces, which are counted in place of batches."""
        if cut == 1:
            yield from self.read(part)
            return
        for number in range(part.first, part.last):
            place, piece = divmod(number, cut)
            for batch in self.read(Section(0, place, place + 1)):
                rows = len(batch.clusters)
                some = rows_of(batch, slice(rows * piece // cut, rows * (piece + 1) // cut), self.symmetry)
                if some is not None:
                    yield some

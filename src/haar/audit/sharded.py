"""One audit read by several processes: each its own sections of the data, or its own elements of the group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from haar.audit.batches import Batch
from haar.audit.conventions import LabelledRows
from haar.audit.kept_sums import KeptSums, fingerprint_of_batch
from haar.audit.share import Share, ShareReader
from haar.audit.source import Source
from haar.errors import ArgumentError
from haar.processes import Ranks, Section, fingerprint, fingerprint_of_model, sections, versions
from haar.watch import Unwatched, Watch

#: What the processes divide among them.
SHARDS = ("data", "elements")


def check_shard(shard: str) -> None:
    """Refuse what processes cannot divide.

    Raises:
        ArgumentError: If the word is not known.

    Example:
        >>> check_shard("elements")
    """
    if shard not in SHARDS:
        raise ArgumentError("shard", expected=f"one of {', '.join(SHARDS)}", got=repr(shard))


def read_sharded(
    reader: ShareReader,
    source: Source,
    ranks: Ranks,
    *,
    seed: int = 0,
    layers: bool = True,
    shard: str = "data",
    kept: Path | None = None,
    watch: Watch = Unwatched(),
) -> tuple[Share, Share]:
    """Read data by all processes; this one's share, and the whole, the same bits on all.

    Args:
        reader: Reads one batch.
        source: All the data, the same on every process.
        ranks: The processes.
        seed: Of the test of conventions.
        layers: Whether to look into the layers.
        shard: ``"data"``: each process reads its own sections; ``"elements"``: each runs its own elements on all data.
        kept: Folder for the sums of finished sections.
        watch: Told of every batch of this process.

    Raises:
        ArgumentError: If there are more processes than samples or elements, or processes were told different things.
        LostRankError: If another process fails or is lost.
    """
    count = source.count()
    first = next(source.read(Section(0, 0, 1)))
    cut = 1 if shard == "elements" else -(-ranks.world // count)
    _check_enough(shard, ranks, len(reader.elements) if shard == "elements" else source.samples(first))
    facts = _facts(reader, source, first, seed=seed, count=count, shard=shard)
    ranks.agree("audit", facts)
    reader.meter.prepare(first)
    work = _Work(reader, source, ranks, KeptSums(kept, {**facts, "pieces": cut}), watch)
    if shard == "elements":
        own = work.by_elements(sections(count, 1))
    else:
        own = work.by_data(ranks.own(sections(count * cut, ranks.world)), cut)
    if ranks.rank == 0:
        with watch.stage("layers and conventions", 1) as advance:
            _look(own, source, first, seed=seed, layers=layers)
            advance()
    whole = ranks.joined(reader.empty().add(own), lambda one, other: one.add(other))
    if ranks.rank == 0:
        work.sums.clear()
    return own, whole


def _check_enough(shard: str, ranks: Ranks, have: int) -> None:
    if ranks.world > have:
        other = "" if shard == "elements" else ", or divide the elements of the group by shard='elements'"
        raise ArgumentError(
            "processes",
            expected=f"at most as many as there are {'elements' if shard == 'elements' else 'samples'}, {have}",
            got=ranks.world,
            way_out=f"start fewer{other}",
        )


def _facts(
    reader: ShareReader, source: Source, first: Batch, *, seed: int, count: int, shard: str
) -> dict[str, str | int]:
    """What must be the same on all processes, and what kept sums belong to."""
    symmetry = reader.symmetry
    return {
        **versions(),
        "group": symmetry.group.name,
        "symmetry": repr(symmetry),
        "elements": fingerprint(reader.elements),
        "scale": fingerprint(*reader.meter.scales),
        "model": fingerprint_of_model(source.model),
        "number of batches": count,
        "max_samples": source.max_samples or 0,
        "first batch": fingerprint_of_batch(first),
        "seed": seed,
        "shard": shard,
    }


@dataclass(frozen=True)
class _Work:
    """What one process does.

    Args:
        reader: Reads one batch.
        source: All the data.
        ranks: The processes.
        sums: Where finished sections are kept.
        watch: Told of every section.
    """

    reader: ShareReader
    source: Source
    ranks: Ranks
    sums: KeptSums
    watch: Watch

    @property
    def _title(self) -> str:
        return f"audit under {self.reader.symmetry.group.name}, {self.ranks}"

    def by_data(self, mine: Sequence[Section], cut: int) -> Share:
        """The sums of this process's own sections, whose batches are cut into so many pieces."""
        own = self.reader.empty()
        with self.watch.stage(self._title, len(mine)) as advance:
            for part in mine:
                own.add(self._section(self.source.pieces(part, cut), part))
                advance()
        return own

    def _section(self, read: Iterator[Batch], part: Section) -> Share:
        """A section's sums, from its file where it is finished."""
        begin = next(read, None)
        if begin is None:
            return self.reader.empty()
        mark = fingerprint_of_batch(begin)
        made = self.sums.read(part.number, mark, self.reader)
        if made is None:
            made = self.reader.empty()
            for batch in chain((begin,), read):
                self.ranks.look()
                made.add(self.reader.read(batch))
            self.sums.write(part.number, mark, made)
        return made

    def by_elements(self, parts: Sequence[Section]) -> Share:
        """All data, run on this process's own elements; the first process adds up."""
        own = self.reader.empty()
        places = self.ranks.own(range(len(self.reader.elements)))
        with self.watch.stage(self._title, len(parts)) as advance:
            for part in parts:
                made = self._joint_section(self.source.read(part), part, places)
                if self.ranks.rank == 0:
                    own.add(made)
                advance()
        return own

    def _joint_section(self, read: Iterator[Batch], part: Section, places: Sequence[int]) -> Share:
        first = self.ranks.rank == 0
        begin = next(read)
        mark = fingerprint_of_batch(begin)
        made = self.ranks.from_first(self.sums.read(part.number, mark, self.reader) if first else None)
        if made is not None:
            return made
        made = self.reader.empty()
        for batch in chain((begin,), read):
            orbits = self.ranks.at_first(self.reader.meter.predictions(batch, places))
            if orbits is not None:
                made.add(self.reader.read(batch, [y for orbit in orbits for y in orbit]))
        if first:
            self.sums.write(part.number, mark, made)
        return made


def _look(own: Share, source: Source, first: Batch, *, seed: int, layers: bool) -> None:
    """What the first samples say of layers, derivatives and conventions, as one process alone would have it."""
    own.look_inside(source.model, source.symmetry, first, layers=layers)
    labelled = LabelledRows(source.symmetry)
    for place in range(source.count()):
        for batch in source.read(Section(0, place, place + 1)):
            labelled.add(batch)
        if labelled.full:
            break
    own.conventions = labelled.report(seed)
    own.remark(labelled.remark)

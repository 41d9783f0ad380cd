"""The parts of a sweep: handed out, followed in one table, skipped where they are finished, listed where they fail."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from haar.errors import ArgumentError, HaarError, one_line
from haar.folders import is_claimed
from haar.report import Table, write_json
from haar.sweeps.ended import heeding_interrupts, termination_interrupts
from haar.sweeps.progress import WrittenProgress, read_progress
from haar.sweeps.workers import Workers, submitted
from haar.watch import Watch

#: Seconds between two looks at what workers do.
_LOOK = 0.5
#: Characters of a part's name in that of its progress file.
_LONGEST = 80
#: What is replaced there.
_NO_NAME = re.compile(r"[^\w.=,+-]+")
#: The line of a traceback that says what was raised.
_RAISED = re.compile(r"^[\w.]*(?:Error|Exception|Exit|Interrupt)\b.*$", re.MULTILINE)
#: What a part can be.
WAITING, RUNNING, FINISHED, KEPT, FAILED = "waiting", "running", "finished", "kept", "failed"


@dataclass(frozen=True)
class Part:
    """One part of a sweep.

    Args:
        name: In the table.
        finished: The file that is there when it is finished, in a folder of its own.
        work: Carries it out in a worker; it must be known by a module's name, with plain arguments
            (`functools.partial`).
    """

    name: str
    finished: Path
    work: Callable[[Watch], object]


@dataclass(frozen=True)
class Row:
    """How a part stands.

    Attributes:
        name: Of the part.
        state: ``waiting``, ``running``, ``finished``, ``kept`` (finished before) or ``failed``.
        seconds: Since it was handed out.
        doing: What it said last of its progress.
        log: Its log, where it failed.
    """

    name: str
    state: str
    seconds: float | None = None
    doing: str = ""
    log: str = ""


def sweep_table(rows: Sequence[Row]) -> Table:
    """All parts in one table.

    Args:
        rows: How they stand.

    Example:
        >>> sweep_table([Row("seed 0", "kept"), Row("seed 1", "running", 3.0, "training 4/9")]).rows[1]
        ('seed 1', 'running', 3.0, 'training 4/9', '')
    """
    count = {state: sum(row.state == state for row in rows) for state in (KEPT, FINISHED, RUNNING, WAITING, FAILED)}
    told = ", ".join(f"{number} {state}" for state, number in count.items() if number)
    columns = ("part", "state", "seconds", "doing", "log")
    return Table("parts", columns, [(r.name, r.state, r.seconds, r.doing, r.log) for r in rows], told)


def carry_out(part: Part, written: Path) -> None:
    """What a worker does.

    Args:
        part: The part.
        written: Where its progress is written.
    """
    if not part.finished.is_file():
        part.work(WrittenProgress(written))


class _Sweep:
    """The parts that are not finished, and who does them."""

    def __init__(self, parts: Sequence[Part], workers: Workers, folder: Path) -> None:
        self.parts, self.folder, self.at_once = {part.name: part for part in parts}, folder, workers.at_once
        self.rows = {p.name: Row(p.name, KEPT if p.finished.is_file() else WAITING) for p in parts}
        self.jobs: dict[str, tuple[Any, float]] = {}
        self.elsewhere: dict[str, float] = {}
        self._executor = workers.executor(folder)

    @property
    def open(self) -> list[str]:
        """Names of the parts that are not done."""
        return [name for name, row in self.rows.items() if row.state in (WAITING, RUNNING)]

    def look(self) -> None:
        """Hand out what can be, and see what became of the rest."""
        for name in self.open:
            part = self.parts[name]
            if name in self.jobs:
                self._follow(part, *self.jobs[name])
            elif part.finished.is_file():
                self.rows[name] = Row(name, FINISHED)
            elif is_claimed(part.finished.parent):  # by a worker whose sweep was killed, or by another command
                begun = self.elsewhere.setdefault(name, time.monotonic())
                self.rows[name] = Row(name, RUNNING, time.monotonic() - begun, "in another process")
            elif self.at_once is None or len(self.jobs) < self.at_once:
                with heeding_interrupts():
                    job = submitted(self._executor, carry_out, part, self._written(name))
                self.jobs[name] = job, time.monotonic()
                self.rows[name] = Row(name, RUNNING, 0.0)
            else:
                self.rows[name] = Row(name, WAITING)

    def _written(self, name: str) -> Path:
        short = _NO_NAME.sub("-", name)[:_LONGEST]
        return self.folder / f"{short}.progress.json"

    def _follow(self, part: Part, job: Any, begun: float) -> None:
        seconds = time.monotonic() - begun
        row = Row(part.name, RUNNING, seconds, read_progress(self._written(part.name)))
        if job.done():
            del self.jobs[part.name]
            self._written(part.name).unlink(missing_ok=True)
            fault = _fault(job)
            if part.finished.is_file():
                row = Row(part.name, FINISHED, seconds)
            elif not is_claimed(part.finished.parent):  # else another has begun it in the meantime
                row = replace(row, state=FAILED, doing=fault or "ended without a result", log=str(job.paths.stderr))
        self.rows[part.name] = row

    def cancel(self) -> None:
        """End what runs."""
        for job, _ in self.jobs.values():
            job.cancel()


def sweep(
    parts: Sequence[Part],
    workers: Workers,
    folder: Path,
    *,
    told: Callable[[Sequence[Row]], None] | None = None,
    keep_going: bool = False,
) -> list[Row]:
    """Carry out all parts that are not finished.

    What was killed, a worker or this process, leaves what is finished; the same call goes on from there, and waits for
    workers that outlived it. Ctrl-C and SIGTERM end the workers too; SIGKILL leaves them to finish what they do.

    Args:
        parts: All parts, each with a name of its own.
        workers: Who carries them out.
        folder: For the logs, the progress, and ``sweep.json``, the table.
        told: Called with all rows, at every look.
        keep_going: Whether failures are only listed.

    Returns:
        How every part stands.

    Raises:
        ArgumentError: If two parts have one name, or one file that says that they are finished.
        HaarError: If parts failed, with their logs, once all others are done.
    """
    parts = list(parts)
    _check_apart(parts)
    folder.mkdir(parents=True, exist_ok=True)
    job = _Sweep(parts, workers, folder)
    shown: list[tuple[str, str]] = []
    try:
        with termination_interrupts():
            while True:
                job.look()
                rows = list(job.rows.values())
                if told is not None:
                    told(rows)
                if shown != (now := [(row.state, row.doing) for row in rows]):
                    write_json(folder / "sweep.json", sweep_table(rows).to_dict())
                    shown = now
                if not job.open:
                    break
                time.sleep(_LOOK)
    except BaseException:
        job.cancel()
        raise
    failed = [row for row in rows if row.state == FAILED]
    if failed and not keep_going:
        listed = "; ".join(f"{row.name}: {row.doing} (log {row.log})" for row in failed)
        message = f"{len(failed)} of {len(rows)} parts failed: {listed}; the same command tries them again"
        raise HaarError(message)
    return rows


def _check_apart(parts: Sequence[Part]) -> None:
    """Refuse parts that share a name, or a file that says that they are finished."""
    for what, marks in (("name", [part.name for part in parts]), ("file", [str(part.finished) for part in parts])):
        twice = [mark for mark, count in Counter(marks).items() if count > 1]
        if twice:
            raise ArgumentError("parts", expected=f"each with a {what} of its own", got=f"{twice[0]!r} twice")


def _fault(job: Any) -> str:
    """The last line of what went wrong in a worker; empty where nothing did."""
    try:
        error = job.exception()
    except Exception as unread:  # noqa: BLE001 (a worker that was killed left nothing to read)
        error = unread
    if error is None:
        return ""
    if type(error).__name__ == "UncompletedJobError":
        return "its process was ended (killed, or out of memory or time)"
    told = _RAISED.findall(str(error))
    return one_line(told[-1].removeprefix("haar.errors."))[:200] if told else type(error).__name__

"""Who carries out the parts of a sweep: processes here, or jobs of Slurm, by submitit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from haar.errors import ArgumentError, HaarError, require

#: Options of a Slurm worker, what submitit calls them, and their values where they are not given.
_SLURM = {"minutes": ("timeout_min", 1440), "cpus": ("cpus_per_task", 1), "gb": ("mem_gb", 8), "at_once": ("", 0)}
_WEEK = 7 * 24 * 60
_EXPECTED = "local:4, or slurm:PARTITION (slurm:PARTITION,minutes=600,cpus=2,gb=16,at_once=32)"


@dataclass(frozen=True)
class Workers:
    """Who carries out the parts of a sweep.

    Args:
        cluster: ``"local"`` or ``"slurm"``.
        at_once: Parts at a time; None for all.
        partition: Slurm's partition.
        options: Of a job of Slurm: minutes, cpus, gb.

    Example:
        >>> Workers.parse("local:4")
        Workers(cluster='local', at_once=4, partition='', options={})
        >>> Workers.parse("slurm:long,minutes=90").options["minutes"]
        90
        >>> Workers.parse("local")
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: --workers: expected local:4, or slurm:PARTITION \
(slurm:PARTITION,minutes=600,cpus=2,gb=16,at_once=32), got 'local'
    """

    cluster: str
    at_once: int | None
    partition: str = ""
    options: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, words: str) -> Workers:
        """Workers from words.

        Args:
            words: ``"local:4"``, ``"slurm:PARTITION"``, with options behind commas.

        Raises:
            ArgumentError: If they are neither.
        """
        cluster, _, rest = words.partition(":")
        first, *more = rest.split(",")
        if cluster == "local" and first.isdecimal() and int(first) > 0 and not more:
            return cls("local", int(first))
        if cluster != "slurm" or not first:
            raise ArgumentError("--workers", expected=_EXPECTED, got=repr(words))
        told = {name: default for name, (_, default) in _SLURM.items()}
        for option in more:
            name, _, value = option.partition("=")
            if name not in told or not value.isdecimal() or int(value) < 1:
                raise ArgumentError("--workers", expected=_EXPECTED, got=repr(words))
            told[name] = int(value)
        return cls("slurm", told.pop("at_once") or None, first, told)

    def executor(self, folder: Path) -> Any:
        """Submitit's executor.

        Args:
            folder: For its logs.

        Raises:
            MissingExtraError: If submitit is not installed.
            HaarError: If there is no Slurm here.
        """
        submitit = require("submitit", "scale")
        try:
            made = submitit.AutoExecutor(folder=str(folder), cluster=self.cluster)
        except RuntimeError as error:
            message = f"--workers: no Slurm on this machine ({' '.join(str(error).split())}); local:4 works everywhere"
            raise HaarError(message) from error
        if self.cluster == "local":
            made.update_parameters(timeout_min=_WEEK)
        else:
            settings = {known: self.options[name] for name, (known, _) in _SLURM.items() if known}
            made.update_parameters(slurm_partition=self.partition, **settings)
        return made


def submitted(executor: Any, work: Callable[..., object], *given: object) -> Any:
    """Hand out work; submitit's job.

    Args:
        executor: What `Workers.executor` made.
        work: A function that workers can import.
        given: Its arguments.

    Raises:
        HaarError: If Slurm does not take the job, with what it says.
    """
    utils = require("submitit.core.utils", "scale")
    try:
        return executor.submit(work, *given)
    except (utils.FailedJobError, utils.FailedSubmissionError) as error:
        message = f"--workers: Slurm does not take the job ({' '.join(str(error).split())[:200]})"
        raise HaarError(message) from error

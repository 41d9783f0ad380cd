"""A command that torchrun has started: it meets the other processes, and ends where one of them has."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from haar.errors import HaarError
from haar.processes.pulse import LostRankError
from haar.processes.ranks import PATIENCE, Ranks

#: What torchrun, and whatever starts processes as it does, tells each of them.
_TOLD = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
#: Seconds until all processes must have come.
_COME = 120.0


def torchrun(environment: Mapping[str, str] | None = None) -> tuple[int, int] | None:
    """Number of this process and of all, where torchrun or another launcher has started it; else None.

    Args:
        environment: Variables; by default this process's own.

    Example:
        >>> told = {"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
        >>> torchrun(told), torchrun({})
        ((1, 3), None)
    """
    variables = os.environ if environment is None else environment
    if not all(variables.get(name) for name in _TOLD):
        return None
    return int(variables["RANK"]), int(variables["WORLD_SIZE"])


class EndedError(BaseException):
    """The launcher ends this process. It comes anywhere, so that no ``except Exception`` on its way may keep it.

    Args:
        lost: What is said of it.
    """

    def __init__(self, lost: LostRankError) -> None:
        super().__init__(str(lost))
        self.lost = lost


@contextmanager
def launched(way_on: str = "", *, patience: float = PATIENCE) -> Iterator[Ranks]:
    """Meet the other processes that torchrun has started, for as long as the block lasts.

    Args:
        way_on: What is said of how to go on, where a process is lost.
        patience: Seconds without a sign of life after which a process is given up.

    Raises:
        HaarError: If the processes cannot meet.
        LostRankError: If torchrun ends this process because another has ended.
    """
    import torch.distributed as dist

    try:
        dist.init_process_group("gloo", timeout=timedelta(seconds=_COME))
    except (RuntimeError, ValueError, OSError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        message = (
            f"rank {os.environ['RANK']} of {os.environ['WORLD_SIZE']}: the processes did not meet at {where} "
            f"({' '.join(str(error).split())[:120]}); give torchrun an address that every machine reaches"
        )
        raise HaarError(message) from error
    try:
        with Ranks(patience=patience, way_on=way_on) as ranks, _ended_by_launcher(ranks):
            yield ranks
    finally:
        if sys.exc_info()[0] is None:  # else others may be gone, and leaving together would wait for them
            dist.destroy_process_group()


@contextmanager
def _ended_by_launcher(ranks: Ranks) -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the launcher ends what does not end by itself
        raise EndedError(ranks.lost(ranks.ended_here()))

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except EndedError as error:
        raise error.lost from None
    finally:
        signal.signal(signal.SIGTERM, before)

"""A command in several processes, as torchrun starts them: one answer, and one line of what went wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from haar.errors import ArgumentError, HaarError

if TYPE_CHECKING:  # they import torch
    from haar.processes import Ranks

#: Commands whose work several processes divide.
DIVIDED = ("audit", "relax fit")

_RANKS: ContextVar[Ranks | None] = ContextVar("ranks", default=None)


def several() -> bool:
    """Whether torchrun, or a launcher that tells as much, has started this process as one of several."""
    told = [os.environ.get(name, "") for name in ("RANK", "MASTER_ADDR", "MASTER_PORT")]
    world = os.environ.get("WORLD_SIZE", "1")
    return all(told) and world.isdecimal() and int(world) > 1


def ranks_here() -> Ranks | None:
    """The processes that torchrun has started for this command; None where there is one alone."""
    return _RANKS.get()


def in_several(words: list[str], answer: Callable[[], int], failed: Callable[[BaseException], int]) -> int:
    """Run a command in this process as one of several.

    Args:
        words: What stands after ``haar``.
        answer: Runs it.
        failed: Says what went wrong; the exit code.
    """
    from haar.processes import LostRankError, launched

    try:
        with launched() as ranks, _shared(ranks):
            try:
                _check_divided([word for word in words if not word.startswith("-")])
                code = answer()
                ranks.meet()
            except BaseException as error:  # noqa: BLE001 (one process speaks for all)
                return _one_word(ranks, error, failed)
            return code
    except LostRankError as error:
        return _one_word(ranks, error, failed)
    except HaarError as error:
        return failed(error)


def _check_divided(words: list[str]) -> None:
    if words[:1] not in [verb.split() for verb in DIVIDED] and words[:2] not in [verb.split() for verb in DIVIDED]:
        raise ArgumentError(
            "torchrun",
            expected=f"a command that several processes divide: haar {', haar '.join(DIVIDED)}",
            got=f"haar {' '.join(words[: 2 if words[:1] == ['relax'] else 1])}",
            way_out="start it without torchrun",
        )


def _one_word(ranks: Ranks, error: BaseException, failed: Callable[[BaseException], int]) -> int:
    """What went wrong, said by the first that knows; the others end without a word."""
    from haar.processes import EndedError, LostRankError

    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it must not cut off what is about to be said
    error = error.lost if isinstance(error, EndedError) else error
    try:
        if not isinstance(error, LostRankError):
            ranks.fail(error)
        first = ranks.first_word()
    except LostRankError:
        first = True  # there is nobody left to ask
    return failed(error) if first else 2


@contextmanager
def _shared(ranks: Ranks) -> Iterator[None]:
    token = _RANKS.set(ranks)
    try:
        yield
    finally:
        _RANKS.reset(token)


def way_on(out: Path | None) -> str:
    """How an audit of several processes goes on when one of them is lost.

    Args:
        out: Its folder.
    """
    if out is None:
        return "the same command begins anew (with --out it would go on)"
    return f"{out / 'parts'} keeps what is finished, and the same command goes on from there"

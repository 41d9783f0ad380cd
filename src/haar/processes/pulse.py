"""Signs of life in a store that all processes of a job reach."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import torch.distributed as dist

from haar.errors import HaarError

T = TypeVar("T")

#: Seconds between two signs of life.
_BEAT = 1.0


class LostRankError(HaarError):
    """A process of the job has ended, has failed, or is no longer heard of."""


class Pulse:
    """One process's signs of life, and its ear for its neighbour's: each process listens to the one after it.

    Args:
        store: The store.
        rank: Number of this process.
        world: Number of processes.
        patience: Seconds without a sign after which the neighbour is given up, and all are told.
    """

    def __init__(self, store: dist.Store, rank: int, world: int, *, patience: float) -> None:
        self._store, self._rank, self._world, self._patience = store, rank, world, patience
        self._neighbour = (rank + 1) % world
        self._ended = threading.Event()
        self._word = ""
        self._pause = min(_BEAT, patience / 4)
        self._heard, self._silent, self._looked = 0, 0.0, time.monotonic()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def begin(self) -> None:
        """Live."""
        self._store.set(f"place/{self._rank}", f"{platform.node()} {os.getpid()}")
        self._thread.start()

    def gone_here(self) -> list[int]:
        """The processes on this machine that are no more."""
        gone = []
        for rank in range(self._world):
            if self.asked(lambda: self._store.check([f"place/{rank}"])):  # noqa: B023
                node, pid = self.asked(lambda: self._store.get(f"place/{rank}")).decode().rsplit(" ", 1)  # noqa: B023
                if node == platform.node() and not _lives(int(pid)):
                    gone.append(rank)
        return gone

    def end(self) -> None:
        """Say that what comes is no longer told here; the others do not wait for it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._store.add(f"left/{self._rank}", 1)
        except RuntimeError:  # the store has gone with the process that held it
            self._word = self._word or self._gone()

    def tell(self, word: str) -> None:
        """Say to all that this process has failed; the first word is kept."""
        try:
            if self._store.add("failed", 1) == 1:
                self._store.set("why", word)
        except RuntimeError:
            self._word = self._word or self._gone()

    def told(self) -> str:
        """What ended the job, as far as is known; empty while all is well."""
        if not self._word:
            try:
                if self._store.check(["why"]):
                    self._word = self._store.get("why").decode()
            except RuntimeError:
                self._word = self._gone()
        return self._word

    def asked(self, ask: Callable[[], T]) -> T:
        """What the store answers.

        Raises:
            LostRankError: If it has gone with the process that held it.
        """
        try:
            return ask()
        except RuntimeError as error:
            self._word = self._word or self._gone()
            raise LostRankError(self._word) from error

    def _gone(self) -> str:
        # torchrun holds the store itself, and says so; else the first process does
        launched = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        who = f"the launcher of {self._world} processes" if launched else f"rank 0 of {self._world}"
        return f"{who} cannot be reached: its process, its machine or the network is gone"

    def _live(self) -> None:
        while not self._ended.wait(self._pause):
            try:
                self._store.add(f"beat/{self._rank}", 1)
                if self._world > 1:
                    self._listen()
            except RuntimeError:
                self._word = self._word or self._gone()
                return

    def _listen(self) -> None:
        if self._store.add(f"left/{self._neighbour}", 0):
            return
        beats = self._store.add(f"beat/{self._neighbour}", 0)
        now = time.monotonic()
        # While this process itself stood still (a machine asleep, a job suspended) it could not have heard.
        awake, self._looked = min(now - self._looked, 2 * self._pause), now
        self._silent = self._silent + awake if beats == self._heard else 0.0
        self._heard = beats
        if self._silent > self._patience:
            self.tell(
                f"rank {self._neighbour} of {self._world} has not been heard of for {self._patience:g} s: its process, "
                "its machine or the network is gone"
            )
            self._ended.set()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

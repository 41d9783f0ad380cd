"""The processes of one job: who is here, whether all mean the same, and who is no longer heard of."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from haar.errors import ArgumentError, HaarError
from haar.processes.pulse import LostRankError, Pulse

T = TypeVar("T")

#: Seconds without a sign of life after which a process is given up.
PATIENCE = 30.0
#: Seconds between two looks while a process waits for others.
_LOOK = 0.02
#: Seconds in which it is seen which process has ended, once the connection to it has.
_NOTICED = 3.0
#: Seconds in which rank 0 ends its display, once something went wrong.
_DISPLAYED = 10.0


class Ranks:
    """The processes of an initialised `torch.distributed` group, as a context: within it each tells that it lives.

    Nothing waits for ever. Processes meet through the group's store, where each leaves a sign of life every second;
    one whose signs stop for `patience` seconds, or who says that it has failed, ends the wait of all others with one
    sentence. Tensors pass only between processes that have all arrived.

    Args:
        patience: Seconds without a sign of life after which a process is given up.
        way_on: What the others' error says of how to go on.

    Attributes:
        rank: Number of this process.
        world: Number of processes.

    Raises:
        ArgumentError: If no process group is initialised.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=0, world_size=1)
        ...     with Ranks() as ranks:
        ...         print(ranks, ranks.joined([1, 2], lambda one, other: one + other))
        ...     dist.destroy_process_group()
        rank 0 of 1 [1, 2]
    """

    def __init__(self, *, patience: float = PATIENCE, way_on: str = "") -> None:
        if not (dist.is_available() and dist.is_initialized()):
            way_out = "start it with torchrun, launch a Lightning Fabric, or call init_process_group"
            raise ArgumentError("fabric", expected="an initialised process group", got="none", way_out=way_out)
        self.rank, self.world, self.patience, self.way_on = dist.get_rank(), dist.get_world_size(), patience, way_on
        # Objects pass by the CPU, whatever the group that trains passes tensors by.
        self._group = None if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")
        token = [secrets.token_hex(8)]
        dist.broadcast_object_list(token, 0, group=self._group)
        store = dist.distributed_c10d._get_default_store()  # noqa: SLF001 (torch has no other way to it)
        self._store = dist.distributed_c10d.PrefixStore(f"haar/{token[0]}", store)
        self._pulse = Pulse(self._store, self.rank, self.world, patience=patience)
        self._met = 0

    def __enter__(self) -> Ranks:  # noqa: PYI034 (the shape checks cannot resolve Self)
        self._pulse.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None and not isinstance(error, LostRankError):
            self.fail(error)
        self._pulse.end()

    def __str__(self) -> str:
        """Number of this process, and of all."""
        return f"rank {self.rank} of {self.world}"

    def fail(self, error: BaseException) -> None:
        """Tell all that this process ends by an error; the first word of all is kept.

        Args:
            error: The error.
        """
        kind = "" if isinstance(error, HaarError) else f"{type(error).__name__}: "
        self._pulse.tell(f"{self}: {kind}{error}")

    def own(self, all_of_them: Sequence[T]) -> Sequence[T]:
        """This process's part of a list, in order, as even as can be.

        Args:
            all_of_them: The same list on every process.
        """
        many = len(all_of_them)
        return all_of_them[many * self.rank // self.world : many * (self.rank + 1) // self.world]

    def look(self) -> None:
        """End this process where another has failed or is lost; takes no time otherwise.

        Raises:
            LostRankError: With what happened, and how to go on.
        """
        told = self._pulse.told()
        if told:
            raise self.lost(told)

    def lost(self, what: str) -> LostRankError:
        """The error that says what happened, and how to go on.

        Args:
            what: What happened.
        """
        return LostRankError("; ".join(word for word in (what, self.way_on) if word))

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return self._pulse.asked(ask)
        except LostRankError as error:
            raise self.lost(str(error)) from error

    def ended_here(self) -> str:
        """Why this process is to end, as far as is known: what was told, or another on this machine that is gone."""
        told = self._pulse.told()
        if told:
            return told
        try:
            gone = self._pulse.gone_here()
        except LostRankError as error:
            return str(error)
        return f"rank {gone[0]} of {self.world} has ended" if gone else f"{self} was ended by its launcher"

    def meet(self) -> None:
        """Wait until all processes are here.

        Raises:
            LostRankError: If one has failed or is lost.
        """
        self._met += 1
        key = f"met/{self._met}"
        here = self._asked(lambda: self._store.add(key, 1))
        pause = _LOOK
        while here < self.world:
            self.look()
            time.sleep(pause)
            pause = min(2 * pause, 1.0) if self.world > 64 else pause
            here = self._asked(lambda: self._store.add(key, 0))

    def agree(self, argument: str, facts: Mapping[str, str | int]) -> None:
        """Refuse processes that were told something else than the first.

        Args:
            argument: What the facts are of, for the message.
            facts: Words and numbers by name.

        Raises:
            ArgumentError: On the process that differs, naming its rank and what it was told.
            LostRankError: On the others, with the same words.
        """
        key = f"facts/{self._met}"
        if self.rank == 0:
            self._asked(lambda: self._store.set(key, json.dumps(facts)))
        self.meet()
        first = json.loads(self._asked(lambda: self._store.get(key)))
        wrong = next((name for name in {**first, **facts} if first.get(name) != facts.get(name)), None)
        if wrong is not None:
            error = ArgumentError(
                argument,
                expected=f"on every process the {wrong} of rank 0, {_short(first.get(wrong))}",
                got=f"{_short(facts.get(wrong))} on rank {self.rank} of {self.world}",
            )
            self._pulse.tell(str(error))
            raise error
        self.meet()

    def joined(self, value: T, join: Callable[[T, T], T]) -> T:
        """Join the values of all processes in the order of ranks, two neighbours at a time; all get the same bits.

        Each process holds its own value and one other at a time, and after log2(world) rounds the first holds all.

        Args:
            value: Of this process; it may be changed.
            join: The values of some ranks and of the ranks after them, as one.

        Raises:
            LostRankError: If a process has failed or is lost.
        """
        self.meet()
        step = 1
        while step < self.world and self.rank % (2 * step) == 0:
            if self.rank + step < self.world:
                came: list[Any] = [None]
                self._passed(dist.recv_object_list, came, self.rank + step)
                value = join(value, came[0])
            step *= 2
        if step < self.world:
            self._passed(dist.send_object_list, [value], self.rank - step)
        return self.from_first(value)

    def from_first(self, value: T) -> T:
        """What the first process has, on all."""
        self.meet()
        told: list[Any] = [value if self.rank == 0 else None]
        self._passed(dist.broadcast_object_list, told, 0)
        return told[0]  # type: ignore[no-any-return]

    def at_first(self, value: T) -> list[T] | None:
        """The values of all processes in their order, on the first; None on others."""
        self.meet()
        found: list[Any] | None = [None] * self.world if self.rank == 0 else None
        self._passed(dist.gather_object, value, found, 0)
        return found

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Put the mean over all processes in place of every tensor, the same bits on all.

        Args:
            tensors: As many, of the same shapes, on every process.
        """
        for dtype in dict.fromkeys(x.dtype for x in tensors):
            some = [x for x in tensors if x.dtype == dtype]
            joined = torch.cat([x.detach().flatten() for x in some])
            self._passed(dist.all_reduce, joined, default=True)
            joined = joined / self.world
            for x, part in zip(some, joined.split([x.numel() for x in some]), strict=True):
                x.detach().copy_(part.reshape(x.shape))

    def first_word(self) -> bool:
        """Whether this is the first process that asks, and so the one that says what went wrong.

        What rank 0 displays would be written across its line. So it waits until rank 0 asks too, which it does once
        its display is over, unless that is gone or takes longer than ten seconds.

        Raises:
            LostRankError: If there is nobody left to ask.
        """
        if self.rank == 0:
            self._asked(lambda: self._store.set("display over", ""))
        first = bool(self._asked(lambda: self._store.add("word", 1)) == 1)
        until = time.monotonic() + _DISPLAYED
        while first and time.monotonic() < until and not self._asked(lambda: self._store.check(["display over"])):
            if 0 in self._pulse.gone_here():
                break
            time.sleep(_LOOK)
        return first

    def _passed(self, exchange: Callable[..., Any], *what: Any, default: bool = False) -> None:
        try:
            exchange(*what, group=None if default else self._group)
        except RuntimeError as error:
            raise self.lost(self._broken(error)) from error

    def _broken(self, error: RuntimeError) -> str:
        """Why an exchange broke off: the connection goes at once, and the process that it led to a moment later."""
        until = time.monotonic() + _NOTICED
        while time.monotonic() < until:
            self.look()
            gone = self._pulse.gone_here()
            if gone:
                return f"rank {gone[0]} of {self.world} has ended"
            time.sleep(_LOOK)
        return f"{self} lost another process while sums were passed on ({type(error).__name__})"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

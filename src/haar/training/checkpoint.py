"""A run in a file: written whole or not at all, read without running anything, refused by any other run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from haar.errors import ArgumentError, DataError, HaarError
from haar.files import write_checkpoint

_MARK, _SCHEMA = "haar.training", 1


@runtime_checkable
class Stateful(Protocol):
    """What tells and takes its state, as modules and optimisers do."""

    def state_dict(self) -> Any:
        """Tensors and plain values."""
        ...

    def load_state_dict(self, state: Any, /) -> Any:
        """Go on from there."""
        ...


class Checkpoint:
    """Where a run is kept, what of it, and by what it is known again.

    Args:
        path: A file of any name; None to keep nothing.
        states: What a step changes beside the optimiser, by name: the model, a rule with multipliers.
        run: Plain facts in which a file must agree, beside those of the plan, the seed and the parameters' shapes.
        seconds: Least time between two saves, but for the last.
        writes: Whether this process writes the file; of several one does, and all read it.

    Example:
        >>> model = torch.nn.Linear(1, 1)
        >>> Checkpoint(None, {"model": model}).load({}) is None
        True
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        states: Mapping[str, Stateful],
        *,
        run: Mapping[str, Any] | None = None,
        seconds: float | int = 0.0,
        writes: bool = True,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.states, self.run, self.seconds = dict(states), dict(run or {}), seconds
        self.writes = writes
        self._saved = time.monotonic()

    def waits(self) -> bool:
        """Whether it is too early to save again."""
        return self.path is None or time.monotonic() - self._saved < self.seconds

    def save(self, facts: Mapping[str, Any], loop: Mapping[str, Any]) -> None:
        """Write all states, beside the loop's own."""
        if self.path is None or not self.writes:
            return
        states = {name: held.state_dict() for name, held in self.states.items()}
        write_checkpoint(self.path, {_MARK: _SCHEMA, "run": {**facts, **self.run}, "states": states, **loop})
        self._saved = time.monotonic()

    def load(self, facts: Mapping[str, Any]) -> dict[str, Any] | None:
        """Put all states back if there is a file; the loop's own, or None.

        Raises:
            DataError: If the file is no checkpoint.
            ArgumentError: If it is another run's.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            found: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            schema, run, states = found.pop(_MARK), found.pop("run"), found.pop("states")
        except Exception as error:
            message = f"{self.path}: not a readable checkpoint ({type(error).__name__})"
            raise DataError(message) from error
        if schema != _SCHEMA:
            message = f"{self.path}: expected schema {_SCHEMA} of training runs, got {schema}"
            raise DataError(message)
        known = {**facts, **self.run}
        if run != known:
            different = sorted(key for key in {**run, **known} if run.get(key) != known.get(key))
            raise ArgumentError(
                "checkpoint",
                expected="the run it belongs to",
                got=f"another {', '.join(different)}",
                way_out="give another file name, or delete this file",
            )
        try:
            for name, held in self.states.items():
                held.load_state_dict(states[name])
        except HaarError:
            raise
        except Exception as error:
            message = f"{self.path}: a checkpoint that does not fit ({type(error).__name__})"
            raise DataError(message) from error
        return found

"""What every data generator is: a frozen description of an experiment that streams runs, each from its own seed."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.layout import FieldSpec
from haar.data.solvers.finite import check_given
from haar.data.well.axis import Axis
from haar.errors import ArgumentError, ShapeError


def check_range(name: str, bounds: tuple[float | int, float | int]) -> None:
    """Refuse bounds that hold nothing, or what is not positive.

    Raises:
        ArgumentError: Naming them.
    """
    if len(bounds) != 2 or not 0 < bounds[0] <= bounds[1]:
        raise ArgumentError(name, expected="0 < least <= greatest", got=bounds)


@dataclass(frozen=True)
class Metadata:
    """What a data file says about the runs beside the fields.

    Args:
        dataset_name: Name of the data set.
        axes: The space axes, in the order of the arrays.
        time: Times of the stored frames.
        parameters: Physical parameters that all runs share.
        run_parameters: Parameters of each run, in the order of the trajectories.
        grid_type: Kind of coordinates.
        symmetric: Names of the tensor fields that are symmetric.
    """

    dataset_name: str
    axes: tuple[Axis, ...]
    time: Float[Tensor, " frame"]
    parameters: dict[str, float]
    run_parameters: dict[str, Float[Tensor, " run"]]
    grid_type: str = "cartesian"
    symmetric: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Generator(ABC):
    """A data set that a solver makes.

    Trajectory `i` depends on `seed` and `i` alone: not on the batch size, nor on how many trajectories there are.

    Args:
        resolution: Number of grid points along x and y.
        n_trajectories: Number of runs.
        n_steps: Number of stored frames of each run, the first included.
        seed: Seed of the data set.
        dtype: Precision of the computation and of what is returned.
        device: Where the solver runs. Initial data are drawn on the CPU, so that they do not depend on it.
        time_step: Time step of the solver.
        save_every: Time steps between stored frames.
        burn_in: Time steps before the first stored frame.

    Raises:
        ArgumentError: If a count is out of range, the time step not positive, or the dtype not float32 or float64.
    """

    resolution: tuple[int, int] = (64, 64)
    n_trajectories: int = 32
    n_steps: int = 25
    seed: int = 0
    dtype: torch.dtype = torch.float64
    device: str = "cpu"
    time_step: float = 0.01
    save_every: int = 20
    burn_in: int = 0

    name: ClassVar[str]
    state_fields: ClassVar[tuple[str, ...]]
    """The fields of one frame that determine the next."""

    def __post_init__(self) -> None:
        for argument in ("n_trajectories", "n_steps"):
            if getattr(self, argument) < 1:
                raise ArgumentError(argument, expected="at least 1", got=getattr(self, argument))
        if len(self.resolution) != 2 or min(self.resolution) < 4:
            raise ArgumentError("resolution", expected="at least 4 points along x and y", got=self.resolution)
        if not 0 < self.time_step < math.inf:
            raise ArgumentError("time_step", expected="a positive number", got=self.time_step)
        if self.save_every < 1:
            raise ArgumentError("save_every", expected="at least 1 time step", got=self.save_every)
        if self.burn_in < 0:
            raise ArgumentError("burn_in", expected="a number of time steps", got=self.burn_in)
        if self.seed < 0:
            raise ArgumentError("seed", expected="a number that is not negative", got=self.seed)
        if self.dtype not in (torch.float32, torch.float64):
            raise ArgumentError("dtype", expected="torch.float32 or torch.float64", got=self.dtype)
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:  # torch built without a device asserts
            raise ArgumentError(
                "device", expected="a device that torch finds here", got=repr(self.device), way_out="use 'cpu'"
            ) from error

    @property
    @abstractmethod
    def fields(self) -> tuple[FieldSpec, ...]:
        """The stored fields: scalars, then vectors, then tensors."""

    @property
    @abstractmethod
    def metadata(self) -> Metadata:
        """Grid, boundaries, times and parameters."""

    @abstractmethod
    def initial(self, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """The complete state of the given runs at the first stored frame, each tensor (run, x, y[, component])."""

    @abstractmethod
    def advance(self, state: dict[str, Tensor], time_steps: int, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """The complete state a number of time steps later; `evolve` without its checks."""

    def evolve(
        self, state: dict[str, Tensor], steps: int = 1, *, trajectories: Sequence[int] | None = None
    ) -> dict[str, Tensor]:
        """The true dynamics: the state `steps` stored frames later.

        Args:
            state: One frame, each field (run, x, y[, component]), by name. Only `state_fields` are read; they are
                brought to this data set's dtype and device.
            steps: Number of frames to advance.
            trajectories: Which runs these are, where runs have parameters of their own; the first ones by default.

        Returns:
            The complete state later.

        Raises:
            ArgumentError: If a needed field is missing or not finite, or `steps` is negative.
            ShapeError: If a field does not fit the grid, or there are not as many trajectories as runs.
        """
        if steps < 0:
            raise ArgumentError("steps", expected="a number of frames", got=steps)
        for name in self.state_fields:
            if name not in state:
                raise ArgumentError("state", expected=f"the field {name!r}", got=", ".join(state) or "no field")
            if tuple(state[name].shape[1:3]) != self.resolution:
                grid = ", ".join(map(str, self.resolution))
                raise ShapeError(f"state[{name!r}]", expected=f"(run, {grid}, ...)", got=tuple(state[name].shape))
        runs = len(state[self.state_fields[0]])
        which = range(runs) if trajectories is None else trajectories
        for name in self.state_fields:
            if len(state[name]) != runs:
                raise ShapeError(f"state[{name!r}]", expected=f"{runs} runs, as the others", got=len(state[name]))
        if len(which) != runs:
            raise ShapeError("trajectories", expected=f"one for each of {runs} runs", got=len(which))
        check_given(**{name: state[name] for name in self.state_fields})
        here = {name: values.to(self.device, self.dtype) for name, values in state.items()}
        return self.advance(here, steps * self.save_every, which)

    @property
    def frame_interval(self) -> float:
        """Time between two stored frames."""
        return self.save_every * self.time_step

    @property
    def time(self) -> Float[Tensor, " frame"]:
        """Times of the stored frames, from 0."""
        return torch.arange(self.n_steps, dtype=torch.float64) * self.frame_interval

    def random(self, trajectory: int) -> torch.Generator:
        """The random source of one run, seeded from (seed, trajectory).

        Raises:
            ArgumentError: If there is no such trajectory.
        """
        if not 0 <= trajectory < self.n_trajectories:
            raise ArgumentError("trajectory", expected=f"0 to {self.n_trajectories - 1}", got=trajectory)
        word = np.random.SeedSequence([self.seed, trajectory]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(word) >> 1)

    def batches(self, batch_size: int = 8) -> Iterator[dict[str, Tensor]]:
        """Stream the runs.

        Args:
            batch_size: How many runs to compute side by side; it changes speed and memory, not the runs.

        Yields:
            For every batch the stored fields by name: (run, frame, x, y[, component[, component]]), constants
            without the frame.

        Raises:
            ArgumentError: If the batch size is not positive.
        """
        if batch_size < 1:
            raise ArgumentError("batch_size", expected="at least 1", got=batch_size)
        for start in range(0, self.n_trajectories, batch_size):
            yield self.runs(range(start, min(start + batch_size, self.n_trajectories)))

    @cached_property
    def _variables(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.role == "variable")

    def runs(self, trajectories: Sequence[int]) -> dict[str, Tensor]:
        """The stored fields of some runs by name, as `batches` yields them.

        Args:
            trajectories: Numbers of the runs to compute.
        """
        state = self.initial(trajectories)
        frames = {field.name: [state[field.name]] for field in self.fields}
        for _ in range(self.n_steps - 1):
            state = self.advance(state, self.save_every, trajectories)
            for name in self._variables:
                frames[name].append(state[name])
        return {
            field.name: torch.stack(frames[field.name], dim=1) if field.role == "variable" else state[field.name]
            for field in self.fields
        }

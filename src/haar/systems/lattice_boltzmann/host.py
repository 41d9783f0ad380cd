"""The host: a simulation of any collision on a grid.

A step is: half of the force's momentum, the collision, the other half, streaming, boundaries. `step` is differentiable;
`simulate` runs it many times in memory that is there already, looks on, and stops at the first number that is not
finite.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, HaarError, HaarWarning, ShapeError, check_count
from haar.files import write_safetensors
from haar.systems.lattice_boltzmann.collision import Collision, check_collision, collided, on_axis
from haar.systems.lattice_boltzmann.compiled_kernel import CompiledBGK
from haar.systems.lattice_boltzmann.eager_kernel import EagerKernel
from haar.systems.lattice_boltzmann.populations import check_populations
from haar.systems.lattice_boltzmann.recomputed import recomputed
from haar.systems.lattice_boltzmann.relaxation import BGK
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.streaming import stream, stream_into
from haar.systems.lattice_boltzmann.walls import Boundaries, Boundary
from haar.watch import Unwatched, Watch

Observer = Callable[[Tensor], Tensor | float]
"""From populations ``[batch, Q, *space]`` to what is to be recorded."""
#: Steps between two looks for numbers that are not finite; the step itself is then found by running them again.
LOOK = 64
#: Speeds that differ by less than this share are the same.
_SAME_SPEED = 1e-3
#: Sites that a collision of the user's own is given at a time.
_SITES = 2048


class BlowUpError(HaarError):
    """A run has numbers that are not finite.

    Attributes:
        step: The step after which they are there.
        site: Where: batch and place on the grid.
    """

    def __init__(self, message: str, step: int, site: tuple[int, ...]) -> None:
        super().__init__(message)
        self.step, self.site = step, site

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.step, self.site)


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a run gives.

    Attributes:
        state: Populations after the last finite step, ``[batch, Q, *space]``.
        steps: Steps that were taken with finite numbers.
        times: Steps at which the observers looked.
        records: What they saw, ``[times, ...]``.
        blown_up: Where the run ended early, if it did.
    """

    state: Float[Tensor, "batch q *space"]
    steps: int
    times: Int[Tensor, " times"]
    records: Mapping[str, Tensor] = field(default_factory=dict)
    blown_up: BlowUpError | None = None


class Host:
    """A grid with a collision on it.

    Args:
        stencil: Velocities.
        collision: Any callable on the last axis.
        shape: Of the grid.
        boundaries: Walls, obstacles and open ends; all else is periodic.
        force: Momentum that every cell is given in a step: ``[dim]`` or ``[dim, *space]``.

    Raises:
        ArgumentError: If something does not fit the stencil or the shape.
    """

    def __init__(
        self,
        stencil: Stencil,
        collision: Collision,
        shape: Sequence[int],
        *,
        boundaries: Sequence[Boundary] = (),
        force: Tensor | Sequence[float | int] | None = None,
    ) -> None:
        check_collision(collision, stencil)
        if not isinstance(shape, Sequence) or len(shape) != stencil.dim or min(shape) < 2:
            way_out = "the axes of the grid come last, after batch and populations"
            expected = f"{stencil.dim} axes of 2 nodes and more for {stencil.name}"
            raise ShapeError("shape", expected=expected, got=shape, way_out=way_out)
        self.stencil, self.collision, self.shape = stencil, collision, tuple(shape)
        self.boundaries = Boundaries(stencil, shape, boundaries)
        self.force = None if force is None else _checked_force(force, stencil.dim, self.shape)
        plain = type(collision) is BGK
        self._kernel = EagerKernel(stencil, collision.tau) if plain else None  # type: ignore[attr-defined]

    def collide(self, f: Float[Tensor, "batch q *space"]) -> Float[Tensor, "batch q *space"]:
        """The collision between the halves of the force."""
        if self.force is None:
            return on_axis(self.collision, f)
        return self._kick(on_axis(self.collision, self._kick(f)))

    def step(self, f: Float[Tensor, "batch q *space"]) -> Float[Tensor, "batch q *space"]:
        """One step, differentiable.

        Args:
            f: Populations on axis 1.
        """
        if tuple(f.shape[2:]) != self.shape:
            raise ShapeError("f", expected=f"[batch, {self.stencil.size}, *{self.shape}]", got=tuple(f.shape))
        post = self.collide(f)
        return self.boundaries.apply(stream(post, self.stencil), post)

    def step_into(self, f: Tensor, post: Tensor) -> None:
        """One step in place.

        Args:
            f: Populations, which are moved on.
            post: Memory of the same shape; it then holds those after the collision.
        """
        if self._kernel is not None and self.force is None:
            for before, after in zip(f.flatten(2), post.flatten(2), strict=True):
                self._kernel(before, after)
        elif self.force is not None:
            post.copy_(self.collide(f))
        else:
            _collide_into(self.collision, f.flatten(2), post.flatten(2))
        stream_into(post, f, self.stencil)
        self.boundaries.apply(f, post)

    def _kick(self, f: Tensor) -> Tensor:
        """Half of the force's momentum: the difference of two equilibria."""
        force = self.force if self.force is not None else torch.zeros(self.stencil.dim)
        cells = f.movedim(1, -1)
        density = cells.sum(-1)
        velocity = (cells @ self.stencil.velocities.to(f)) / density.unsqueeze(-1)
        push = force.to(f).movedim(0, -1) / (2 * density.unsqueeze(-1))
        change = self.stencil.equilibrium(density, velocity + push) - self.stencil.equilibrium(density, velocity)
        return f + change.movedim(-1, 1)


def simulate(
    f: Float[Tensor, "batch q *space"],
    collision: Collision,
    steps: int,
    *,
    stencil: Stencil,
    boundaries: Sequence[Boundary] = (),
    force: Tensor | Sequence[float | int] | None = None,
    observers: Mapping[str, Observer] | None = None,
    every: int = 100,
    compiled: bool = False,
    keep: str | os.PathLike[str] | None = None,
    stop: bool = False,
    watch: Watch = Unwatched(),
) -> Simulated:
    """Run a collision, without gradients.

    Args:
        f: Populations at the start, ``[batch, Q, *space]``; they are not changed.
        collision: Any callable on the last axis.
        steps: How many.
        stencil: Velocities.
        boundaries: Walls, obstacles and open ends; all else is periodic.
        force: Momentum that every cell is given in a step: ``[dim]`` or ``[dim, *space]``.
        observers: By name, called on the populations at the start and after every so many steps.
        every: Steps between two looks.
        compiled: Whether to run BGK as one loop made by torch's compiler; it needs a C++ compiler on the machine, and
            no force.
        keep: A safetensors file for the last finite state of a run that blows up.
        stop: Whether such a run ends there, with `Simulated.blown_up`, in place of raising.
        watch: Told of every look.

    Raises:
        ArgumentError: If something does not fit, or a density is not positive.
        BlowUpError: If a number is not finite; it tells the step and the site.

    Example:
        >>> stencil = Stencil.named("D2Q9")
        >>> rest = stencil.equilibrium(torch.ones(1, 8, 8), torch.zeros(1, 8, 8, 2)).movedim(-1, 1)
        >>> bool(torch.allclose(simulate(rest, BGK(stencil, 0.8), 10, stencil=stencil).state, rest))
        True
    """
    check_count("steps", steps, least=0)
    check_count("every", every)
    check_populations(f, stencil)
    host = Host(stencil, collision, f.shape[2:], boundaries=boundaries, force=force)
    advance = _advance(host, f, compiled=compiled)
    watchers = _checked_observers(observers)
    fastest = _trained_speed(collision)
    state, done, blown = f.detach().clone(memory_format=torch.contiguous_format), 0, None
    before = torch.empty_like(state)
    times, seen = [0], {name: [_seen(name, look, state)] for name, look in watchers.items()}
    with torch.no_grad(), watch.stage("simulating", -(-steps // every)) as tell:
        while done < steps and blown is None:
            count = min(every - done % every, LOOK, steps - done)
            before.copy_(state)
            advance(state, count)
            # a sum is quickly taken, and finite where all are: only then need nothing be looked at one by one
            if not bool(state.sum().isfinite()) and not bool(state.isfinite().all()):
                state, done, blown = _found(host, before, state, done, count)
                break
            done += count
            fastest = _warned(state, host, fastest, done)
            if done % every == 0 or done == steps:
                times.append(done)
                for name, look in watchers.items():
                    seen[name].append(_seen(name, look, state))
                tell()
    if blown is not None:
        blown = _kept(blown, state, done, keep, told=stop)
        if not stop:
            raise blown
    records = {name: torch.stack(values) for name, values in seen.items()}
    return Simulated(state, done, torch.tensor(times), records, blown)


def rollout(
    f: Float[Tensor, "batch q *space"], host: Host, steps: int, *, segment: int | None = None
) -> Float[Tensor, "batch q *space"]:
    """Many steps with gradients, in the memory of a few.

    States are kept once a segment, and what is between them is computed again on the way back. There are gradients to
    the start and to all weights that a step depends on; second derivatives are not kept.

    Args:
        f: Populations at the start.
        host: The grid and its collision.
        steps: How many.
        segment: Steps between kept states; by default about the root of their number.

    Example:
        >>> stencil = Stencil.named("D2Q9")
        >>> f = stencil.equilibrium(torch.ones(1, 4, 4), torch.zeros(1, 4, 4, 2)).movedim(-1, 1).requires_grad_()
        >>> rollout(f, Host(stencil, BGK(stencil, 0.8), (4, 4)), 20).sum().backward()
        >>> f.grad.shape
        torch.Size([1, 9, 4, 4])
    """
    check_count("steps", steps, least=0)
    if segment is not None:
        check_count("segment", segment)
    length = segment or max(1, round(steps**0.5))

    return recomputed(host.step, f, [min(length, steps - start) for start in range(0, steps, length)])


def _advance(host: Host, f: Tensor, *, compiled: bool) -> Callable[[Tensor, int], None]:
    """Moves populations on by a number of steps, in place."""
    if compiled:
        collision = host.collision
        if type(collision) is not BGK or host.force is not None or host.boundaries.open:
            expected = "BGK without a force and open ends beside it"
            way_out = "leave compiled out; a collision of another kind may be given as torch.compile(collision)"
            raise ArgumentError("compiled", expected=expected, got=type(collision).__name__, way_out=way_out)
        return CompiledBGK(host.stencil, collision.tau, host.boundaries, f)
    post = torch.empty_like(f, memory_format=torch.contiguous_format)

    def advance(state: Tensor, count: int) -> None:
        for _ in range(count):
            host.step_into(state, post)

    return advance


def _trained_speed(collision: Collision) -> float | None:
    """The largest speed that a collision, or what it is an average of, was trained on."""
    for one in (collision, getattr(collision, "model", None)):
        speed = getattr(one, "trained_speed", None)
        if speed is not None:
            return float(speed)
    return None


def _warned(f: Tensor, host: Host, trained: float | None, step: int) -> float | None:
    """Warn once where the flow is faster than what the collision was trained on."""
    if trained is None:
        return None
    momentum = torch.einsum("bq...,qd->bd...", f, host.stencil.velocities.to(f))
    speed = float((momentum / f.sum(1, keepdim=True)).square().sum(1).max()) ** 0.5
    if speed <= trained * (1 + _SAME_SPEED):
        return trained
    sound = host.stencil.sound**0.5
    text = (
        f"the Mach number is {speed / sound:.3g} at step {step}, beyond {trained / sound:.3g}, the largest that the "
        "collision was trained on"
    )
    warnings.warn(text, HaarWarning, stacklevel=2)
    return None


def _found(host: Host, state: Tensor, broken: Tensor, done: int, count: int) -> tuple[Tensor, int, BlowUpError]:
    """The last finite state, its step, and what comes after: the steps that led to a broken state are taken again."""
    first, start, post = state, done, torch.empty_like(state)
    for _ in range(count):
        after = state.clone()
        host.step_into(after, post)
        if not bool(after.isfinite().all()):
            return state, done, _told(after, f"step {done + 1}", done + 1)
        state, done = after, done + 1
    # taken again they stay finite: a collision that is not the same twice, or a compiled loop that rounds otherwise
    return first, start, _told(broken, f"one of the steps {start + 1} to {done}", done)


def _told(f: Tensor, when: str, step: int) -> BlowUpError:
    """Where the first number that is not finite stands."""
    sample, q, *site = (~f.isfinite()).nonzero()[0].tolist()
    place = f"site {tuple(site)}" + (f" of run {sample}" if len(f) > 1 else "")
    text = f"the run has {float(f[(sample, q, *site)])} at {when}, {place}, population {q}"
    return BlowUpError(text, step, (sample, *site))


def _kept(
    error: BlowUpError, state: Tensor, done: int, keep: str | os.PathLike[str] | None, *, told: bool
) -> BlowUpError:
    if keep is None:
        if told:  # the state is handed back
            return error
        way_out = "keep=PATH writes the last finite state"
    else:
        write_safetensors(Path(keep), {"f": state.contiguous()}, {"step": str(done)})
        way_out = f"the state of step {done} is kept in {keep}"
    return BlowUpError(f"{error}; {way_out}", error.step, error.site)


def _collide_into(collision: Collision, f: Tensor, post: Tensor) -> None:
    """A collision of any kind, a few cells at a time."""
    for before, after in zip(f, post, strict=True):
        for start in range(0, before.shape[1], _SITES):
            cells = slice(start, start + _SITES)
            after[:, cells] = collided(collision, before[:, cells].T).T


def _checked_observers(observers: Mapping[str, Observer] | None) -> dict[str, Observer]:
    if not isinstance(observers, (Mapping, type(None))):
        expected = "a dictionary of names and functions of the populations"
        raise ArgumentError("observers", expected=expected, got=type(observers).__name__)
    return dict(observers or {})


def _seen(name: str, look: Observer, state: Tensor) -> Tensor:
    """What an observer says, which leaves the populations as they are."""
    version = state._version  # noqa: SLF001 (torch's own count of writes)
    value = look(state)
    if state._version != version:  # noqa: SLF001
        way_out = "let it work on f.clone()"
        expected = "functions that leave the populations as they are"
        raise ArgumentError("observers", expected=expected, got=f"{name!r}, which writes into them", way_out=way_out)
    if isinstance(value, Tensor):
        return value.detach().clone()
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        expected = "functions that give a tensor or a number"
        raise ArgumentError("observers", expected=expected, got=f"{type(value).__name__} of {name!r}") from error


def _checked_force(force: Tensor | Sequence[float | int], dim: int, shape: tuple[int, ...]) -> Tensor:
    """As ``[dim, *space]``, or ``[dim, 1, ...]``."""
    given = torch.as_tensor(force, dtype=torch.float64)
    if not bool(given.isfinite().all()):
        raise ArgumentError("force", expected="finite numbers", got=given[~given.isfinite()].flatten()[0].item())
    if given.shape == (dim,):
        return given.view(dim, *[1] * len(shape))
    if given.shape != (dim, *shape):
        expected = f"{dim} numbers, or {(dim, *shape)}"
        raise ShapeError("force", expected=expected, got=tuple(given.shape))
    return given

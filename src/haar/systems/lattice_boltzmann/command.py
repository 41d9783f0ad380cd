"""What ``haar lattice`` does: train a collision, run one, inspect one."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from haar.audit import Audit
from haar.audit import audit as haar_audit
from haar.average import save
from haar.average.engine import Averaged
from haar.entry import called
from haar.errors import ArgumentError
from haar.files import write_safetensors
from haar.programs import read_program
from haar.report import Report, Section, Table
from haar.report.drawing import new_figure, style_axes
from haar.report.table import Cell
from haar.systems.lattice_boltzmann.collision import (
    Collision,
    LatticeCollision,
    check_collision,
    linearised,
    relaxation_time,
)
from haar.systems.lattice_boltzmann.collision_file import Design, read_collision, write_collision
from haar.systems.lattice_boltzmann.fitting import Lesson, fit, validated
from haar.systems.lattice_boltzmann.flows import flow_named, usual_of
from haar.systems.lattice_boltzmann.frozen import freeze
from haar.systems.lattice_boltzmann.host import Simulated, simulate
from haar.systems.lattice_boltzmann.lid import REYNOLDS, from_table
from haar.systems.lattice_boltzmann.observables import energy, momentum, velocity, vorticity
from haar.systems.lattice_boltzmann.pairs import Pairs, draw_pairs, read_pairs
from haar.systems.lattice_boltzmann.relaxation import BGK, MRT, TRT
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.systems.lattice_boltzmann.viscosity import viscosities
from haar.systems.lattice_boltzmann.walls import Obstacle
from haar.watch import Unwatched, Watch

#: How a collision is learned where nothing else is said.
LESSON = Lesson()
RELAXATIONS = ("bgk", "trt", "mrt")
#: Relaxation time of those where nothing else is said.
TAU = 0.6
#: Viscosities that differ by less are the same.
_SAME_VISCOSITY = 1e-9
#: Pictures of a run, and the share of their nodes that are not too bright for the colours.
_FRAMES, _BRIGHT = 6, 0.998
#: Populations that a program is traced with; those of an audit have so much noise, and come so many at a time.
_TRACED, _AUDITED_NOISE, _AUDITED_AT_ONCE = 4, 1e-3, 256
#: Reynolds numbers that differ by less than this share are the same.
_SAME_REYNOLDS = 0.01


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        design: What was trained.
        error: On pairs that were not learned from.
        parameters: How many.
        steps: Of the optimiser.
    """

    design: Design
    error: float
    parameters: int
    steps: int

    def __str__(self) -> str:
        """In a line."""
        return (
            f"{self.design.collision} on {self.design.stencil}, {self.parameters} parameters, {self.steps} steps: "
            f"relative error {self.error:.3g} on pairs not learned from"
        )


def train(
    out: str | os.PathLike[str],
    design: Design,
    *,
    lesson: Lesson = LESSON,
    samples: int = 43000,
    speed: float = 0.01,
    noise: float = 5e-4,
    pairs: str | os.PathLike[str] | None = None,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Trained:
    """Train a collision and write it to a file; a killed run goes on from a checkpoint beside it.

    Args:
        out: The .safetensors file.
        design: What is to be trained.
        lesson: How.
        samples: Pairs of BGK that are drawn, where no file is given.
        speed: Their largest speed.
        noise: What is added to their equilibria, at most.
        pairs: An npz file in the authors' layout in place of drawn pairs.
        seed: Of pairs, weights and order.
        watch: Told of every step.
    """
    stencil = Stencil.named(design.stencil)
    if pairs is None:
        tau = relaxation_time(stencil, design.viscosity)
        given = draw_pairs(stencil, samples, tau=tau, speed=speed, noise=noise, seed=seed)
    else:
        given = _shuffled(read_pairs(pairs, stencil), seed)
    learned_from, held_out = given.split()
    known = replace(design, speed=learned_from.speed(stencil))
    model = known.build(seed)
    checkpoint = Path(f"{os.fspath(out)}.training")
    losses = fit(model, learned_from, lesson, seed=seed, checkpoint=checkpoint, watch=watch)
    write_collision(out, model, known)
    checkpoint.unlink(missing_ok=True)
    parameters = sum(p.numel() for p in model.parameters())
    return Trained(known, validated(freeze(model), held_out), parameters, len(losses))


def collision_named(text: str, stencil: str | None = None, tau: float | None = None) -> tuple[Collision, Stencil]:
    """A collision from what the user typed.

    Args:
        text: ``bgk``, ``trt`` or ``mrt``; a .safetensors file of `train`; a .pt2 program on populations ``[n, Q]``; or
            ``module:function`` that returns a callable on the last axis.
        stencil: Of relaxations, programs and functions, by default D2Q9; a .safetensors file has its own.
        tau: Of relaxations, by default 0.6; files and functions have their own.

    Raises:
        ArgumentError: If it is none of these, or something is given that it does not take.
    """
    if text.endswith(".pt2"):
        if tau is not None:
            raise ArgumentError("--tau", expected=f"for {', '.join(RELAXATIONS)} alone", got=f"{tau} for {text}")
        lattice = Stencil.named(stencil or Design.stencil)
        return _program(Path(text), lattice), lattice
    if text.endswith(".safetensors"):
        model, design = read_collision(text)
        if stencil not in (None, design.stencil):
            raise ArgumentError("--stencil", expected=f"{design.stencil}, which {text} was trained on", got=stencil)
        lattice = Stencil.named(design.stencil)
        if tau is not None and abs(lattice.viscosity(tau) - design.viscosity) > _SAME_VISCOSITY:
            learned = f"{relaxation_time(lattice, design.viscosity):.6g}"
            raise ArgumentError("--tau", expected=f"{learned}, which {text} was trained at", got=tau)
        return freeze(model), lattice
    lattice = Stencil.named(stencil or Design.stencil)
    if tau is not None and text not in RELAXATIONS:
        raise ArgumentError("--tau", expected=f"for {', '.join(RELAXATIONS)} alone", got=f"{tau} for {text}")
    if text in RELAXATIONS:
        return {"bgk": BGK, "trt": TRT, "mrt": MRT}[text](lattice, TAU if tau is None else tau), lattice
    if ":" not in text:
        expected = f"{', '.join(RELAXATIONS)}, a .safetensors or .pt2 file, or module:function"
        raise ArgumentError("COLLISION", expected=expected, got=repr(text))
    made = called(text, {}, "COLLISION")
    if not callable(made):
        raise ArgumentError("COLLISION", expected="module:function that returns a callable", got=type(made).__name__)
    check_collision(made, lattice)
    return made, lattice


def _program(path: Path, lattice: Stencil) -> Collision:
    """An exported program as a collision."""
    program = read_program(path).module()

    def collide(f: Tensor) -> Tensor:
        cells = f.reshape(-1, lattice.size)
        try:
            after = program(cells)
        except (RuntimeError, TypeError, ValueError) as error:
            got = " ".join(str(error).split())[:160]
            expected = f"a program from float64 populations [n, {lattice.size}] to populations, for any n"
            raise ArgumentError("COLLISION", expected=expected, got=got) from error
        return after.view(f.shape) if isinstance(after, Tensor) and after.shape == cells.shape else after

    check_collision(collide, lattice)
    return collide


@dataclass(frozen=True, eq=False)
class RunReport(Report):
    """A run of a collision.

    Attributes:
        flow: Name of the flow.
        shape: Of the grid.
        steps: That were taken with finite numbers.
        asked: That were asked for.
        energies: Mean kinetic energies, by the step at which it was looked at.
        drift: Change of the mean momentum.
        frames: Vorticity, in the plane.
        ended: Why it ended early, if it did.
        from_table: For a cavity at Reynolds number 100: largest differences from its classical centre lines.
    """

    kind: ClassVar[str] = "lattice-run"

    flow: str
    shape: tuple[int, ...]
    steps: int
    asked: int
    energies: Mapping[int, float]
    drift: float
    frames: np.ndarray
    ended: str = ""
    from_table: Mapping[str, float] | None = None

    title = "A run"

    @property
    def times(self) -> tuple[int, ...]:
        """When it was looked at."""
        return tuple(self.energies)

    @property
    def summary(self) -> str:
        """In a sentence."""
        size = " x ".join(map(str, self.shape))
        values = list(self.energies.values())
        first, last = values[0], values[-1]
        energy = f"energy over the first {last / first:.4g}" if first else f"energy {last:.4g}, from rest"
        away = ""
        if self.from_table is not None:
            most = max(self.from_table.values())
            away = f" From the table of Ghia, Ghia and Shin (1982) by {most:.3g} of the lid's speed at most."
        end = f" It ended early: {self.ended}." if self.ended else ""
        return f"{self.flow} on {size} nodes, {self.steps} of {self.asked} steps; {energy}.{away}{end}"

    def contents(self) -> dict[str, Any]:
        """Numbers, without the pictures."""
        return {
            "flow": self.flow,
            "shape": list(self.shape),
            "steps": self.steps,
            "asked": self.asked,
            "times": list(self.times),
            "energies": list(self.energies.values()),
            "momentum_change": self.drift,
            "ended": self.ended or None,
            "from_table": None if self.from_table is None else dict(self.from_table),
        }

    def sections(self) -> list[Section]:
        """A table, and a strip of pictures."""
        rows: list[list[Cell]] = [[time, value] for time, value in self.energies.items()]
        table = Table("Energy", ("step", "energy"), rows, f"change of the mean momentum {self.drift:.3g}")
        return [Section("What became of it", self.summary, table, self._strip(), "Vorticity as time goes on.")]

    def _strip(self) -> Figure | None:
        if not len(self.frames):
            return None
        figure = new_figure(1.9 * len(self.frames), 2.2)
        top = float(np.nanquantile(np.abs(self.frames), _BRIGHT)) or float(np.nanmax(np.abs(self.frames))) or 1.0
        for place, (frame, time) in enumerate(zip(self.frames, self.times, strict=True)):
            axes = style_axes(figure.add_subplot(1, len(self.frames), place + 1), title=f"step {time}")
            axes.imshow(frame.T, origin="lower", cmap="RdBu_r", vmin=-top, vmax=top)
            axes.set_xticks([])
            axes.set_yticks([])
        return figure


def run(
    collision: Collision,
    stencil: Stencil,
    *,
    flow: str = "taylor-green",
    size: int | None = None,
    speed: float | None = None,
    steps: int | None = None,
    out: Path | None = None,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> RunReport:
    """Run a flow by its name.

    Args:
        collision: Any callable on the last axis.
        stencil: Its velocities.
        flow: See `haar.systems.lattice_boltzmann.flows.FLOWS`.
        size: Nodes along the shortest axis; like speed and steps by default what shows the flow as it is known.
        speed: The largest at the start.
        steps: How many.
        out: A folder for ``state.safetensors``, the last finite state.
        seed: Of flows that are drawn.
        watch: Told of the progress.
    """
    usual = usual_of(flow)
    size, speed = usual.size if size is None else size, usual.speed if speed is None else speed
    steps = usual.steps if steps is None else steps
    start = flow_named(flow, stencil, size, speed, seed)
    ended = sorted({one.axis for one in start.boundaries if not isinstance(one, Obstacle)})
    observers: dict[str, Any] = {
        "energy": lambda f: energy(f, stencil)[0],
        "momentum": lambda f: momentum(f, stencil)[0],
    }
    observers["vorticity"] = lambda f: vorticity(_in_plane(velocity(f, stencil)), ended)[0]
    kept = None if out is None else out / "state.safetensors"
    ran = simulate(
        start.populations,
        collision,
        steps,
        stencil=stencil,
        boundaries=start.boundaries,
        force=start.force,
        observers=observers,
        every=max(steps // (_FRAMES - 1), 1),
        keep=kept,
        stop=True,
        watch=watch,
    )
    if kept is not None and ran.blown_up is None:
        write_safetensors(kept, {"f": ran.state}, {"step": str(ran.steps)})
    records: Mapping[str, torch.Tensor] = ran.records
    return RunReport(
        flow=flow,
        shape=tuple(start.populations.shape[2:]),
        steps=ran.steps,
        asked=steps,
        energies=dict(zip(ran.times.tolist(), records["energy"].tolist(), strict=True)),
        drift=float((records["momentum"][-1] - records["momentum"][0]).norm()),
        frames=records["vorticity"].numpy(),
        ended="" if ran.blown_up is None else str(ran.blown_up),
        from_table=_from_table(flow, collision, stencil, ran, speed),
    )


def audit(
    collision: Collision,
    stencil: Stencil,
    *,
    pairs: str | os.PathLike[str] | None = None,
    samples: int = 256,
    speed: float = 0.05,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Audit:
    """Audit a collision against its stencil's group.

    Args:
        collision: Any callable on the last axis.
        stencil: Its velocities.
        pairs: An npz file in the authors' layout, whose populations before the collision it is tried on.
        samples: Populations near equilibrium that are drawn where no file is given.
        speed: Their largest speed.
        seed: Of the populations and of tests.
        watch: Told of the progress.
    """
    if pairs is None:
        f = draw_pairs(stencil, samples, speed=speed, noise=_AUDITED_NOISE, seed=seed).before
    else:
        f = read_pairs(pairs, stencil).before
    return haar_audit(collision, stencil.symmetry, f, batch_size=_AUDITED_AT_ONCE, seed=seed, watch=watch)


def export(collision: Collision, stencil: Stencil, path: Path) -> None:
    """Write the inference form of a collision as a program for any number of cells.

    Args:
        collision: A module that knows its stencil.
        stencil: Its velocities.
        path: Ends in ``.pt2`` or ``.onnx``.
    """
    if not isinstance(collision, LatticeCollision | Averaged):
        expected = "a collision that this library made: distil one from a function or a program"
        raise ArgumentError("COLLISION", expected=expected, got=type(collision).__name__)
    f = draw_pairs(stencil, _TRACED).before
    save(freeze(collision).eval(), (f,), path)


def _in_plane(u: Tensor) -> Tensor:
    """The velocity in the plane half way up; a flow in the plane is its own."""
    return u if u.shape[1] == 2 else u[:, :2, ..., u.shape[-1] // 2]


def _from_table(
    flow: str, collision: Collision, stencil: Stencil, ran: Simulated, speed: float
) -> dict[str, float] | None:
    """Of a cavity whose Reynolds number is the table's; of others nothing is known."""
    if flow != "cavity" or ran.blown_up is not None:
        return None
    viscosity = viscosities(linearised(collision, stencil), stencil)["axis"]
    reynolds = speed * ran.state.shape[-1] / viscosity if viscosity > 0 else math.inf
    if abs(reynolds / REYNOLDS - 1) > _SAME_REYNOLDS:
        return None
    return from_table(velocity(ran.state, stencil)[0] / speed)


def _shuffled(pairs: Pairs, seed: int) -> Pairs:
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))
    return Pairs(pairs.before[order], pairs.after[order], pairs.equilibrium[order])

"""What ``haar lattice`` does: train a collision, run one, inspect one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure

from haar.entry import called
from haar.errors import ArgumentError
from haar.files import write_safetensors
from haar.report import Report, Section, Table
from haar.report.drawing import new_figure, style_axes
from haar.report.table import Cell
from haar.systems.lattice_boltzmann.collision import Collision, check_collision, relaxation_time
from haar.systems.lattice_boltzmann.collision_file import Design, read_collision, write_collision
from haar.systems.lattice_boltzmann.fitting import Lesson, fit, validated
from haar.systems.lattice_boltzmann.flows import flow_named
from haar.systems.lattice_boltzmann.frozen import freeze
from haar.systems.lattice_boltzmann.host import simulate
from haar.systems.lattice_boltzmann.observables import energy, momentum, velocity, vorticity
from haar.systems.lattice_boltzmann.pairs import Pairs, draw_pairs, read_pairs
from haar.systems.lattice_boltzmann.relaxation import BGK, MRT, TRT
from haar.systems.lattice_boltzmann.stencil import Stencil
from haar.watch import Unwatched, Watch

#: How a collision is learned where nothing else is said.
LESSON = Lesson()
RELAXATIONS = ("bgk", "trt", "mrt")
#: Relaxation time of those where nothing else is said.
TAU = 0.6
#: Viscosities that differ by less are the same.
_SAME_VISCOSITY = 1e-9
#: Pictures of a run.
_FRAMES = 6


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
        text: ``bgk``, ``trt`` or ``mrt``; a .safetensors file of `train`; or ``module:function`` that returns a
            callable on the last axis.
        stencil: Of relaxations and functions, by default D2Q9; a file has its own.
        tau: Of relaxations, by default 0.6; files and functions have their own.

    Raises:
        ArgumentError: If it is none of these, or something is given that it does not take.
    """
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
        expected = f"{', '.join(RELAXATIONS)}, a .safetensors file, or module:function"
        raise ArgumentError("COLLISION", expected=expected, got=repr(text))
    made = called(text, {}, "COLLISION")
    if not callable(made):
        raise ArgumentError("COLLISION", expected="module:function that returns a callable", got=type(made).__name__)
    check_collision(made, lattice)
    return made, lattice


@dataclass(frozen=True, eq=False)
class RunReport(Report):
    """A run of a collision.

    Attributes:
        flow: Name of the flow.
        shape: Of the grid.
        steps: That were taken with finite numbers.
        asked: That were asked for.
        times: When it was looked at.
        energies: Mean kinetic energies.
        drift: Change of the mean momentum.
        frames: Vorticity, in the plane.
        ended: Why it ended early, if it did.
    """

    kind: ClassVar[str] = "lattice-run"

    flow: str
    shape: tuple[int, ...]
    steps: int
    asked: int
    times: tuple[int, ...]
    energies: tuple[float, ...]
    drift: float
    frames: np.ndarray
    ended: str = ""

    title = "A run"

    @property
    def summary(self) -> str:
        """In a sentence."""
        size = " x ".join(map(str, self.shape))
        over = self.energies[-1] / self.energies[0] if self.energies[0] else float("nan")
        end = f" It ended early: {self.ended}." if self.ended else ""
        return (
            f"{self.flow} on {size} nodes, {self.steps} of {self.asked} steps; energy over the first {over:.4g}.{end}"
        )

    def contents(self) -> dict[str, Any]:
        """Numbers, without the pictures."""
        return {
            "flow": self.flow,
            "shape": list(self.shape),
            "steps": self.steps,
            "asked": self.asked,
            "times": list(self.times),
            "energies": list(self.energies),
            "momentum_change": self.drift,
            "ended": self.ended or None,
        }

    def sections(self) -> list[Section]:
        """A table, and a strip of pictures."""
        rows: list[list[Cell]] = [[time, value] for time, value in zip(self.times, self.energies, strict=True)]
        table = Table("Energy", ("step", "energy"), rows, f"change of the mean momentum {self.drift:.3g}")
        return [Section("What became of it", self.summary, table, self._strip(), "Vorticity as time goes on.")]

    def _strip(self) -> Figure | None:
        if not len(self.frames):
            return None
        figure = new_figure(1.9 * len(self.frames), 2.2)
        top = float(np.nanmax(np.abs(self.frames))) or 1.0
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
    size: int = 32,
    speed: float = 0.01,
    steps: int = 600,
    out: Path | None = None,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> RunReport:
    """Run a flow by its name.

    Args:
        collision: Any callable on the last axis.
        stencil: Its velocities.
        flow: See `haar.systems.lattice_boltzmann.flows.FLOWS`.
        size: Nodes along the shortest axis.
        speed: The largest at the start.
        steps: How many.
        out: A folder for ``state.safetensors``, the last finite state.
        seed: Of flows that are drawn.
        watch: Told of the progress.
    """
    start = flow_named(flow, stencil, size, speed, seed)
    observers: dict[str, Any] = {
        "energy": lambda f: energy(f, stencil)[0],
        "momentum": lambda f: momentum(f, stencil)[0],
    }
    if stencil.dim == 2:
        observers["vorticity"] = lambda f: vorticity(velocity(f, stencil))[0]
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
        times=tuple(ran.times.tolist()),
        energies=tuple(records["energy"].tolist()),
        drift=float((records["momentum"][-1] - records["momentum"][0]).norm()),
        frames=records["vorticity"].numpy() if "vorticity" in records else np.empty(0),
        ended="" if ran.blown_up is None else str(ran.blown_up),
    )


def _shuffled(pairs: Pairs, seed: int) -> Pairs:
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))
    return Pairs(pairs.before[order], pairs.after[order], pairs.equilibrium[order])

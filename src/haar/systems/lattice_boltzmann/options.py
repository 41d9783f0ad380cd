"""What a preset says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Learning:
    """How collisions are learned.

    Attributes:
        tau: Relaxation time of the BGK that is learned.
        samples: Pairs, of which 70 % are learned from.
        epochs: How often each is seen.
        speed: Largest speed of a sample.
        noise: Largest standard deviation of what is added to an equilibrium.
        scale: Size of ``f / w - 1``, by which the network's input and output are scaled.
        models: Which collisions are learned.
        steps: How long vortices on 32 x 32 nodes run.
        learning_rate: The greatest of the cycle, the same for all.
    """

    tau: float
    samples: int
    epochs: int
    speed: float
    noise: float
    scale: float
    models: tuple[str, ...]
    steps: int = 600
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class Turbulence:
    """A random flow that decays.

    Attributes:
        learning: What runs it.
        size: Nodes along both axes.
        speed: The largest at the start.
        steps: How long it runs.
    """

    learning: Learning
    size: int
    speed: float
    steps: int


@dataclass(frozen=True)
class Breaking:
    """A target that is less symmetric than the lattice.

    Attributes:
        samples: Pairs, of which 70 % are learned from.
        epochs: How often each is seen.
        relax_steps: Steps in which a relaxed network is trained.
        tested: Samples of the test that names the symmetry left.
    """

    samples: int
    epochs: int
    relax_steps: int
    tested: int


@dataclass(frozen=True)
class Coarse:
    """A coarse collision that is learned from a fine run.

    Attributes:
        size: Nodes of the fine grid along both axes.
        factor: Fine nodes a coarse one.
        tau: Relaxation time of the fine run.
        speed: The largest at the start.
        steps: Coarse steps of the run that is judged.
        unroll: Coarse steps of a piece that is learned from.
        learning: Steps of the optimiser.
    """

    size: int
    factor: int
    tau: float
    speed: float
    steps: int
    unroll: int
    learning: int


@dataclass(frozen=True)
class Options:
    """All parts; those that are not given are not measured.

    Attributes:
        vortices: Collisions that run the Taylor-Green vortices, by the name of the experiment.
        turbulence: A flow that decays.
        breaking: A target with less symmetry.
        coarse: A coarse collision from a fine run.
        stencils: Stencils in three dimensions whose costs are measured, with the channels of the learned network.
        cavity: Nodes of a lid-driven cavity at Reynolds number 100.
    """

    vortices: Mapping[str, Learning]
    turbulence: Turbulence | None = None
    breaking: Breaking | None = None
    coarse: Coarse | None = None
    stencils: Mapping[str, int] | None = None
    cavity: int | None = None

"""What a preset says: one experiment or more, each with its sizes, networks and learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Twins:
    """Edges and their twins.

    Attributes:
        nodes: Number of nodes of each copy.
        probability: Of an edge in a copy.
        crossings: Pairs of edges between the copies.
        k: Number of eigenvectors.
        epochs: Number of epochs of the training.
        rates: Learning rates to choose from.
        networks: Kinds of networks.
    """

    nodes: int
    probability: float
    crossings: int
    k: int
    epochs: int
    rates: tuple[float, ...]
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Links:
    """Links in two copies of a random graph.

    Attributes:
        nodes: Number of nodes of each copy.
        probability: Of an edge of an Erdos-Renyi graph.
        attach: Edges of every node that joins a Barabasi-Albert graph.
        added: Number of random edges.
        k: Number of eigenvectors.
        epochs: Number of epochs of the training.
        rates: Learning rates to choose from.
        networks: Kinds of networks, by graph and scaling.
    """

    nodes: int
    probability: float
    attach: int
    added: int
    k: int
    epochs: int
    rates: tuple[float, ...]
    networks: Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Inductive:
    """Links in graphs that were never seen.

    Attributes:
        train: Graphs to train on.
        validation: Graphs to choose on.
        test: Graphs that are reported.
        nodes: Number of nodes of each copy.
        probability: Probability of an edge.
        added: Number of random edges.
        k: Number of eigenvectors.
        epochs: Number of epochs of the training.
        rates: Learning rates to choose from.
        networks: Kinds of networks.
    """

    train: int
    validation: int
    test: int
    nodes: int
    probability: float
    added: int
    k: int
    epochs: int
    rates: tuple[float, ...]
    networks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Trajectories:
    """Charged particles: how many are seen, and how a network learns from them.

    Attributes:
        train: Samples to train on.
        validation: Samples to choose on.
        test: Samples that are reported.
        epochs: Number of epochs of the training.
        long_epochs: Of the networks that train for longer.
        batch_size: Samples in a step.
        rates: Learning rates to choose from.
        clip: How the generator cuts off forces.
        floor: Samples of the data's audit.
    """

    train: int
    validation: int
    test: int
    epochs: int
    long_epochs: int = 0
    batch_size: int
    rates: tuple[float, ...]
    clip: str
    floor: int


@dataclass(frozen=True, kw_only=True)
class Usual(Trajectories):
    """The usual task in three dimensions.

    Attributes:
        networks: Kinds of networks.
    """

    networks: tuple[str, ...]


@dataclass(frozen=True)
class Costs:
    """Processor time of a training step.

    Attributes:
        dims: Dimensions of the clouds.
        batch_size: Samples in a step.
        repeats: Steps that are timed.
    """

    dims: tuple[int, ...]
    batch_size: int
    repeats: int


@dataclass(frozen=True, kw_only=True)
class Particles(Trajectories):
    """Charged particles in several dimensions.

    Attributes:
        networks: Kinds of networks, by dimension.
        costs: What is timed.
        usual: The usual task, if that is run.
    """

    networks: Mapping[str, tuple[str, ...]]
    costs: Costs
    usual: Usual | None = None


@dataclass(frozen=True, kw_only=True)
class Communities:
    """Nodes of graphs.

    Attributes:
        train: Graphs to train on.
        validation: Graphs to choose on.
        test: Graphs that are reported.
        k: Number of eigenvectors.
        batch_size: Graphs in a step.
        epochs: Number of epochs of the training.
        rates: Learning rates to choose from.
        networks: Kinds of networks.
    """

    train: int
    validation: int
    test: int
    k: int
    batch_size: int
    epochs: int
    rates: tuple[float, ...]
    networks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Patterns(Communities):
    """Planted patterns.

    Attributes:
        patterns: Number of planted graphs.
    """

    patterns: int


@dataclass(frozen=True)
class Options:
    """The experiments; one that is not there is not run."""

    twins: Twins | None = None
    links: Links | None = None
    inductive: Inductive | None = None
    particles: Particles | None = None
    communities: Communities | None = None
    patterns: Patterns | None = None

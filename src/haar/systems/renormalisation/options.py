"""What a preset says: which networks are trained, how long, and what is measured on them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sweep:
    """Sizes that are varied one at a time; the centre is the preset's own size.

    Attributes:
        networks: Activation and family of every network.
        width: Number of hidden units.
        inputs: Variables of a block.
        samples: Number of training vectors.
    """

    networks: tuple[tuple[str, str], ...] = ()
    width: tuple[int, ...] = ()
    inputs: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()


@dataclass(frozen=True)
class Options:
    """The experiment.

    Attributes:
        networks: Networks of every architecture in a seed of the recipe.
        inputs: Variables of a block.
        width: Number of hidden units.
        train_law: Law of a coordinate in the training data.
        samples: Number of training vectors.
        steps: Number of training steps.
        test: Test vectors on every law.
        perceptrons: Activation, family and depth of every perceptron.
        graphs: Graph, sharing, activation and depth of every graph network.
        graph_networks: Graph networks of every architecture in a seed.
        graph_samples: Training vectors of these.
        graph_steps: Training steps of these.
        propagation_samples: Monte Carlo samples that propagated cumulants are compared with.
        random_networks: Width, hidden layers and number of the networks with random weights, in a seed.
        random_draws: Draws that stand for the truth of these.
        whole_steps: Activation and family of the networks that learn a whole step R^N -> R^(N/b).
        sites: N.
        block: b.
        units: Hidden units of these.
        steps_of_two: Activation and family of the networks R^2 -> R; the family ``graph`` stands for graph networks.
        step_width: Hidden units of these.
        spectrum_samples: Blocks of every law for the learned spectrum.
        flow_laws: Where flows start.
        flow_steps: How often the map is applied.
        flow_blocks: Sites left in the end.
        breaking_networks: Networks of every scenario of broken symmetry in a seed.
        breaking_steps: Steps of the scenarios of broken symmetry.
        xor_steps: Steps of the classifiers of four blobs.
        digit_steps: Steps of the classifiers of digits.
        digit_widths: Hidden layers of these.
        closure_repeats: Classifiers of every kind.
        sweep: Which sizes are varied.
    """

    networks: int
    inputs: int
    width: int
    train_law: str
    samples: int
    steps: int
    test: int
    perceptrons: tuple[tuple[str, str, int], ...]
    graphs: tuple[tuple[str, str, str, int], ...]
    graph_networks: int
    graph_samples: int
    graph_steps: int
    propagation_samples: int
    random_networks: tuple[tuple[int, int, int], ...]
    random_draws: int
    whole_steps: tuple[tuple[str, str], ...]
    sites: int
    block: int
    units: int
    steps_of_two: tuple[tuple[str, str], ...]
    step_width: int
    spectrum_samples: int
    flow_laws: tuple[str, ...]
    flow_steps: int
    flow_blocks: int
    breaking_networks: int
    breaking_steps: int
    xor_steps: int
    digit_steps: int
    digit_widths: tuple[tuple[int, ...], ...]
    closure_repeats: int
    sweep: Sweep = field(default_factory=Sweep)

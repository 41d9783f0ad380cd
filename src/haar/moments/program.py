"""A traced model as a short list of steps: affine maps, activations, noise, and what cannot be followed exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.activation import Activation

EventFunction = Callable[[Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class Affine:
    """output = linear(inputs) + shift, exactly followed at every order.

    Args:
        name: Where it is in the model.
        kind: What it is: the module's or function's name.
        inputs: Numbers of the values it reads.
        output: Number of the value it makes.
        linear: The linear part on tensors (rows, *event), one per input.
        shift: The constant part, shape of the output's event, or None for zero.
        matrix: The weight matrix where the map is one on a flat vector.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    output: int
    linear: EventFunction
    shift: Tensor | None = None
    matrix: Float[Tensor, "out units"] | None = None


@dataclass(frozen=True)
class Elementwise:
    """output = activation(input), element by element."""

    name: str
    kind: str
    inputs: tuple[int, ...]
    output: int
    activation: Activation


@dataclass(frozen=True)
class Noise:
    """output = input times independent Bernoulli(1-p)/(1-p): dropout of a model in training mode."""

    name: str
    kind: str
    inputs: tuple[int, ...]
    output: int
    probability: float


@dataclass(frozen=True)
class Opaque:
    """A part that has no closed form, with the way the caller allowed: linearised at the mean, or sampled."""

    name: str
    kind: str
    inputs: tuple[int, ...]
    output: int
    function: EventFunction
    how: str


Step = Affine | Elementwise | Noise | Opaque


@dataclass
class Program:
    """Steps in order, and the event shape of every value; value 0 is the input.

    Args:
        shapes: Event shape of every value.
        steps: Steps in the order of their evaluation.
        output: Number of the output value.
    """

    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    output: int = 0

    def size(self, value: int) -> int:
        """Number of components of a value."""
        return int(torch.Size(self.shapes[value]).numel())

    def last_use(self) -> dict[int, int]:
        """For every value the number of the last step that reads it (the output is read at the end)."""
        last = {self.output: len(self.steps)}
        for number in reversed(range(len(self.steps))):
            for value in self.steps[number].inputs:
                last.setdefault(value, number)
        return last

    def fused(self) -> Program:
        """The same program with every affine step that only affine steps read written into them.

        The orbit back-end runs this form: x - x.mean(nodes) is equivariant as a whole, its parts are not.

        Example:
            >>> from haar.moments.trace import trace
            >>> len(trace(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)), (2,)).fused().steps)
            1
        """
        steps: list[Step] = list(self.steps)
        for at in reversed(range(len(steps))):
            step = steps[at]
            readers = [k for k in range(at + 1, len(steps)) if step.output in steps[k].inputs]
            affine = [steps[k] for k in readers if isinstance(steps[k], Affine)]
            if not isinstance(step, Affine) or len(affine) < len(readers) or step.output == self.output:
                continue
            for k in readers:
                reader = steps[k]
                if isinstance(reader, Affine):
                    steps[k] = _composed(step, reader, self.shapes)
        read = {value for step in steps for value in step.inputs} | {self.output}
        return Program(self.shapes, [step for step in steps if step.output in read], self.output)

    def flat(self, step: Affine | Opaque) -> Callable[[Tensor], Tensor]:
        """The step's linear part on flat rows: inputs concatenated in, output flattened."""
        sizes = [self.size(value) for value in step.inputs]
        shapes = [self.shapes[value] for value in step.inputs]
        function = step.linear if isinstance(step, Affine) else step.function

        def mapped(rows: Tensor) -> Tensor:
            parts = rows.split(sizes, -1)
            events = [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]
            return function(events).reshape(rows.shape[0], -1)

        return mapped

    def evaluate(
        self,
        x: Float[Tensor, "rows units"],
        value: int | None = None,
        *,
        quiet: bool = False,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "rows out"]:
        """Run the program on inputs in float64: the model itself, or one of its inner values, flattened.

        Args:
            x: Inputs, one a row.
            value: Number of an inner value; the output by default.
            quiet: Whether noise is left out.
            generator: Source of the noise.

        Raises:
            ArgumentError: If the program contains noise (a model in training mode), neither left out nor drawn.

        Example:
            >>> from haar.moments.trace import trace
            >>> trace(torch.nn.ReLU(), (2,)).evaluate(torch.tensor([[-1.0, 2.0]])).tolist()
            [[0.0, 2.0]]
        """
        wanted = self.output if value is None else value
        return self.values(x, wanted, quiet=quiet, generator=generator)[wanted].reshape(x.shape[0], -1)

    def values(
        self,
        x: Float[Tensor, "rows units"],
        *wanted: int,
        quiet: bool = False,
        generator: torch.Generator | None = None,
    ) -> dict[int, Tensor]:
        """As `evaluate`: all values up to the last that is wanted, by number, with their event shapes."""
        env = {0: x.to(torch.float64).reshape(-1, *self.shapes[0])}
        for step in self.steps:
            if all(number in env for number in wanted):
                break
            events = [env[v] for v in step.inputs]
            if isinstance(step, Affine):
                made = step.linear(events)
                env[step.output] = made if step.shift is None else made + step.shift
            elif isinstance(step, Elementwise):
                env[step.output] = step.activation(events[0])
            elif isinstance(step, Opaque):
                env[step.output] = step.function(events)
            elif quiet:
                env[step.output] = events[0]
            elif generator is not None:
                env[step.output] = events[0] * _kept(step, events[0], generator)
            else:
                raise ArgumentError(
                    "model", expected="a deterministic model", got=step.kind, way_out="call model.eval()"
                )
        return env


def _kept(step: Noise, like: Tensor, generator: torch.Generator) -> Tensor:
    keep = 1.0 - step.probability
    drawn = torch.rand(like.shape, dtype=torch.float64, device=generator.device, generator=generator) < keep
    return drawn.to(like) / keep


def _composed(first: Affine, second: Affine, shapes: dict[int, tuple[int, ...]]) -> Affine:
    """The second map after the first, reading the first one's inputs."""
    others = tuple(value for value in second.inputs if value != first.output)
    inputs = (*others, *(value for value in first.inputs if value not in others))

    def linear(events: Sequence[Tensor]) -> Tensor:
        known = dict(zip(inputs, events, strict=True))
        known[first.output] = first.linear([known[value] for value in first.inputs])
        return second.linear([known[value] for value in second.inputs])

    shift = second.shift
    if first.shift is not None:
        like = first.shift
        known = {value: like.new_zeros(1, *shapes[value]) for value in others} | {first.output: like[None]}
        moved = second.linear([known[value] for value in second.inputs])[0]
        shift = moved if shift is None else moved + shift
    return Affine(f"{first.name}, {second.name}", f"{first.kind}, {second.kind}", inputs, second.output, linear, shift)

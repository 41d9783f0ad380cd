"""Adding steps to a program: affine maps, activations, noise, and what the caller allowed to be approximated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError, HaarError
from haar.moments.activation import Activation
from haar.moments.program import Affine, Elementwise, EventFunction, Noise, Opaque, Program
from haar.moments.values import Many, Value

#: Sizes of the numbers on which a map is tried; an even number of rows, more than one.
_SIZES = (1.0, 1e-3, 1e3, 1.0)


class UnsupportedModuleError(ArgumentError):
    """A part of the model whose effect on cumulants has no closed form, and no opt-in was given."""


class StepBuilder:
    """A program under construction.

    Args:
        program: The program that grows.
        device: Where the model lives.
        on_unsupported: ``"raise"``, ``"linearise"`` or ``"sample"``.

    Example:
        >>> builder = StepBuilder(Program(shapes={0: (2,)}), torch.device("cpu"), "raise")
        >>> builder.new((3,))
        1
    """

    def __init__(self, program: Program, device: torch.device, on_unsupported: str) -> None:
        self.program, self.device, self.on_unsupported = program, device, on_unsupported

    def new(self, shape: Sequence[int]) -> int:
        """A new value of an event shape; returns its number."""
        number = len(self.program.shapes)
        self.program.shapes[number] = tuple(shape)
        return number

    def elementwise(self, name: str, activation: Activation, value: Value) -> Value:
        """Add an activation."""
        shape = self.program.shapes[value.number]
        number = self.new(shape)
        self.program.steps.append(Elementwise(name, activation.name, (value.number,), number, activation))
        return Value(number)

    def affine_from_whole(
        self, name: str, kind: str, inputs: tuple[int, ...], whole: EventFunction, *, checked: bool = False
    ) -> Any:
        """Add an affine map known only as a whole: its value at zero is the shift.

        Args:
            name: Where it is.
            kind: What it is.
            inputs: Numbers of the values it reads.
            whole: The map.
            checked: Whether it is already known to be affine and to take every row by itself.
        """
        level = self.attempt(name, whole, self.zeros(inputs))
        if isinstance(level, (tuple, list)):
            return Many(inputs, whole, kind)  # type: ignore[arg-type]
        if not checked and not self.is_affine(whole, inputs):
            return self.unsupported(name, kind, inputs, whole, "is not affine, or mixes the rows of a batch")
        moved = bool(level.detach().any())

        def linear(events: Sequence[Tensor]) -> Tensor:
            made = whole(events)
            return made - level[:1] if moved else made

        return self.affine_step(name, kind, inputs, linear, level[0] if moved else None)

    def at_zero(self, whole: EventFunction, inputs: tuple[int, ...]) -> Tensor:
        """The value of a map at zero, without the batch axis."""
        found: Tensor = self.attempt("", whole, self.zeros(inputs))[0]
        return found

    def zeros(self, inputs: tuple[int, ...]) -> list[Tensor]:
        """Two rows of zeros for every input: two, so that a model that mixes the rows is found out."""
        like = {"dtype": torch.float64, "device": self.device}
        return [torch.zeros(2, *self.program.shapes[value], **like) for value in inputs]  # type: ignore[call-overload]

    def affine_step(
        self,
        name: str,
        kind: str,
        inputs: tuple[int, ...],
        linear: EventFunction,
        shift: Tensor | None,
        *,
        matrix: Tensor | None = None,
    ) -> Value:
        """Add an affine map given by its linear part and its shift."""
        with torch.no_grad():
            shape = self.attempt(name, linear, self.zeros(inputs)).shape[1:]
        number = self.new(shape)
        self.program.steps.append(Affine(name, kind, inputs, number, linear, shift, matrix))
        return Value(number)

    def unsupported(self, name: str, kind: str, inputs: tuple[int, ...], function: EventFunction, why: str) -> Value:
        """Add a part without a closed form in the way the caller allowed.

        Raises:
            UnsupportedModuleError: If the caller allowed none.
        """
        if self.on_unsupported == "raise":
            raise UnsupportedModuleError(
                "model",
                expected="affine layers and elementwise activations",
                got=f"{kind} ({name!r})" + (f", which {why}" if why else ""),
                way_out="pass on_unsupported='linearise' or on_unsupported='sample', or register it in `activations` "
                "or `affine`",
            )
        with torch.no_grad():
            made = self.attempt(name, function, self.zeros(inputs))
        if not isinstance(made, Tensor):
            raise UnsupportedModuleError("model", expected="one tensor from every part", got=f"{kind} ({name!r})")
        number = self.new(made.shape[1:])
        self.program.steps.append(Opaque(name, kind, inputs, number, function, self.on_unsupported))
        return Value(number)

    @staticmethod
    def attempt(name: str, function: EventFunction, events: list[Tensor]) -> Any:
        """Call a part of the model on probe tensors, and check that it keeps the rows apart.

        Raises:
            ArgumentError: If it cannot be called on these shapes, or mixes the batch axis with others.
        """
        try:
            made = function(events)
        except HaarError:
            raise
        except Exception as error:
            shapes = ", ".join(str(tuple(event.shape[1:])) for event in events)
            raise ArgumentError(
                "input_shape",
                expected=f"an input that {name or 'the model'} accepts",
                got=f"shapes {shapes} there ({first_line(error)})",
                way_out="pass input_shape= without the batch axis, and do not fix the batch size in the model",
            ) from error
        parts = made if isinstance(made, (tuple, list)) else [made]
        if any(isinstance(part, Tensor) and part.is_complex() for part in parts):
            raise UnsupportedModuleError(
                "model",
                expected="real numbers at every step",
                got=f"complex ones from {name or 'a part'}",
                way_out="put the complex part into a module from real to real numbers and register it in `affine`, "
                "or pass on_unsupported='sample'",
            )
        if any(isinstance(part, Tensor) and (part.ndim == 0 or part.shape[0] != events[0].shape[0]) for part in parts):
            raise ArgumentError(
                "model",
                expected="every part to keep the batch axis first",
                got=f"{name or 'a part'} that turns 2 rows into shape {tuple(parts[0].shape)}",
                way_out="give the nodes or positions an axis of their own instead of folding them into the batch",
            )
        return made

    def is_affine(self, whole: EventFunction, inputs: tuple[int, ...]) -> bool:
        """f(x + y) + f(0) = f(x) + f(y) at random points of several sizes, each row whatever stands in the others."""
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            x, y = (self._some(inputs, generator) for _ in range(2))
            zero = [torch.zeros_like(a) for a in x]
            both = self.attempt("", whole, [a + b for a, b in zip(x, y, strict=True)])
            if not isinstance(both, Tensor):
                return False
            parts = [whole(events) for events in (zero, x, y)]
            gap = both + parts[0] - parts[1] - parts[2]
            scale = torch.stack([part.abs() for part in (both, *parts)]).amax(0)
            mixed = whole([torch.cat([a[:1], b[1:]]) for a, b in zip(x, y, strict=True)])
            apart = mixed - torch.cat([parts[1][:1], parts[2][1:]])
        if not both.numel():
            return True
        gap, apart, scale = (part.reshape(len(_SIZES), -1) for part in (gap, apart, scale))
        largest = 1e-9 * scale.amax(1, keepdim=True)
        return bool((gap.abs() <= largest).all()) and bool((apart.abs() <= largest).all())

    def _some(self, inputs: tuple[int, ...], generator: torch.Generator) -> list[Tensor]:
        """Normal numbers, a row for each of several sizes."""
        found = []
        for value in inputs:
            shape = self.program.shapes[value]
            drawn = torch.randn(len(_SIZES), *shape, generator=generator, dtype=torch.float64)
            found.append((drawn * torch.tensor(_SIZES).reshape(-1, *[1] * len(shape))).to(self.device, torch.float64))
        return found

    def noise(self, name: str, kind: str, probability: float, value: Value) -> Value:
        """Add dropout in training mode."""
        number = self.new(self.program.shapes[value.number])
        self.program.steps.append(Noise(name, kind, (value.number,), number, probability))
        return Value(number)


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its kind.

    Example:
        >>> first_line(ValueError("one" + chr(10) + "two"))
        'one'
    """
    return (str(error).splitlines() or [type(error).__name__])[0]

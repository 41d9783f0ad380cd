"""Adding steps to a program: affine maps, activations, noise, and what the caller allowed to be approximated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, HaarError
from haar.moments.activation import Activation
from haar.moments.program import Affine, Elementwise, EventFunction, Noise, Opaque, Program
from haar.moments.registry import Registered
from haar.moments.row_layout import Layout, layouts
from haar.moments.values import Call, Pending, Value

#: Sizes of the numbers on which a map is tried; an even number of rows, more than one.
_SIZES = (1.0, 1e-3, 1e3, 1.0)


class UnsupportedModuleError(ArgumentError):
    """A part of the model whose effect on cumulants has no closed form, and no opt-in was given."""


@dataclass(frozen=True)
class Given:
    """What the caller of `trace` gave.

    Args:
        model: The model that is traced.
        input_shape: Shape of one input.
        extra: Activations of the caller's own.
        affine: Own affine module classes.
        constants: Values of further inputs.
        on_unsupported: What to do without a closed form.
    """

    model: nn.Module
    input_shape: tuple[int, ...]
    extra: dict[object, Registered]
    affine: tuple[type[nn.Module], ...]
    constants: dict[str, Any]
    on_unsupported: str


class StepBuilder:
    """A program under construction.

    Args:
        program: The program that grows.
        device: Where the model lives.
        given: What the caller gave: his own activations and affine modules, and what to do with what is unsupported.
    """

    def __init__(self, program: Program, device: torch.device, given: Given) -> None:
        self.program, self.device, self.given = program, device, given

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

    def pointwise(self, name: str, activation: Activation, value: Value | Pending) -> Value | Pending:
        """Add an activation of a value, or of one whose rows are folded with another axis: unfolded, folded again."""
        if isinstance(value, Value):
            return self.elementwise(name, activation, value)
        for layout in layouts(value.function, [self.zeros(value.inputs, rows) for rows in (2, 3)]):
            unfolded = _unfolded(value.function, layout)
            if value.affine and self.is_affine(unfolded, value.inputs):
                made = self.affine_from_whole(value.name, value.kind, value.inputs, unfolded, checked=True)
                bent = self.elementwise(name, activation, made) if isinstance(made, Value) else made
                number = bent.number if isinstance(bent, Value) else 0

                def folded(events: Sequence[Tensor], layout: Layout = layout) -> Tensor:
                    return layout.fold(events[0])

                return Pending((number,), folded, activation.name, name, affine=True)
        return self.unsupported(
            name, activation.name, value.inputs, lambda events: activation(value.function(events)), ""
        )

    def folded(self, call: Call) -> bool:
        """Whether a call is affine once the axis that is folded with its rows is unfolded."""
        function, rows = call.whole, [self.zeros(call.inputs, rows) for rows in (2, 3)]
        return any(self.is_affine(_unfolded(function, layout), call.inputs) for layout in layouts(function, rows))

    def as_output(self, made: Any) -> int:
        """The number of the value that the model returns.

        Raises:
            ArgumentError: If it is not one real tensor that depends on the input, with a row for each input.
        """
        if isinstance(made, Value):
            return made.number
        found = self.attempt("", made.function, self.zeros(made.inputs)) if isinstance(made, Pending) else made
        if isinstance(found, Tensor) and isinstance(made, Pending) and found.is_complex():
            raise UnsupportedModuleError(
                "model",
                expected="real numbers at the output",
                got=f"complex ones from {made.name}",
                way_out="return their real and imaginary parts side by side, as torch.view_as_real does",
            )
        if isinstance(found, Tensor) and isinstance(made, Pending):
            raise ArgumentError(
                "model",
                expected="every part to keep the batch axis first",
                got=f"{made.name} that turns 2 rows into shape {tuple(found.shape)}",
                way_out="give the nodes or positions an axis of their own instead of folding them into the batch",
            )
        raise ArgumentError(
            "model",
            expected="one tensor that depends on the input as its output",
            got=type(found).__name__,
            way_out="wrap the model so that it returns the tensor of interest",
        )

    def affine_from_whole(
        self, name: str, kind: str, inputs: tuple[int, ...], whole: EventFunction, *, checked: bool = False
    ) -> Value | Pending:
        """Add an affine map known only as a whole: its value at zero is the shift.

        Args:
            name: Name of the step in the model.
            kind: Kind of the step, for reports.
            inputs: Numbers of the values it reads.
            whole: The map, from its inputs to its output.
            checked: Whether it is already known to be affine and to take every row by itself.
        """
        level = self.attempt(name, whole, self.zeros(inputs))
        # Two of something else may stand where the two rows should.
        if not is_value(level) or not (checked or is_value(whole(self.zeros(inputs, 3)), 3)):
            return Pending(inputs, whole, kind, name, affine=True)
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

    def zeros(self, inputs: tuple[int, ...], rows: int = 2) -> list[Tensor]:
        """Rows of zeros for every input: two, so that a model that mixes the rows is found out."""
        like = {"dtype": torch.float64, "device": self.device}
        return [torch.zeros(rows, *self.program.shapes[value], **like) for value in inputs]  # type: ignore[call-overload]

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

    def unsupported(
        self, name: str, kind: str, inputs: tuple[int, ...], function: EventFunction, why: str
    ) -> Value | Pending:
        """Add a part without a closed form in the way the caller allowed.

        Raises:
            UnsupportedModuleError: If the caller allowed none.
        """
        if self.given.on_unsupported == "raise":
            raise UnsupportedModuleError(
                "model",
                expected="affine layers and elementwise activations",
                got=f"{kind} ({name!r})" + (f", which {why}" if why else ""),
                way_out="pass on_unsupported='linearise' or on_unsupported='sample', or register it in `activations` "
                "or `affine`",
            )
        with torch.no_grad():
            made = self.attempt(name, function, self.zeros(inputs))
        if not is_value(made):
            return Pending(inputs, function, kind, name, affine=False)
        number = self.new(made.shape[1:])
        self.program.steps.append(Opaque(name, kind, inputs, number, function, self.given.on_unsupported))
        return Value(number)

    @staticmethod
    def attempt(name: str, function: EventFunction, events: list[Tensor]) -> Any:
        """Call a part of the model on probe tensors.

        Raises:
            ArgumentError: If it cannot be called on these shapes.
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
        return made

    def is_affine(self, whole: EventFunction, inputs: tuple[int, ...]) -> bool:
        """f(x + y) + f(0) = f(x) + f(y) at random points of several sizes, each row whatever stands in the others."""
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            x, y = (self._some(inputs, generator) for _ in range(2))
            zero = [torch.zeros_like(a) for a in x]
            both = self.attempt("", whole, [a + b for a, b in zip(x, y, strict=True)])
            if not is_value(both, len(_SIZES)):
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


def _unfolded(function: EventFunction, layout: Layout) -> EventFunction:
    return lambda events: layout.unfold(function(events), events[0].shape[0])


def is_value(made: Any, rows: int = 2) -> bool:
    """Whether what a part made is one real tensor with so many rows.

    Example:
        >>> is_value(torch.zeros(2, 3)), is_value(torch.zeros(3, 2)), is_value((torch.zeros(2),))
        (True, False, False)
    """
    return isinstance(made, Tensor) and not made.is_complex() and made.ndim > 0 and made.shape[0] == rows


def refuse_complex(name: str, values: Iterable[Any]) -> None:
    """Refuse complex weights by name.

    Raises:
        UnsupportedModuleError: If there are any.

    Example:
        >>> refuse_complex("layer", [torch.zeros(1), 3])
    """
    if any(isinstance(value, Tensor) and value.is_complex() for value in values):
        raise UnsupportedModuleError(
            "model",
            expected="real weights",
            got=f"complex ones at {name!r}",
            way_out="put the complex part into a module from real to real numbers and register it in `affine`, "
            "or pass on_unsupported='sample'",
        )


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its kind.

    Example:
        >>> first_line(ValueError("one" + chr(10) + "two"))
        'one'
    """
    return (str(error).splitlines() or [type(error).__name__])[0]

"""The user's model itself as a function of float64 rows: to be run beside its trace, and to be sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from torch.overrides import TorchFunctionMode

from haar.errors import ArgumentError, HaarError
from haar.moments.double_precision import in_precision, module_function, wide
from haar.moments.step_builder import UnsupportedModuleError, first_line
from haar.probing import ForwardOnly, left_alone
from haar.tracing import bind

#: Relative difference that rounding may make: a model in float64 may round to float32 somewhere inside.
_ROUNDING = {torch.float64: 1e-5, torch.float32: 2e-3, torch.bfloat16: 1e-1, torch.float16: 2e-2}


class ModelRun:
    """A model on rows in float64, its parameters differentiable, its buffers left as they are.

    The model is run in double precision where it can be; where it makes float32 numbers of its own inside, with double
    as the default precision; else in its own precision.

    Args:
        model: The user's model.
        input_shape: Shape of one input.
        constants: Values of its further inputs, by name.

    Example:
        >>> ModelRun(nn.Linear(2, 3), (2,))(torch.zeros(4, 2, dtype=torch.float64)).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        model: nn.Module,
        input_shape: Sequence[int],
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.shape, self.constants = model, tuple(input_shape), dict(constants or {})
        held = [p for p in [*model.parameters(), *model.buffers()] if p.is_floating_point() or p.is_complex()]
        own = held[0].real.dtype if held else torch.get_default_dtype()
        self.device = held[0].device if held else torch.device("cpu")
        self.own, self.tried = own, False
        self.parameters = wide(dict(model.named_parameters()))
        double = module_function(model, with_bias=True, parameters=self.parameters)
        self.ways: tuple[tuple[torch.dtype, Callable[..., Any], torch.dtype | None], ...] = (
            (torch.float64, double, None),
            (torch.float64, double, torch.float64),
            (own, model, None),
        )

    @property
    def tolerance(self) -> float:
        """Relative difference from exact numbers that the precision of the latest run explains."""
        return _ROUNDING.get(self.ways[0][0], 1e-1)

    def __call__(self, x: Tensor) -> Tensor:
        """The outputs for rows ``(rows, *input_shape)`` in float64.

        Raises:
            ArgumentError: If the model cannot be run, or does not return one real tensor with a row for each.
        """
        problem: Exception | None = None
        for way in self.ways:
            try:
                with nullcontext() if self.tried else self._parameters_watched():
                    made = self._run(x, *way)
            except HaarError:
                raise
            except Exception as error:  # noqa: BLE001 (whatever the model raises in another precision than its own)
                problem = problem or error
                continue
            self.ways, self.tried = (way,), True
            if not isinstance(made, Tensor) or not made.ndim or made.shape[0] != x.shape[0] or made.is_complex():
                kind = f"{made.dtype} of shape {tuple(made.shape)}" if isinstance(made, Tensor) else type(made).__name__
                raise ArgumentError(
                    "model",
                    expected=f"one real tensor with {x.shape[0]} rows for {x.shape[0]} inputs",
                    got=kind,
                    way_out="wrap the model so that it returns the tensor of interest",
                )
            return made.to(torch.float64)
        raise ArgumentError(
            "model",
            expected=f"a model that can be run on inputs of shape {self.shape}",
            got=f"{type(self.model).__name__} ({first_line(problem) if problem else 'no way'})",
        ) from problem

    def _run(self, x: Tensor, dtype: torch.dtype, function: Callable[..., Any], default: torch.dtype | None) -> Any:
        x = x.to(self.device, dtype, copy=True).reshape(-1, *self.shape)  # it may be written
        watched = torch.is_grad_enabled() and any(p.requires_grad for p in [x, *self.model.parameters()])
        with _default_dtype(default) if default is not None else nullcontext():
            if watched:
                with suppress(RuntimeError):  # what autograd does not allow may run without it
                    return self._called(function, x.clone(), dtype)
            return self._called(ForwardOnly(function), x, dtype)

    def _called(self, function: Callable[..., Any], x: Tensor, dtype: torch.dtype) -> Any:
        _, (given, named) = bind(self.model, [x], in_precision(self.constants, dtype))
        return function(*given, **named)

    @contextmanager
    def _parameters_watched(self) -> Iterator[None]:
        """The model's first run may write its parameters: then they are put back, and the model is refused."""
        double = list(self.parameters.values())
        before = [(p, p._version, p.detach().clone()) for p in self.model.parameters()]  # noqa: SLF001 (writes, counted)
        versions = [p._version for p in double]  # noqa: SLF001
        yield
        wrote = [kept for kept in before if kept[0]._version != kept[1]]  # noqa: SLF001
        with torch.no_grad():
            for p, _, value in wrote:
                p.copy_(value)
        if wrote or versions != [p._version for p in double]:  # noqa: SLF001
            raise UnsupportedModuleError(
                "model",
                expected="parameters that forward leaves as they are",
                got=f"{type(self.model).__name__}, which writes into its own",
                way_out="compute what is needed in a new tensor",
            )

    def steady(self, x: Tensor, seed: int = 0) -> bool:
        """Whether two calls of the model itself in a row return the same; the caller puts its state back."""
        given = x.to(self.device, self.own).reshape(-1, *self.shape)
        made = []
        with torch.no_grad():
            for _ in range(2):
                torch.manual_seed(seed)
                try:
                    made.append(self._called(ForwardOnly(self.model), given.clone(), self.own))
                except Exception:  # noqa: BLE001 (a model that runs in double precision only tells nothing here)
                    return True
        if not all(isinstance(y, Tensor) for y in made) or made[0].shape != made[1].shape:
            return False
        return bool(torch.allclose(made[0], made[1], rtol=torch.finfo(self.own).eps ** 0.75, atol=0.0, equal_nan=True))

    def alone(self, x: Tensor) -> Tensor:
        """The same for a call by itself: the model and the random state are left as they are."""
        with left_alone(self.model):
            return self(x)


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class WithoutDropout(TorchFunctionMode):
    """Dropout of single components lets everything pass: what is left of a model in training mode is deterministic.

    Example:
        >>> with WithoutDropout():
        ...     torch.nn.Dropout(0.5).train()(torch.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every function as it is but dropout."""
        del types
        named = kwargs or {}
        if func not in (F.dropout, torch.dropout, torch.dropout_, torch.ops.aten.dropout.default):
            return func(*args, **named)
        x = args[0] if args else named["input"]
        p = args[1] if len(args) > 1 else named.get("p", 0.5)
        training = args[2] if len(args) > 2 else named.get("training", named.get("train", True))
        return 0.0 * x if p == 1.0 and training else x

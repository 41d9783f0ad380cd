"""A model's output without its graph, also where the model differentiates inside forward, as every force field does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from haar.containers import mapped, tensors_of
from haar.errors import ArgumentError

#: Words of torch's complaints about operands of two kinds of numbers.
_OF_KINDS = ("should be the same", "same dtype", "scalar type")


class ForwardOnly:
    """A model that is run for its values alone.

    Gradients are off, so that nothing is kept for a backward pass. A model that takes derivatives inside forward
    (forces, stresses, tangents) cannot run so: it is run with gradients on from then on, and what it returns is
    detached. Inputs are handed over as aliases, so that a model that asks for gradients of its inputs leaves no mark
    on the caller's tensors.

    Args:
        model: Any module or callable.

    Attributes:
        differentiates: Whether it was found to take derivatives inside forward.

    Example:
        >>> def force(x):
        ...     x.requires_grad_()
        ...     return -torch.autograd.grad(x.square().sum(), x)[0]
        >>> x = torch.ones(2)
        >>> ForwardOnly(force)(x), x.requires_grad
        (tensor([-2., -2.]), False)
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        self.model = model
        self.differentiates = False

    def __call__(self, *args: Any, **named: Any) -> Any:
        """What the model returns, without a graph.

        Args:
            args: The model's inputs.
            named: The same by name.

        Raises:
            ArgumentError: If the model complains of numbers that have not the precision of its parameters.
        """
        if not self.differentiates:
            try:
                with torch.no_grad():
                    return _detached(self.model(*_detached(args), **_detached(named)))
            except RuntimeError as error:
                if not _asks_for_gradients(error):
                    self._refuse_another_kind_of_numbers(error, (args, named))
                    raise
            self.differentiates = True
        with torch.inference_mode(mode=False), torch.enable_grad():
            return _detached(self.model(*_detached(args), **_detached(named)))

    def _refuse_another_kind_of_numbers(self, error: RuntimeError, given: Any) -> None:
        """Say in a line that inputs have not the parameters' precision, where that is what torch complains of.

        Raises:
            ArgumentError: Naming both.
        """
        own = getattr(self.model, "parameters", None)
        wanted = next((p.dtype for p in own() if p.is_floating_point()), None) if callable(own) else None
        kinds = list(dict.fromkeys(x.dtype for x in tensors_of(given) if x.dtype != wanted))
        if wanted is None or not kinds or not any(word in str(error) for word in _OF_KINDS):
            return
        told, name = (str(kind).removeprefix("torch.") for kind in (kinds[0], wanted))
        whole = not kinds[0].is_floating_point and not kinds[0].is_complex
        raise ArgumentError(
            "inputs",
            expected=f"{'real numbers' if whole else f'numbers in {name}'}, as the model's parameters are",
            got=told,
            way_out="x.float()" if whole else f"x.to(torch.{name})",
        ) from error


def _detached(tree: Any) -> Any:
    return mapped(_alias, tree)


def _alias(x: Tensor) -> Tensor:
    # A tensor of inference mode cannot be recorded; outside of that mode a copy can.
    return x.clone() if x.is_inference() and not torch.is_inference_mode_enabled() else x.detach()


def _asks_for_gradients(error: RuntimeError) -> bool:
    """Whether this is autograd's complaint that nothing was recorded (torch raises it as a bare RuntimeError)."""
    said = str(error)
    return "does not require grad" in said or "not have been used in the graph" in said or "requires_grad" in said

"""The precision in which a model is looked at: double where it runs in double, else its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.containers import mapped
from haar.probing import ForwardOnly, in_double_precision
from haar.probing.examples import fitting_inputs


@dataclass(frozen=True)
class Precision:
    """How a model is run to be measured, and what difference is rounding there.

    Attributes:
        dtype: Precision of real inputs.
        exact: Largest relative difference between f(g x) and g f(x) that is rounding.
    """

    dtype: torch.dtype
    exact: float

    def of(self, module: nn.Module) -> nn.Module:
        """A copy in this precision, in eval mode."""
        double = self.dtype == torch.float64
        return (in_double_precision(module) if double else copy.deepcopy(module)).eval()

    def inputs(self, inputs: Any) -> Any:
        """Copies of inputs in this precision."""
        return as_dtype(self.dtype, inputs)


DOUBLE = Precision(torch.float64, 1e-10)
#: Of a model in double precision that computes some of its numbers in single precision.
SINGLE = Precision(torch.float64, 1e-4)


def own_precision(module: nn.Module) -> Precision:
    """That of a module's parameters, with the tolerance that `haar.testing` has for it."""
    dtype = dtype_of(module)
    eps = torch.finfo(dtype).eps
    return DOUBLE if dtype == torch.float64 else Precision(dtype, 1e-4 if eps < 1e-4 else 1e-1)


def fitting_precision(module: nn.Module, symmetry: Symmetry, example: Any = None) -> tuple[Precision, Any]:
    """The best precision that a module runs in, and inputs on which it does.

    A module that makes constants in a precision of its own in forward cannot run in double.

    Args:
        module: Any module; it is not changed.
        symmetry: How the group acts on its inputs.
        example: Its arguments, or None to have some made.

    Raises:
        ArgumentError: If no inputs can be made that it runs on.
    """
    own = own_precision(module)
    for precision in (DOUBLE, own) if own != DOUBLE else (own,):
        run = _runner(precision, precision.of(module))
        try:
            if example is None:
                return precision, next(fitting_inputs(symmetry, run))
            run(example)
        except Exception:  # whatever a stranger's model raises in a precision that is not its own
            if precision == own:
                raise
        else:
            break
    return precision, precision.inputs(example)


def _runner(precision: Precision, module: nn.Module) -> Callable[[Sequence[Any]], Any]:
    forward = ForwardOnly(module)
    return lambda inputs: forward(*precision.inputs(inputs))


def as_dtype(dtype: torch.dtype | None, inputs: Any) -> Any:
    """Copies with real and complex numbers in another precision (None: their own); integers stay what they are."""

    def copied(x: Tensor) -> Tensor:
        if dtype is None or not (x.is_floating_point() or x.is_complex()):
            return x.clone()
        return x.to(dtype.to_complex() if x.is_complex() else dtype, copy=True)

    return mapped(copied, inputs)


def doubled(x: Tensor) -> Tensor:
    """A tensor in double precision, complex if it is."""
    return x.to(torch.complex128 if x.is_complex() else torch.float64)


def dtype_of(module: nn.Module) -> torch.dtype:
    """Of its first real parameter, or of the parts of its first complex one; of its buffers if it has none."""
    held = (*module.parameters(), *module.buffers())
    kinds = [x.dtype for x in held if x.is_floating_point() or x.is_complex()]
    if not kinds:
        return torch.get_default_dtype()
    return next((kind for kind in kinds if kind.is_floating_point), kinds[0].to_real())


def one_beside(module: nn.Module, shape: tuple[int, ...] = ()) -> nn.Parameter:
    """A gamma of 1 in the precision of a module's first parameter and where it is: real, also beside complex ones."""
    numbers = (p for p in module.parameters() if p.is_floating_point() or p.is_complex())
    like = next(numbers, torch.zeros(()))
    return nn.Parameter(torch.ones(shape, dtype=like.dtype.to_real(), device=like.device))

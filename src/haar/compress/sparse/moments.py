"""What an optimiser keeps of every entry, put back to its beginning where weights are dropped or grown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from haar.errors import ArgumentError

Group = Mapping[str, Any]
_optim: Any = torch.optim
#: Optimisers whose state is a number for every entry, and what of it does not begin at 0.
KNOWN: Mapping[type, Mapping[str, Callable[[Group], float]]] = {
    _optim.Adadelta: {},
    _optim.Adagrad: {"sum": lambda group: float(group["initial_accumulator_value"])},
    _optim.Adam: {},
    _optim.Adamax: {},
    _optim.AdamW: {},
    _optim.ASGD: {},
    _optim.NAdam: {},
    _optim.RAdam: {},
    _optim.RMSprop: {},
    _optim.Rprop: {"step_size": lambda group: float(group["lr"])},
    _optim.SGD: {},
    **({_optim.Muon: {}} if hasattr(_optim, "Muon") else {}),
}
#: Optimisers that take roots of moments, entry by entry, and what they keep of an entry; all of it begins at 0.
_ROOTS: Mapping[type, tuple[str, ...]] = {
    _optim.Adam: ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    _optim.AdamW: ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    _optim.NAdam: ("exp_avg", "exp_avg_sq"),
    _optim.RAdam: ("exp_avg", "exp_avg_sq"),
    _optim.RMSprop: ("square_avg", "grad_avg", "momentum_buffer"),
}
#: Why others cannot be.
_REFUSED: Mapping[type, str] = {
    _optim.LBFGS: "which calls a closure and keeps one history for all parameters",
    _optim.SparseAdam: "which takes sparse gradients",
    **({_optim.Adafactor: "whose state is of rows and columns"} if hasattr(_optim, "Adafactor") else {}),
}


def check_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimiser whose state cannot be masked entry by entry.

    Raises:
        ArgumentError: If it is such a one, or not known here.
    """
    refused = next((why for kind, why in _REFUSED.items() if isinstance(optimizer, kind)), "")
    if refused or not isinstance(optimizer, tuple(KNOWN)):
        raise ArgumentError(
            "optimizer",
            expected="an optimiser of torch that keeps a number for every entry",
            got=" ".join(filter(None, [type(optimizer).__name__ + ("," if refused else ""), refused])),
            way_out="use one of " + ", ".join(kind.__name__ for kind in KNOWN),
        )


def takes_slow_roots(optimizer: torch.optim.Optimizer, masked: Sequence[Tensor]) -> bool:
    """Whether masked gradients would make the steps of an optimiser slow.

    Its moments of masked entries are then zeros, and roots of zeros take MKL six times as long as those of other
    numbers: a sixth of a step more at width 512. All of these optimisers treat every entry by itself, so that active
    ones come out the same if gradients go in whole, and what they leave in the others is taken out after the step.

    Args:
        optimizer: An optimiser.
        masked: Those of its parameters that are masked.
    """
    if type(optimizer) not in _ROOTS or not torch.backends.mkl.is_available():
        return False
    if any(group.get("fused") or group.get("differentiable") for group in optimizer.param_groups):
        return False
    return all(parameter.device.type == "cpu" and not parameter.is_complex() for parameter in masked)


def moments_of(optimizer: torch.optim.Optimizer, parameter: Tensor) -> list[Tensor]:
    """What an optimiser that takes roots of moments keeps of every entry of a parameter.

    Args:
        optimizer: One of those of which `takes_slow_roots` may be true.
        parameter: A parameter that it holds.
    """
    state = optimizer.state.get(parameter, {})
    return [state[key] for key in _ROOTS[type(optimizer)] if isinstance(state.get(key), Tensor)]


def reset(optimizer: torch.optim.Optimizer, parameter: Tensor, entries: Bool[Tensor, "*shape"], *, name: str) -> None:
    """Put the state of some entries back to what it is for a new parameter.

    Args:
        optimizer: Which holds the parameter.
        parameter: The parameter.
        entries: Which of its entries.
        name: What an error calls it.

    Raises:
        ArgumentError: If something is kept that is neither of every entry nor a single number.
    """
    state = optimizer.state.get(parameter)
    if not state:
        return
    starts = next(starts for kind, starts in KNOWN.items() if isinstance(optimizer, kind))
    group = next(g for g in optimizer.param_groups if any(p is parameter for p in g["params"]))
    for key, value in state.items():
        if not isinstance(value, Tensor) or value.numel() == 1 != parameter.numel():
            continue
        if value.shape != parameter.shape:
            raise ArgumentError(
                "optimizer",
                expected=f"state of every entry of {name!r}, shape {tuple(parameter.shape)}",
                got=f"{key!r} of shape {tuple(value.shape)} in {type(optimizer).__name__}",
                way_out="use an optimiser without state of rows, columns or whole tensors",
            )
        value.masked_fill_(entries, starts[key](group) if key in starts else 0.0)

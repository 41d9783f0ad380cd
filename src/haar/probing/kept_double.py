"""Double precision that a model cannot leave by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_SINGLE = (torch.float16, torch.bfloat16, torch.float32)


class KeptDouble(TorchFunctionMode):
    """While it is entered, casts to single or half precision go to double precision.

    What a model casts by itself, as norms and routers of `transformers` do, is else exact to single precision only.

    Example:
        >>> with KeptDouble():
        ...     torch.ones(1, dtype=torch.float64).to(torch.float32).dtype
        torch.float64
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        up = [torch.float64 if x in _SINGLE else x for x in args] if _casts(args) else args
        named = {k: torch.float64 if _is_single(v) else v for k, v in (kwargs or {}).items()}
        name = getattr(func, "__name__", "")
        if name in ("float", "half", "bfloat16"):
            return args[0].double()
        return func(*up, **named)


def _is_single(x: Any) -> bool:
    return isinstance(x, torch.dtype) and x in _SINGLE


def _casts(args: Sequence[Any]) -> bool:
    return any(_is_single(x) for x in args)

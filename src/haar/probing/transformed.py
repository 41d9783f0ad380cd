"""Whether values can be looked at: a compiler, a transform or forward differentiation sees only operations."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

# Looked up once: small layers ask at every call.
_is_compiling = torch.compiler.is_compiling
_are_transforms_active = torch._C._are_functorch_transforms_active  # noqa: SLF001 (what autograd functions ask themselves)
_tracing_state = torch._C._get_tracing_state  # noqa: SLF001 (not in torch's typed part)


def transformed() -> bool:
    """Whether a call is recorded (compile, export, jit tracing) or transformed (vmap, grad, jvp, dual numbers).

    Nothing may be timed, compared or decided by its values then: they are placeholders, or carry tangents.

    Example:
        >>> seen = []
        >>> _ = torch.func.vmap(lambda x: seen.append(transformed()) or x)(torch.ones(2))
        >>> seen, transformed()
        ([True], False)
    """
    return (
        _is_compiling()
        or _are_transforms_active()
        or forward_ad._current_level >= 0  # noqa: SLF001 (there is no public question for it)
        or _tracing_state() is not None
    )

"""Whether values can be looked at: a compiler, a transform or forward differentiation sees only operations."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad


def transformed() -> bool:
    """Whether a call is recorded (compile, export) or transformed (vmap, grad, jvp, dual numbers).

    Nothing may be timed, compared or decided by its values then: they are placeholders, or carry tangents.

    Example:
        >>> seen = []
        >>> _ = torch.func.vmap(lambda x: seen.append(transformed()) or x)(torch.ones(2))
        >>> seen, transformed()
        ([True], False)
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._functorch.peek_interpreter_stack() is not None  # noqa: SLF001 (there is no public question for it)
        or forward_ad._current_level >= 0  # noqa: SLF001 (the same)
    )

"""A copy of a model whose numbers say something: zeros and ones of a beginning hide what training will show."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import TypeVar

import torch
from torch import Tensor, nn

from haar.seeding import Seed, generator_of

M = TypeVar("M", bound=nn.Module)
#: Noise relative to the root mean square of what it is added to, or to 1 where that is 0.
_NOISE = 0.3


def disturbed(model: M, *, fixed: Collection[str] = (), seed: int = 0) -> M:
    """A copy with random changes of all parameters and of all running statistics.

    What holds of it holds of the architecture, and not of biases that begin at zero or of a norm that has seen nothing.

    Args:
        model: Any module; it is not changed.
        fixed: Parameters that stay, by their own names.
        seed: Seed of the changes.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> other = disturbed(layer, fixed=("bias",))
        >>> torch.equal(other.weight, layer.weight), torch.equal(other.bias, layer.bias)
        (False, True)
    """
    return disturb(copy.deepcopy(model), fixed=fixed, seed=seed)


def disturb(model: M, *, fixed: Collection[str] = (), seed: Seed = 0) -> M:
    """The same in place, for a copy of one's own.

    Args:
        model: Any module; its parameters are changed in place.
        fixed: Parameters that stay, by their own names.
        seed: Seed of the changes.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> disturb(layer) is layer
        True
    """
    generator = generator_of(seed)
    with torch.no_grad():
        for layer in model.modules():
            for name, value in layer.named_parameters(recurse=False):
                if (value.is_floating_point() or value.is_complex()) and name not in fixed:
                    size = float(value.abs().double().square().mean().sqrt()) if value.numel() else 1.0
                    value.add_(_NOISE * (size or _NOISE) * _normal(value, generator))
            mean, variance = (getattr(layer, f"running_{what}", None) for what in ("mean", "var"))
            if isinstance(mean, Tensor) and isinstance(variance, Tensor):
                noise = _NOISE * _normal(mean, generator)
                mean.copy_(mean * noise.exp() + noise)
                variance.copy_(variance * (_NOISE * _normal(variance, generator)).exp())
    return model


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    kind = torch.complex128 if like.is_complex() else torch.float64
    return torch.randn(like.shape, generator=generator, dtype=kind).to(like)

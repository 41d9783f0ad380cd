"""A layer's weights as they are now: parameters, or what parametrisations, pruning and other hooks make of them."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from haar.errors import ArgumentError

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_is_full_backward_hook",
)


def current(module: Any) -> tuple[Tensor, Tensor | None]:
    """A layer's weight and bias in the least time; computed now if they are parametrised.

    A parametrisation may be random or keep state: ask once a call.
    """
    own = module._parameters  # noqa: SLF001 (its own)
    weight: Tensor = own["weight"] if "weight" in own else module.weight  # noqa: SIM401 (computed only where it must be)
    bias: Tensor | None = own["bias"] if "bias" in own else module.bias  # noqa: SIM401 (as above)
    return weight, bias


def effective(module: nn.Module) -> tuple[Tensor, Tensor | None]:
    """The weight and bias that the next call would use: hooks that compute them before a call are run."""
    for hook in module._forward_pre_hooks.values():  # noqa: SLF001 (torch tells it nowhere else)
        if isinstance(hook, SpectralNorm):
            setattr(module, hook.name, hook.compute_weight(module, do_power_iteration=False))
        elif computes_weights(hook):
            hook(module, ())  # type: ignore[operator]
    weight, bias = current(module)
    return _whole(weight), None if bias is None else _whole(bias)


def _whole(value: Tensor) -> Tensor:
    """A tensor that is spread over processes (`fully_shard`), gathered."""
    gather = getattr(value, "full_tensor", None)
    whole: Tensor = value if gather is None else gather()
    return whole


def computes_weights(hook: object) -> bool:
    """Whether a hook is one of torch's that make a weight of other parameters: pruning, weight and spectral norms."""
    return isinstance(hook, prune.BasePruningMethod | WeightNorm | SpectralNorm)


def check_own(module: nn.Module) -> None:
    """Refuse to write to weights that are computed: they would be overwritten.

    Raises:
        ArgumentError: If they are.
    """
    for name in ("weight", "bias"):
        if name not in module._parameters and getattr(module, name) is not None:  # noqa: SLF001 (its own)
            raise ArgumentError(
                name,
                expected="a parameter of the layer, to write to",
                got="a tensor that is computed from others",
                way_out="make it permanent first: remove_parametrizations, prune.remove, remove_weight_norm",
            )


def take_over(module: nn.Module, made: nn.Module) -> None:
    """Give a module made from another one its hooks, in dictionaries of its own, and which parameters are trained.

    Hooks that compute weights or gather them from other processes stay behind: their result is what the new module
    starts from.
    """
    for name in _HOOKS:
        setattr(made, name, copy.copy(getattr(module, name)))
        hooks = getattr(made, name)
        for key, hook in list(hooks.items()) if isinstance(hooks, dict) else ():
            if computes_weights(hook) or getattr(hook, "__module__", "").startswith("torch.distributed"):
                del hooks[key]
    for name, p in made.named_parameters(recurse=False):
        own = getattr(module, name, None)
        if isinstance(own, Tensor):
            p.requires_grad_(own.requires_grad)

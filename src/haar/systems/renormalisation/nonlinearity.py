"""The activations of the zoo, each also as a module that cumulants can be followed through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.moments.registry import Registered, quadratic

ALPHA = 0.5
"""Strength of the square in z + alpha z^2."""


class Quadratic(nn.Module):
    """The activation z + z^2 / 2 of perturbation theory (Fischer et al., arXiv 2202.04925).

    Example:
        >>> Quadratic()(torch.tensor([2.0])).item()
        4.0
    """

    def forward(self, z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Elementwise."""
        return z + ALPHA * z.square()


@dataclass(frozen=True)
class Nonlinearity:
    """An elementwise activation.

    Args:
        name: Name of it in tables.
        function: The activation on a tensor.
        module: Makes the same as a module.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    module: Callable[[], nn.Module]

    def __call__(self, z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The activation."""
        return self.function(z)


NONLINEARITIES: Mapping[str, Nonlinearity] = {
    one.name: one
    for one in (
        Nonlinearity("linear", lambda z: z, nn.Identity),
        Nonlinearity("relu", torch.relu, nn.ReLU),
        Nonlinearity("quadratic", lambda z: torch.addcmul(z, z, z, value=ALPHA), Quadratic),
        Nonlinearity("tanh", torch.tanh, nn.Tanh),
        Nonlinearity("gelu", nn.functional.gelu, nn.GELU),
    )
}
"""By name: linear, relu, quadratic (z + z^2/2), tanh, gelu."""

CLOSED_FORMS: Mapping[object, Registered] = {Quadratic: quadratic(ALPHA)}
"""What `haar.moments.propagate` must be told to follow cumulants through a member of the zoo."""


def find_nonlinearity(name: str) -> Nonlinearity:
    """The activation of a name.

    Raises:
        ArgumentError: If there is none.

    Example:
        >>> find_nonlinearity("quadratic")(torch.tensor(2.0)).item()
        4.0
    """
    if name not in NONLINEARITIES:
        raise ArgumentError("activation", expected=f"one of {', '.join(NONLINEARITIES)}", got=repr(name))
    return NONLINEARITIES[name]

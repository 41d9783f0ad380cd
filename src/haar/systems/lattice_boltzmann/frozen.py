"""The inference form: a learned collision as three or four matrix products and a softmax, whatever it was made of.

Scalings go into the first and the last layer, the projection and the lock into two constant matrices. A network that
was averaged over the group keeps its copies, side by side: that is what averaging costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Vector
from haar.average.engine import Averaged
from haar.errors import ArgumentError
from haar.nn import EquivariantModule, Pointwise, export
from haar.systems.lattice_boltzmann.collision import LatticeCollision, check_precision
from haar.systems.lattice_boltzmann.learned import LearnedCollision, limited
from haar.systems.lattice_boltzmann.stencil import Stencil


class FrozenCollision(LatticeCollision):
    """A learned collision, ready to be run; its weights are buffers.

    Args:
        collision: With a network of linear layers and one function between them.
        copies: Matrices B(g) of the elements that it is averaged over, ``[copies, Q, Q]``; by default none.

    Raises:
        ArgumentError: If the network is of another kind.
    """

    def __init__(self, collision: LearnedCollision, copies: Float[Tensor, "copies q q"] | None = None) -> None:
        super().__init__(collision.stencil)
        weights, biases, self.function = _layers(collision.network)
        self.trained_speed = collision.trained_speed
        self.limited, self.depth = collision.limited, len(weights)
        w, s, size = collision.stencil.weights, collision.scale, collision.stencil.size
        eye = torch.eye(size, dtype=torch.float64)
        biases[0] = biases[0] - weights[0].sum(1) / s
        weights[0] = weights[0] / (w * s)
        weights[-1], biases[-1] = s * weights[-1], w.log() + s * biases[-1]
        matrix = {"projection": collision.keep, "reconstruction": collision.rebuild, "none": eye}[collision.conserving]
        change = torch.zeros_like(eye)
        if collision.lock is not None:
            with torch.no_grad():
                change = collision.lock.correction(collision.unlocked).detach()
        self.plain = collision.conserving == "none"
        self.copies = 1 if copies is None else len(copies)
        kept = eye - matrix + change
        if copies is not None:
            weights[0] = torch.cat([weights[0] @ B for B in copies])
            biases[0] = biases[0].repeat(self.copies)
            matrix = torch.cat([B.T @ matrix for B in copies], 1) / self.copies
            kept = (copies.transpose(1, 2) @ kept @ copies).mean(0)
        for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            self.register_buffer(f"weight{place}", weight.contiguous())
            self.register_buffer(f"bias{place}", bias.contiguous())
        self.register_buffer("forward_part", matrix.T.contiguous())
        self.register_buffer("kept_part", kept.T.contiguous())
        self.register_buffer("offset", -(change @ w))
        self.forward_part: Tensor
        self.kept_part: Tensor
        self.offset: Tensor

    def forward(self, f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """Populations after the collision."""
        self.stencil.check(f)
        check_precision(f, self.forward_part.dtype)
        density = f.sum(-1, keepdim=True)
        g = f / density
        x = g.reshape(-1, self.stencil.size)
        h = nn.functional.linear(x, self.get_buffer("weight0"), self.get_buffer("bias0"))
        # copies stand side by side: each is a row of its own from here on
        h = h.view(-1, h.shape[1] // self.copies)
        for place in range(1, self.depth):
            h = nn.functional.linear(
                self.function(h), self.get_buffer(f"weight{place}"), self.get_buffer(f"bias{place}")
            )
        h = torch.softmax(h, -1).view(-1, self.copies * self.stencil.size)
        new = h if self.plain and self.copies == 1 else torch.addmm(self.offset, h, self.forward_part)
        if not self.plain:
            new = torch.addmm(new, x, self.kept_part)
        if self.limited:
            new = limited(x, new)
        return density * new.reshape(g.shape)


def freeze(collision: nn.Module) -> nn.Module:
    """The inference form of a learned collision, or of an average of one.

    Args:
        collision: A `LearnedCollision`, or `averaged` of one; anything else is given back as it is.
    """
    if isinstance(collision, LearnedCollision):
        return _beside(FrozenCollision(collision), collision, collision.stencil)
    if isinstance(collision, Averaged) and isinstance(collision.model, LearnedCollision):
        inner, elements = collision.model, collision.elements
        if not inner.limited and elements is not None and _alike(elements.weights):
            field = collision.symmetry.inputs[0]
            if isinstance(field, Vector):
                copies = field.rep.matrix(elements.elements)
                return _beside(FrozenCollision(inner, copies), collision, inner.stencil)
    return collision


def _alike(weights: Tensor) -> bool:
    return bool((weights - weights[0]).abs().max() < _SAME)


def _beside(frozen: FrozenCollision, collision: nn.Module, stencil: Stencil) -> FrozenCollision:
    """The inference form, after it was run beside what it stands for: hooks and changed layers do not hide."""
    dtype = frozen.forward_part.dtype
    k = torch.arange(8 * stencil.size, dtype=torch.float64).view(8, -1)
    f = (stencil.weights * (1 + 0.05 * (k * k).sin())).to(frozen.forward_part.device, dtype)
    with torch.no_grad():
        wanted = collision(f.to(next(collision.parameters(), f).dtype)).to(dtype)
        away = float((frozen(f) - wanted).abs().max())
    if not away <= _ROUNDING:
        way_out = "take hooks and parametrisations off, or run it as it is: simulate takes any collision"
        expected = "a network that is its linear layers and the function between them"
        raise ArgumentError("collision", expected=expected, got=f"one that differs by {away:.2g}", way_out=way_out)
    return frozen


def _layers(network: nn.Module) -> tuple[list[Tensor], list[Tensor], Callable[[Tensor], Tensor]]:
    """Weights, biases, and the function between them."""
    plain = export(network) if isinstance(network, EquivariantModule) else network
    weights, biases, functions, order = [], [], [], []
    for layer in plain.children() if isinstance(plain, nn.Sequential) else [plain]:
        order.append(isinstance(layer, nn.Linear))
        if isinstance(layer, nn.Linear):
            weight = layer.weight.detach().double().clone()
            weights.append(weight)
            biases.append(
                torch.zeros(len(weight), dtype=torch.float64)
                if layer.bias is None
                else layer.bias.detach().double().clone()
            )
        else:
            functions.append(layer)
    kinds = {_kind(one) for one in functions}
    in_turn = order == [place % 2 == 0 for place in range(len(order))] and order[-1:] == [True]
    if not in_turn or len(kinds) > 1 or None in kinds:
        raise ArgumentError(
            "collision",
            expected="a network of linear layers with one function between them",
            got=type(network).__name__,
            way_out="run it as it is: simulate takes any collision",
        )
    return weights, biases, functions[0] if functions else nn.Identity()


def _kind(layer: Any) -> Any:
    """What two layers share that compute the same function."""
    if isinstance(layer, Pointwise):
        return layer.function
    if isinstance(layer, nn.GELU):
        return nn.GELU, layer.approximate
    if isinstance(layer, nn.Softplus):
        return nn.Softplus, layer.beta, layer.threshold
    return type(layer) if isinstance(layer, (nn.SiLU, nn.ReLU, nn.Tanh)) else None


#: Largest difference of a population from the collision's own, which may be in single precision.
_ROUNDING = 1e-5
#: Weights of elements that differ by less are the same.
_SAME = 1e-12

"""Equivariant layers one after the other, checked to fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError
from haar.groups import Subgroup
from haar.nn.computed_weights import take_over
from haar.nn.module import Channels, EquivariantModule
from haar.nn.representations import same_representation


class Sequential(EquivariantModule):
    """Layers one after the other; each must take what the one before gives.

    Neighbours must have the same group object and equal representations.

    Args:
        *layers: Equivariant modules with one input.

    Raises:
        ArgumentError: If there is none, one is a plain torch module, or two neighbours do not fit; the
            message names them.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular, Trivial
        >>> from haar.groups import dihedral
        >>> from haar.nn import Linear, Pointwise
        >>> D4 = dihedral(4)
        >>> hidden = 4 * Regular(D4)
        >>> network = Sequential(Linear(Regular(D4), hidden), Pointwise(hidden), Linear(hidden, Trivial(D4)))
        >>> network(torch.randn(3, 8)).shape, network.symmetry
        (torch.Size([3, 1]), <Symmetry D4: Vector -> Vector>)
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        if not layers:
            raise ArgumentError("layers", expected="at least one equivariant module", got="none")
        checked: list[EquivariantModule] = []
        for k, layer in enumerate(layers):
            if not isinstance(layer, EquivariantModule):
                raise ArgumentError(
                    "layers",
                    expected="equivariant modules of haar.nn",
                    got=f"{type(layer).__name__} at place {k}",
                    way_out="wrap functions like torch.relu in haar.nn.Pointwise, or use torch.nn.Sequential",
                )
            if len(layer.symmetry.inputs) != 1:
                raise ArgumentError(
                    "layers", expected="modules with one input", got=f"{type(layer).__name__} at place {k}"
                )
            checked.append(layer)
        for k, (one, other) in enumerate(pairwise(checked)):
            _check_fit(k, one, other)
        self.rep_in, self.rep_out = checked[0].rep_in, checked[-1].rep_out
        self.channels = checked[0].channels
        for k, layer in enumerate(layers):
            self.add_module(str(k), layer)

    @property
    def channels_out(self) -> Channels:
        """Those of the last layer."""
        return self[-1].channels_out

    @property
    def symmetry(self) -> Symmetry:
        """From what goes into the first layer to what comes out of the last."""
        first, last = self[0].symmetry, self[-1].symmetry
        return Symmetry(first.group, first.inputs, last.outputs)

    def forward(self, x: Float[Tensor, "*shape_in"]) -> Float[Tensor, "*shape_out"]:
        """Apply every layer.

        Raises:
            ShapeError: If the input does not fit the first layer.
        """
        for layer in self:
            x = layer(x)
        return x

    def restrict(self, subgroup: Subgroup) -> Sequential:
        """The same function with the freedom of a subgroup.

        Raises:
            ArgumentError: If it is no subgroup of the network's group object.
        """
        once = {id(layer): layer.restrict(subgroup) for layer in self}  # a layer used twice stays one layer
        looser = Sequential(*[once[id(layer)] for layer in self])
        take_over(self, looser)
        looser.training = self.training  # of its own: every layer has its mode
        return looser

    def export(self) -> nn.Sequential:
        """`torch.nn.Sequential` of the exported layers."""
        once = {id(layer): layer.export() for layer in self}
        plain = nn.Sequential(*[once[id(layer)] for layer in self])
        take_over(self, plain)
        plain.training = self.training  # of its own: every layer has its mode
        return plain

    def extra_repr(self) -> str:
        """Nothing: the layers speak."""
        return ""

    def __getitem__(self, place: int) -> EquivariantModule:
        return list(self._modules.values())[place]  # type: ignore[return-value]

    def __iter__(self) -> Iterator[EquivariantModule]:
        # Not children(): that leaves out a layer that is used a second time.
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._modules)


def _check_fit(k: int, one: EquivariantModule, other: EquivariantModule) -> None:
    names = f"{type(one).__name__} at place {k}", f"{type(other).__name__} at place {k + 1}"
    left, right = one.rep_out, other.rep_in
    if left.group != right.group:
        raise ArgumentError(
            "layers",
            expected=f"{names[1]} of the same group object as {names[0]}, {left.group.name}",
            got=right.group.name,
            way_out="make the group once and pass the same object",
        )
    if one.channels_out != other.channels:
        raise ArgumentError(
            "layers",
            expected=f"{names[1]} with channels {one.channels_out!r} as {names[0]} gives",
            got=f"channels {other.channels!r}",
            way_out="pass channels=..., or pool a field to vectors with haar.nn.GlobalPool",
        )
    if not same_representation(left, right):
        raise ArgumentError(
            "layers",
            expected=f"{names[1]} on {left.name} (dimension {left.dim}), as {names[0]} gives",
            got=f"{right.name} (dimension {right.dim})",
        )

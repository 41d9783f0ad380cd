"""Windows: trust a prediction in the middle of the moved grid, and let other shifts fill in the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Field, Symmetry, Trivial
from haar.actions.trees import action_leaves
from haar.average.weighted import WeightedSet
from haar.constants import ConstantsModule
from haar.errors import ArgumentError, ShapeError
from haar.groups import Group

#: Grid points whose weight is below this part of the largest are seen by no element.
_UNSEEN = 1e-9


def hann_window(shape: Sequence[int]) -> Float[Tensor, "*space"]:
    """The product over axes of sin^2(pi (i + 1/2) / N): 1 in the middle, nearly 0 at the border, float64.

    Args:
        shape: Cells along every axis.

    Example:
        >>> hann_window((4,)).tolist()
        [0.146..., 0.853..., 0.853..., 0.146...]
    """
    return _product(shape, lambda x: (math.pi * x).sin().square())


def triangle_window(shape: Sequence[int]) -> Float[Tensor, "*space"]:
    """The product over axes of 1 - |2 (i + 1/2) / N - 1|, float64.

    Args:
        shape: Cells along every axis.

    Example:
        >>> triangle_window((4,)).tolist()
        [0.25, 0.75, 0.75, 0.25]
    """
    return _product(shape, lambda x: 1 - (2 * x - 1).abs())


_WINDOWS: dict[str, Callable[[Sequence[int]], Tensor]] = {"hann": hann_window, "triangle": triangle_window}


def window_of(window: Tensor | str, group: Group) -> Tensor:
    """A window from its name, for a group that knows its grid.

    Raises:
        ArgumentError: If the name is unknown, or the group does not know the grid.
    """
    if isinstance(window, Tensor):
        return window
    if window not in _WINDOWS:
        raise ArgumentError("window", expected=f"one of {', '.join(_WINDOWS)}, or a tensor (*space)", got=repr(window))
    if group.grid_shape is None:
        raise ArgumentError(
            "window",
            expected="a group that knows its grid, such as grid_group(dihedral(4), shape, step=...)",
            got=group.name,
            way_out="give the window as a tensor: haar.average.hann_window(shape)",
        )
    return _WINDOWS[window](group.grid_shape)


class OutputWindow(ConstantsModule):
    """Weights W of the output points in the moved frame: sum_k w_k g_k^-1(W f(g_k x)) / sum_k w_k g_k^-1 W.

    The denominator is invariant under the group that the elements form, so the average stays equivariant. Outputs that
    are no fields are averaged without a window.

    Args:
        symmetry: The model's symmetry.
        elements: The weighted set.
        window: ``(*space)``, not negative.

    Raises:
        ArgumentError: If no output is a field, a weight is negative, or some point is seen by no element.
    """

    window: Tensor

    def __init__(self, symmetry: Symmetry, elements: WeightedSet, window: Tensor) -> None:
        super().__init__()
        if not bool((window >= 0).all()):
            raise ArgumentError(
                "window", expected="weights that are not negative", got=f"a least weight {float(window.min()):g}"
            )
        self.register_constant("window", window.to(torch.float64))
        self._channels: list[str | None] = []
        self._is_field: list[bool] = []
        self.moves = nn.ModuleList()
        for field in action_leaves(symmetry.outputs):
            self._is_field.append(isinstance(field, Field))
            self._channels.append(field.channels if isinstance(field, Field) else None)
            moves, total = nn.ModuleList(), torch.ones(())
            if isinstance(field, Field):
                scalar = field.with_rep(Trivial(field.group), channels=None)
                scalar.check(self.window[None], "window")
                back = [symmetry.group.inverse(g) for g in elements.elements]
                moves.extend(scalar.move(g) for g in back)
                weights = elements.weights.tolist()
                moved = [w * move(self.window[None])[0] for w, move in zip(weights, moves, strict=True)]
                total = torch.stack(moved).sum(0)
                if not bool((total > _UNSEEN * total.max()).all()):
                    raise ArgumentError(
                        "window",
                        expected="every grid point seen by some element",
                        got=f"{int((total <= _UNSEEN * total.max()).sum())} points of weight 0",
                        way_out="add shifts, or take a window without zeros",
                    )
            self.register_constant(f"total_{len(self.moves)}", total)
            self.moves.append(moves)
        if not any(self._is_field):
            raise ArgumentError("window", expected="an output that is a field", got=repr(symmetry))

    def weigh(self, k: int, leaves: Sequence[Any]) -> list[Any]:
        """The outputs of element k, moved back, times the window moved back, over the sum of all windows."""
        weighted = []
        for j, leaf in enumerate(leaves):
            if not self._is_field[j]:
                weighted.append(leaf)
                continue
            shape, last = tuple(self.window.shape), self._channels[j] == "last"
            space = leaf.shape[-1 - len(shape) : -1] if last else leaf.shape[-len(shape) :]
            if tuple(space) != shape:
                raise ShapeError("output", expected=f"the window's grid {shape}", got=tuple(space))
            ratio = self.moves[j][k](self.window[None])[0] / getattr(self, f"total_{j}")  # type: ignore[index]
            weighted.append(leaf * (ratio.unsqueeze(-1) if last else ratio).to(leaf.dtype))
        return weighted


def _product(shape: Sequence[int], profile: Callable[[Tensor], Tensor]) -> Tensor:
    window = torch.ones((), dtype=torch.float64)
    for points in shape:
        window = window.unsqueeze(-1) * profile((torch.arange(points, dtype=torch.float64) + 0.5) / points)
    return window

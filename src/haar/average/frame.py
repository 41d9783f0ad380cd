"""Elements and weights that depend on the input: frames, canonicalisation, probabilistic symmetrisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.actions.trees import map_values, value_leaves
from haar.average.joining import check_samples
from haar.average.weighted import How, WeightedSet
from haar.errors import ArgumentError, ShapeError
from haar.groups import Group


class Frame(How):
    """Elements and weights that depend on the input: x -> sum_k w_k(x) psi(g_k(x)) f(phi(g_k(x))^-1 x).

    The averaged model is equivariant if ``frame(h x) = h frame(x)`` as a weighted set, and continuous if its weights
    are.

    Source: frames arXiv 2110.03336, weighted frames arXiv 2402.16077, probabilistic symmetrisation arXiv 2306.02866.

    Args:
        choose: From the model's inputs to ``(elements (m, batch, *element_shape), weights (m, batch))``; the inputs are
            moved by the *inverse* of each element, and the outputs by the element.
        error: What is known of its equivariance.

    Example:
        A canonical form for the sign of a vector: the element that makes its sum positive.

        >>> import torch
        >>> from haar.actions import Defining, Symmetry, Vector
        >>> from haar.average import average
        >>> from haar.groups import sign
        >>> G = sign(1)
        >>> def choose(x):
        ...     g = (x.sum(-1) < 0).long()[None]
        ...     return g, torch.ones(g.shape)
        >>> odd = average(lambda x: x.exp(), Symmetry(G, Vector(Defining(G)), Vector(Defining(G))), Frame(choose))
        >>> x = torch.tensor([[0.3], [-0.3]])
        >>> bool((odd(x)[0] == -odd(x)[1]).all())
        True
    """

    def __init__(self, choose: Callable[..., tuple[Tensor, Tensor]], error: str = "as the frame") -> None:
        self.choose, self.error = choose, error

    def weighted(self, group: Group) -> WeightedSet:
        """A frame has no fixed set.

        Raises:
            ArgumentError: Always.
        """
        raise ArgumentError(
            "how", expected="a fixed weighted set", got=f"a frame of {group.name}, which depends on the input"
        )

    def at(self, args: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Elements and weights for one batch of inputs.

        Raises:
            ArgumentError: If `choose` returns something else.
            ShapeError: If there is not one weight for every element.
        """
        chosen = self.choose(*args)
        if not (isinstance(chosen, tuple) and len(chosen) == 2 and all(isinstance(x, Tensor) for x in chosen)):
            raise ArgumentError(
                "frame", expected="a function that returns (elements, weights)", got=type(chosen).__name__
            )
        elements, weights = chosen
        if elements.shape[:2] != weights.shape:
            raise ShapeError(
                "frame", expected=f"weights {tuple(elements.shape[:2])} beside the elements", got=tuple(weights.shape)
            )
        return elements, weights


def frame_average(model: Callable[..., Any], symmetry: Symmetry, frame: Frame, args: Sequence[Any]) -> Any:
    """The average over a frame, one element a sample in every pass."""
    elements, weights = frame.at(args)
    total: Any = None
    for g, w in zip(elements, weights, strict=True):
        y = model(*symmetry.act_inputs(symmetry.group.inverse(g), args))
        symmetry.check_outputs(y)
        check_samples(value_leaves(symmetry.outputs, y), len(w))
        back = symmetry.act_outputs(g, y)
        scaled = map_values(lambda leaf, w=w: leaf * _column(w, leaf), symmetry.outputs, back)
        total = scaled if total is None else map_values(torch.add, symmetry.outputs, total, scaled)
    return total


def _column(weights: Tensor, leaf: Tensor) -> Tensor:
    return weights.to(device=leaf.device, dtype=leaf.real.dtype).reshape(-1, *([1] * (leaf.ndim - 1)))

"""Edges of a graph as pairs of node numbers: a permutation of the nodes gives them their new numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from haar.actions.action import Action, Move
from haar.actions.axes import Axes
from haar.actions.representation import Representation
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError, ShapeError
from haar.groups import Subgroup


class Edges(Action):
    """Edges ``(..., 2, edges)`` as PyTorch Geometric has them: node i, moved to place k, is called k from then on.

    Edges keep their order, so that what belongs to them (lengths, kinds) stays as it is.

    Args:
        relabelling: A representation by permutations of the nodes, as `Points` takes it for their features.

    Raises:
        ArgumentError: If it is no representation by permutations, or changes signs.

    Example:
        >>> from haar.actions.points import Points
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import from_permutations
        >>> turn = Defining(from_permutations([[1, 2, 0]]))
        >>> g = turn.group.generators()[0]
        >>> Points(relabelling=turn).act(g, torch.tensor([[10.0], [11.0], [12.0]])).flatten().tolist()
        [12.0, 10.0, 11.0]
        >>> Edges(turn).act(g, torch.tensor([[0, 1], [2, 2]])).tolist()  # 10 -> 12 and 11 -> 12 as before
        [[1, 2], [0, 0]]
    """

    axes = Axes(2)

    def __init__(self, relabelling: Representation) -> None:
        check_representation("relabelling", relabelling)
        if not relabelling.is_signed_permutation or relabelling.changes_signs:
            raise ArgumentError(
                "relabelling",
                expected="a representation by permutations of the nodes",
                got=f"{relabelling.name} of {relabelling.group.name}",
                way_out="Defining(haar.groups.symmetric(n)) permutes n nodes",
            )
        self.relabelling: Representation = relabelling
        self.group = relabelling.group

    def check(self, x: Tensor, argument: str = "x") -> None:
        """Two rows of whole numbers, each the number of a node."""
        count = self.relabelling.dim
        if x.ndim < 2 or x.shape[-2] != 2:
            raise ShapeError(argument, expected="pairs of node numbers (2, edges)", got=tuple(x.shape))
        if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
            kind = str(x.dtype).removeprefix("torch.")
            raise ShapeError(argument, expected="whole numbers, pairs of nodes (2, edges)", got=kind)
        if x.numel() and not x.is_meta:
            least, most = (int(bound) for bound in x.aminmax())
            if least < 0 or most >= count:
                got = least if least < 0 else most
                raise ShapeError(argument, expected=f"node numbers 0..{count - 1}", got=f"node {got}")

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Give every end of every edge its new number."""
        self.check(x)
        if not self.is_batch(g, x):
            return self._places(g).to(x.device)[x.long()].to(x.dtype)
        if x.ndim == 2:
            raise ShapeError("x", expected="a batch axis before the others, for one element a sample", got=(2,))
        places = self._places(g).to(x.device)
        return places.gather(1, x.long().flatten(1)).reshape(x.shape).to(x.dtype)

    def move(self, g: Tensor) -> Move:
        """One gather."""
        return _Renumbered(self._places(self.one(g)))

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """Random edges, `size` of them."""
        return torch.randint(self.relabelling.dim, (batch, 2, size), generator=generator)

    def mixed_channels(self, size: int) -> list[tuple[int, ...]]:
        """Every edge by itself: none has a unit."""
        return [(k,) for k in range(size)]

    def restrict(self, subgroup: Subgroup) -> Edges:
        """The same for the elements of a subgroup."""
        return Edges(self.relabelling.restrict(subgroup))

    def _places(self, g: Tensor) -> Tensor:
        """Where every node goes: the place whose entry it becomes."""
        index, _ = self.relabelling.signed_permutation(g.cpu())
        return index.argsort(-1)


class _Renumbered(Move):
    places: Tensor

    def __init__(self, places: Tensor) -> None:
        super().__init__()
        self.hold(places=places)

    def forward(self, x: Tensor) -> Tensor:
        """Look every number up."""
        return self.places[x.long()].to(x.dtype)

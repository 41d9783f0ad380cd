"""Inner products between two networks, site by site: all that matching needs to know of their weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.weights import BlockMonomial, Experts, ParameterAction

State = Mapping[str, Tensor]
#: Ends of names of what is counted while a network trains: it is moved as well, and says nothing of what is what.
UNCOUNTED = ("running_mean", "running_var")
#: Most units of one matrix of inner products: 2 GiB.
_MOST_ROWS = 16384
#: Numbers that are taken to double precision at once: 8 MiB.
_PIECE = 2**20


class PairGrams:
    """Inner products of units inside experts, for one pair of experts at a time, so that all pairs are never there.

    Args:
        experts: Number of experts.

    Example:
        >>> grams = PairGrams(2)
        >>> grams.add(torch.eye(4), torch.ones(4, 4))
        >>> grams.block(0, 1)
        tensor([[1., 1.],
                [1., 1.]], dtype=torch.float64)
    """

    def __init__(self, experts: int) -> None:
        self.experts = experts
        self._rows: list[tuple[Tensor, Tensor]] = []

    @classmethod
    def of(cls, gram: Float[Tensor, "rows rows"], experts: int) -> PairGrams:
        """Those of a whole matrix."""
        found = cls(experts)
        found.add(gram, torch.eye(len(gram), dtype=gram.dtype))
        return found

    def add(self, mine: Float[Tensor, "rows features"], other: Float[Tensor, "rows features"]) -> None:
        """Features of all units of both networks."""
        self._rows.append((mine, other))

    def block(self, i: int, j: int) -> Float[Tensor, "units units"]:
        """Inner products of expert i of A with expert j of B, in float64."""
        total: Tensor | None = None
        for mine, other in self._rows:
            size = len(mine) // self.experts
            gram = (mine[i * size : (i + 1) * size] @ other[j * size : (j + 1) * size].mT).double()
            total = gram if total is None else total.add_(gram)
        return torch.zeros(0, 0, dtype=torch.float64) if total is None else total


Grams = Mapping[str, Tensor | PairGrams]
"""For each port of a site the inner products <row i of A, row j of B>, summed over all tensors: a matrix, or for units
inside experts a matrix for each pair of experts."""


def cross_grams(
    action: ParameterAction, a: State, b: Mapping[str, Tensor], site: str, rows: Iterable[str]
) -> dict[str, Tensor | PairGrams]:
    """Inner products of what a site moves, of two networks.

    What a site moves and what it moves by the dual counts alike: after balancing the two are the same.

    Args:
        action: The table.
        a: Parameters that stay.
        b: Rows of the table, of the parameters that are moved.
        site: The site.
        rows: Names of the rows of the table that count.

    Raises:
        ArgumentError: If a site has more units than a matrix of inner products can have.

    Returns:
        For each port a matrix in float64; tr(matrix^T g) is what an element g of the site brings.
    """
    found: dict[str, Tensor | PairGrams] = {}
    for name in rows:
        if not name.endswith(UNCOUNTED):
            add_grams(found, action, site, name, (action.entries[name].read(a), b[name]))
    return found


def add_grams(
    found: dict[str, Tensor | PairGrams], action: ParameterAction, site: str, name: str, pair: tuple[Tensor, Tensor]
) -> None:
    """Add the inner products of one row of the table.

    Args:
        found: Those of other rows, which are added to.
        action: The table.
        site: The site.
        name: Name of the row.
        pair: The row's tensors, of A and of B.

    Raises:
        ArgumentError: As for `cross_grams`.
    """
    entry, one = action.entries[name], action.sites[site]
    mine, other = (entry.rows(one, site) for one in pair)
    for (leg, here), (_, there) in zip(mine, other, strict=True):
        pairs = isinstance(one, Experts) and leg.port in one.nested
        size = len(here) // one.count if pairs and isinstance(one, Experts) else len(here)
        if size > _MOST_ROWS:
            raise ArgumentError(
                name,
                expected=f"at most {_MOST_ROWS} units at {site}, whose inner products fit into memory",
                got=size,
                way_out="give a table in which this site has no label",
            )
        if pairs and isinstance(one, Experts):
            blocks = found.setdefault(leg.port, PairGrams(one.count))
            if isinstance(blocks, PairGrams):
                blocks.add(here, there)
            continue
        gram = here @ there.mT
        total = found.get(leg.port)
        if isinstance(total, Tensor):
            total += gram  # in double precision
        else:
            found[leg.port] = gram.double()


def gain(element: Mapping[str, BlockMonomial], grams: Grams) -> float:
    """The inner product of A with B moved by an element: what matching makes as large as it can.

    Args:
        element: An element of the site.
        grams: The inner products, see `cross_grams`.

    Example:
        >>> from haar.weights import Units
        >>> gain(Units(2).identity(), {"": torch.tensor([[1.0, 5.0], [5.0, 2.0]])})
        3.0
    """
    total = 0.0
    for port, gram in grams.items():
        map_ = element[port]
        if isinstance(gram, PairGrams):
            total += sum(float(one.sum()) for one in expert_gains(map_, gram))
            continue
        blocks = blocks_of(gram, len(map_.order))[torch.arange(len(map_.order)), map_.order]
        if map_.blocks is None:
            total += float(blocks.diagonal(dim1=-2, dim2=-1).sum())
        else:
            total += float((blocks * map_.blocks.to(blocks.dtype)).sum())
    return total


def expert_gains(element: BlockMonomial, grams: PairGrams) -> Iterator[Float[Tensor, " units"]]:
    """For each expert of A the inner products of its units with those that an element puts into their places.

    Args:
        element: An element by a port of units.
        grams: The inner products by that port.
    """
    units = len(element.order) // grams.experts
    factors = None if element.blocks is None else element.blocks.reshape(grams.experts, units)
    for i, places in enumerate(element.order.reshape(grams.experts, units)):
        worth = grams.block(i, int(places[0]) // units)[torch.arange(units), places % units]
        yield worth if factors is None else worth * factors[i]


def blocks_of(gram: Float[Tensor, "rows rows"], count: int) -> Float[Tensor, "count count size size"]:
    """A matrix of inner products cut into the blocks of a number of units."""
    size = len(gram) // count
    return gram.reshape(count, size, count, size).transpose(1, 2)


def squared(tensor: Tensor) -> float:
    """|x|^2 in double precision, without a copy of the whole."""
    return sum(float(piece.double().square().sum()) for piece in _pieces(tensor))


def apart(one: Tensor, other: Tensor) -> float:
    """|x - y| in double precision, without a copy of the whole."""
    pieces = zip(_pieces(one), _pieces(other), strict=True)
    return float(sum(float((x.double() - y.double()).square().sum()) for x, y in pieces) ** 0.5)


def relative(distance: float, weight: float) -> float:
    """A distance over the square root of a weight; 0 where there is none."""
    return distance / weight**0.5 if weight else 0.0


def _pieces(tensor: Tensor) -> Iterator[Tensor]:
    """Parts of a tensor along its first axis, none of them large."""
    if tensor.ndim == 0:
        return iter([tensor])
    each = max(tensor.shape[0] * _PIECE // max(tensor.numel(), 1), 1)
    return (tensor[start : start + each] for start in range(0, tensor.shape[0], each))

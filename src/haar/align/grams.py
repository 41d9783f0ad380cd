"""Inner products between two networks, site by site: all that matching needs to know of their weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.weights import BlockMonomial, ParameterAction

State = Mapping[str, Tensor]
#: Ends of names of what is counted while a network trains: it is moved as well, and says nothing of what is what.
UNCOUNTED = ("running_mean", "running_var")
#: Most rows of one matrix of inner products: 2 GiB. The units of all experts of a layer stand in one.
_MOST_ROWS = 16384
Grams = Mapping[str, Tensor]
"""For each port of a site the matrix of inner products <row i of A, row j of B>, summed over all tensors."""


def cross_grams(
    action: ParameterAction, a: State, b: Mapping[str, Tensor], site: str, rows: Iterable[str]
) -> dict[str, Tensor]:
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
    found: dict[str, Tensor] = {}
    for name in rows:
        if name.endswith(UNCOUNTED):
            continue
        entry = action.entries[name]
        mine, other = entry.rows(entry.read(a)), entry.rows(b[name])
        for (leg, here), (_, there) in zip(mine, other, strict=True):
            if leg.site != site:
                continue
            if len(here) > _MOST_ROWS:
                raise ArgumentError(
                    name,
                    expected=f"at most {_MOST_ROWS} units at {site}, whose inner products fit into memory",
                    got=len(here),
                    way_out="give a table in which this site has no label",
                )
            gram = (here @ there.mT).double()
            found[leg.port] = found[leg.port] + gram if leg.port in found else gram
    return found


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
        blocks = blocks_of(gram, len(map_.order))[torch.arange(len(map_.order)), map_.order]
        if map_.blocks is None:
            total += float(blocks.diagonal(dim1=-2, dim2=-1).sum())
        else:
            total += float((blocks * map_.blocks.to(blocks.dtype)).sum())
    return total


def blocks_of(gram: Float[Tensor, "rows rows"], count: int) -> Float[Tensor, "count count size size"]:
    """A matrix of inner products cut into the blocks of a number of units."""
    size = len(gram) // count
    return gram.reshape(count, size, count, size).transpose(1, 2)

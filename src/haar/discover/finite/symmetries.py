"""A group on nodes as a `Symmetry` that other verbs take."""

from __future__ import annotations

from haar.actions import Action, Invariant, Symmetry, Vector
from haar.actions.representation import Entries
from haar.discover.finite.exchange import Exchange
from haar.discover.finite.naming import NAMED_BY_ELEMENTS
from haar.groups import Group, PermutationGroup, from_permutations


def listed(group: PermutationGroup, name: str) -> Group:
    """The same group under a name, with whole numbers for elements where there are few."""
    if group.order <= NAMED_BY_ELEMENTS:
        return from_permutations(group.generators(), name, limit=NAMED_BY_ELEMENTS)
    return PermutationGroup(group.generators(), name)


def symmetry_of(group: PermutationGroup, exchange: Exchange, name: str) -> Symmetry:
    """How a group on nodes acts on inputs and outputs.

    Args:
        group: On the nodes.
        exchange: What the nodes are.
        name: The group's name.
    """
    made = listed(group, name)
    own = _entries(made, 0, exchange.count, signed=exchange.signed)
    outputs: Action = Invariant(made)
    if exchange.outputs == "same":
        outputs = Vector(own, axis=exchange.out_axis)
    elif exchange.out_count:
        outputs = Vector(_entries(made, exchange.nodes, exchange.out_count, signed=True))
    return Symmetry(made, Vector(own, axis=exchange.axis), outputs)


def _entries(group: Group, start: int, count: int, *, signed: bool) -> Entries:
    if not signed:
        return Entries(group, range(start, start + count))
    return Entries(group, range(start, start + 2 * count, 2), range(start + 1, start + 2 * count, 2))

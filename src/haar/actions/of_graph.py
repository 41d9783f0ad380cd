"""What a model of graphs takes and gives, by its names: what belongs to nodes, to edges, and to the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from haar.actions.action import Action, Invariant
from haar.actions.edges import Edges
from haar.actions.points import Bilinear, Points
from haar.actions.representation import Defining, Representation
from haar.actions.vector import Vector
from haar.errors import ArgumentError
from haar.groups import Group

_KINDS: dict[str, Callable[[Representation], Action]] = {
    "nodes": lambda rep: Points(relabelling=rep),
    "numbers": Vector,
    "edges": Edges,
    "pairs": Bilinear,
    "graph": lambda rep: Invariant(rep.group),
}
#: Kinds that names have in the field.
_KNOWN = {
    "x": "nodes",
    "pos": "nodes",
    "z": "numbers",
    "batch": "numbers",
    "edge_index": "edges",
    "adj": "pairs",
    "adjacency": "pairs",
    "edge_attr": "graph",
    "edge_weight": "graph",
}


def graph_actions(group: Group, names: str | Sequence[str], argument: str) -> dict[str, Action]:
    """An action for every name.

    Args:
        group: Permutations of the nodes.
        names: ``"x, edge_index, charge:numbers"``, or a list of the same. Of kind ``nodes`` are rows of features
            ``(nodes, channels)``, ``numbers`` one number a node ``(nodes,)``, ``edges`` pairs of node numbers
            ``(2, edges)``, ``pairs`` matrices ``(nodes, nodes)``, and ``graph`` what no permutation of the nodes
            moves: what belongs to the whole graph, or to the edges in their order.
        argument: What the caller calls them.

    Raises:
        ArgumentError: If the group permutes no nodes, a kind is unknown, a name is missing or stands twice.
    """
    words = names.split(",") if isinstance(names, str) else list(names)
    rep = Defining(group)
    Edges(rep)  # refuses groups that turn or reflect
    made: dict[str, Action] = {}
    for word in words:
        name, colon, kind = (part.strip() for part in str(word).partition(":"))
        if not name or name in made:
            got = f"{name} twice" if name else repr(names)
            raise ArgumentError(argument, expected="names, such as 'x, edge_index, charge:numbers'", got=got)
        kind = kind if colon else _KNOWN.get(name, name)
        if kind not in _KINDS:
            raise ArgumentError(
                argument,
                expected=f"{name} as one of {', '.join(_KINDS)}",
                got=repr(kind) if colon else "no kind",
                way_out=f"say it behind a colon, {name}:nodes; these need none: {', '.join(_KNOWN)}",
            )
        made[name] = _KINDS[kind](rep)
    return made

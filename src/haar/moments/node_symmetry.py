"""Where the orbits of nodes come from: a haar group, a symmetry, or the model and the law themselves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from haar.actions import Points, Symmetry, Vector
from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.groups import Group, SymmetricGroup
from haar.moments.automorphisms import automorphisms
from haar.moments.exchangeable import Exchangeable
from haar.moments.joint import InputLaw
from haar.moments.orbits import NodeOrbits
from haar.moments.program import Affine, Program

NodeSymmetry = NodeOrbits | Group | Representation | Symmetry
_DIGITS = 1e-9
_PROJECTIONS = 3
_MOST = 4096


def node_orbits(given: NodeSymmetry) -> NodeOrbits:
    """Orbits of nodes under a group.

    Args:
        given: `NodeOrbits`; a group that permutes the nodes by its defining representation (`permutation_group`,
            `symmetric`, `cyclic` given by permutations); a representation by permutations; or a `Symmetry` whose first
            input relabels points.

    Raises:
        ArgumentError: If the group does not permute nodes, or flips signs.

    Example:
        >>> from haar.groups import permutation_group
        >>> node_orbits(permutation_group([[1, 2, 3, 4, 0]])).pair_count
        5
    """
    if isinstance(given, NodeOrbits):
        return given
    if isinstance(given, Symmetry):
        return node_orbits(_relabelling(given))
    group = given.group if isinstance(given, Representation) else given
    if isinstance(given, SymmetricGroup):
        return NodeOrbits.complete(given.n)
    generators = group.generators()
    if isinstance(given, Representation):
        pair = given.signed_permutation(generators) if given.is_signed_permutation else None
    else:
        pair = group.defining_signed_permutation(generators)
    if pair is None or bool((pair[1] != 1).any()):
        raise ArgumentError(
            "orbits",
            expected="a group that permutes the nodes",
            got=f"{group.name}, whose representation does not",
            way_out="use haar.groups.permutation_group, or the representation that permutes the nodes",
        )
    index = pair[0].reshape(-1, pair[0].shape[-1])
    return NodeOrbits(index if len(index) else torch.arange(pair[0].shape[-1])[None])


def _relabelling(symmetry: Symmetry) -> Representation:
    action = symmetry.inputs[0] if len(symmetry.inputs) else None
    if isinstance(action, Points) and action.relabelling is not None and action.rotation is None:
        return action.relabelling
    if isinstance(action, Vector):
        return action.rep
    raise ArgumentError("orbits", expected="a symmetry that relabels the nodes of its first input", got=repr(symmetry))


def found_orbits(program: Program, law: InputLaw, nodes: int, features: int) -> NodeOrbits:
    """The whole symmetry that a graph network and a law have in common, read off the network itself.

    Every affine step is a matrix of blocks between nodes. Equal blocks get equal colours, so do equal means and
    covariances of the law, and the automorphisms of the coloured graph are the symmetry.

    Args:
        program: The traced network, its affine steps fused.
        law: Law of the input.
        nodes: Number of nodes.
        features: Features of a node.

    Raises:
        ArgumentError: If the network is too large to be looked at so, or a step keeps no nodes apart.

    Example:
        >>> from haar.moments.trace import trace
        >>> program = trace(torch.nn.Linear(1, 2), (3, 1)).fused()
        >>> found_orbits(program, Exchangeable(3, [0.0], [[1.0]]), 3, 1).pair_count
        2
    """
    if nodes * features > _MOST:
        raise ArgumentError(
            "orbits",
            expected=f"at most {_MOST} node features where the symmetry is to be found",
            got=nodes * features,
            way_out="give the group, such as orbits=NodeOrbits.complete(n)",
        )
    labels = _law_labels(law, nodes, features)
    with torch.no_grad():
        for step in program.steps:
            if isinstance(step, Affine):
                for part in _step_labels(step, program, nodes):
                    labels = _joined(labels, part)
    return NodeOrbits(torch.from_numpy(automorphisms(labels)))


def _law_labels(law: InputLaw, nodes: int, features: int) -> np.ndarray:
    if isinstance(law, Exchangeable):
        return np.eye(nodes, dtype=np.int64)
    cov = law.cumulants(2).cov.detach().reshape(nodes, features, nodes, features).permute(0, 2, 1, 3)
    labels = _classes(cov.reshape(nodes * nodes, -1)).reshape(nodes, nodes)
    own = _classes(law.mean.detach().reshape(nodes, features))
    return _joined(labels, _on_nodes(own))


def _step_labels(step: Affine, program: Program, nodes: int) -> list[np.ndarray]:
    out = program.shapes[step.output]
    found = []
    for at, value in enumerate(step.inputs):
        shape = program.shapes[value]
        if not shape or shape[0] != nodes:
            return []  # after a readout
        size = torch.Size(shape).numel()
        events = [torch.zeros(size, *program.shapes[other], dtype=torch.float64) for other in step.inputs]
        events[at] = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
        made = step.linear(events)
        if out and out[0] == nodes:
            blocks = made.reshape(nodes, size // nodes, nodes, -1).permute(2, 0, 3, 1)
            found.append(_classes(blocks.reshape(nodes * nodes, -1)).reshape(nodes, nodes))
        else:
            found.append(_on_nodes(_classes(made.reshape(nodes, -1))))
    if step.shift is not None and out and out[0] == nodes:
        found.append(_on_nodes(_classes(step.shift.detach().reshape(nodes, -1))))
    return found


def _classes(rows: Tensor) -> np.ndarray:
    """Number of the class of every row; rows that differ by rounding are in one class.

    Rows are told apart by a few random projections. Should two classes fall together, the network's steps are still
    checked to be equivariant, so that a symmetry too large is refused and never used.
    """
    scale = float(rows.detach().abs().max()) or 1.0
    directions = np.random.default_rng(0).standard_normal((rows.shape[1], _PROJECTIONS)) / rows.shape[1] ** 0.5
    values = rows.detach().cpu().numpy() @ directions / (scale * _DIGITS)
    # Rounding alone would cut through a class that lies on the edge of two cells: sort and look for gaps.
    found = np.zeros(len(values), dtype=np.int64)
    for column in values.T:
        order = np.argsort(column, kind="stable")
        key = np.empty_like(found)
        key[order] = np.cumsum(np.concatenate([[0], np.diff(column[order]) > 1.0]))
        found = _joined(found, key)
    return found


def _on_nodes(own: np.ndarray) -> np.ndarray:
    labels = np.zeros((len(own), len(own)), dtype=np.int64)
    np.fill_diagonal(labels, own + 1)
    return labels


def _joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Classes of pairs of classes."""
    pairs = one.reshape(-1) * (int(other.max()) + 1) + other.reshape(-1)
    found: np.ndarray = np.unique(pairs, return_inverse=True)[1].reshape(one.shape)
    return found

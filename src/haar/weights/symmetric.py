"""Symmetric parameters: the Reynolds operator of a table, and how far parameters are from what it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.weights.action import ParameterAction
from haar.weights.entries import Entry
from haar.weights.sites import Site, Units

State = Mapping[str, Tensor]


def projected(action: ParameterAction, state: State, *, sites: Iterable[str] | None = None) -> dict[str, Tensor]:
    """The parameters' average over the group: the nearest ones that no element moves.

    Of units that may change places it is their mean, so that n! orders are never made; of what may be rotated, signed
    or scaled nothing is left but what its site says (see `haar.weights.Site`).

    Args:
        action: The table.
        state: Parameters by name.
        sites: The sites whose groups are averaged over; all by default.

    Raises:
        ArgumentError: If there is no site of a name, or one moves several axes of a tensor by a representation whose
            square is not known here.

    Example:
        >>> from haar.weights import Units
        >>> action = ParameterAction({"hidden": Units(2)}, {"w": ("hidden", None)})
        >>> projected(action, {"w": torch.tensor([[1.0, 0.0], [3.0, 2.0]])})["w"].round(decimals=5)
        tensor([[2., 1.],
                [2., 1.]])
    """
    chosen = _chosen(action, sites)
    found = dict(state)
    for entry in action.entries.values():
        if entry.sites & chosen:
            found.update(entry.write(_averaged(action, entry, entry.read(state), chosen), state))
    return found


def asymmetry(action: ParameterAction, state: State, *, sites: Iterable[str] | None = None) -> float:
    """|theta - P theta|^2 / |theta|^2 over the tensors that the sites move, with P the average over their groups.

    0 exactly for symmetric parameters, at most 1. For the units of one layer it is `breaking_distance` of the rows that
    are made of all their incoming and outgoing weights.

    Args:
        action: The table.
        state: Parameters by name.
        sites: The sites; all by default.

    Raises:
        ArgumentError: As for `projected`.

    Example:
        >>> from haar.weights import Units
        >>> action = ParameterAction({"hidden": Units(2)}, {"w": ("hidden",)})
        >>> asymmetry(action, {"w": torch.tensor([1.0, -1.0])})
        1.0
    """
    chosen = _chosen(action, sites)
    away = size = 0.0
    for entry in action.entries.values():
        if entry.sites & chosen:
            tensor = entry.read(state)
            away += float((tensor - _averaged(action, entry, tensor, chosen)).double().square().sum())
            size += float(tensor.double().square().sum())
    return away / size if size else 0.0


def _chosen(action: ParameterAction, sites: Iterable[str] | None) -> frozenset[str]:
    chosen = frozenset(action.sites if sites is None else sites)
    for name in chosen - set(action.sites):
        raise ArgumentError("sites", expected=f"names among {', '.join(action.sites)}", got=repr(name))
    return chosen


def _averaged(action: ParameterAction, entry: Entry, tensor: Tensor, chosen: frozenset[str]) -> Tensor:
    """A tensor averaged over the groups of some sites."""
    for name in sorted(entry.sites & chosen):
        site = action.sites[name]
        axes = [axis for axis, legs in enumerate(entry.axes) if any(leg.site == name for leg in legs)]
        if site.nested or len(axes) == 1:
            tensor = _along_each(action, entry, tensor, name, axes)
        elif len(axes) == 2 and _exchanged(site) and _whole(entry, axes):
            tensor = _of_pairs(tensor, axes)
        else:
            raise ArgumentError(
                "action",
                expected="sites on one axis of each tensor, or units without factors on two",
                got=f"{name} on axes {axes} of {entry.name}",
                way_out="choose other sites",
            )
    return tensor


def _exchanged(site: Site) -> bool:
    """Whether every order of units is in the group, and nothing else."""
    return isinstance(site, Units) and site.scales == "none" and site.groups == 1


def _whole(entry: Entry, axes: list[int]) -> bool:
    return all(len(entry.axes[axis]) == 1 for axis in axes)


def _along_each(action: ParameterAction, entry: Entry, tensor: Tensor, name: str, axes: list[int]) -> Tensor:
    """Each axis projected on what its port fixes. Experts and the units inside them are averaged on both axes."""
    for axis in axes:
        pieces = []
        for part in entry.parts(axis, tensor.shape[axis]):
            piece = tensor.narrow(axis, part.start, part.length)
            if part.leg.site == name:
                site = action.sites[name]
                basis = site.fixed(part.leg.port).to(piece.dtype)
                if part.leg.port in site.nested:  # of pairs (expert, unit): the units of each expert
                    size = part.length
                    basis = torch.full((size, basis.shape[1]), size**-0.5, dtype=piece.dtype)
                front = piece.movedim(axis, 0)
                rows = front.reshape(basis.shape[0], -1)
                piece = (basis @ (basis.mT @ rows)).reshape(front.shape).movedim(0, axis)
            pieces.append(piece)
        tensor = torch.cat(pieces, axis)
    return tensor


def _of_pairs(tensor: Tensor, axes: list[int]) -> Tensor:
    """Matrices that no common order of rows and columns changes: one number on the diagonal, one beside it."""
    front = tensor.movedim(axes, (0, 1))
    n = front.shape[0]
    if front.shape[1] != n:
        raise ArgumentError("action", expected="two axes of one length", got=tuple(front.shape[:2]))
    eye = torch.eye(n, dtype=tensor.dtype).reshape(n, n, *[1] * (front.ndim - 2))
    diagonal = (front * eye).sum((0, 1)) / n
    rest = (front * (1 - eye)).sum((0, 1)) / max(n * (n - 1), 1)
    return (diagonal * eye + rest * (1 - eye)).movedim((0, 1), axes)

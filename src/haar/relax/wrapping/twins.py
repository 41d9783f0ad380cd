"""From a plain layer and its representations to its homotopy twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions.representation import Representation, TensorProduct, Trivial
from haar.constants import SAME_ENTRY
from haar.errors import ArgumentError
from haar.groups import Subgroup
from haar.intertwiners.orbits import pair_orbits
from haar.nn.kernel_points import KernelPoints
from haar.nn.representations import restricted, stands_still
from haar.relax.wrapping import linear_layers, norm_layers
from haar.relax.wrapping.bare_parameters import parameters_twin
from haar.relax.wrapping.homotopy_layer import HomotopyLayer, LayerSymmetry
from haar.relax.wrapping.orbit_mean import OrbitMean
from haar.relax.wrapping.precision import doubled
from haar.relax.wrapping.projection import Projection, TensorProjection
from haar.relax.wrapping.scales import scale_projection

_KINDS: dict[type[nn.Module], type[HomotopyLayer]] = {
    getattr(nn, name.removeprefix("Homotopy")): kind
    for room in (linear_layers, norm_layers)
    for name, kind in vars(room).items()
    if name.startswith("Homotopy") and name != "HomotopyLayer"
}
_SHIFTS = ("bias", "running_mean")


def has_twin(layer: nn.Module) -> bool:
    """Whether a plain layer can become a homotopy layer."""
    return type(layer) in _KINDS


def nothing_moves(layer: nn.Module, rep_in: Representation, rep_out: Representation) -> bool:
    """Whether the group moves neither channels nor kernel points of a layer: every weight is equivariant."""
    size = getattr(layer, "kernel_size", None)
    still = stands_still(rep_in) and stands_still(rep_out)
    return still and (not isinstance(size, tuple) or stands_still(kernel_points(rep_in, size)))


def twin(
    layer: nn.Module,
    rep_in: Representation,
    rep_out: Representation,
    chain: Sequence[Subgroup],
    *,
    where: str,
    mode: str,
    kappa: bool,
    generator: torch.Generator | None,
) -> HomotopyLayer:
    """The homotopy twin of a plain layer, with the layer's own parameters.

    Args:
        layer: The plain layer.
        rep_in: Representation on its input.
        rep_out: Representation on its output.
        chain: Subgroups between the whole group and 1, the largest first.
        where: The layer in words.
        mode: ``"weight"`` or ``"branches"``.
        kappa: Whether equivariant weights keep the norm of whole ones.
        generator: Source of free branches.

    Raises:
        ArgumentError: If every equivariant weight is zero.
    """
    spaces: dict[str, list[Projection]] = {}
    for subgroup in (None, *chain):
        sides = [rep if subgroup is None else restricted(rep, subgroup) for rep in (rep_in, rep_out)]
        for name, space in spaces_of(layer, *sides, where=where).items():
            spaces.setdefault(name, []).append(space)
    weight = getattr(layer, "weight", None)
    kind = _KINDS[type(layer)]
    if "weight" in kind.scaled and isinstance(weight, Tensor):
        whole = doubled(weight.detach())
        if float(whole.norm()) > 0 and float(spaces["weight"][0](whole).norm()) < SAME_ENTRY * float(whole.norm()):
            raise ArgumentError(
                "model",
                expected=f"layers that some equivariant map can replace under {rep_in.group.name}",
                got=f"{where}: every one from {rep_in.name} to {rep_out.name} is zero",
                way_out=f"make hidden layers at least {rep_in.group.order or 'a few'} wide, or name their "
                "representations in layers",
            )
    return kind.of(layer, LayerSymmetry(rep_in, rep_out, spaces), mode=mode, kappa=kappa, generator=generator)


def parameters_homotopy(
    layer: nn.Module,
    axes: Mapping[str, Sequence[Representation]],
    chain: Sequence[Subgroup],
    *,
    where: str,
    mode: str,
    kappa: bool,
    generator: torch.Generator | None,
) -> HomotopyLayer:
    """The homotopy twin of a module of the user's that reads parameters of its own.

    Args:
        layer: A module that reads parameters of its own.
        axes: What every axis of its parameters carries, by name.
        chain: Subgroups between the whole group and 1, the largest first.
        where: The module in words.
        mode: ``"weight"`` or ``"branches"``.
        kappa: Whether invariant parameters keep the norm of whole ones.
        generator: Source of free branches.

    Raises:
        ArgumentError: If every invariant parameter is zero.
    """
    spaces: dict[str, list[Projection]] = {}
    held = dict(layer.named_parameters(recurse=False))
    for name, reps in axes.items():
        for subgroup in (None, *chain):
            sides = [rep if subgroup is None else restricted(rep, subgroup) for rep in reps]
            spaces.setdefault(name, []).append(TensorProjection(sides, tuple(held[name].shape)))
    kind = parameters_twin(type(layer), {name: held[name] for name in axes})
    whole = doubled(held[kind.leading[0]].detach())
    if float(whole.norm()) > 0 and float(spaces[kind.leading[0]][0](whole).norm()) < SAME_ENTRY * float(whole.norm()):
        raise ArgumentError(
            "model",
            expected="parameters of which something is invariant",
            got=f"{where}: every invariant {kind.leading[0]} is zero",
            way_out='use mode="function"',
        )
    lead = axes[kind.leading[0]]
    return kind.of(layer, LayerSymmetry(lead[-1], lead[0], spaces), mode=mode, kappa=kappa, generator=generator)


def spaces_of(layer: Any, rep_in: Representation, rep_out: Representation, *, where: str) -> dict[str, Projection]:
    """The projection of every parameter and statistic of a layer."""
    spaces: dict[str, Projection] = {}
    for name in ("weight", "bias", "running_mean", "running_var"):
        value = getattr(layer, name, None)
        if not isinstance(value, Tensor):
            continue
        shape = tuple(value.shape)
        if name in _SHIFTS:
            spaces[name] = TensorProjection([rep_out], shape)
        elif "weight" not in _KINDS[type(layer)].scaled:
            spaces[name] = scale_projection(rep_out, shape)
        elif isinstance(layer, nn.Embedding):
            spaces[name] = TensorProjection([rep_in, rep_out], shape)
        elif isinstance(layer, nn.Linear):
            spaces[name] = TensorProjection([rep_out, rep_in], shape)
        else:
            points = kernel_points(rep_in, layer.kernel_size)
            sides = [rep_in, rep_out] if layer.transposed else [rep_out, rep_in]
            if layer.groups == 1:
                spaces[name] = TensorProjection([*sides, points], shape)
            elif layer.transposed:
                raise _torn(where, rep_in, rep_out)
            else:
                spaces[name] = GroupedProjection(rep_out, rep_in, points, shape, where=where)
    return spaces


class GroupedProjection(Projection):
    """P for the kernel ``(out, in / groups, *size)`` of a grouped convolution.

    The group must carry connected channels to connected channels: orbits of kernel entries stay inside the blocks.

    Args:
        rep_out: Representation on the output's channels.
        rep_in: Representation on the input's channels.
        points: Representation on the kernel's points.
        shape: Shape of the kernel.
        where: The layer in words.

    Raises:
        ArgumentError: If the blocks are torn apart, or the representations are no signed permutations.
    """

    def __init__(
        self,
        rep_out: Representation,
        rep_in: Representation,
        points: Representation,
        shape: tuple[int, ...],
        *,
        where: str,
    ) -> None:
        self.shape = shape
        self._reps = rep_out, rep_in, points
        if not all(rep.is_signed_permutation for rep in self._reps) or not rep_in.group.is_finite:
            raise _torn(where, rep_in, rep_out)
        orbits = pair_orbits(TensorProduct(rep_in, points), rep_out)
        outs, ins = rep_out.dim, shape[1]
        groups = rep_in.dim // ins
        block = torch.arange(outs) // (outs // groups)
        self._columns = block[:, None] * ins + torch.arange(ins)  # the input channels that every output sees
        pick = self._columns[:, :, None].expand(outs, ins, points.dim)
        label, sign = (
            table.to(torch.int64).unflatten(1, (rep_in.dim, points.dim)).gather(1, pick).flatten()
            for table in (orbits.label, orbits.sign)
        )
        present, label = label.unique(return_inverse=True)
        inside = torch.bincount(label)
        dropped = bool((present[:1] < 0).all())
        if bool((inside[dropped:] != orbits.sizes[present[dropped:]]).any()):
            raise _torn(where, rep_in, rep_out)
        self.orbits = self._mean = OrbitMean(label - int(dropped), sign, shape)

    def __call__(self, value: Tensor) -> Tensor:
        """The mean over orbits of entries."""
        return self._mean(value)

    def move(self, elements: Tensor, values: Tensor) -> Tensor:
        """As the kernel of a dense convolution that is zero between groups."""
        rep_out, rep_in, points = self._reps
        outs, ins, size = rep_out.dim, rep_in.dim, points.dim
        pick = self._columns[None, :, :, None].expand(len(values), *self._columns.shape, size)
        whole = values.new_zeros(len(values), outs, ins, size)
        whole = whole.scatter(2, pick, values.reshape(pick.shape))
        moved = TensorProjection(self._reps, (outs, ins, size)).move(elements, whole)
        return moved.gather(2, pick).reshape(values.shape)


def _torn(where: str, rep_in: Representation, rep_out: Representation) -> ArgumentError:
    return ArgumentError(
        "model",
        expected="groups of channels that the symmetry carries to one another",
        got=f"{where} from {rep_in.name} to {rep_out.name}",
        way_out="use groups=1, or a width that is a multiple of the group's order",
    )


def kernel_points(rep: Representation, size: tuple[int, ...]) -> Representation:
    """The kernel's points: permuted by a group that moves grids, of a subgroup as of the whole."""
    group = rep.group
    if group.space_dim is None or set(size) == {1}:
        return Trivial(group, int(torch.tensor(size).prod()))
    return KernelPoints(group, size)

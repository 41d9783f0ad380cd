"""The symmetry of Rayleigh-Benard convection: mirrors, and the exchange of warm floor and cold lid, which is affine."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.axis_sign import AxisSign
from haar.actions.field import Field
from haar.actions.layout import Layout
from haar.actions.symmetry import Symmetry
from haar.errors import ArgumentError
from haar.groups import FiniteGroup
from haar.host import on_the_host

#: Heights may miss the mirror image of each other by this much of the layer's thickness.
_TOLERANCE = 1e-6


@on_the_host
def rayleigh_benard(
    group: FiniteGroup,
    heights: Float[Tensor, " n"],
    *,
    thickness: float,
    history: int = 1,
    fields: str = "buoyancy, pressure, velocity:vector",
    channels: str = "first",
) -> Symmetry:
    """Rayleigh-Benard convection (Boussinesq) between a warm floor and a cold lid, gravity along the last axis.

    With buoyancy b = L at the floor z = 0 and b = 0 at the lid z = L, the equations keep their form under

        z -> L - z,   u_z -> -u_z,   b -> L - b(mirrored),   p -> p(mirrored) + L z - L^2 / 2,

    an involution that keeps the mean of the pressure, together with mirrors of the other axes and shifts along them.
    Where u turns like a vector and the pressure's new gradient carries the constant L that b leaves behind.

    Args:
        group: Reflections, or `haar.groups.grid_group` of reflections with shifts, that exchange the last axis with no
            other.
        heights: Coordinates z of the grid points along the last axis, float64; symmetric about L / 2 (Chebyshev nodes
            are).
        thickness: Distance L of the two plates.
        history: Time steps stacked on the input's channels.
        fields: Fields of the state in channel order, one named buoyancy, one pressure, and a vector (The Well's names).
        channels: ``"first"`` or ``"last"``.

    Returns:
        The symmetry of a model from `history` states to the next. For models of differences of states use its
        `linear()`.

    Raises:
        ArgumentError: If buoyancy or pressure is missing, the heights are not symmetric, or the last axis is exchanged.

    Example:
        >>> import torch
        >>> from haar.groups import reflections
        >>> z = (torch.arange(4, dtype=torch.float64) + 0.5) / 4
        >>> convection = rayleigh_benard(reflections(2), z, thickness=1.0)
        >>> conducting = torch.zeros(1, 4, 8, 4, dtype=torch.float64)  # b = 1 - z, at rest: p' = b
        >>> conducting[:, 0], conducting[:, 1] = 1 - z, z - z**2 / 2 - 1 / 3
        >>> upside_down = torch.tensor(1)
        >>> bool((convection.act_inputs(upside_down, (conducting,))[0] - conducting).abs().max() < 1e-12)
        True
    """
    dim = group.space_dim
    if dim is None:
        raise ArgumentError("group", expected="a group that moves a grid", got=group.name)
    vertical = AxisSign(group, dim - 1)
    if float((heights + heights.flip(0) - thickness).abs().max()) > _TOLERANCE * thickness:
        raise ArgumentError(
            "heights",
            expected=f"coordinates symmetric about {thickness / 2:g}",
            got=f"{float(heights[0]):g} to {float(heights[-1]):g}",
            way_out="measure them from the floor, in the units of the thickness",
        )
    layout = Layout.parse(fields, dim=dim, history=history)
    for name in ("buoyancy", "pressure"):
        if layout.field(name).order != 0:
            raise ArgumentError("fields", expected=f"{name} as a scalar", got=layout.field(name).kind)
    z = heights.to(torch.float64)
    z = (z + thickness - z.flip(0)) / 2  # mirror images exactly: what they miss each other by would break the group law
    added = {"buoyancy": torch.full_like(z, thickness), "pressure": thickness * z - thickness**2 / 2}
    periodic = [True] * (dim - 1) + [False]
    sides = []
    for side in (layout, layout.output()):
        field = Field.of_layout(side, group, internal={"buoyancy": vertical}, periodic=periodic, channels=channels)
        rows = [
            added[spec.name] if spec.name in added else torch.zeros_like(z)
            for spec, _ in side.blocks()
            for _ in range(spec.size(dim))
        ]
        upside_down = torch.stack(rows).reshape(-1, *([1] * (dim - 1)), len(z))
        turns = vertical.signed_permutation(group.generators())[1].reshape(-1, *([1] * upside_down.ndim)) < 0
        sides.append(field.affine(torch.where(turns, upside_down, torch.zeros_like(upside_down))))
    return Symmetry(group, *sides)

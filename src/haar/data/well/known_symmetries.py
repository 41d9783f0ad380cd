"""Exact symmetries of known data sets: what equations, boundaries and initial data allow beyond what a grid shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class KnownDataSet:
    """What is known of one data set (derived from equations, boundaries and documented initial data).

    Attributes:
        fixed: Axes whose reversal is no symmetry (gravity, a mean flow, a pressure gradient).
        exchange: Whether axes may be exchanged, as far as the grid allows.
        shifts: Whether shifts along periodic axes are symmetries.
        parities: -1 for pseudo-fields, by name.
        even: Whether reversals of an axis are symmetries at all (False: the geometry is not mirror-symmetric).
        remark: What else is known: internal signs, affine elements, what the initial data respect.
    """

    fixed: str = ""
    exchange: bool = True
    shifts: bool = True
    parities: Mapping[str, int] = field(default_factory=dict)
    even: bool = True
    remark: str = ""


_NONE = KnownDataSet(fixed="xyz", exchange=False, shifts=False, even=False)

#: Section 3.7 of the specification of group averaging; families are matched by prefix.
KNOWN: Mapping[str, KnownDataSet] = {
    "active_matter": KnownDataSet(),
    "gray_scott": KnownDataSet(remark="many runs become constant: VRMSE has a vanishing denominator there"),
    "euler_multi_quadrants": KnownDataSet(
        remark="quadrants are aligned with the axes: shifts may not keep the initial data"
    ),
    "turbulence_gravity_cooling": KnownDataSet(),
    "turbulence": KnownDataSet(parities={"vorticity": -1}),
    "shear_flow": KnownDataSet(
        exchange=False,
        parities={"vorticity": -1},
        remark="the tracer starts as the velocity along x: the reversal of x needs the tracer's sign, "
        "and half a period along y",
    ),
    "rayleigh_benard": KnownDataSet(
        fixed="y",
        exchange=False,
        remark="upside down is an affine symmetry: y -> L - y, u_y -> -u_y, b -> L - b (an affine Field)",
    ),
    "rayleigh_taylor_instability": KnownDataSet(fixed="z", remark="gravity along z"),
    "turbulent_radiative_layer_2D": KnownDataSet(fixed="xy", exchange=False, remark="the mean shear singles out +x"),
    "turbulent_radiative_layer_3D": KnownDataSet(
        fixed="xyz",
        exchange=False,
        remark="the reversal of the span axis is a symmetry too; which one it is, the file does not say",
    ),
    "viscoelastic_instability": KnownDataSet(fixed="x", exchange=False, remark="the pressure gradient singles out +x"),
    "acoustic": KnownDataSet(
        exchange=False,
        remark="linear: the sign of the whole state is a symmetry of the equations, not of the initial rings",
    ),
    "helmholtz_staircase": KnownDataSet(
        fixed="xy",
        exchange=False,
        shifts=False,
        even=False,
        remark="the phase of (pressure_re, pressure_im) is the symmetry: SO(2)",
    ),
    "MHD": KnownDataSet(
        parities={"magnetic_field": -1}, remark="B -> -B is a symmetry too; a mean field singles out its axis"
    ),
    "supernova_explosion": KnownDataSet(),
    "planetswe": KnownDataSet(
        fixed="xyz",
        exchange=False,
        shifts=False,
        even=False,
        remark="topography and the clock's forcing are not inputs: no exact symmetry",
    ),
    "convective_envelope_rsg": _NONE,
    "post_neutron_star_merger": _NONE,
}


def known_data_set(name: str) -> KnownDataSet | None:
    """The entry of a data set, by the longest name that its own begins with.

    Example:
        >>> known_data_set("MHD_64").parities
        {'magnetic_field': -1}
        >>> known_data_set("my_own_simulation") is None
        True
    """
    matches = [key for key in KNOWN if name.lower().startswith(key.lower())]
    return KNOWN[max(matches, key=len)] if matches else None

"""Rotations as people say them: an angle and an axis, with an inversion or a mirror where space is turned over."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.host import on_the_host

#: Angles below this, in degrees, are no turn: half a unit of the last digit that is shown.
_NO_TURN = 0.05


@on_the_host
def rotation_name(g: Float[Tensor, "n n"]) -> str:
    """One orthogonal matrix in words.

    In space ``R(113 deg about [.31 -.78 .54])``, the identity ``1``, the inversion ``-1``, ``mirror [.31 -.78 .54]``
    with the normal of its plane, and ``-R(...)``, a rotation and the inversion. In the plane ``R(40 deg)``, and
    ``mirror 20 deg`` with the direction of its line. In more dimensions the angles of all planes that turn.

    Args:
        g: The matrix; what is not orthogonal is named as if it were.

    Example:
        >>> rotation_name(torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
        'R(90 deg about [0 0 1])'
        >>> rotation_name(torch.diag(torch.tensor([-1.0, 1, 1]))), rotation_name(-torch.eye(3))
        ('mirror [1 0 0]', '-1')
    """
    g = g.detach().to(torch.float64)
    if len(g) == 2:
        return _in_the_plane(g)
    return _in_space(g) if len(g) == 3 else _beyond(g)


def _in_the_plane(g: Tensor) -> str:
    angle = math.degrees(math.atan2(float(g[1, 0]), float(g[0, 0])))
    if float(torch.linalg.det(g)) > 0:
        return "1" if abs(angle) < _NO_TURN else f"R({_degrees(angle % 360)})"
    return f"mirror {_degrees((angle / 2) % 180)}"


def _in_space(g: Tensor) -> str:
    improper = float(torch.linalg.det(g)) < 0
    turn = -g if improper else g
    angle, axis = angle_and_axis(turn)
    degrees = math.degrees(angle)
    if degrees < _NO_TURN:
        return "-1" if improper else "1"
    if improper and 180 - degrees < _NO_TURN:
        return f"mirror {_direction(axis)}"
    return f"{'-' if improper else ''}R({_degrees(degrees)} about {_direction(axis)})"


def angle_and_axis(turn: Float[Tensor, "3 3"]) -> tuple[float, Float[Tensor, " 3"]]:
    """The angle of a rotation in space, 0 to pi, and the unit vector it turns about, against the clock.

    Args:
        turn: A rotation matrix.

    Example:
        >>> angle, axis = angle_and_axis(torch.diag(torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64)))
        >>> round(angle, 4), axis.tolist()
        (3.1416, [0.0, 0.0, 1.0])
    """
    skew = torch.stack([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]) / 2
    sine, cosine = float(skew.norm()), (float(turn.trace()) - 1) / 2
    angle = math.atan2(sine, cosine)
    if sine > 1e-6:
        return angle, skew / sine
    # Near half a turn the antisymmetric part vanishes: the axis is where the symmetric one is 1.
    column = (turn + turn.T) / 2 + torch.eye(3, dtype=turn.dtype)
    longest = column[:, int(column.norm(dim=0).argmax())]
    first = longest[int(longest.abs().gt(1e-6 * longest.norm()).nonzero()[0])]
    return angle, longest / longest.norm() * first.sign()


def _beyond(g: Tensor) -> str:
    values = torch.linalg.eigvals(g)
    angles = torch.rad2deg(values.angle())
    turning = sorted(float(angle) for angle in angles if _NO_TURN < float(angle) < 180 - _NO_TURN)
    reversed_axes = int((angles.abs() >= 180 - _NO_TURN).sum())
    turning += [180.0] * (reversed_axes // 2)
    told = f"R({', '.join(f'{angle:.0f}' for angle in turning)} deg)" if turning else ""
    if reversed_axes % 2:
        return f"mirror {told}".strip()
    return told or "1"


def _degrees(angle: float) -> str:
    return f"{angle:.0f} deg" if abs(angle - round(angle)) < _NO_TURN or angle >= 1 else f"{angle:.1f} deg"


def _direction(axis: Tensor) -> str:
    return f"[{' '.join(map(_component, axis.tolist()))}]"


def _component(value: float) -> str:
    """Two digits without those that say nothing: ``.31``, ``-.8``, ``0``, ``1``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".").replace("0.", ".")
    return "0" if text in ("-0", "", "-", ".") else text

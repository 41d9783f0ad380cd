"""Why a step has no place in a symmetric network, in words."""

from __future__ import annotations

from torch import Tensor

from haar.nn.pointwise import is_permutation
from haar.nn.representations import same_representation
from haar.relax.wrapping.feature import Feature
from haar.relax.wrapping.step import Step, Typed

_PICKING = ("getitem", "index_select", "select", "narrow", "chunk", "split")
_SHAPING = ("reshape", "view", "flatten", "unflatten", "permute", "transpose")


def reason(step: Step) -> str:
    """What is in the way of a step."""
    moving = step.moving
    if step.name in _PICKING:
        return "some of the channels, or points, which move together"
    if step.name in _SHAPING and isinstance(step.result, Tensor):
        return f"from {tuple(step.inputs[0].value.shape)} to {tuple(step.result.shape)}"
    for x in step.inputs:
        if (x.feature is None or x not in moving) and _faces(x, moving[0]):
            named = f": {x.name}" if x.name else ""
            return f"a tensor of shape {tuple(x.value.shape)} that does not move, such as a bare parameter{named}"
    if len(moving) == 1 and moving[0].feature is not None:
        return _mixing(moving[0].feature)
    for one in step.legs:
        for other in step.legs:
            if one.rep.dim == other.rep.dim and not same_representation(one.rep, other.rep):
                return f"{one.rep.name} meets {other.rep.name}"
    return ""


def _faces(still: Typed, moved: Typed) -> bool:
    """Whether a tensor has numbers along an axis on which another one carries something."""
    legs = () if moved.feature is None else moved.feature.legs
    return any(size > 1 and leg for size, leg in zip(reversed(still.value.shape), reversed(legs), strict=False))


def _mixing(feature: Feature) -> str:
    """The first axis on which a function of single numbers does not move along."""
    for leg in feature.legs:
        if leg is not None and not leg.rep.is_signed_permutation:
            return f"{leg.rep.name} mixes channels: use haar.nn.NormNonlinearity or haar.nn.Gated"
        if leg is not None and not is_permutation(leg.rep):
            return f"{leg.rep.name} changes signs, and the function is not odd"
    return ""

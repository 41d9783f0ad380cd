"""Why a step has no place in a symmetric network, in words."""

from __future__ import annotations

from torch import Tensor

from haar.nn.pointwise import is_permutation
from haar.nn.representations import same_representation
from haar.relax.wrapping.step import Step

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
        if x.feature is None or x not in moving:
            first = moving[0]
            shape = tuple(x.value.shape)
            if x.value.ndim and any(
                size > 1 and first.feature is not None and len(first.feature.legs) >= k and first.feature.legs[-k]
                for k, size in enumerate(reversed(shape), 1)
            ):
                named = f": {x.name}" if x.name else ""
                return f"a tensor of shape {shape} that does not move, such as a bare parameter{named}"
    if len(moving) == 1 and moving[0].feature is not None:
        legs = [leg for leg in moving[0].feature.legs if leg is not None]
        for leg in legs:
            if not leg.rep.is_signed_permutation:
                return f"{leg.rep.name} mixes channels: use haar.nn.NormNonlinearity or haar.nn.Gated"
            if not is_permutation(leg.rep):
                return f"{leg.rep.name} changes signs, and the function is not odd"
        return ""
    legs = step.legs
    for one in legs:
        for other in legs:
            if one.rep.dim == other.rep.dim and not same_representation(one.rep, other.rep):
                return f"{one.rep.name} meets {other.rep.name}"
    return ""

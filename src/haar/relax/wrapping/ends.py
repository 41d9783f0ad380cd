"""What comes into a network and what leaves it, as the symmetry says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree

from haar.actions import Action, Field
from haar.actions.representation import Trivial
from haar.relax.wrapping.choices import Choices
from haar.relax.wrapping.feature import Feature, agree, feature_of
from haar.relax.wrapping.refusals import refuse
from haar.relax.wrapping.step import Typed

_OUTPUT = "the output"


def enter(action: Any, value: Any) -> Any:
    """A nest of inputs, with what they carry.

    Raises:
        ArgumentError: If nothing is known of how an action moves axes.
    """
    if isinstance(action, Action):
        return Typed(value, _feature(action, value, "an input")) if isinstance(value, Tensor) else value
    if isinstance(action, Mapping):
        return {key: enter(action[key], value[key]) for key in value}
    return type(value)([enter(a, v) for a, v in zip(action, value, strict=True)])


def last_grid(entered: Any) -> Field | None:
    """How the points move of the last input that is a grid."""
    features = (leaf.feature for leaf in pytree.tree_leaves(entered) if isinstance(leaf, Typed))
    fields = [feature.field for feature in features if feature is not None and feature.field is not None]
    return fields[-1] if fields else None


def leave(typed: Any, action: Any, choices: Choices) -> None:
    """Outputs must move as the symmetry says.

    Raises:
        ArgumentError: If they do not, and no layer before can be asked to make it so.
    """
    for value, one in _outputs(typed, action):
        none = Feature((None,) * value.value.ndim)
        wanted, found = _feature(one, value.value, "an output") or none, value.feature or none
        _check_grid(value.value, wanted, found)
        if value.feature is None and not wanted.still(choices.elements):
            refuse(_OUTPUT, "it does not come from anything that moves")
        for axis, (leg, other) in enumerate(zip(found.legs, wanted.legs, strict=True)):
            if not agree(leg, other):
                rep = Trivial(choices.group, value.value.shape[axis]) if other is None else other.rep
                choices.meet(leg, rep, _OUTPUT)


def _outputs(typed: Any, action: Any) -> Iterator[tuple[Typed, Action]]:
    """Tensors that leave, with their actions."""
    if not isinstance(action, Action):
        for key in action if isinstance(action, Mapping) else range(len(action)):
            yield from _outputs(typed[key], action[key])
    elif isinstance(typed, Typed):
        yield typed, action


def _feature(action: Action, value: Tensor, what: str) -> Feature | None:
    try:
        return feature_of(action, value)
    except NotImplementedError:
        refuse(f"{what} moved by {type(action).__name__}", "only vectors, points and fields are followed")


def _check_grid(value: Tensor, wanted: Feature, found: Feature) -> None:
    """The axes of a grid are those that the symmetry names; where there is one point, it does not matter."""
    if wanted.field is not None and found.field is not None:
        if found.space != wanted.space:
            refuse(_OUTPUT, "its channels stand on another axis than the symmetry says")
    elif wanted.field is not found.field and any(value.shape[axis] != 1 for axis in (*wanted.space, *found.space)):
        says = "its axes are not those that the symmetry names"
        refuse(_OUTPUT, "it moves, and the symmetry says that it does not" if wanted.field is None else says)

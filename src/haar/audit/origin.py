"""What an audit was of: the model, the data, the group and how it acts, for the end of its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from haar.actions import Symmetry
from haar.audit.legend import conventions
from haar.audit.share import Share

_ELEMENTS = {"whole": "all elements", "drawn": "random elements", "given": "given elements"}


def origin(
    model: Callable[..., Any], symmetry: Symmetry, told: Share, *, seed: int, elements: str
) -> Mapping[str, object]:
    """Model, data, group, seed and conventions, in words.

    Args:
        model: What was audited.
        symmetry: Under what.
        told: The sums.
        seed: Of drawn elements and tests.
        elements: What the elements are: ``"whole"``, ``"drawn"`` or ``"given"``.
    """
    count = len(told.elements) - 1
    return {
        "model": model_in_words(model),
        "data": _data(told),
        "group": f"{symmetry.group.name}: {_ELEMENTS.get(elements, elements)}, {count} beside the identity",
        "seed": seed,
        "conventions": conventions(symmetry),
    }


def model_in_words(model: Callable[..., Any]) -> str:
    """Class, number of parameters and precision.

    Example:
        >>> model_in_words(nn.Linear(2, 3))
        'Linear, 9 parameters, float32'
        >>> model_in_words(abs)
        'abs'
    """
    if not isinstance(model, nn.Module):
        return getattr(model, "__qualname__", type(model).__name__)
    parameters = list(model.parameters())
    kinds = dict.fromkeys(str(p.dtype).removeprefix("torch.") for p in parameters)
    count = sum(p.numel() for p in parameters)
    return ", ".join([type(model).__name__, f"{count} parameters", *kinds])


def _data(told: Share) -> str:
    words = f"{told.seen} samples"
    if told.sums is not None:
        words += f" of {told.sums.units} independent units"
    if told.input_shape is not None:
        words += f", each {' x '.join(map(str, told.input_shape))}"
    labelled = told.sums is not None and bool(told.sums.part(0).labelled.sum() > 0)
    return words + (", with labels" if labelled else ", without labels")

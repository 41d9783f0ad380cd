"""A model and its parameters: read off a module, or put into a copy of one; and the table that fits them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.weights.action import ParameterAction
from haar.weights.adapters import ADAPTERS, adapted, untied
from haar.weights.traced import traced

State = Mapping[str, Tensor]
Given = nn.Module | State
"""A model, or its parameters by name."""
SYMMETRIES = ("auto", "orthogonal", "signed", "permutation")


def state_of(given: Given, argument: str) -> State:
    """Parameters and buffers by name, an output head of its own among them where the embedding reads out.

    Args:
        given: A model, or its parameters by name.
        argument: What a message calls it.

    Raises:
        ArgumentError: If it is neither, or holds what is no tensor, as a quantised model does.
    """
    if isinstance(given, nn.Module):
        state = given.state_dict()
        for name, value in state.items():
            if not isinstance(value, Tensor) and not name.endswith("_extra_state"):
                raise ArgumentError(
                    argument,
                    expected="a model whose state dict holds tensors alone",
                    got=f"{name}, a {type(value).__name__}",
                    way_out="a quantised model is to be aligned before it is quantised",
                )
        return untied({name: value.detach() for name, value in state.items() if isinstance(value, Tensor)})
    if isinstance(given, Mapping) and (is_read(given) or all(isinstance(value, Tensor) for value in given.values())):
        return untied(given)
    raise ArgumentError(argument, expected="a torch.nn.Module or tensors by name", got=type(given).__name__)


def is_read(state: State) -> bool:
    """Whether parameters are read or computed when they are asked for, and so may be larger than memory.

    Args:
        state: Parameters by name: a dictionary holds them, any other mapping may not.
    """
    return not isinstance(state, dict)


def config_of(given: Given, config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The configuration that is given, or the model's own; empty where there is none."""
    if config is not None:
        return config
    own = getattr(given, "config", None)
    if own is not None and hasattr(own, "to_dict"):
        own = own.to_dict()
    return own if isinstance(own, Mapping) else {}


def with_state(model: nn.Module, state: State) -> nn.Module:
    """A copy of a model with other parameters; what was tied is tied no longer.

    Args:
        model: The model; it is not changed.
        state: Parameters and buffers by name.

    Example:
        >>> import torch
        >>> layer = nn.Linear(1, 1)
        >>> float(with_state(layer, {"weight": torch.tensor([[2.0]])}).weight.detach())
        2.0
    """
    made = copy.deepcopy(model)
    for name, value in state.items():
        path, _, attribute = name.rpartition(".")
        owner = made.get_submodule(path)
        if isinstance(getattr(owner, attribute, None), nn.Parameter):
            setattr(owner, attribute, nn.Parameter(value.detach().clone()))
        elif attribute in owner._buffers:  # noqa: SLF001 (what register_buffer fills)
            owner.register_buffer(attribute, value.detach().clone())
    if getattr(getattr(made, "config", None), "tie_word_embeddings", False) and "lm_head.weight" in state:
        made.config.tie_word_embeddings = False  # type: ignore[union-attr]  # a configuration of transformers
    return made


def action_of(
    given: Given,
    state: State,
    symmetry: ParameterAction | str,
    *,
    config: Mapping[str, Any] | None = None,
    example: Any = None,
) -> ParameterAction:
    """The table of a model: the one that is given, an adapter's, or a traced one.

    Args:
        given: A model, or parameters by name.
        state: Its parameters.
        symmetry: A table, or a word, see `align`.
        config: A configuration; by default the model's own.
        example: Inputs to trace the model with.

    Raises:
        ArgumentError: If none can be made.
    """
    if isinstance(symmetry, ParameterAction):
        return symmetry
    if symmetry not in SYMMETRIES:
        expected = f"a ParameterAction, or one of {', '.join(SYMMETRIES)}"
        raise ArgumentError("symmetry", expected=expected, got=repr(symmetry))
    found = config_of(given, config)
    if found.get("model_type") in ADAPTERS:
        residual = "orthogonal" if symmetry == "auto" else symmetry
        return adapted(state, found, residual=residual)
    if isinstance(given, nn.Module) and example is None:
        raise ArgumentError(
            "example",
            expected=f"inputs of {type(given).__name__}, by which its layers are followed",
            got="None",
            way_out="give example=, one batch of inputs; or config= with a model_type among "
            f"{', '.join(ADAPTERS)}; or write the table by hand, haar.weights.ParameterAction",
        )
    if not isinstance(given, nn.Module):
        raise ArgumentError(
            "symmetry",
            expected="a table, the configuration of a known architecture, or a model with an example",
            got=f"model_type {found.get('model_type')!r}",
            way_out=f"give config= with a model_type among {', '.join(ADAPTERS)}; example= inputs, to trace the model; "
            "or write the table by hand, haar.weights.ParameterAction",
        )
    if symmetry == "orthogonal":
        expected = "'auto', 'permutation' or 'signed' for a model that is traced"
        raise ArgumentError("symmetry", expected=expected, got="'orthogonal'")
    return traced(given, example, signs=symmetry == "signed", scales=symmetry != "permutation")

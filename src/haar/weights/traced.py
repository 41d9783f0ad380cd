"""traced: the table of a module of one's own, by following it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from haar.errors import ArgumentError, HaarError
from haar.probing import undisturbed
from haar.tracing import NotFollowedError, follow, is_plain, leaves_of
from haar.weights.action import ParameterAction
from haar.weights.bare import bare
from haar.weights.beside import check_beside
from haar.weights.layers import LAYERS
from haar.weights.walk import Walk

_RECURRENT = (nn.RNNBase, nn.RNNCellBase)


def _plain_leaf(module: nn.Module, path: str) -> bool:
    """A layer of torch that does what its class says: what hooks do stands in the graph."""
    return is_plain(module) and leaves_of()(module, path)


def traced(model: nn.Module, example: Any, *, signs: bool = False, scales: bool = True) -> ParameterAction:
    """The table of a module, by following one run of it.

    Linear layers, convolutions (depthwise ones too; channels of other groups hold their places), embeddings, batch,
    layer and group norms (groups of channels stay together), attention (`nn.MultiheadAttention`, so
    `nn.TransformerEncoder`), activations, sums, pooling and flattening are known. Units that reach anything else stay
    where they are: the table says less than it could. It is tried beside the model before it is returned, with all
    units moved at once.

    Args:
        model: The module; it is left as it was.
        example: An input, or a tuple of inputs.
        signs: Whether units of odd activations may change their signs as well.
        scales: Whether units of ReLU-like activations may be multiplied with positive factors as well.

    Raises:
        ArgumentError: If it is recurrent, lazy or in half precision, does not take the example, cannot be followed, has
            no units that may change places, or its outputs change when those that were found do.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
        >>> traced(model, torch.zeros(1, 1, 4, 4)).tensors
        {'0.weight': ('units0', None, None, None), '0.bias': ('units0',),
         '3.weight': (None, 'units0*'), '3.bias': (None,)}
    """
    model = bare(model)
    for name, module in model.named_modules():
        if isinstance(module, _RECURRENT):
            raise ArgumentError(
                "model",
                expected="a model without recurrent layers",
                got=f"{type(module).__name__} at {name or 'the top'}",
                way_out="write the table by hand: haar.weights.ParameterAction says how",
            )
    lazy = next((name for name, value in model.named_parameters() if isinstance(value, UninitializedParameter)), None)
    if lazy is not None:
        raise ArgumentError(
            "model", expected="parameters that are there", got=f"{lazy}, which is lazy", way_out="run the model once"
        )
    for name, value in model.named_parameters():
        if value.dtype in (torch.float16, torch.bfloat16):
            raise ArgumentError(
                "model",
                expected="single or double precision",
                got=f"{name} in {str(value.dtype).removeprefix('torch.')}",
                way_out="convert it first: model.float()",
            )
    inputs = list(example) if isinstance(example, (tuple, list)) else [example]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)  # one step for a whole layer, without its parts
    try:
        with undisturbed(model), torch.no_grad():
            followed = follow(model, inputs, leaves=_plain_leaf)
    except NotFollowedError as error:
        error.way_out = f"{error.way_out}, or write the table by hand: haar.weights.ParameterAction says how"
        error.args = (str(error),)
        raise
    except HaarError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        told = " ".join(str(error).split())[:160]
        raise ArgumentError("example", expected="inputs that the model takes", got=f"others ({told})") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)
    table = Walk(followed, LAYERS).table(signs=signs, scales=scales)
    check_beside(model, inputs, table)
    return table

"""Surrogates on disk: safetensors with the configuration as JSON in the same file's header; nothing is unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from haar.errors import ArgumentError, DataError
from haar.files import write_safetensors
from haar.received import read_tensors as read_safetensors
from haar.systems.group_averaging.surrogates.catalogue import NETWORKS
from haar.systems.group_averaging.surrogates.surrogate import Surrogate

_HEADER = "haar.surrogate"
_SCHEMA = 1


def save(model: Surrogate, path: str | os.PathLike[str]) -> None:
    """Write a surrogate of the catalogue: one file, whole or not at all.

    Args:
        model: A surrogate whose network is an `FNO`, `UNet` or `ConvNeXtUNet`.
        path: File to write, usually ``*.safetensors``.

    Raises:
        ArgumentError: If the network is another; save its state dict with safetensors instead.

    Example:
        >>> from haar.systems.group_averaging.surrogates import load, save, unet
        >>> save(unet(4, 2, width=4), "/tmp/haar-example.safetensors")
        >>> load("/tmp/haar-example.safetensors").net.config["width"]
        4
    """
    name = next((name for name, kind in NETWORKS.items() if type(model.net) is kind), None)
    if name is None:
        raise ArgumentError(
            "model",
            expected=f"a surrogate around one of {', '.join(NETWORKS)}",
            got=type(model.net).__name__,
            way_out="save its state dict with safetensors, and name the factory that builds it",
        )
    config = {
        "schema": _SCHEMA,
        "network": name,
        "options": model.net.config,
        "in_channels": model.in_channels,
        "out_channels": model.out_channels,
        "delta": model.delta,
        "constants": model.constants,
    }
    write_tensors(model.state_dict(), path, header=_HEADER, config=config)


def load(path: str | os.PathLike[str]) -> Surrogate:
    """Read what `save` wrote, in eval mode and in the dtype it was saved in.

    Args:
        path: Path of the ``.safetensors`` file.

    Raises:
        DataError: If the file is missing, truncated, of another kind or schema, or lacks weights that it promises.
    """
    tensors, config = read_tensors(path, header=_HEADER)
    if config.get("schema") != _SCHEMA:
        raise DataError(
            f"{path}: schema {config.get('schema')} of saved surrogates is unknown here; expected {_SCHEMA}"
        )
    try:
        _check_sizes(config, tensors)
        # On the meta device nothing is allocated or drawn before the weights are seen to fit.
        with torch.device("meta"):
            net = NETWORKS[config["network"]](config["in_channels"], config["out_channels"], **config["options"])
        model = Surrogate(
            net,
            in_channels=config["in_channels"],
            out_channels=config["out_channels"],
            dim=net.dim,
            delta=config["delta"],
            constants=config["constants"],
        )
        model.load_state_dict(tensors, assign=True)
    except Exception as error:  # whatever a stranger's settings make of a constructor
        raise DataError(f"{path}: no surrogate can be built from this file ({error})") from error
    return model.eval()


def _check_sizes(config: Any, tensors: Mapping[str, Tensor]) -> None:
    """Refuse numbers of layers or channels that no tensor of the file could fill, before modules are made of them."""
    bound = 2 * max(64, len(tensors), *(size for tensor in tensors.values() for size in tensor.shape))
    settings = {key: value for key, value in config["options"].items() if key != "seed"}
    for value in pytree.tree_leaves([settings, config["in_channels"], config["out_channels"], config["constants"]]):
        if isinstance(value, int | float) and not abs(value) <= bound:
            raise ArgumentError("settings", expected=f"numbers of at most {bound} for these tensors", got=value)


def write_tensors(
    tensors: dict[str, Tensor], path: str | os.PathLike[str], *, header: str, config: dict[str, Any]
) -> None:
    """Write tensors with one JSON object in the header of a safetensors file, atomically.

    Args:
        tensors: Names and tensors.
        path: File to write.
        header: Key of the JSON object.
        config: The JSON object; floats keep every bit.
    """
    # One memory block a tensor, in the standard order of axes, is all that the format stores.
    dense = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    write_safetensors(path, dense, {header: json.dumps(config)})


def read_tensors(path: str | os.PathLike[str], *, header: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Args:
        path: Path of the ``.safetensors`` file.
        header: Key of the JSON object.

    Returns:
        The tensors by name, on the CPU, and the JSON object.

    Raises:
        DataError: If the file is missing, truncated, or has no such header.
    """
    tensors, metadata = read_safetensors(path)
    if header not in metadata:
        raise DataError(
            f"{path}: the safetensors header has no {header!r} entry; this file was written by something else"
        )
    try:
        config: Any = json.loads(metadata[header])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: the {header!r} entry of its header is no JSON ({str(error)[:80]})") from error
    if not isinstance(config, dict):
        raise DataError(f"{path}: the {header!r} entry of its header is no JSON object")
    return tensors, config

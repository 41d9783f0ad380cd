"""Surrogates on disk: safetensors with the configuration as JSON in the same file's header; nothing is unpickled."""

from __future__ import annotations

import json
import os
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from haar.errors import ArgumentError, DataError
from haar.files import atomic_path
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
        path: The file.

    Raises:
        DataError: If the file is missing, truncated, of another kind or schema, or lacks weights that it promises.
    """
    tensors, config = read_tensors(path, header=_HEADER)
    try:
        if config["schema"] != _SCHEMA:
            raise DataError(
                f"{path}: schema {config['schema']} of saved surrogates is unknown here; expected {_SCHEMA}"
            )
        most = sum(value.numel() for value in tensors.values())
        own = (size for key, size in config["options"].items() if key != "seed")
        sizes = (config["in_channels"], config["out_channels"], *own)
        # A network has a number for each of its channels and layers: one that names more than the file holds is none.
        if any(isinstance(size, int) and abs(size) > most for size in sizes):
            raise DataError(f"{path}: a network of {sizes} in a file of {most} numbers")
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
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RuntimeError) as error:
        raise DataError(f"{path}: no surrogate can be built from this file ({error})") from error
    return model.eval()


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
    with atomic_path(path) as part:
        save_file(dense, part, metadata={header: json.dumps(config)})


def read_tensors(path: str | os.PathLike[str], *, header: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Args:
        path: The file.
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
        config = json.loads(metadata[header])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: its {header!r} entry is no JSON ({error})") from error
    if not isinstance(config, dict):
        raise DataError(f"{path}: its {header!r} entry should be a JSON object, it is {type(config).__name__}")
    return tensors, config

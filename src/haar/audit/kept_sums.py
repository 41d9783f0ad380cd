"""Sums of finished sections of an audit in files, so that a job that ended goes on from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from haar.audit.batches import Batch
from haar.audit.share import Share, ShareReader
from haar.containers import tensors_of
from haar.errors import DataError
from haar.files import write_safetensors
from haar.processes import fingerprint

_MARK, _SCHEMA = "haar.audit", 1


def fingerprint_of_batch(batch: Batch) -> str:
    """Of its inputs, labels and clusters."""
    marks = () if batch.numbered else (batch.clusters,)
    return fingerprint(*tensors_of((batch.inputs, batch.labels)), *marks)


class KeptSums:
    """The folder of one audit's finished sections.

    Args:
        folder: Where; None to keep nothing.
        facts: Everything that the sums depend on, in words and numbers: those of another audit lie beside these.

    Example:
        >>> KeptSums(None, {}).path(3) is None
        True
    """

    def __init__(self, folder: Path | None, facts: Mapping[str, str | int]) -> None:
        self.folder = None if folder is None else folder / fingerprint(*sorted(facts.items()))

    def path(self, number: int) -> Path | None:
        """The file of a section."""
        return None if self.folder is None else self.folder / f"{number:04d}.safetensors"

    def read(self, number: int, first: str, reader: ShareReader) -> Share | None:
        """The sums of a finished section; None where they are not there, or are of other data.

        Args:
            number: Number of the section.
            first: Fingerprint of its first batch.
            reader: The reader of the same audit, prepared.

        Raises:
            DataError: If the file is no such sums.
        """
        path = self.path(number)
        if path is None or reader.meter.outputs is None or not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                found = _joined(json.loads(file.metadata()[_MARK]), file.get_tensor)
            if found["schema"] != _SCHEMA or found["first"] != first:
                return None
            return reader.empty().restored(found["share"], reader.meter.outputs)
        except Exception as error:
            message = f"{path}: not readable as sums of an audit ({type(error).__name__}); delete it"
            raise DataError(message) from error

    def write(self, number: int, first: str, share: Share) -> None:
        """Keep the sums of a finished section.

        Args:
            number: Number of the section.
            first: Fingerprint of its first batch.
            share: The sums.
        """
        path = self.path(number)
        if path is not None:
            tensors: dict[str, Tensor] = {}
            told = _parted({"schema": _SCHEMA, "first": first, "share": share.state()}, tensors)
            write_safetensors(path, tensors, {_MARK: json.dumps(told)})

    def clear(self) -> None:
        """Remove them: the audit is complete."""
        if self.folder is None or not self.folder.is_dir():
            return
        for path in self.folder.glob("*.safetensors"):
            path.unlink(missing_ok=True)
        for folder in (self.folder, self.folder.parent):
            if not any(folder.iterdir()):
                folder.rmdir()


def _parted(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """Plain values, with the names of tensors in their place."""
    if isinstance(tree, Tensor):
        name = str(len(tensors))
        tensors[name] = torch.view_as_real(tree) if tree.is_complex() else tree
        return {"tensor": name, "complex": tree.is_complex()}
    if isinstance(tree, Mapping):
        return {name: _parted(value, tensors) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_parted(value, tensors) for value in tree]
    return tree


def _joined(tree: Any, tensor: Callable[[str], Tensor]) -> Any:
    """The tree that `_parted` took apart."""
    if isinstance(tree, dict) and set(tree) == {"tensor", "complex"}:
        found = tensor(tree["tensor"])
        return torch.view_as_complex(found) if tree["complex"] else found
    if isinstance(tree, dict):
        return {name: _joined(value, tensor) for name, value in tree.items()}
    return [_joined(value, tensor) for value in tree] if isinstance(tree, list) else tree

"""Sums of finished sections of an audit in files, so that a job that ended goes on from them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from haar.audit.batches import Batch
from haar.audit.share import Share, ShareReader
from haar.containers import tensors_of
from haar.errors import DataError
from haar.files import write_checkpoint

_MARK, _SCHEMA = "haar.audit", 1


def fingerprint(*values: Any) -> str:
    """Twelve characters that change when a tensor, a number or a word does.

    Example:
        >>> fingerprint(torch.zeros(2), "D4") == fingerprint(torch.zeros(2), "D4")
        True
        >>> fingerprint(torch.zeros(2)) == fingerprint(torch.zeros(2).double())
        False
    """
    made = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            x = value.detach().cpu().contiguous()
            made.update(f"{x.dtype} {tuple(x.shape)}".encode())
            made.update(x.reshape(-1).view(torch.uint8).numpy().tobytes() if x.numel() else b"")
        else:
            made.update(f"{type(value).__name__} {value}".encode())
    return made.hexdigest()[:12]


def fingerprint_of_model(model: Callable[..., Any]) -> str:
    """Of a module's layers, parameters and buffers; of another callable its name alone is known."""
    if not isinstance(model, nn.Module):
        return fingerprint(getattr(model, "__qualname__", type(model).__qualname__))
    return fingerprint(str(model), *(part for name, value in model.state_dict().items() for part in (name, value)))


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
        return None if self.folder is None else self.folder / f"{number:04d}.pt"

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
            found = torch.load(path, map_location="cpu", weights_only=True)
            if found[_MARK] != _SCHEMA or found["first"] != first:
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
            write_checkpoint(path, {_MARK: _SCHEMA, "first": first, "share": share.state()})

    def clear(self) -> None:
        """Remove them: the audit is complete."""
        if self.folder is None or not self.folder.is_dir():
            return
        for path in self.folder.glob("*.pt"):
            path.unlink(missing_ok=True)
        for folder in (self.folder, self.folder.parent):
            if not any(folder.iterdir()):
                folder.rmdir()

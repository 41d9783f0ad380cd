"""Files that are never half written: a temporary name first, then one move."""

from __future__ import annotations

import errno
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command starts without torch
    from torch import Tensor

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on failure it is removed.

    Args:
        path: Where the finished file belongs. Missing parent folders are made.

    Yields:
        A path in the same folder with the same suffix, to be written by the caller.

    Raises:
        OSError: If the disk is full, under the file's own name.

    Example:
        >>> with atomic_path("/tmp/haar-example.txt") as part:
        ...     _ = part.write_text("whole or not at all")
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except OSError as error:
        if error.errno in _FULL and error.filename in (None, name):
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file, whole or not at all.

    What torch or safetensors would write by themselves is made in memory and written here: on a full disk their own
    writers end the process, or raise an error that says nothing of disks.

    Args:
        path: Where the file belongs. Missing parent folders are made.
        content: All of it.

    Raises:
        OSError: If the disk is full, or the folder cannot be written to.

    Example:
        >>> write_bytes("/tmp/haar-example.txt", b"whole or not at all")
    """
    with atomic_path(path) as part:
        part.write_bytes(content)


def write_checkpoint(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write tensors and plain values as `torch.save` does, whole or not at all.

    Args:
        path: Where the file belongs.
        state: What ``torch.load(path, weights_only=True)`` reads again.
    """
    import torch

    stored = io.BytesIO()
    torch.save(dict(state), stored)
    write_bytes(path, stored.getvalue())


def write_safetensors(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a ``.safetensors`` file, whole or not at all, with the same bytes for the same tensors.

    Args:
        path: Where the file belongs.
        tensors: Names and tensors. Those that share memory, as tied weights do, are written each for itself.
        metadata: Texts in the header. Their order, which the library leaves to chance, is that of their names.
    """
    import safetensors.torch

    apart = {name: value.detach().contiguous().clone() for name, value in tensors.items()}
    stored = safetensors.torch.save(apart, dict(metadata) if metadata else None)
    length = int.from_bytes(stored[:8], "little")
    header = json.loads(stored[8 : 8 + length])
    if metadata:
        header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of 8 bytes
    write_bytes(path, len(text).to_bytes(8, "little") + text + stored[8 + length :])


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

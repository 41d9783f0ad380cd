"""Pickles, looked at and never loaded: whether they hold anything but tensors and plain values."""

from __future__ import annotations

import io
import pickletools
import re

from haar.errors import DataError
from haar.programs.archive import read_entries

_KNOWN = re.compile(
    r"torch\._utils (_rebuild_tensor_v2|_rebuild_parameter)|collections OrderedDict|torch (device|Size|\w+Storage)"
    r"|torch (b?float\d+\w*|u?int\d+|bool|complex\d+)|torch\.storage (UntypedStorage|TypedStorage)"
)
#: What calls something else than a name looked up by GLOBAL, or hands state to it.
_CALLS = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "BUILD"})


def refuse_objects(stored: bytes, where: str) -> None:
    """Refuse a file of ``torch.save`` that holds anything but tensors and plain values. Nothing of it is loaded.

    Args:
        stored: Contents of the file.
        where: Name of the entry, for messages.

    Raises:
        DataError: If it does, or is no such file.
    """
    if not stored:
        return
    try:
        entries = read_entries(io.BytesIO(stored), lambda _: None)
        for code, argument, _ in pickletools.genops(entries["data.pkl"]):
            if code.name in _CALLS or (code.name == "GLOBAL" and not _KNOWN.fullmatch(str(argument))):
                raise DataError(f"{code.name} {argument or ''}".strip())  # noqa: TRY301
    except Exception as error:  # whatever a damaged pickle makes of its reader
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{where} is not plain tensors, and could run code when read ({reason})") from error

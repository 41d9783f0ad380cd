"""The progress of a worker, in a file that others read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haar.files import atomic_path
from haar.watch import Advance

#: Least seconds between two writings.
_EVERY = 1.0


class WrittenProgress:
    """A `haar.watch.Watch` that writes what is done, and how far it is, at most once a second.

    Args:
        path: The file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "progress.json")
        ...     with WrittenProgress(path).stage("training", 9):
        ...         print(read_progress(path))
        training 0/9
    """

    def __init__(self, path: Path) -> None:
        self._path, self._written = path, -_EVERY

    @contextmanager
    def stage(self, title: str, total: int | None) -> Iterator[Advance]:
        """A stage of `total` steps."""
        done = 0

        def write() -> None:
            if time.monotonic() - self._written < _EVERY:
                return
            self._written = time.monotonic()
            with atomic_path(self._path) as part:
                part.write_text(json.dumps({"title": title, "done": done, "total": total}), encoding="utf-8")

        def advance() -> None:
            nonlocal done
            done += 1
            write()

        write()
        yield advance


def read_progress(path: Path) -> str:
    """What a file of `WrittenProgress` says; empty where there is none.

    Args:
        path: The file.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return f"{told['title']} {told['done']}" + ("" if told["total"] is None else f"/{told['total']}")

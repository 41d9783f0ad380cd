"""YAML as plain keys and values: each key once, nothing by reference."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

import yaml

from haar.errors import DataError
from haar.received.claim import check_file

#: Bytes of the longest file that is read.
LONGEST = 1 << 22


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases, whose references to references grow without bound, and a key that stands twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"expected every value written out, got the alias *{event.anchor}", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 (its own signature)
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "expected keys, got << (another mapping's)", key_node.start_mark
                )
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} twice", key_node.start_mark)
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML file of plain keys and values.

    Args:
        path: Path of the file.

    Raises:
        DataError: If it is missing, longer than 4 MiB, not YAML, or has aliases or a key twice.
    """
    file = check_file(path)
    try:
        if file.stat().st_size > LONGEST:
            raise DataError(f"{path}: {file.stat().st_size} bytes of YAML; at most {LONGEST} are read")
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_PlainLoader)  # noqa: S506 (a safe loader)
    except (OSError, yaml.YAMLError, ValueError, OverflowError, RecursionError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: reading it as YAML failed: {reason}") from error

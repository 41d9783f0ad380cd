"""Factories without arguments that were called to see what they make: what they made is used, not made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

_MADE: WeakKeyDictionary[Callable[[], Any], Any] = WeakKeyDictionary()


def seen(factory: Callable[[], Any]) -> Any:
    """What a factory makes, kept for whoever takes it; None where it fails, which is told by whoever calls it then.

    Args:
        factory: Called without arguments, once.

    Example:
        >>> def make():
        ...     return [1]
        >>> seen(make) is seen(make) is taken(make)
        True
    """
    try:
        if factory not in _MADE:
            _MADE[factory] = factory()
        return _MADE[factory]
    except (Exception, SystemExit):  # noqa: BLE001 (the user's own code; told where the model is loaded)
        return None


def taken(factory: Any) -> Any:
    """What `seen` has kept, which is then forgotten; None where it has nothing.

    Args:
        factory: The same.
    """
    try:
        return _MADE.pop(factory, None)
    except TypeError:  # nothing that a dictionary holds
        return None

"""An experiment: a preset is checked to the last word; finished parts are kept, so that a killed run goes on.

Example:
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Training:
    ...     steps: int
    ...     rates: tuple[float, ...] = (0.01,)
    >>> options(Training, {"steps": 3})
    Training(steps=3, rates=(0.01,))
    >>> options(Training, {"stesp": 3})
    Traceback (most recent call last):
    ...
    haar.errors.ArgumentError: preset: expected options among steps, rates, got 'stesp'; did you mean steps?
"""

from __future__ import annotations

import difflib
import json
import re
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from haar.errors import ArgumentError
from haar.report import write_json
from haar.watch import Unwatched, Watch

T = TypeVar("T")
Json = dict[str, Any]
Work = Callable[[], Mapping[str, Any]]
"""Measures one part; what it gives is plain JSON, or becomes so (`haar.report.plain`)."""


class Parts:
    """The parts of an experiment, each in a file of its own as soon as it is finished.

    What was finished is read again in place of being measured, and what is measured is read from its file too: a run
    that was killed and one that was not give the same.

    Args:
        folder: The seed's own folder.
        watch: Told of the stages.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first = Parts(Path(folder)).keep("a", lambda: {"x": (1, 2)})
        ...     again = Parts(Path(folder)).keep("a", lambda: {"x": "not asked"})
        >>> first == again == {"x": [1, 2]}
        True
    """

    def __init__(self, folder: Path, watch: Watch = Unwatched()) -> None:
        self.folder, self.watch = folder / "parts", watch
        self._names: dict[str, str] = {}
        self._advance: Callable[[], None] = lambda: None

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[None]:
        """Within it every part, read or measured, is a step of a stage that the watch is told of.

        Args:
            title: Title of the stage.
            total: Number of parts it has.
        """
        outer = self._advance
        with self.watch.stage(title, total) as advance:
            self._advance = advance
            try:
                yield
            finally:
                self._advance = outer

    def keep(self, name: str, measure: Work) -> Json:
        """What one part measured; measured now if its file is not there.

        Args:
            name: Of the part; its letters and digits name the file.
            measure: What to do otherwise.

        Raises:
            ArgumentError: If another part has this file.
        """
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower())
        if stem in self._names:
            got = f"{name!r} after {self._names[stem]!r}, both for {stem}.json"
            raise ArgumentError("part", expected="a name of its own", got=got)
        self._names[stem] = name
        path = self.folder / f"{stem}.json"
        if not path.is_file():
            write_json(path, measure())
        self._advance()
        kept: Json = json.loads(path.read_text(encoding="utf-8"))
        return kept

    def keep_all(self, title: str, planned: Mapping[tuple[str, str], Work]) -> dict[str, dict[str, Json]]:
        """Many parts as one stage.

        Args:
            title: Title of the stage.
            planned: How to measure every part, by its group and its name in the group.

        Returns:
            What they measured, by group and by name.
        """
        found: dict[str, dict[str, Json]] = {}
        with self.stage(title, len(planned)):
            for (group, name), measure in planned.items():
                found.setdefault(group, {})[name] = self.keep(f"{group} {name}", measure)
        return found


def options(kind: type[T], preset: Mapping[str, Any], *, within: str = "preset") -> T:
    """The options of an experiment, made from a preset's JSON by the types of a dataclass's fields.

    Args:
        kind: A frozen dataclass. Its fields are strings, numbers, truth values, other such dataclasses, tuples and
            mappings of these; a field without a default must be in the preset.
        preset: The preset, as it stands in JSON.
        within: What an error calls the preset.

    Raises:
        ArgumentError: If an option is unknown, missing, or of another type.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # T stands for dataclasses only
    for name in preset:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            way_out = f"did you mean {close[0]}?" if close else ""
            raise ArgumentError(within, expected=f"options among {', '.join(known)}", got=repr(name), way_out=way_out)
    missing = [
        name
        for name, field in known.items()
        if name not in preset and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise ArgumentError(within, expected=f"{', '.join(missing)} as well", got=f"{', '.join(preset) or 'nothing'}")
    hints = get_type_hints(kind)
    return kind(**{name: _typed(hints[name], value, f"{within}: {name}") for name, value in preset.items()})


def _typed(hint: Any, value: Any, name: str) -> Any:
    """A value of a preset as the type that its field has."""
    if hint is Any:
        return value
    if is_dataclass(hint):
        _check(isinstance(value, Mapping), "a mapping", value, name)
        return options(hint, value, within=name)  # type: ignore[arg-type]  # a class, for it is a type hint
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        refused: list[ArgumentError] = []
        for one in arguments:
            try:
                return _typed(one, value, name)
            except ArgumentError as error:
                refused.append(error)
        raise refused[0]
    if origin is tuple:
        return _typed_tuple(arguments, value, name)
    if origin is not None:  # a mapping from strings
        _check(isinstance(value, Mapping), "a mapping", value, name)
        return {key: _typed(arguments[1], item, f"{name}: {key}") for key, item in value.items()}
    if value is None and hint is types.NoneType:
        return None
    wanted = (int, float) if hint is float else hint
    _check(isinstance(value, wanted) and isinstance(value, bool) == (hint is bool), hint.__name__, value, name)
    return hint(value)


def _typed_tuple(arguments: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    """As `_typed`; of any length where the hint ends with an ellipsis."""
    _check(isinstance(value, (list, tuple)), "a list", value, name)
    if arguments[-1] is Ellipsis:
        arguments = arguments[:1] * len(value)
    _check(len(value) == len(arguments), f"{len(arguments)} values", value, name)
    return tuple(_typed(one, item, name) for one, item in zip(arguments, value, strict=True))


def _check(fits: bool, expected: str, got: Any, name: str) -> None:  # noqa: FBT001 (a condition, not a switch)
    if not fits:
        raise ArgumentError(name, expected=expected, got=repr(got))

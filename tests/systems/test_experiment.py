"""Presets are checked to the last word; finished parts are measured once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from haar.errors import ArgumentError
from haar.systems.experiment import Parts, options


@dataclass(frozen=True)
class Network:
    name: str
    width: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    networks: tuple[Network, ...]
    rates: Mapping[str, tuple[float, ...]]
    pair: tuple[str, int]
    augment: bool = False
    floor: float | None = None
    patterns: str | tuple[str, ...] = "all"


PRESET: Mapping[str, Any] = {
    "networks": [{"name": "a"}, {"name": "b", "width": 4, "options": {"padding": "zeros"}}],
    "rates": {"slow": [1, 0.5]},
    "pair": ["x", 2],
}


def test_a_preset_becomes_typed_options() -> None:
    found = options(Experiment, {**PRESET, "floor": 2, "augment": True})
    assert found == Experiment(
        (Network("a"), Network("b", 4, {"padding": "zeros"})), {"slow": (1.0, 0.5)}, ("x", 2), augment=True, floor=2.0
    )
    assert isinstance(found.floor, float)
    assert isinstance(found.rates["slow"][0], float)
    assert options(Experiment, {**PRESET, "floor": None}).floor is None
    assert options(Experiment, {**PRESET, "patterns": "maze"}).patterns == "maze"
    assert options(Experiment, {**PRESET, "patterns": ["maze"]}).patterns == ("maze",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"augmnet": True}, r"preset: expected options among networks, .*, got 'augmnet'; did you mean augment\?"),
        ({"zzz": True}, r"preset: expected options among .*, got 'zzz'$"),
        ({"networks": [{"nmae": "a"}]}, r"preset: networks: expected options among name, width.*, got 'nmae'; did"),
        ({"networks": [{"width": 3}]}, r"preset: networks: expected name as well, got width"),
        ({"networks": [{}]}, r"preset: networks: expected name as well, got nothing"),
        ({"networks": ["a"]}, r"preset: networks: expected a mapping, got 'a'"),
        ({"networks": {"name": "a"}}, r"preset: networks: expected a list, got \{'name': 'a'\}"),
        ({"networks": [{"name": "a", "width": 4.0}]}, r"networks: width: expected int, got 4.0"),
        ({"networks": [{"name": "a", "width": True}]}, r"networks: width: expected int, got True"),
        ({"networks": [{"name": 3}]}, r"networks: name: expected str, got 3"),
        ({"rates": [1.0]}, r"preset: rates: expected a mapping, got \[1.0\]"),
        ({"rates": {"slow": ["1"]}}, r"preset: rates: slow: expected float, got '1'"),
        ({"pair": ["x", 2, 3]}, r"preset: pair: expected 2 values, got \['x', 2, 3\]"),
        ({"augment": 1}, r"preset: augment: expected bool, got 1"),
        ({"floor": True}, r"preset: floor: expected float, got True"),
        ({"augment": None}, r"preset: augment: expected bool, got None"),
        ({"patterns": [3]}, r"preset: patterns: expected str, got \[3\]"),
    ],
)
def test_what_a_preset_must_not_say(change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        options(Experiment, {**PRESET, **change})


class Told:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.steps: list[str] = []

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        self.stages.append((title, total))
        yield lambda: self.steps.append(title)


def test_finished_parts_are_not_measured_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def measuring(name: str, *, broken: bool = False) -> Callable[[], Mapping[str, Any]]:
        def measure() -> Mapping[str, Any]:
            asked.append(name)
            if broken:
                raise RuntimeError(name)
            return {"who": name, "loss": float("nan")}

        return measure

    def planned(*, broken: bool) -> Mapping[tuple[str, str], Callable[[], Mapping[str, Any]]]:
        return {
            ("zoo", "A 1"): measuring("A"),
            ("zoo", "B 1"): measuring("B", broken=broken),
            ("steps", "A 1"): measuring("C"),
        }

    with pytest.raises(RuntimeError, match="B"):
        Parts(tmp_path).keep_all("all", planned(broken=True))
    watch = Told()
    found = Parts(tmp_path, watch).keep_all("all", planned(broken=False))
    assert found == {
        "zoo": {"A 1": {"who": "A", "loss": None}, "B 1": {"who": "B", "loss": None}},
        "steps": {"A 1": {"who": "C", "loss": None}},
    }
    assert asked == ["A", "B", "B", "C"]
    assert watch.stages == [("all", 3)]
    assert watch.steps == ["all"] * 3
    assert sorted(path.name for path in tmp_path.rglob("*.json")) == ["steps-a-1.json", "zoo-a-1.json", "zoo-b-1.json"]


def test_parts_are_steps_of_the_innermost_stage_only(tmp_path: Path) -> None:
    watch = Told()
    parts = Parts(tmp_path, watch)
    parts.keep("before", dict)
    with parts.stage("outer", 2):
        with parts.stage("inner", 1):
            parts.keep("a", dict)
        parts.keep("b", dict)
    parts.keep("after", dict)
    assert watch.steps == ["inner", "outer"]


@pytest.mark.parametrize("name", ["links 0.5", "Links-0-5"])
def test_two_parts_never_share_a_file(tmp_path: Path, name: str) -> None:
    parts = Parts(tmp_path)
    parts.keep("links 0.5", dict)
    with pytest.raises(ArgumentError, match=r"part: expected a name of its own, got .* both for links-0-5\.json"):
        parts.keep(name, dict)

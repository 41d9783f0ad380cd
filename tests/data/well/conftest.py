"""A Well folder with everything that the format has: every order, every missing axis, several files, odd boundaries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from haar.actions.layout import FieldSpec
from haar.data.well import Axis, Boundary, BoundaryType, Shared, WellField, WellWriter, compute_statistics

RESOLUTION = (6, 8)
FIELDS = (
    FieldSpec("pressure"),
    WellField(FieldSpec("wind"), sample_varying=False, dim_varying=(False, True)),
    WellField(FieldSpec("floor", role="constant"), sample_varying=False, dim_varying=(True, False)),
    FieldSpec("vorticity", parity=-1),
    FieldSpec("velocity", order=1),
    FieldSpec("material", order=1, role="constant"),
    WellField(FieldSpec("strain", order=2), symmetric=True, units="1/s"),
    WellField(FieldSpec("spin", order=2, parity=-1), antisymmetric=True),
)


@dataclass(frozen=True)
class Made:
    """The folder, and the numbers that were written: by split a list of trajectories, in the order of the files."""

    root: Path
    runs: dict[str, list[dict[str, np.ndarray]]]


def make_run(
    random: np.random.Generator, steps: int, resolution: tuple[int, int] = RESOLUTION
) -> dict[str, np.ndarray]:
    def noise(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    strain, spin = noise(steps, *resolution, 2, 2), noise(steps, *resolution, 2, 2)
    return {
        "pressure": noise(steps, *resolution) + np.float32(100.0),
        "vorticity": noise(steps, *resolution),
        "velocity": noise(steps, *resolution, 2),
        "material": noise(*resolution, 2),
        "strain": strain + strain.swapaxes(-1, -2),
        "spin": spin - spin.swapaxes(-1, -2),
    }


def axes() -> list[Axis]:
    return [
        Axis.periodic_nodes("x", RESOLUTION[0], length=1.0),
        Axis.cells("y", RESOLUTION[1], length=2.0, boundary=("WALL", "OPEN")),
    ]


def obstacle() -> Boundary:
    mask = np.zeros(RESOLUTION, dtype=bool)
    mask[2:4, 3:5] = True
    return Boundary("obstacle", BoundaryType.WALL, ("x", "y"), mask, fields=("velocity",), values=np.zeros(4))


def full(field: FieldSpec | WellField) -> FieldSpec | WellField:
    return replace(field, dim_varying=None) if isinstance(field, WellField) else field


def write_everything(root: Path, *, thin: bool = True, seed: int = 0) -> Made:
    """Write the folder; `thin` leaves out the axes along which a field does not vary."""
    random = np.random.default_rng(seed)
    runs: dict[str, list[dict[str, np.ndarray]]] = {}
    for split, files in {"train": ((3, 5), (2, 7)), "valid": ((1, 6),), "test": ((2, 6),)}.items():
        runs[split] = []
        for number, (trajectories, steps) in enumerate(files):
            shared = {
                "wind": random.normal(size=(steps, RESOLUTION[1])).astype(np.float32),
                "floor": random.normal(size=RESOLUTION[0]).astype(np.float32),
            }
            if not thin:
                shared["wind"] = np.repeat(shared["wind"][:, None], RESOLUTION[0], axis=1)
                shared["floor"] = np.repeat(shared["floor"][:, None], RESOLUTION[1], axis=1)
            writer = WellWriter(
                root / "data" / split / f"set_{number}.hdf5",
                name="everything",
                axes=axes(),
                fields=FIELDS if thin else [full(field) for field in FIELDS],
                times=0.5 * np.arange(steps),
                shared=Shared(
                    {"Reynolds": 100.0 * (number + 1), "kind": "made up"},
                    {"gravity": 9.81, "drive": np.sin(np.arange(steps))},
                    shared,
                ),
                boundaries=[obstacle()],
            )
            with writer:
                for trajectory in range(trajectories):
                    run = make_run(random, steps)
                    writer.append(run, scalars={"angle": 0.1 * trajectory, "tide": np.arange(steps) + trajectory})
                    runs[split].append({**run, **shared})
    compute_statistics(root).save(root / "stats.yaml")
    return Made(root, runs)


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return write_everything(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="session")
def everything_full(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return write_everything(tmp_path_factory.mktemp("full"), thin=False)

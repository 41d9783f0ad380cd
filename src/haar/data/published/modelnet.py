"""ModelNet40: point clouds of forty kinds of objects, from the sampled HDF5 files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.data.published.arrays import checked
from haar.data.well.opening import guarded, open_hdf5
from haar.errors import ArgumentError, DataError


@dataclass(frozen=True)
class PointClouds:
    """Labelled point clouds.

    Attributes:
        points: Each cloud lies in the unit ball.
        labels: Class of every cloud, counted from 0.
        names: Of the labels; empty if the folder does not say.
    """

    points: Float[Tensor, "cloud point 3"]
    labels: Int[Tensor, " cloud"]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    def with_dropout(self, generator: torch.Generator, *, most: float | int = 0.875) -> PointClouds:
        """Clouds from which points are missing: dropped points are replaced by the first.

        Each cloud draws its ratio uniformly from [0, `most`], then each point is dropped with that probability.

        Args:
            generator: The source of randomness.
            most: Greatest ratio, in [0, 1].

        Raises:
            ArgumentError: If the ratio is not in [0, 1].
        """
        if not 0 <= most <= 1:
            raise ArgumentError("most", expected="a ratio in [0, 1]", got=most)
        ratio = torch.rand(len(self), 1, generator=generator) * most
        dropped = torch.rand(self.points.shape[:2], generator=generator) < ratio
        return PointClouds(torch.where(dropped[..., None], self.points[:, :1], self.points), self.labels, self.names)


def read_modelnet40(
    folder: str | os.PathLike[str],
    split: str,
    *,
    points: int = 1024,
    limit: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> PointClouds:
    """Read ``ply_data_train*.h5`` or ``ply_data_test*.h5``: ``data`` (cloud, 2048, 3) and ``label``.

    Args:
        folder: Where they lie (``modelnet40_ply_hdf5_2048``).
        split: ``"train"`` or ``"test"``.
        points: Only so many of the first points of a cloud (they are in random order).
        limit: Only so many of the first clouds.
        dtype: Precision of the points.

    Raises:
        ArgumentError: If there is no such split or a cloud has fewer points.
        DataError: If the files are missing or do not have that form.

    Source:
        Wu et al., 3D ShapeNets (CVPR 2015); sampled as in Qi et al., PointNet (CVPR 2017).
    """
    if split not in ("train", "test"):
        raise ArgumentError("split", expected="'train' or 'test'", got=repr(split))
    files = sorted(Path(folder).glob(f"ply_data_{split}*.h5"))
    if not files:
        raise DataError(f"{folder}: expected files ply_data_{split}0.h5 and so on, found none")
    clouds, labels = [], []
    for path in files:
        with open_hdf5(path) as file, guarded(path, "reading the sampled clouds"):
            held, kinds = file["data"][...], file["label"][...]
        cloud = checked(held, (None, None, 3), what=f"{path}: data", dtype=dtype)
        if cloud.shape[1] < points:
            raise ArgumentError("points", expected=f"at most {cloud.shape[1]}, as {path} has", got=points)
        clouds.append(cloud[:, :points])
        labels.append(checked(kinds.reshape(-1), (len(cloud),), what=f"{path}: label", dtype=torch.int64))
    names = Path(folder) / "shape_names.txt"
    return PointClouds(
        torch.cat(clouds)[:limit],
        torch.cat(labels)[:limit],
        _names(names) if names.exists() else (),
    )


def _names(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error

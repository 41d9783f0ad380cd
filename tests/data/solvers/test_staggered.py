from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.data.solvers.staggered import to_centres, to_faces

cells = st.integers(4, 40)


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(cells, st.sampled_from([0, 1, 2, -1]), st.integers(0, 10**6))
def test_faces_between_walls_are_recovered_exactly(n: int, dim: int, seed: int) -> None:
    shape = [3, 4, 5]
    shape[dim] = n + 1
    faces = noise(*shape, seed=seed)
    faces.select(dim, 0).zero_()
    faces.select(dim, n).zero_()
    torch.testing.assert_close(to_faces(to_centres(faces, dim), dim), faces, rtol=0, atol=1e-11)


@given(cells, st.integers(0, 10**6))
def test_any_centres_get_the_nearest_faces_from_neither_end_first(n: int, seed: int) -> None:
    centres = noise(2, n, seed=seed)
    faces = to_faces(centres, 1)
    assert faces[:, [0, -1]].abs().max() == 0
    torch.testing.assert_close(to_faces(centres.flip(1), 1), faces.flip(1), rtol=0, atol=1e-12 * n)
    residual = to_centres(faces, 1) - centres  # orthogonal to the means of every inner face
    normal = residual[:, 1:] + residual[:, :-1]
    assert normal.abs().max() < 1e-10

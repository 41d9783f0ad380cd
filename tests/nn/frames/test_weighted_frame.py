"""The weighted frame is exact where principal axes are not defined, and continuous there."""

from __future__ import annotations

import pytest
import torch
from tests.nn.frames.clouds import F64, molecule, motions, rand
from tests.nn.frames.test_pca_frame import Plain, error

from haar.nn.frames import PCAFrame, WeightedFrame
from haar.nn.spectral import SignDeepSets


@pytest.mark.parametrize("name", ["cube", "octahedron", "methane", "random"])
def test_any_model_is_exact_in_three_dimensions(name):
    x = rand(5, 3) if name == "random" else molecule(name)[0]
    v = rand(*x.shape, seed=8)
    for q in motions(3):
        assert error(WeightedFrame(Plain(3)), x, q, shift=0.7) <= 1e-12
        assert error(WeightedFrame(Plain(3, 2), batch_size=7), x, q, v) <= 1e-12


def test_any_model_is_exact_in_two_dimensions():
    square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=F64) + 0.1
    for x in (square, rand(7, 2)):
        for q in motions(2):
            assert error(WeightedFrame(Plain(2)), x, q, shift=0.7) <= 1e-12
            assert error(WeightedFrame(Plain(2), outputs="position"), x, q, shift=0.7, position=True) <= 1e-12


def test_padding_changes_nothing():
    x = rand(2, 5, 3)
    mask = torch.tensor([[True] * 4 + [False], [True] * 5])
    frame = WeightedFrame(Plain(3))
    assert float((frame(x, mask=mask)[0, :4] - frame(x[0, :4])).abs().max()) < 1e-12


def test_it_does_not_jump_where_the_principal_frame_does():
    cube, push = molecule("cube")[0], rand(8, 3, seed=9)
    weighted = WeightedFrame(Plain(3))
    with torch.no_grad():
        principal = PCAFrame(
            SignDeepSets(3, norm="rms", dtype=F64, generator=torch.Generator().manual_seed(0)), tolerance=1e-9
        )
        jumps = {name: [] for name in ("weighted", "principal")}
        for t in (1e-1, 1e-2, 1e-3, 1e-4):
            for name, frame in (("weighted", weighted), ("principal", principal)):
                jumps[name].append(float((frame(cube + t * push) - frame(cube - t * push)).abs().max()))
    for before, after in zip(jumps["weighted"][:-1], jumps["weighted"][1:], strict=True):
        assert after / before < 0.5
    assert min(jumps["principal"]) > 0.1

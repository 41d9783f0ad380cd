"""What cannot be aligned is refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import haar
from haar.errors import ArgumentError
from haar.weights import ParameterAction, Units


class Bare(nn.Module):
    """Weights that no layer holds: nothing is returned that could be compared."""

    def __init__(self):
        super().__init__()
        self.w, self.v = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(2, 4))

    def forward(self, x):
        return (x @ self.w.T).relu() @ self.v.T


def test_activations_need_inputs_and_layers():
    pair = [nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)) for _ in range(2)]
    action = haar.weights.traced(pair[0], torch.ones(1, 3))
    with pytest.raises(ArgumentError, match="example: expected inputs to compute activations on, got None"):
        haar.align(*pair, symmetry=action, how="activations")
    table = ParameterAction({"h": Units(4)}, {"w": ("h", None), "v": (None, "h*")})
    words = "how: expected layers whose activations tell a site's units apart, got none for 'h'; how="
    with pytest.raises(ArgumentError, match=words):
        haar.align(Bare(), Bare(), symmetry=table, how="activations", example=torch.ones(2, 3))


def test_distances_are_in_canonical_form_or_after():
    a, b = ({"w": torch.randn(4, 3)} for _ in range(2))
    found = haar.align(a, b, symmetry=ParameterAction({"h": Units(4)}, {"w": ("h", None)})).distances
    assert found.total("after") == found.total() <= found.total("canonical")
    with pytest.raises(ArgumentError, match="which: expected 'canonical' or 'after', got 'before'"):
        found.total("before")


def test_activations_that_are_not_finite_tell_nothing():
    torch.manual_seed(0)
    a, b = (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)) for _ in range(2))
    x = torch.ones(5, 3)
    for bad in (float("nan"), float("inf")):
        x[2, 1] = bad
        with pytest.raises(
            ArgumentError, match="example: expected inputs on which activations are finite, got others at"
        ):
            haar.align(a, b, how="activations", example=x)


def test_networks_of_two_precisions_are_not_compared():
    a, b = (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)) for _ in range(2))
    x = torch.ones(5, 3)
    for verb in (haar.align, haar.align.difference, lambda one, other, **k: haar.align.merge([one, other], **k)):
        with pytest.raises(
            ArgumentError, match=r"0\.(weight|bias): expected float32, as .* has, got float64; convert one"
        ):
            verb(a, b.double(), example=x)
    for dtype in (torch.float16, torch.bfloat16):
        words = (
            f"model: expected single or double precision, got 0.weight in {str(dtype).removeprefix('torch.')}; convert"
        )
        with pytest.raises(ArgumentError, match=words):
            haar.align(a.to(dtype), b.to(dtype), example=x.to(dtype))

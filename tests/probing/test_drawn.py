from __future__ import annotations

import torch

from haar.probing import drawn_like


def test_shapes_kinds_and_spread_are_those_of_the_given():
    given = {
        "x": 5 + 3 * torch.randn(4000, dtype=torch.float64),
        "z": torch.randn(3, 2, dtype=torch.complex64),
        "index": torch.arange(4),
        "mask": torch.tensor([True, False]),
        "h": torch.randn(4, dtype=torch.float16),
        "name": "p",
    }
    made = drawn_like(given)
    assert list(made) == list(given)
    assert all(made[k].dtype == given[k].dtype and made[k].shape == given[k].shape for k in given if k != "name")
    assert abs(float(made["x"].mean()) - 5) < 0.3
    assert abs(float(made["x"].std()) - 3) < 0.3
    assert made["index"] is given["index"]
    assert made["mask"] is given["mask"]
    assert made["name"] == "p"
    assert not torch.equal(made["x"], given["x"])
    assert made["z"].imag.std() > 0


def test_zeros_constants_and_nan_say_nothing_and_are_replaced():
    for given in (torch.zeros(5), torch.full((5,), 7.0), torch.full((5,), float("nan")), torch.tensor([1.0])):
        made = drawn_like(given)
        assert made.isfinite().all()
        assert len(made) == 1 or made.std() > 0


def test_the_same_numbers_for_the_same_seed_and_empty_tensors_pass():
    x = torch.randn(3, 2)
    assert torch.equal(drawn_like(x), drawn_like(x))
    assert not torch.equal(drawn_like(x), drawn_like(x, torch.Generator().manual_seed(1)))
    assert drawn_like(torch.zeros(0, 3)).shape == (0, 3)

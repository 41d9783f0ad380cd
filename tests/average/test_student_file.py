from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from haar.average import write_student
from haar.errors import ArgumentError, HaarError


def test_a_state_dict_fits_the_class(tmp_path):
    student = nn.Linear(3, 2)
    path = write_student(student, torch.ones(2, 3), tmp_path / "s.safetensors")
    assert torch.equal(load_file(path)["weight"], student.weight)


def test_a_program_takes_any_number_of_samples(tmp_path):
    student = nn.Linear(3, 2)
    again = torch.export.load(write_student(student, torch.ones(2, 3), tmp_path / "s.pt2")).module()
    x = torch.randn(5, 3)
    assert torch.allclose(again(x), student(x))


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"path: expected a name that ends in .pt2 or .safetensors, got s.onnx"):
        write_student(nn.Linear(3, 2), torch.ones(2, 3), tmp_path / "s.onnx")


def test_what_cannot_be_traced_is_one_line_with_the_way_out(tmp_path):
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(HaarError, match=r"torch.export cannot trace the student .*; write .safetensors") as caught:
        write_student(Branching(), torch.ones(2, 3), tmp_path / "s.pt2")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())

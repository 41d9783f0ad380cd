from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Symmetry
from haar.average import write_average
from haar.errors import ArgumentError, HaarError
from haar.groups import dihedral
from haar.groups.names import named_group
from haar.probing import defect

D4 = dihedral(4)
P = Symmetry.of_fields(D4, "p")


def model():
    torch.manual_seed(0)
    return nn.Conv2d(1, 1, 3, padding=1).eval()


class OneAtATime(nn.Module):
    """A model whose batch size is fixed when it is traced."""

    def __init__(self):
        super().__init__()
        self.conv = model()

    def forward(self, x):
        return torch.cat([self.conv(part) for part in x.split(1)]) if len(x) < 100 else x


def test_what_is_told_of_the_file_is_true_of_it(tmp_path):
    x = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    written = write_average(model(), P, x, tmp_path / "a.pt2")
    assert (written.group, written.elements, written.order, written.share) == ("D4", 8, 8, None)
    again = torch.export.load(tmp_path / "a.pt2").module()
    assert written.after == pytest.approx(defect(again, P, (x,), D4.generators(), norm="squares").worst, rel=0.5)
    assert written.before == defect(model(), P, (x,), D4.generators(), norm="squares").worst
    assert written.batched
    assert again(torch.cat([x, x, x])).shape[0] == 3


def test_a_model_that_cannot_be_traced_with_a_free_batch_is_written_for_one_size(tmp_path):
    x = torch.randn(2, 1, 8, 8)
    written = write_average(OneAtATime().eval(), P, x, tmp_path / "a.pt2")
    assert not written.batched
    assert torch.export.load(tmp_path / "a.pt2").module()(x).shape == x.shape


def test_a_share_takes_the_elements_that_select_takes(tmp_path):
    x = torch.randn(1, 1, 8, 8)
    written = write_average(model(), P, x, tmp_path / "a.pt2", share=0.5, inputs=torch.randn(4, 1, 8, 8))
    assert 1 < written.elements < 8
    assert written.share >= 0.5
    assert 1e-5 < written.after < written.before


def nowhere(x):
    return x / 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "a.pth"}, "path: expected a name that ends in .pt2 or .onnx"),
        ({"share": 0.5}, "inputs: expected inputs to select elements on, beside a share, got none"),
        ({"share": 0.0, "inputs": torch.ones(2, 1, 8, 8)}, "share: expected a part of the gain"),
        ({"model": nowhere}, "model: expected finite outputs, got NaN or infinity for the example"),
        (
            {"symmetry": Symmetry.of_fields(named_group("D4 x shifts", space=(64, 64), periodic=(True, True)), "p")},
            "symmetry: expected at most 1024 elements for a full orbit",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_no_file(tmp_path, change, message):
    given = {"model": model(), "symmetry": P, "example": torch.ones(1, 1, 64, 64), "path": "a.pt2"} | change
    given["path"] = tmp_path / given["path"]
    with pytest.raises(ArgumentError, match=message):
        write_average(**given)
    assert not list(tmp_path.iterdir())


def test_a_file_that_gives_something_else_is_no_reason_to_write_another(tmp_path, monkeypatch):
    """Only what cannot be traced with a free batch is tried with a fixed one."""
    tries = []

    def differs(*_, **given):
        tries.append(given)
        raise HaarError("a.pt2 does not give what the model gives")

    monkeypatch.setattr("haar.average.written.save", differs)
    with pytest.raises(HaarError, match="does not give"):
        write_average(model(), P, torch.ones(1, 1, 8, 8), tmp_path / "a.pt2")
    assert len(tries) == 1

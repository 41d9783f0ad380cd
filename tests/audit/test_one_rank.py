"""A group of one process: what several divide is the same code, here without starting any."""

from __future__ import annotations

import pytest
import torch
from torch import distributed
from torch.utils.data import DataLoader, TensorDataset

from haar.actions import Symmetry
from haar.audit import Audit, audit
from haar.errors import DataError
from haar.groups import dihedral
from haar.processes import Ranks

SYMMETRY = Symmetry.of_fields(dihedral(4), "p, u:vector")
F64 = torch.float64


@pytest.fixture
def alone():
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


class Counting:
    """Leans, and counts its calls; fails after so many."""

    def __init__(self, most=10**6):
        self.kernel = torch.randn(3, 3, 3, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
        self.calls, self.most = 0, most

    def __call__(self, x):
        self.calls += 1
        if self.calls > self.most:
            raise RuntimeError("the machine is gone")
        return torch.nn.functional.conv2d(torch.nn.functional.pad(x, (1, 1, 1, 1), mode="circular"), self.kernel).sin()


def data(samples=25):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(samples, 3, 4, 4, generator=generator, dtype=F64) for _ in range(2))


GIVEN = {
    "tensors": (data(), {}),
    "trajectories": (data(), {"clusters": torch.arange(25) // 2}),
    "some": (data(), {"max_samples": 19, "batch_size": 3}),
    "one batch": (data(), {"batch_size": 25}),
    "a loader": (DataLoader(TensorDataset(*data(), torch.arange(25) // 2), batch_size=4), {}),
    "a part of a loader": (DataLoader(TensorDataset(*data()), batch_size=4), {"max_samples": 10}),
    "elements": (data(), {"shard": "elements"}),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_one_process_audits_as_none(alone, tmp_path, same_numbers, kind):
    given, told = GIVEN[kind]
    with Ranks() as ranks:
        found = audit(Counting(), SYMMETRY, given, fabric=ranks, kept=tmp_path / "kept", **told).to_dict()
    others = {name: value for name, value in told.items() if name != "shard"}
    same_numbers(found, audit(Counting(), SYMMETRY, given, **others).to_dict())
    assert not (tmp_path / "kept").exists()


def test_what_was_finished_is_kept_and_read_again(alone, tmp_path, same_numbers):
    folder, options = tmp_path / "kept", {"batch_size": 2, "clusters": torch.arange(25) // 3}
    with Ranks() as ranks:
        whole = Counting()
        expected = Audit(whole, SYMMETRY).run(data(), fabric=ranks, **options).to_dict()
        with pytest.raises(RuntimeError, match="the machine is gone"):
            Audit(Counting(60), SYMMETRY).run(data(), fabric=ranks, kept=folder, **options)
        finished = sorted(folder.rglob("*.safetensors"))
        assert 3 <= len(finished) < 13
        rest = Counting()
        found = Audit(rest, SYMMETRY).run(data(), fabric=ranks, kept=folder, **options).to_dict()
        spared = 9 * len(finished)  # eight elements, and the identity again
        assert spared <= whole.calls - rest.calls < spared + 9
        same_numbers(found, expected)


def test_sums_of_other_data_and_damaged_ones_are_not_taken(alone, tmp_path, same_numbers):
    folder, options = tmp_path / "kept", {"batch_size": 5}
    x, y = data()
    with Ranks() as ranks:
        with pytest.raises(RuntimeError, match="the machine is gone"):
            Audit(Counting(30), SYMMETRY).run((x, y), fabric=ranks, kept=folder, **options)
        others = x.clone()
        others[:5] += 1
        found = Audit(Counting(), SYMMETRY).run((others, y), fabric=ranks, kept=folder, **options).to_dict()
        same_numbers(found, Audit(Counting(), SYMMETRY).run((others, y), **options).to_dict())
        with pytest.raises(RuntimeError, match="the machine is gone"):
            Audit(Counting(30), SYMMETRY).run((x, y), fabric=ranks, kept=folder, **options)
        (damaged, *_) = sorted(folder.rglob("*.safetensors"))
        damaged.write_bytes(damaged.read_bytes()[:40])
        with pytest.raises(DataError, match=r"not readable as sums of an audit \(.*\); delete it"):
            Audit(Counting(), SYMMETRY).run((x, y), fabric=ranks, kept=folder, **options)

"""Sections: every batch in one, each once, and read without the others."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from haar.errors import ArgumentError
from haar.processes import Section, section, sections


@given(st.integers(1, 500), st.integers(1, 200))
def test_sections_hold_every_batch_once_and_leave_nobody_without(batches, world):
    found = sections(batches, world)
    assert [k for part in found for k in range(part.first, part.last)] == list(range(batches))
    assert all(part.last > part.first for part in found)
    assert len(found) >= min(batches, world)


def test_up_to_64_processes_have_the_same_sections():
    assert sections(1000, 1) == sections(1000, 3) == sections(1000, 64) != sections(1000, 65)


class Counted(torch.utils.data.Dataset):
    """Remembers what was read of it."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return 10

    def __getitem__(self, k):
        self.read.append(k)
        return torch.full((1,), float(k))


def test_a_loader_reads_its_section_alone():
    data = Counted()
    found = list(section(DataLoader(data, batch_size=3), Section(0, 1, 3)))
    assert [x.flatten().tolist() for x in found] == [[3, 4, 5], [6, 7, 8]]
    assert data.read == [3, 4, 5, 6, 7, 8]


def test_lists_are_cut_and_other_iterables_are_read_from_their_beginning():
    class Plain:
        def __iter__(self):
            return iter("abcde")

        def __len__(self):
            return 5

    assert list(section(list("abcde"), Section(0, 1, 3))) == list(section(Plain(), Section(0, 1, 3))) == ["b", "c"]
    assert len(section(Plain(), Section(0, 1, 3))) == 2


class OnDevice:
    """As Fabric wraps a loader: what it gives has been moved."""

    def __init__(self, loader):
        self._dataloader = loader

    def __iter__(self):
        return (10 + x for x in self._dataloader)

    def __len__(self):
        return len(self._dataloader)


def test_loaders_that_batch_nothing_or_are_wrapped_are_read_from_their_beginning():
    rows = [torch.tensor([k, k]) for k in range(4)]
    found = section(DataLoader(rows, batch_size=None), Section(0, 1, 3))
    assert [x.tolist() for x in found] == [[1, 1], [2, 2]]
    wrapped = section(OnDevice(DataLoader(rows, batch_size=2)), Section(1, 1, 2))
    assert [x.tolist() for x in wrapped] == [[[12, 12], [13, 13]]]
    with pytest.raises(ArgumentError, match=r"data: expected a loader in one order.*got one with a RandomSampler"):
        section(OnDevice(DataLoader(rows, shuffle=True)), Section(0, 0, 1))


def test_loaders_in_another_order_on_every_process_are_refused():
    data = TensorDataset(torch.zeros(6, 1))
    with pytest.raises(ArgumentError, match=r"data: expected a loader in one order.*RandomSampler; DataLoader"):
        section(DataLoader(data, shuffle=True), Section(0, 0, 1))
    divided = DataLoader(data, sampler=DistributedSampler(data, num_replicas=2, rank=0, shuffle=False))
    with pytest.raises(ArgumentError, match=r"DistributedSampler, which divides them itself and may repeat some; give"):
        section(divided, Section(0, 0, 1))


def test_nothing_has_no_sections():
    assert sections(0, 1) == sections(0, 100) == []

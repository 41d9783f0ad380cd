"""Workers in words."""

from __future__ import annotations

import sys

import pytest

from haar.errors import ArgumentError, HaarError, MissingExtraError
from haar.sweeps import Workers


def test_slurm_takes_a_partition_and_options():
    made = Workers.parse("slurm:long,minutes=90,cpus=4,gb=32,at_once=16")
    assert (made.cluster, made.partition, made.at_once) == ("slurm", "long", 16)
    assert dict(made.options) == {"minutes": 90, "cpus": 4, "gb": 32}
    assert Workers.parse("slurm:long").at_once is None


@pytest.mark.parametrize(
    "words", ["4", "local", "local:0", "local:-1", "local:two", "slurm", "slurm:", "slurm:a,hours=3", "slurm:a,gb=0"]
)
def test_other_words_are_refused(words):
    with pytest.raises(ArgumentError, match=r"--workers: expected local:4, or slurm:PARTITION .*, got '"):
        Workers.parse(words)


def test_a_machine_without_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HaarError, match=r"--workers: no Slurm on this machine \(.*\); local:4 works everywhere"):
        Workers.parse("slurm:long").executor(tmp_path)


def test_submitit_is_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(MissingExtraError, match=r"haar\[scale\]"):
        Workers.parse("local:1").executor(tmp_path)

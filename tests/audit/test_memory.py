"""What an audit takes does not grow with the data: peaks in a child process, by the allocator and by the system."""

from __future__ import annotations

import json
import os
import subprocess
import sys

CHILD = """
import json, os, resource, sys, tracemalloc
import torch
from haar.actions import Symmetry
from haar.audit import Audit
from haar.groups import cyclic

torch.set_num_threads(1)


class Stream:
    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        generator = torch.Generator().manual_seed(0)
        for start in range(0, self.samples, 512):
            x = torch.randn(512, 1, 16, 16, generator=generator)
            yield x, x.roll(1, 2)


for samples in map(int, sys.argv[1:]):
    if os.fork():  # each in a process of its own, which need not import torch again
        os.wait()
        continue
    tracemalloc.start()
    model = torch.nn.Conv2d(1, 1, 3, padding=1)
    report = Audit(model, Symmetry.of_fields(cyclic(4), "p"), bins=256)
    report.run(Stream(samples), layers=False)
    report.recommendation
    print(json.dumps({
        "python": tracemalloc.get_traced_memory()[1],
        "system": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "units": report.sums.table.units,
    }), flush=True)
    os._exit(0)
"""
MIB = 2**20


def peaks(*samples):
    words = [sys.executable, "-c", CHILD, *map(str, samples)]
    # What is freed goes back to the system at once, so that its peak is the allocator's.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_four_times_the_samples_take_no_more_memory():
    few, many = peaks(4096, 16384)  # more than there is room to keep apart
    assert many["units"] == 4 * few["units"] == 16384
    # A list of the samples' numbers alone would take a million bytes; the samples themselves 24 MiB.
    assert many["python"] - few["python"] < MIB // 2
    assert many["system"] - few["system"] < 4 * MIB

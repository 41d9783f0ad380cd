"""Threads of the command: they sleep while they wait, and small work has one; what the user has set stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from haar.cli.threads import fit_threads

SCRIPT = """
import sys
from haar.cli.app import main
assert "torch" not in sys.modules
code = main(["systems"])
import os, torch
print(code, os.environ["OMP_WAIT_POLICY"], torch.get_num_threads())
"""


@pytest.mark.parametrize(
    ("command", "given", "found"),
    [
        ("demo", {}, {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}),
        ("audit", {}, {"OMP_WAIT_POLICY": "PASSIVE"}),
        (None, {}, {"OMP_WAIT_POLICY": "PASSIVE"}),
        ("reproduce", {"OMP_NUM_THREADS": "4"}, {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "4"}),
        ("demo", {"MKL_NUM_THREADS": "2"}, {"OMP_WAIT_POLICY": "PASSIVE", "MKL_NUM_THREADS": "2"}),
        ("audit", {"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
    ],
)
def test_what_is_set(command, given, found):
    fit_threads(command, given)
    assert given == found


def test_it_is_set_before_torch_is_loaded():
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "0 PASSIVE 1", done.stderr

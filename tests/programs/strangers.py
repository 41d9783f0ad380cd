"""What a stranger's program could do, and how it is refused."""

from __future__ import annotations

import pytest
import torch

from haar.errors import DataError
from haar.programs import read_program

X = torch.linspace(-1, 1, 12).reshape(4, 3)


class Runs:
    """Pickles to a call: what a stranger's file could do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def refused(path, ran, message):
    with pytest.raises(DataError, match=message):
        read_program(path).module()(X)
    assert not ran.exists()

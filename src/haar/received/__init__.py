"""Files that others send: what each may claim is checked against what it holds, before memory is taken for it."""

from haar.received.archive import Archive
from haar.received.array import read_array
from haar.received.claim import check_claim, check_file
from haar.received.tensors import array_tensor, read_pickled_tensors, read_tensors
from haar.received.yaml_file import read_yaml

__all__ = [
    "Archive",
    "array_tensor",
    "check_claim",
    "check_file",
    "read_array",
    "read_pickled_tensors",
    "read_tensors",
    "read_yaml",
]

"""Prints what of the contract fails where no types are checked: marks that a call leaves, and breaks of a graph."""

from __future__ import annotations

import sys

import torch
from contract_modules import EXAMPLES, F64
from left_as_found import left_as_found
from torch.utils import _pytree as pytree

from haar.average import micro_batch

#: Compiled, for all: a layer with its cache, a convolution, a network of signs, an average.
COMPILED = ("Linear", "Conv", "SignDeepSets", "GraphConvolution", "Averaged")


def main() -> None:
    micro_batch._LONG = 0.0
    for name, example in EXAMPLES.items():
        module, inputs = example.make().to(F64).eval(), example.inputs()
        with torch.no_grad():
            try:
                with left_as_found(module, inputs):
                    y = module(*inputs)
                if name in COMPILED:
                    compiled = torch.compile(module, backend="eager", fullgraph=True)(*inputs)
                    for a, b in zip(pytree.tree_leaves(compiled), pytree.tree_leaves(y), strict=True):
                        torch.testing.assert_close(a, b)
            except Exception as error:  # noqa: BLE001 (all are told)
                sys.stdout.write(f"{name}: {type(error).__name__}: {error}"[:500] + "\n")


if __name__ == "__main__":
    main()

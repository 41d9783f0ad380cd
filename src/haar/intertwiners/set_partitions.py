"""Orbits of index tuples under all permutations: set partitions, labelled without a search."""

from __future__ import annotations

import math

import numpy as np
import torch

from haar.actions.representation import Defining, Representation, TensorProduct, Trivial
from haar.groups import ListedSymmetric, SymmetricGroup
from haar.host import on_the_host
from haar.intertwiners.orbits import PairOrbits


def tensor_degree(rep: Representation) -> int | None:
    """The k for which a representation of S_n is the k-th tensor power of its defining one; None if it is not."""
    if not isinstance(rep.group, (SymmetricGroup, ListedSymmetric)):
        return None
    if isinstance(rep, Defining):
        return 1
    if isinstance(rep, Trivial) and rep.dim == 1:
        return 0
    if isinstance(rep, TensorProduct):
        left, right = tensor_degree(rep.left), tensor_degree(rep.right)
        return None if left is None or right is None else left + right
    return None


@on_the_host
def equality_orbits(n: int, k: int, l: int) -> PairOrbits:
    """Orbits of S_n on pairs (o, i) of an l-tuple and a k-tuple of 0 .. n - 1: which entries are equal.

    There are as many as set partitions of k + l things into at most n blocks: Bell(k + l) for n >= k + l. A tuple's
    label is read off entry by entry: the label of its beginning, and the block that the next entry falls into.

    Args:
        n: Number of points.
        k: Tensor power on the columns.
        l: Tensor power on the rows.

    Example:
        >>> [equality_orbits(8, 2, l).count for l in range(4)]
        [2, 5, 15, 52]
    """
    labels = np.zeros(1, dtype=np.int32)
    block_of = np.full((1, n), -1, dtype=np.int8)  # for every beginning and point: its block, -1 if it has not come up
    blocks = [0]  # number of blocks of every label
    for place in range(k + l):
        # children in the order of blocks, a new block last: labels stay in the order of their first tuple
        table = np.zeros((len(blocks), max(blocks) + 1), dtype=np.int32)
        fresh = np.zeros(len(blocks), dtype=np.int32)
        children: list[int] = []
        for label, count in enumerate(blocks):
            table[label, :count] = np.arange(len(children), len(children) + count)
            children += [count] * count
            if count < n:
                fresh[label] = len(children)
                children.append(count + 1)
        known = table[labels[:, None], block_of]
        following = np.where(block_of < 0, fresh[labels][:, None], known).reshape(-1)
        if place < k + l - 1:
            here = np.where(block_of < 0, np.array(blocks, dtype=np.int8)[labels][:, None], block_of)
            longer = np.repeat(block_of, n, axis=0).reshape(-1, n, n)
            point = np.arange(n)
            longer[:, point, point] = here
            block_of = longer.reshape(-1, n)
        labels, blocks = following.astype(np.int32), children
    shape = (n**l, n**k)
    sizes = torch.tensor([math.perm(n, count) for count in blocks])
    return PairOrbits(torch.from_numpy(labels.reshape(shape)), torch.ones(shape, dtype=torch.int8), sizes)

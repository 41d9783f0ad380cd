"""What tests of audits share: when two reports say the same."""

from __future__ import annotations

import pytest


def _leaves(tree, path=""):
    if isinstance(tree, dict | list):
        for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _leaves(value, f"{path}/{name}")
    else:
        yield path, tree


@pytest.fixture
def same_numbers():
    """Check that two reports are the same up to the rounding of sums in another order."""

    def check(one, other):
        for (path, mine), (_, its) in zip(_leaves(one), _leaves(other), strict=True):
            if isinstance(mine, float) and not path.endswith("/p"):
                assert mine == pytest.approx(its, rel=1e-12, abs=1e-12), path
            else:
                assert mine == its, path

    return check

"""The pytest plugin: a fixture `assert_equivariant`, available wherever this package is installed."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(name="assert_equivariant")
def assert_equivariant_fixture() -> Callable[..., None]:
    """The assertion of `haar.testing`, without an import in the test.

    Example, in a test file: ``def test_net(assert_equivariant): assert_equivariant(net, symmetry, x)``.
    """
    from haar.testing.equivariance import assert_equivariant

    return assert_equivariant

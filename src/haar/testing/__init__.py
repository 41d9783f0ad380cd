"""Testing: the assertion, and strategies of random symmetries for property tests.

pytest imports this package in every test run where it is installed (the fixture): nothing is imported before its use.
"""
# ruff: noqa: TC004 (names are imported for type checkers here, and when they are used at run time)

from typing import TYPE_CHECKING

from haar.face import show

if TYPE_CHECKING:
    from haar.testing.equivariance import Equivariance, assert_equivariant, equivariance_error
    from haar.testing.preserved import assert_function_preserved

__all__ = ["Equivariance", "assert_equivariant", "assert_function_preserved", "equivariance_error"]

show(
    __name__,
    nouns={
        "haar.testing.equivariance": ("Equivariance", "assert_equivariant", "equivariance_error"),
        "haar.testing.preserved": ("assert_function_preserved",),
    },
)

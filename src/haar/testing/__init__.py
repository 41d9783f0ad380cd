"""Testing: the assertion, and strategies of random symmetries for property tests."""

from haar.testing.equivariance import Equivariance, assert_equivariant, equivariance_error

__all__ = ["Equivariance", "assert_equivariant", "equivariance_error"]

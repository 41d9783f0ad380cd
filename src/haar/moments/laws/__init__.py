"""Laws of one variable with exact cumulants; what does not exist is None and never a sample value."""

from haar.moments.laws.arithmetic import Exact
from haar.moments.laws.continuous import Exponential, Gamma, Laplace, Normal, StudentT, TwoBump, Uniform
from haar.moments.laws.discrete import Discrete, Poisson, Rademacher
from haar.moments.laws.law import Law, ScaledSum, Shifted, UndefinedCumulantError
from haar.moments.laws.names import named_law
from haar.moments.laws.stable import SymmetricStable

__all__ = [
    "Discrete",
    "Exact",
    "Exponential",
    "Gamma",
    "Laplace",
    "Law",
    "Normal",
    "Poisson",
    "Rademacher",
    "ScaledSum",
    "Shifted",
    "StudentT",
    "SymmetricStable",
    "TwoBump",
    "UndefinedCumulantError",
    "Uniform",
    "named_law",
]

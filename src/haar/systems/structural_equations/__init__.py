"""Structural equations: functions that instruments identify, found by a game of two players, and by closed forms."""

from haar.systems.structural_equations.bellman import Chain, QTable, Transitions, bellman_residual
from haar.systems.structural_equations.bootstrap import Intervals, bootstrap
from haar.systems.structural_equations.choice import Choice, choose
from haar.systems.structural_equations.demand import Demand, demand
from haar.systems.structural_equations.kernel import KernelIV
from haar.systems.structural_equations.linear import LinearSaddle, linear_saddle
from haar.systems.structural_equations.neural import NeuralIV, Training
from haar.systems.structural_equations.objective import ConditionalMoment
from haar.systems.structural_equations.regression import NeuralRegression
from haar.systems.structural_equations.report import StructuralReport, report
from haar.systems.structural_equations.residual import projected_residual
from haar.systems.structural_equations.two_stage import TwoStageLeastSquares
from haar.systems.structural_equations.wages import Wages, wages
from haar.systems.structural_equations.weak import ConfidenceSet, FirstStage, anderson_rubin, first_stage

__all__ = [
    "Chain",
    "Choice",
    "ConditionalMoment",
    "ConfidenceSet",
    "Demand",
    "FirstStage",
    "Intervals",
    "KernelIV",
    "LinearSaddle",
    "NeuralIV",
    "NeuralRegression",
    "QTable",
    "StructuralReport",
    "Training",
    "Transitions",
    "TwoStageLeastSquares",
    "Wages",
    "anderson_rubin",
    "bellman_residual",
    "bootstrap",
    "choose",
    "demand",
    "first_stage",
    "linear_saddle",
    "projected_residual",
    "report",
    "wages",
]

"""Relax: a model between equivariant and free, the multipliers that pull it, and what they say about the data."""

from haar.relax.baselines import (
    Augmentation,
    EquivariancePenalty,
    FixedRidge,
    Free,
    ProjectionRegulariser,
    RelaxedConvolution,
    RelaxedSteerableConvolution,
    ResidualPathway,
    Scheduled,
    Soft,
    Strict,
)
from haar.relax.batch_statistics import estimate_statistics
from haar.relax.diagnosis.bounds import Bounds, bounds
from haar.relax.diagnosis.dashboard import Dashboard
from haar.relax.diagnosis.diagnosis import Diagnosis, diagnose
from haar.relax.diagnosis.lie_error import LieError, lie_errors
from haar.relax.diagnosis.loss_share import LossShare, loss_share
from haar.relax.diagnosis.score_test import ScoreTest, score_test
from haar.relax.diagnosis.tension import tension
from haar.relax.duals.cooper_solver import Cooper
from haar.relax.duals.damped import Damped
from haar.relax.duals.duals import Duals
from haar.relax.duals.lightning_callback import duals_callback
from haar.relax.duals.paper import Paper
from haar.relax.duals.ridge import Ridge
from haar.relax.fit import Fitted, fit
from haar.relax.path import SymmetryPath, path
from haar.relax.relaxation import Relaxation, relax
from haar.relax.rule import Rule
from haar.relax.wrapping.enforcement import enforce
from haar.relax.wrapping.homotopise import homotopise
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.homotopy_layer import HomotopyLayer, LayerSymmetry
from haar.relax.wrapping.projection import Projection, TensorProjection
from haar.relax.wrapping.side_branch import SideBranch, with_side_branches

__all__ = [
    "Augmentation",
    "Bounds",
    "Cooper",
    "Damped",
    "Dashboard",
    "Diagnosis",
    "Duals",
    "EquivariancePenalty",
    "Fitted",
    "FixedRidge",
    "Free",
    "Homotopy",
    "HomotopyLayer",
    "LayerSymmetry",
    "LieError",
    "LossShare",
    "Paper",
    "Projection",
    "ProjectionRegulariser",
    "Relaxation",
    "RelaxedConvolution",
    "RelaxedSteerableConvolution",
    "ResidualPathway",
    "Ridge",
    "Rule",
    "Scheduled",
    "ScoreTest",
    "SideBranch",
    "Soft",
    "Strict",
    "SymmetryPath",
    "TensorProjection",
    "bounds",
    "diagnose",
    "duals_callback",
    "enforce",
    "estimate_statistics",
    "fit",
    "homotopise",
    "lie_errors",
    "loss_share",
    "path",
    "relax",
    "score_test",
    "tension",
    "with_side_branches",
]

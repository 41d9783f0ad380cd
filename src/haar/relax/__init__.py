"""Relax: a model between equivariant and free, the multipliers that pull it, and what they say about the data."""

from haar.relax.baselines import (
    Augmentation,
    EquivariancePenalty,
    FixedRidge,
    Free,
    ProjectionRegulariser,
    RelaxedConvolution,
    ResidualPathway,
    Scheduled,
    Soft,
    Strict,
)
from haar.relax.batch_statistics import estimate_statistics
from haar.relax.bounds import Bounds, bounds
from haar.relax.cooper_solver import Cooper
from haar.relax.damped import Damped
from haar.relax.dashboard import Dashboard
from haar.relax.diagnosis import Diagnosis, diagnose
from haar.relax.duals import Duals
from haar.relax.enforcement import enforce
from haar.relax.fit import Fitted, fit
from haar.relax.homotopise import homotopise
from haar.relax.homotopy import Homotopy
from haar.relax.homotopy_layer import HomotopyLayer, LayerSymmetry
from haar.relax.lie_error import LieError, lie_errors
from haar.relax.lightning_callback import duals_callback
from haar.relax.loss_share import LossShare, loss_share
from haar.relax.paper import Paper
from haar.relax.path import SymmetryPath, path
from haar.relax.projection import Projection, TensorProjection
from haar.relax.relaxation import Relaxation, relax
from haar.relax.ridge import Ridge
from haar.relax.rule import Rule
from haar.relax.score_test import ScoreTest, score_test
from haar.relax.tension import tension

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
    "ResidualPathway",
    "Ridge",
    "Rule",
    "Scheduled",
    "ScoreTest",
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
]

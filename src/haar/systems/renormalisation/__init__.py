"""Renormalisation as a test bed for symmetry and generalisation: exact maps, a zoo of networks, what they learn."""

from haar.systems.renormalisation.block import block_step, cumulant_flow, eigenvalue, one_shot, step_cumulants
from haar.systems.renormalisation.breaking import BreakingLog, hidden_units
from haar.systems.renormalisation.ensemble import Ensemble, PerceptronEnsemble
from haar.systems.renormalisation.evaluation import LAWS, Errors, evaluate
from haar.systems.renormalisation.families import FAMILIES, Sizes
from haar.systems.renormalisation.graph_ensemble import GRAPHS, GraphEnsemble
from haar.systems.renormalisation.nonlinearity import CLOSED_FORMS, NONLINEARITIES
from haar.systems.renormalisation.prediction import predict_error
from haar.systems.renormalisation.step_ensemble import StepEnsemble
from haar.systems.renormalisation.step_families import STEP_FAMILIES
from haar.systems.renormalisation.training import PROTOCOL, fit
from haar.training import Plan
from haar.weights import StaticBias, breaking_distance, unit_clusters

__all__ = [
    "CLOSED_FORMS",
    "FAMILIES",
    "GRAPHS",
    "LAWS",
    "NONLINEARITIES",
    "PROTOCOL",
    "STEP_FAMILIES",
    "BreakingLog",
    "Ensemble",
    "Errors",
    "GraphEnsemble",
    "PerceptronEnsemble",
    "Plan",
    "Sizes",
    "StaticBias",
    "StepEnsemble",
    "block_step",
    "breaking_distance",
    "cumulant_flow",
    "eigenvalue",
    "evaluate",
    "fit",
    "hidden_units",
    "one_shot",
    "predict_error",
    "step_cumulants",
    "unit_clusters",
]

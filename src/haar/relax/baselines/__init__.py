"""What relaxation is compared with: one file a rule, all with the interface of `haar.relax.rule.Rule`."""

from haar.relax.baselines.augmentation import Augmentation
from haar.relax.baselines.equivariance_penalty import EquivariancePenalty
from haar.relax.baselines.fixed_ridge import FixedRidge
from haar.relax.baselines.free import Free
from haar.relax.baselines.projection_regulariser import ProjectionRegulariser
from haar.relax.baselines.relaxed_convolution import RelaxedConvolution
from haar.relax.baselines.relaxed_steerable import RelaxedSteerableConvolution
from haar.relax.baselines.residual_pathway import ResidualPathway
from haar.relax.baselines.scheduled import Scheduled
from haar.relax.baselines.soft import Soft
from haar.relax.baselines.strict import Strict

__all__ = [
    "Augmentation",
    "EquivariancePenalty",
    "FixedRidge",
    "Free",
    "ProjectionRegulariser",
    "RelaxedConvolution",
    "RelaxedSteerableConvolution",
    "ResidualPathway",
    "Scheduled",
    "Soft",
    "Strict",
]

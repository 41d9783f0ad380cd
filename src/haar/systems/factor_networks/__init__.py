"""Factor networks: estimators for tables with many columns and few factors (arXiv 2502.11310)."""

from haar.face import show
from haar.systems.factor_networks.heads import AdditiveHead
from haar.systems.factor_networks.networks import FactorNetwork, FixedFactors, SparseThroughput
from haar.systems.factor_networks.report import GaugeReport, gauge_report
from haar.systems.factor_networks.training import History, Training

__all__ = [
    "FAR",
    "FAST",
    "GFADNN",
    "GFANN",
    "AdditiveHead",
    "FactorNetwork",
    "FactorRegressor",
    "FixedFactors",
    "GaugeReport",
    "History",
    "SparseThroughput",
    "Training",
    "gauge_report",
]
show(  # estimators need scikit-learn, which an extra brings
    __name__,
    nouns={
        "haar.systems.factor_networks.estimator": ["FactorRegressor"],
        "haar.systems.factor_networks.named": ["FAR", "FAST", "GFADNN", "GFANN"],
    },
)

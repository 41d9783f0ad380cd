"""scikit-learn's own checks of every estimator; tells those that fail. Wrong types reach us, and no type checker."""

from __future__ import annotations

import sys
import unittest
import warnings

import torch
from sklearn.utils.estimator_checks import estimator_checks_generator

from haar.systems.factor_networks import FAR, FAST, GFADNN, GFANN, FactorRegressor, Training


def main():
    """Run them all."""
    warnings.simplefilter("ignore")  # checks use tables of few rows, whose factors are undetermined
    torch.set_num_threads(1)
    for kind in (FactorRegressor, FAR, FAST, GFANN, GFADNN):
        training = Training(epochs=10, learning_rate=2e-2)
        for model, check in estimator_checks_generator(kind(training=training, hidden=(32,))):
            try:
                check(model)
            except unittest.SkipTest:
                continue
            except Exception as error:  # noqa: BLE001 (whatever a check raises)
                sys.stdout.write(f"{kind.__name__} {check.func.__name__} {type(error).__name__} {error}\n")


if __name__ == "__main__":
    main()

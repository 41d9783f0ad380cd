"""The regression of Y on X: what is biased by construction, trained as well as the game, to stand beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from haar.systems.structural_equations.neural import NeuralIV
from haar.systems.structural_equations.tables import Problem
from haar.training import draw


class NeuralRegression(NeuralIV):
    """The conditional mean E[Y | X] by the same network, steps, batches and averaging as `NeuralIV`.

    Its instruments are not looked at: where X depends on the error, it is not the structural function.

    Example:
        >>> import numpy as np
        >>> from haar.systems.structural_equations import Training
        >>> z, e = np.random.default_rng(0).normal(size=(2, 500))
        >>> fitted = NeuralRegression((16,), training=Training(steps=300, batch_size=64)).fit(z + e, z + 3 * e, z)
        >>> slope = np.diff(fitted.predict(np.array([-0.5, 0.5])))
        >>> bool(slope > 1.5)  # the structural slope is 1
        True
    """

    def _fit(self, made: Problem) -> None:
        how = self._how()
        self._mean, self._scale = float(made.y.mean()), float(made.y.std())
        x, y, _ = self._tensors(made)
        primal = self._players(made)[0]

        def loss(step: int, generator: torch.Generator) -> Tensor:
            del step
            rows = draw(len(x), how.batch_size, generator)
            lost: Tensor = (primal(x[rows]) - y[rows]).square().mean()
            return lost

        self.average_ = how.regression(primal, loss, self.seed, self.watch)

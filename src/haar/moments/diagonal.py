"""The diagonal back-end: variances alone, all units taken as uncorrelated."""

from __future__ import annotations

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.dense import DenseState
from haar.moments.joint import InputLaw
from haar.moments.layer import LayerReport
from haar.moments.program import Affine, Elementwise, Noise, Program
from haar.moments.second_order import diagonal
from haar.moments.step_builder import UnsupportedModuleError
from haar.moments.vector import VectorCumulants


def run_diagonal(program: Program, law: InputLaw) -> DenseState:
    """Carry means and variances to the output.

    Raises:
        UnsupportedModuleError: If a part has no closed form.
        ArgumentError: If an affine step is too wide to be written as a matrix.

    Example:
        >>> from haar.moments import Gaussian
        >>> from haar.moments.trace import trace
        >>> run_diagonal(trace(torch.nn.Linear(2, 1), (2,)), Gaussian([0.0, 0.0])).joint.mean.shape
        torch.Size([1])
    """
    values: dict[int, tuple[Tensor, Tensor]] = {0: (law.mean, law.variance().expand_as(law.mean))}
    layers = []
    for step in program.steps:
        mean = torch.cat([values[v][0] for v in step.inputs], -1)
        variance = torch.cat([values[v][1] for v in step.inputs], -1)
        how = "uncorrelated"
        if isinstance(step, Affine):
            matrix = _matrix(program, step, mean)
            mean, variance = mean @ matrix.mT, variance @ matrix.square().mT
            mean = mean if step.shift is None else mean + step.shift.reshape(-1)
        elif isinstance(step, Elementwise):
            mean, variance = diagonal(step.activation, mean, variance)
        elif isinstance(step, Noise):
            variance = variance + step.probability / (1.0 - step.probability) * (variance + mean.square())
        else:
            raise UnsupportedModuleError(
                "model",
                expected="affine layers and elementwise activations (diagonal back-end)",
                got=f"{step.kind} ({step.name!r})",
                way_out="use backend='dense'",
            )
        values[step.output] = mean, variance
        layers.append(LayerReport(step.name, step.kind, mean.shape[-1], mean.shape[-1], how))
    mean, variance = values[program.output]
    joint = VectorCumulants(mean, torch.diag_embed(variance))
    return DenseState(joint, {program.output: slice(0, joint.size)}, normal=False, exact=False, layers=layers)


def _matrix(program: Program, step: Affine, like: Tensor) -> Tensor:
    if step.matrix is not None:
        return step.matrix
    size = like.shape[-1]
    out = program.size(step.output)
    if 8.0 * size * out > 2.0e9:
        raise ArgumentError(
            "backend",
            expected="affine steps whose matrix fits 2 GB",
            got=f"{step.kind} ({step.name!r}), {out} x {size}",
        )
    return program.flat(step)(torch.eye(size, dtype=torch.float64, device=like.device)).mT

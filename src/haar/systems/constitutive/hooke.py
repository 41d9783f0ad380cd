"""Hooke's law of data: the elastic constants of a class by least squares, with intervals."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import mandel_rotation
from haar.systems.constitutive.elastic import ElasticConstant, constant_name, independent_constants
from haar.systems.constitutive.notation import mandel_to_stiffness, named_notation
from haar.systems.constitutive.symmetry import MaterialSymmetry
from haar.systems.constitutive.tensor_network import major_symmetric_basis

#: Of the normal distribution, 95 % of which lie as many spreads from its mean.
_NORMAL = 1.959963984540054


def hooke_constants(
    material: MaterialSymmetry,
    strain: Float[Tensor, "samples *steps n"],
    stress: Float[Tensor, "samples *steps n"],
    frame: Float[Tensor, "d d"] | None = None,
) -> tuple[ElasticConstant, ...]:
    """The independent constants of a class, each with an interval of 95 %.

    Their spread is that of least squares with noise of any size in every sample (rows of one path are one sample), so
    it also tells what is left of a law that is not linear.

    Args:
        material: The class, in its own axes.
        strain: In Mandel's coordinates.
        stress: Theirs.
        frame: The material's axes as columns; None: those of the data.

    Returns:
        Nothing, if the strains do not decide the constants.

    Example:
        >>> from haar.systems.constitutive.generators import cubic_stiffness
        >>> from haar.systems.constitutive.symmetry import material_symmetry
        >>> x = torch.eye(6, dtype=torch.float64)
        >>> found = hooke_constants(material_symmetry("cubic"), x, x @ cubic_stiffness(1.68, 1.21, 0.75))
        >>> [(one.name, round(one.value, 6)) for one in found]
        [('C11', 1.68), ('C12', 1.21), ('C44', 0.75)]

    Source: White, "A heteroskedasticity-consistent covariance matrix estimator", 1980.
    """
    basis = major_symmetric_basis(material.tensors)
    x, y = (one.reshape(len(one), -1, one.shape[-1]).to(torch.float64) for one in (strain, stress))
    if frame is not None:
        R = mandel_rotation(frame.to(torch.float64))
        x, y = x @ R, y @ R
    x_size, y_size = (one.square().mean().sqrt() for one in (x, y))
    design = torch.einsum("kij,stj->stik", basis, x / x_size).flatten(1, 2)
    gram = torch.einsum("sak,sal->kl", design, design)
    if int(torch.linalg.matrix_rank(gram, hermitian=True)) < len(basis):
        return ()
    inverse = torch.linalg.inv(gram)
    wanted = (y / y_size).flatten(1)
    found = inverse @ torch.einsum("sak,sa->k", design, wanted)
    slopes = torch.einsum("sak,sa->sk", design, wanted - design @ found)
    covariance = inverse @ (slopes.mT @ slopes) @ inverse
    voigt = mandel_to_stiffness(basis, named_notation("voigt")) * (y_size / x_size)
    told = []
    for i, j in independent_constants(material):
        value = float(voigt[:, i, j] @ found)
        half = _NORMAL * float((voigt[:, i, j] @ covariance @ voigt[:, i, j]).clamp(min=0).sqrt())
        told.append(ElasticConstant(constant_name(material.dim, i, j), value, (value - half, value + half)))
    return tuple(told)

"""The policies that settle signs and rotations of principal components."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.nn.principal.procrustes import align_frame
from haar.nn.spectral.canonical_sign import canonical_signs

#: What each policy does.
GAUGES: Mapping[str, str] = {
    "align": "turned to a running reference by orthogonal Procrustes: signs, order and rotations",
    "fixed": "computed once, on the sample given to `fit`",
    "canonical": "each column's sign by its largest entry: unstable from batch to batch",
    "invariant": "absolute values of scores",
    "equivariant": "the solver's signs: what follows must be equivariant under them",
    "none": "the solver's signs, seen by what follows: a warning in training",
}
GRADIENTS: Mapping[str, str] = {
    "detach": "the frame is a constant",
    "gap": "through eigenvectors, without the terms of equal eigenvalues",
    "projector": "through the projector on the kept space, exact at ties within it",
}
OUTPUTS = ("scores", "projection")


def check_policies(gauge: str, gradient: str, output: str) -> None:
    """Refuse what is no policy, and gradients that a policy does not have.

    Raises:
        ArgumentError: If a word is unknown, or the gradient through the projector is asked of scores that depend on
            more than the projector.
    """
    for name, value, known in (
        ("gauge", gauge, GAUGES),
        ("gradient", gradient, GRADIENTS),
        ("output", output, OUTPUTS),
    ):
        if value not in known:
            raise ArgumentError(name, expected=f"one of {', '.join(known)}", got=repr(value))
    if gradient == "projector" and output == "scores" and gauge not in ("align", "fixed"):
        raise ArgumentError(
            "gradient",
            expected=f"'detach' or 'gap' for scores with gauge={gauge!r}, which depend on more than the projector",
            got=repr(gradient),
            way_out="gauge='align' gives scores, and output='projection' x P, that depend on the projector alone",
        )


def settled(gauge: str, frame: Float[Tensor, "q k"], reference: Float[Tensor, "q k"]) -> Float[Tensor, "q k"]:
    """The frame with its gauge settled, as a constant.

    Args:
        gauge: The policy.
        frame: Leading eigenvectors in columns.
        reference: What `"align"` turns them to.
    """
    if gauge == "align":
        return align_frame(frame, reference)
    return canonical_signs(frame)[0] if gauge == "canonical" else frame

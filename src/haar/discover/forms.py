"""The quadratic form that a found algebra keeps, such as the metric of space and time that boosts keep."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.groups.algebra import LieAlgebra

#: A form is called that of space and time where the cosine of the angle between both is above this.
_ALIKE = 0.999


def kept_form(algebra: LieAlgebra, linear: Float[Tensor, "k n n"]) -> Float[Tensor, "n n"] | None:
    """The one indefinite form of inputs that all generators keep, in the coordinates as given; None where it is none.

    Its largest entry is 1 in size, and of its signs the rarer one is plus: diag(1, -1, -1, -1) for boosts.

    Args:
        algebra: The algebra found.
        linear: What its generators do to inputs, but for shifts.
    """
    if algebra.dim < 2 or not bool(linear.flatten(1).norm(dim=1).gt(0).all()):
        return None
    unit = linear / linear.flatten(1).norm(dim=1)[:, None, None]
    forms = LieAlgebra(unit, tolerance=algebra.tolerance).invariant_forms()
    if len(forms) != 1:
        return None
    form = forms[0]
    values = torch.linalg.eigvalsh(form)
    least = algebra.tolerance * float(values.abs().max())
    plus, minus = int((values > least).sum()), int((values < -least).sum())
    if not plus or not minus or plus + minus < len(form):
        return None
    sign = 1 if plus < minus or (plus == minus and float(form[0, 0]) > 0) else -1
    return sign * form / form.abs().max()


def told_form(algebra: LieAlgebra, form: Float[Tensor, "n n"]) -> str:
    """The form in a sentence.

    Args:
        algebra: The algebra found.
        form: What it keeps.
    """
    values = torch.linalg.eigvalsh(form)
    signature = f"signature ({int((values > 0).sum())}, {int((values < 0).sum())})"
    diagonal = form.diagonal()
    if float((form - diagonal.diag()).abs().max()) > 10 * algebra.tolerance:  # these are told as 0
        return f"the found algebra keeps one quadratic form of the inputs, of {signature}; the file has its numbers"
    entries = ", ".join(f"{value:.3g}" for value in diagonal.tolist())
    text = f"the found algebra keeps the quadratic form diag({entries}) of the inputs, of {signature}"
    lorentz = torch.full_like(diagonal, -1.0)
    lorentz[0] = 1
    alike = float(diagonal @ lorentz / diagonal.norm() / lorentz.norm()) > _ALIKE
    if alike and algebra.name.startswith("so(1,"):
        text += (
            f", the metric of space and time: haar audit --group 'SO(1,{len(form) - 1})' moves inputs by boosts too, "
            "over which there is no mean"
        )
    return text

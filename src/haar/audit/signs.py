"""Does a model of eigenvectors depend on their signs, or on the basis of an eigenspace?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions import Spectral
from haar.errors import ArgumentError, HaarError, ShapeError, check_count
from haar.groups import SignGroup
from haar.nn.spectral.given import check_spaces
from haar.probing import ForwardOnly, undisturbed
from haar.report import Report, Section, Table
from haar.seeding import Seed, generator_of

#: Differences of so many units of rounding are noise: sums over points and layers.
_ROUNDINGS = 1e4

#: Up to so many columns all 2^k signs are tried, beyond it as many random ones as were asked for.
ALL_SIGNS = 6


class SignAudit(Report):
    """What was found.

    Attributes:
        changes: For each kind of change (``"signs"``, ``"eigenspaces"``) the largest relative difference from an
            invariant and from an equivariant output, and the largest share of rows whose largest entry moved.
        untrained: The same for the model before training, if it was given.
    """

    kind = "sign-audit"
    title = "Does the model depend on how eigenvectors were chosen?"

    def __init__(
        self,
        changes: dict[str, dict[str, float | None]],
        untrained: dict[str, dict[str, float | None]] | None,
        noise: float,
    ) -> None:
        self.changes, self.untrained, self.noise = changes, untrained, noise

    def exact(self, change: str, found: dict[str, dict[str, float | None]] | None = None) -> str | None:
        """``"invariant"`` or ``"equivariant"`` where the model is so to rounding, else None."""
        values = (self.changes if found is None else found)[change]
        for kind in ("invariant", "equivariant"):
            value = values[kind]
            if value is not None and value <= self.noise:
                return kind
        return None

    @property
    def summary(self) -> str:
        """Built in, trained away or absent."""
        words = []
        for change in self.changes:
            kind = self.exact(change)
            left = min(v for k, v in self.changes[change].items() if v is not None and k != "answers")
            if kind is not None:
                origin = self.untrained is None or self.exact(change, self.untrained) is not None
                words.append(f"{kind} under {change}, {'built in' if origin else 'trained'}")
            elif self.untrained is None:
                words.append(f"depends on {change}: relative change {left:.2g}")
            else:
                before = min(v for k, v in self.untrained[change].items() if v is not None and k != "answers")
                words.append(f"depends on {change}: relative change {left:.2g}, {before:.2g} before training")
        return "; ".join(words) + "."

    @property
    def made_of(self) -> Mapping[str, object]:
        """Conventions."""
        return {
            "conventions": "eigenvectors in columns; changes relative to the output's size; exact: below the noise, "
            f"{self.noise:.1e}",
        }

    def contents(self) -> dict[str, Any]:
        """All numbers."""
        return {"changes": self.changes, "untrained": self.untrained, "noise": self.noise, "summary": self.summary}

    def sections(self) -> Sequence[Section]:
        """One table."""
        rows = []
        for label, found in (("model", self.changes), ("untrained", self.untrained or {})):
            for change, values in found.items():
                rows.append((label, change, values["invariant"], values["equivariant"], values["answers"]))
        columns = ("", "change", "from invariance", "from equivariance", "answers changed")
        note = "largest relative difference; answers: share of rows whose largest entry moved"
        return [Section("Signs and bases", table=Table("", columns, rows, note=note))]


def audit_signs(
    model: Callable[..., Any],
    vectors: Float[Tensor, "n k"],
    *,
    spaces: Int[Tensor, " k"] | None = None,
    untrained: Callable[..., Any] | None = None,
    samples: int = 64,
    seed: Seed = 0,
) -> SignAudit:
    """Change the signs of eigenvectors, and the bases of repeated eigenvalues, and look at the output.

    Args:
        model: From eigenvectors ``(n, k)`` to a tensor; evaluated in eval mode.
        vectors: Eigenvectors in columns.
        spaces: Numbers of the eigenspaces; by default all columns are simple.
        untrained: The same model with initial weights: tells what is built in from what was learned.
        samples: Random elements; all signs are tried up to 6 columns.
        seed: Seed of the elements.

    Raises:
        ArgumentError: If the model does not run, or gives something else for the same input, or its output is not
            finite or no tensor of numbers; if eigenspaces are not numbered one after the other.
        ShapeError: If eigenvectors are no table, there is not one number for each column, or the number of outputs
            depends on the input.

    Example:
        >>> audit_signs(lambda v: v.abs(), torch.randn(8, 3)).summary
        'invariant under signs, built in.'
    """
    _check(model, untrained, vectors, spaces)
    check_count("samples", samples)
    changes = _changes(vectors, spaces, samples, generator_of(seed))
    noise = _ROUNDINGS * torch.finfo(vectors.dtype).eps
    return SignAudit(
        _measured(model, vectors, changes), None if untrained is None else _measured(untrained, vectors, changes), noise
    )


def _check(model: Any, untrained: Any, vectors: Any, spaces: Tensor | None) -> None:
    for name, candidate in (("model", model), ("untrained", untrained)):
        if not callable(candidate) and (name == "model" or candidate is not None):
            raise ArgumentError(name, expected="a module or a function", got=repr(candidate))
    if not isinstance(vectors, Tensor) or vectors.ndim != 2 or 0 in vectors.shape:
        got = tuple(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
        raise ShapeError("vectors", expected="(n, k), eigenvectors in columns", got=got)
    if not vectors.is_floating_point() or not bool(torch.isfinite(vectors).all()):
        raise ArgumentError("vectors", expected="finite floating-point numbers", got="others")
    if spaces is not None:
        check_spaces(spaces, vectors.shape[-1], ())
        if bool((spaces.diff() < 0).any()):
            raise ArgumentError("spaces", expected="numbers that rise with the column", got=spaces.tolist())


@dataclass(frozen=True)
class _Change:
    """Eigenvectors chosen otherwise, and what takes an output there, for each."""

    inputs: list[Tensor]
    there: Tensor


def _changes(vectors: Tensor, spaces: Tensor | None, samples: int, generator: torch.Generator) -> dict[str, _Change]:
    """Other signs; other bases, where an eigenvalue is repeated."""
    k = vectors.shape[-1]
    if k <= ALL_SIGNS:
        signs = torch.cartesian_prod(*[torch.tensor([1, -1])] * k).reshape(-1, k)[1:]
    else:
        signs = SignGroup(k).sample(samples, generator)
    found = {"signs": _Change([vectors * s.to(vectors) for s in signs], signs)}
    if spaces is not None and len(spaces.unique()) < k:
        action = Spectral(tuple(torch.unique_consecutive(spaces, return_counts=True)[1].tolist()))
        elements = action.group.sample(min(samples, 16), generator)
        found["eigenspaces"] = _Change(
            [action.act(g, vectors) for g in elements], action.rep.matrix(elements).to(vectors)
        )
    return found


def _measured(
    model: Callable[..., Any], vectors: Tensor, changes: Mapping[str, _Change]
) -> dict[str, dict[str, float | None]]:
    run = ForwardOnly(model)
    with undisturbed(model), torch.no_grad():
        y, again = _said(run, vectors), _said(run, vectors)
        if again.shape != y.shape or not torch.equal(again, y):
            raise ArgumentError(
                "model",
                expected="the same output for the same eigenvectors",
                got="another one the second time",
                way_out="whatever is random in it must be drawn in training only",
            )
        return {
            name: _differences(run, change.inputs, change.there.to(y), y, columns=vectors.shape[-1])
            for name, change in changes.items()
        }


def _differences(
    model: Callable[..., Any], inputs: Sequence[Tensor], back: Tensor, y: Tensor, *, columns: int
) -> dict[str, float | None]:
    invariant, equivariant, answers = 0.0, 0.0, 0.0
    size = max(float(y.abs().max()), torch.finfo(y.dtype).tiny)
    in_columns = y.ndim > 0 and y.shape[-1] == columns
    some = y.ndim > 1 and y.shape[-1] > 1
    for x, g in zip(inputs, back, strict=True):
        z = _said(model, x)
        if z.shape != y.shape:
            expected = f"an output {tuple(y.shape)} for all signs and bases"
            raise ShapeError("model", expected=expected, got=tuple(z.shape))
        invariant = max(invariant, float((z - y).abs().max()) / size)
        if in_columns:
            expected = y * g if g.ndim == 1 else y @ g.T
            equivariant = max(equivariant, float((z - expected).abs().max()) / size)
        if some:
            answers = max(answers, float((z.argmax(-1) != y.argmax(-1)).double().mean()))
    return {
        "invariant": invariant,
        "equivariant": equivariant if in_columns else None,
        "answers": answers if some else None,
    }


def _said(model: Callable[..., Any], x: Tensor) -> Tensor:
    try:
        y = model(x)
    except HaarError:
        raise
    except Exception as error:  # a stranger's model raises whatever it likes
        got = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ArgumentError("model", expected=f"a model of eigenvectors {tuple(x.shape)}", got=got) from error
    if not isinstance(y, Tensor) or y.is_complex() or not y.numel() or not bool(torch.isfinite(y).all()):
        raise ArgumentError("model", expected="a model with one finite tensor as output", got=type(y).__name__)
    return y if y.is_floating_point() else y.to(x.dtype)

"""Rolling windows of real returns: how principal components turn, and what that does to heads that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.data.monthly import french_portfolios
from haar.nn.principal import align_frame
from haar.nn.spectral.canonical_sign import canonical_signs
from haar.statistics import least_squares
from haar.systems.factor_networks.options import ReturnsOptions
from haar.training import Plan, Run

#: How the signs of a window's components are chosen: by the solver, by the largest score (`svd_flip` by u, which
#: scikit-learn's PCA used before 1.5), by the largest loading (by v, since then), or turned to the window before.
CONVENTIONS = ("solver", "by scores", "by loadings", "aligned")
_UNITS = 16


def rolling_returns(preset: ReturnsOptions, seed: int) -> dict[str, Any]:
    """Drift, flips, and the errors of heads on months that come after their window.

    Args:
        preset: Sizes.
        seed: Of the heads.
    """
    data = french_portfolios()
    returns, factors = torch.from_numpy(data.returns), torch.from_numpy(data.factors)
    found: dict[str, Any] = {"shares": _shares(returns)[:4], "explained": _explained(returns, factors)}
    starts = range(0, len(returns) - preset.window + 1, preset.step)
    windows = torch.stack([returns[a : a + preset.window] for a in starts])
    centred = windows - windows.mean(1, keepdim=True)
    frames = {convention: _frames(centred, preset.factors, convention) for convention in CONVENTIONS}
    found["drift"] = {name: _moves(each).tolist() for name, each in frames.items()}
    found["flips"] = {name: _flips(each) for name, each in frames.items()}
    answers = torch.stack([factors[a : a + preset.window] for a in starts])
    return found | _kept_heads(centred, answers, frames, preset, seed)


def _shares(returns: Float[Tensor, "t p"]) -> list[float]:
    squares = torch.linalg.svdvals(returns - returns.mean(0)).square()
    shares: list[float] = (squares / squares.sum()).tolist()
    return shares


def _explained(returns: Tensor, factors: Tensor) -> dict[str, list[float]]:
    """Share of each factor's variance that the leading components explain, over all months."""
    centred = returns - returns.mean(0)
    frame = torch.linalg.svd(centred, full_matrices=False)[2].mT
    told = factors - factors.mean(0)
    found = {}
    for k in (1, 4):
        scores = centred @ frame[:, :k]
        left = told - scores @ least_squares(scores, told)
        found[str(k)] = (1 - left.square().sum(0) / told.square().sum(0)).tolist()
    return found


def _frames(centred: Float[Tensor, "w t p"], k: int, convention: str) -> Float[Tensor, "w p k"]:
    u, _, vh = torch.linalg.svd(centred, full_matrices=False)
    solver = vh[:, :k].mT
    if convention == "by scores":
        return torch.stack([v * _sides(s[:, :k]) for v, s in zip(solver, u, strict=True)])
    if convention == "by loadings":
        return torch.stack([v * _sides(v) for v in solver])
    if convention == "aligned":
        turned = [solver[0]]
        for frame in solver[1:]:
            turned.append(align_frame(frame, turned[-1]))
        return torch.stack(turned)
    return solver  # type: ignore[no-any-return]


def _sides(columns: Tensor) -> Tensor:
    """The signs that make the largest entries positive."""
    return (canonical_signs(columns)[0] * columns).sum(0).sign()


def _moves(frames: Tensor) -> Float[Tensor, " moves"]:
    found: Tensor = (frames[1:] - frames[:-1]).flatten(1).norm(dim=1)
    return found


def _flips(frames: Tensor) -> list[int]:
    """How often each component's sign is another than in the window before."""
    found: list[int] = ((frames[1:] * frames[:-1]).sum(1) < 0).sum(0).tolist()
    return found


def _kept_heads(
    centred: Tensor, answers: Tensor, frames: dict[str, Tensor], preset: ReturnsOptions, seed: int
) -> dict[str, Any]:
    """A head a window, trained on its scores, then on the new months of the next one in each convention.

    A head that was trained in one convention is, but for its first weights, the head of another with its first layer
    turned: heads are trained once, in the aligned gauge, and what a convention does from a window to the next is put
    before them.
    """
    held = frames["aligned"]
    scores = centred @ held
    unit = scores.square().mean((1, 2), keepdim=True).sqrt()
    middle, spread = answers.mean(1, keepdim=True), answers.std(1, keepdim=True)
    heads = _trained(scores / unit, (answers - middle) / spread, preset.steps, seed)
    new = centred[1:, -preset.step :]
    wanted = ((answers[1:] - middle[:-1]) / spread[:-1])[:, -preset.step :]
    errors = {"held": _squares(heads, (new @ held[:-1]) / unit[:-1], wanted)}
    for name, each in frames.items():
        turn = each[:-1].mT @ held[:-1]  # from the convention's gauge of the window to that of the head
        errors[name] = _squares(heads, (new @ each[1:] @ turn) / unit[:-1], wanted)
    return {"errors": errors, "nothing": wanted.square().mean((1, 2)).tolist()}


def _squares(heads: Sequence[Tensor], scores: Tensor, wanted: Tensor) -> list[float]:
    with torch.no_grad():
        found: list[float] = (
            (_said([one[: len(scores)] for one in heads], scores) - wanted).square().mean((1, 2)).tolist()
        )
    return found


def _said(heads: Sequence[Tensor], scores: Float[Tensor, "w t k"]) -> Float[Tensor, "w t m"]:
    first, bias, second, last = heads
    return torch.baddbmm(last, torch.baddbmm(bias, scores, first).tanh(), second)


def _trained(scores: Tensor, answers: Tensor, steps: int, seed: int) -> list[Tensor]:
    """One hidden layer a window, all windows side by side."""
    generator = torch.Generator().manual_seed(seed)
    windows, k, outputs = len(scores), scores.shape[-1], answers.shape[-1]
    shapes = ((k, _UNITS), (1, _UNITS), (_UNITS, outputs), (1, outputs))
    heads = []
    for rows, columns in shapes:
        drawn = torch.randn(windows, rows, columns, generator=generator, dtype=scores.dtype)
        heads.append(torch.nn.Parameter(drawn * (0.0 if rows == 1 else rows**-0.5)))

    def loss(_step: int, _generator: torch.Generator) -> Tensor:
        return (_said(heads, scores) - answers).square().mean((1, 2)).sum()

    Run(heads, loss, Plan(steps=steps, learning_rate=1e-2, schedule="cosine"), seed=seed).train()
    return [head.detach() for head in heads]

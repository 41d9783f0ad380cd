"""Normalising layers between a site's coordinates and what reads them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Norm:
    """A layer that normalises the coordinates of a site.

    Args:
        site: The site whose coordinates it normalises.
        gain: Name of its factors.
        bias: Name of what it adds, if it does.
        readers: Names of the weights that read what it returns, by the dual of the site, each with the name of the
            bias that is added right after, or None where there is none.
        centred: Whether it subtracts the mean, as LayerNorm does and RMSNorm does not.

    Example:
        >>> Norm("residual", "ln_f.weight", "ln_f.bias", (("lm_head.weight", None),), centred=True).centred
        True
    """

    site: str
    gain: str
    bias: str | None
    readers: tuple[tuple[str, str | None], ...]
    centred: bool = False

"""The figure of `docs/geometry.md`: a decoder's latent space.

Run: ``python docs/figures/geometry.py``
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from haar.geometry import Pullback, portrait
from haar.report.page import png

IMAGES = Path(__file__).parent.parent / "images"


def main() -> None:
    """Draw the latent space of the page's decoder."""
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 20)).double()
    codes = torch.randn(200, 2, dtype=torch.float64)
    (IMAGES / "geometry.png").write_bytes(
        png(portrait(Pullback(decoder), codes, pairs=(codes[:4], codes[4:8])).figure())
    )


if __name__ == "__main__":
    main()

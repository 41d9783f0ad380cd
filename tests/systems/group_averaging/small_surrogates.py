"""Surrogates that run in a moment, with weights and statistics away from where they start, and fields for them."""

from __future__ import annotations

import torch

from haar.systems.group_averaging.surrogates import CATALOGUE

SMALL = {
    "fno": {"width": 4, "modes": 6, "layers": 2},
    "tfno": {"width": 4, "modes": 6, "layers": 2},
    "unet": {"width": 3, "levels": 2},
    "convnext_unet": {"width": 3, "stages": 2, "blocks": 1},
}


def small(name, in_channels=4, out_channels=2, **options):
    return CATALOGUE[name](in_channels, out_channels, **SMALL[name], **options)


def fields(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def awake(model, dtype=torch.float64):
    """In eval mode, with every parameter drawn anew: BatchNorm and layer scales away from where they start."""
    generator = torch.Generator().manual_seed(7)
    model = model.to(dtype).eval()
    for parameter in model.parameters():
        fan = max(parameter[0].numel(), 1) if parameter.ndim > 1 else 1
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=dtype) / fan**0.5
    for name, buffer in model.named_buffers():
        if "running_var" in name or name.endswith("_std"):
            buffer.uniform_(0.5, 2.0, generator=generator)
        elif "running_mean" in name or name.endswith("_mean"):
            buffer.normal_(generator=generator)
    return model

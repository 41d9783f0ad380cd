"""A small vision transformer, by the names that `transformers` gives its parameters."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.errors import ArgumentError, check_count


class SmallViT(nn.Module):
    """A vision transformer of any size, read out at its class token.

    A state dict of it fits a ``ViTForImageClassification`` of `transformers` whose norms have eps 1e-5, and the other
    way round.

    Args:
        image: Width and height of its images.
        patch: Width and height of a patch.
        classes: Number of classes.
        layers: Number of layers.
        dim: Coordinates of the residual stream.
        heads: Number of attention heads.
        hidden: Hidden units of each layer.
        channels: Channels of its images.

    Raises:
        ArgumentError: If a number is not positive, or patches do not fill an image.

    Example:
        >>> SmallViT(8, 2, 10, layers=1, dim=8, heads=2, hidden=6, channels=1)(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """

    def __init__(
        self, image: int, patch: int, classes: int, *, layers: int, dim: int, heads: int, hidden: int, channels: int = 3
    ) -> None:
        super().__init__()
        for name, value in {"layers": layers, "dim": dim, "heads": heads, "hidden": hidden, "patch": patch}.items():
            check_count(name, value)
        if image % patch:
            raise ArgumentError("patch", expected=f"a divisor of {image}", got=patch)
        made = nn.ModuleList(_Block(dim, heads, hidden) for _ in range(layers))
        embeddings = _Embeddings(channels, patch, dim, (image // patch) ** 2)
        self.vit = nn.ModuleDict({"embeddings": embeddings, "layers": made, "layernorm": nn.LayerNorm(dim)})
        self.classifier = nn.Linear(dim, classes)
        self.config = {"model_type": "vit", "num_attention_heads": heads}

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """The logits of the classes."""
        x = self.vit["embeddings"](images)
        for block in self.vit["layers"]:  # type: ignore[attr-defined, union-attr]  # a list
            x = block(x)
        logits: Tensor = self.classifier(self.vit["layernorm"](x)[:, 0])
        return logits


class _Embeddings(nn.Module):
    def __init__(self, channels: int, patch: int, dim: int, patches: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.position_embeddings = nn.Parameter(torch.randn(1, patches + 1, dim) * 0.02)
        self.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(channels, dim, patch, stride=patch)})

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embeddings["projection"](images).flatten(2).mT
        return torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1) + self.position_embeddings


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(dim, dim) for _ in "qkvo")

    def forward(self, x: Tensor) -> Tensor:
        maps = (self.q_proj, self.k_proj, self.v_proj)
        q, k, v = (one(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in maps)
        seen = F.scaled_dot_product_attention(q, k, v)
        return self.o_proj(seen.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.layernorm_before, self.attention = nn.LayerNorm(dim), _Attention(dim, heads)
        self.layernorm_after = nn.LayerNorm(dim)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, hidden), "fc2": nn.Linear(hidden, dim)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.layernorm_before(x))
        units = F.gelu(self.mlp["fc1"](self.layernorm_after(x)))
        return x + self.mlp["fc2"](units)  # type: ignore[no-any-return]

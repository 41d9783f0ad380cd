"""A small Llama, and a small mixture of experts in it, by the names that `transformers` gives their parameters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.errors import ArgumentError, check_count

_THETA = 10000.0
_EPS = 1e-6


@dataclass(frozen=True)
class LlamaSizes:
    """Sizes of a Llama.

    Args:
        vocabulary: Number of tokens.
        layers: Number of layers.
        dim: Coordinates of the residual stream.
        heads: Number of query heads.
        groups: Number of key-value heads.
        hidden: Hidden units of each gated layer, or of each expert.
        experts: Number of experts of each layer; 0 for a gated layer.
        chosen: Experts that every token is given to.
        head_size: Coordinates of a head; by default all heads together have those of the stream.

    Raises:
        ArgumentError: If a number is out of range or one does not divide another.
    """

    vocabulary: int
    layers: int
    dim: int
    heads: int
    groups: int
    hidden: int
    experts: int = 0
    chosen: int = 2
    head_size: int | None = None

    @property
    def size(self) -> int:
        """Coordinates of a head."""
        return self.head_size or self.dim // self.heads

    def __post_init__(self) -> None:
        for name in ("vocabulary", "layers", "dim", "heads", "groups", "hidden"):
            check_count(name, getattr(self, name))
        check_count("experts", self.experts, least=0)
        if self.head_size is not None and (self.head_size < 2 or self.head_size % 2):
            raise ArgumentError("head_size", expected="an even number, at least 2", got=self.head_size)
        if (self.head_size is None and self.dim % (2 * self.heads)) or self.heads % self.groups:
            expected = "heads that divide half of dim, and groups that divide the heads"
            raise ArgumentError("heads", expected=expected, got=f"{self.heads}, {self.groups} of {self.dim}")
        if self.experts and not 1 <= self.chosen <= self.experts:
            raise ArgumentError("chosen", expected=f"1 .. {self.experts}", got=self.chosen)


class SmallLlama(nn.Module):
    """A Llama of any size, or a Mixtral where it has experts.

    A state dict of it fits a ``LlamaForCausalLM`` or a ``MixtralForCausalLM`` of `transformers`, and the other way
    round.

    Args:
        sizes: Its sizes.

    Example:
        >>> model = SmallLlama(LlamaSizes(11, layers=1, dim=8, heads=2, groups=1, hidden=6))
        >>> model(torch.zeros(1, 5, dtype=torch.long)).shape
        torch.Size([1, 5, 11])
    """

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        layers = nn.ModuleList(_Block(sizes) for _ in range(sizes.layers))
        embed = nn.Embedding(sizes.vocabulary, sizes.dim)
        self.model = nn.ModuleDict({"embed_tokens": embed, "layers": layers, "norm": _RMSNorm(sizes.dim)})
        self.lm_head = nn.Linear(sizes.dim, sizes.vocabulary, bias=False)
        self.config = {
            "model_type": "mixtral" if sizes.experts else "llama",
            "num_attention_heads": sizes.heads,
            "num_key_value_heads": sizes.groups,
        }

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocabulary"]:
        """The logits of the next token at every place."""
        x = self.model["embed_tokens"](tokens)
        for block in self.model["layers"]:  # type: ignore[attr-defined, union-attr]  # a list
            x = block(x)
        logits: Tensor = self.lm_head(self.model["norm"](x))
        return logits


class _RMSNorm(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), _EPS

    def forward(self, x: Tensor) -> Tensor:
        return x * (x.square().mean(-1, keepdim=True) + self.eps).rsqrt() * self.weight


def _linear(into: int, out: int) -> nn.Linear:
    layer = nn.Linear(into, out, bias=False)
    nn.init.normal_(layer.weight, std=into**-0.5)
    return layer


def turned(x: Float[Tensor, "batch heads length size"]) -> Float[Tensor, "batch heads length size"]:
    """Rotary positions: coordinates (i, i + size / 2) at place t turned by t theta^(-2i / size).

    Example:
        >>> bool(torch.equal(turned(torch.ones(1, 1, 1, 4)), torch.ones(1, 1, 1, 4)))
        True
    """
    length, size = x.shape[-2:]
    frequencies = _THETA ** (-torch.arange(0, size, 2, dtype=x.dtype) / size)
    angles = torch.arange(length, dtype=x.dtype)[:, None] * frequencies
    cos, sin = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class _Attention(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.heads, self.groups = sizes.heads, sizes.groups
        many, few = sizes.heads * sizes.size, sizes.groups * sizes.size
        self.q_proj, self.o_proj = _linear(sizes.dim, many), _linear(many, sizes.dim)
        self.k_proj, self.v_proj = (_linear(sizes.dim, few) for _ in "kv")

    def forward(self, x: Tensor) -> Tensor:
        q = turned(self.q_proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2))
        k = turned(self.k_proj(x).unflatten(-1, (self.groups, -1)).transpose(1, 2))
        v = self.v_proj(x).unflatten(-1, (self.groups, -1)).transpose(1, 2)
        k, v = (part.repeat_interleave(self.heads // self.groups, 1) for part in (k, v))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(seen.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class _Gated(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = _linear(sizes.dim, sizes.hidden), _linear(sizes.dim, sizes.hidden)
        self.down_proj = _linear(sizes.hidden, sizes.dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class _Stacked(nn.Module):
    """Gated experts, all of them run on every token: exact, and fast enough where they are few."""

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        n, d, f = sizes.experts, sizes.dim, sizes.hidden
        self.gate_up_proj = nn.Parameter(torch.randn(n, 2 * f, d) * d**-0.5)
        self.down_proj = nn.Parameter(torch.randn(n, d, f) * f**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = torch.einsum("efd,...d->...ef", self.gate_up_proj, x).chunk(2, -1)
        return torch.einsum("edf,...ef->...ed", self.down_proj, F.silu(gate) * up)


class _Mixture(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.chosen = sizes.chosen
        self.gate, self.experts = _linear(sizes.dim, sizes.experts), _Stacked(sizes)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.gate(x)
        least = scores.topk(self.chosen, -1).values[..., -1:]
        shares = scores.masked_fill(scores < least, float("-inf")).softmax(-1)
        mixed: Tensor = (shares[..., None] * self.experts(x)).sum(-2)
        return mixed


class _Block(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.input_layernorm, self.self_attn = _RMSNorm(sizes.dim), _Attention(sizes)
        self.post_attention_layernorm = _RMSNorm(sizes.dim)
        self.mlp: nn.Module = _Mixture(sizes) if sizes.experts else _Gated(sizes)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]

"""A small GPT-2, by the names that `transformers` gives its parameters."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.errors import ArgumentError, check_count

_ACTIVATIONS = ("gelu_new", "relu")


class Transposed(nn.Module):
    """A linear layer whose weight is (in, out), as GPT-2 stores it.

    Args:
        into: Number of inputs.
        out: Number of outputs.

    Example:
        >>> Transposed(2, 3).weight.shape
        torch.Size([2, 3])
    """

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(into, out) * into**-0.5)
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x: Float[Tensor, "*batch into"]) -> Float[Tensor, "*batch out"]:
        """x W + b."""
        return x @ self.weight + self.bias


class SmallGPT2(nn.Module):
    """GPT-2 of any size, with an output head of its own: LayerNorm before attention and before a layer of GELU units.

    A state dict of it fits a ``GPT2LMHeadModel`` of `transformers` and the other way round.

    Args:
        vocabulary: Number of tokens.
        context: Greatest length of a text.
        layers: Number of layers.
        dim: Coordinates of the residual stream.
        heads: Number of attention heads.
        hidden: Hidden units of each layer; four times `dim` by default.
        activation: ``"gelu_new"``, GPT-2's own, or ``"relu"``.

    Raises:
        ArgumentError: If a number is not positive, or the activation is another.

    Example:
        >>> SmallGPT2(11, 8, layers=1, dim=8, heads=2)(torch.zeros(1, 5, dtype=torch.long)).shape
        torch.Size([1, 5, 11])
    """

    def __init__(
        self,
        vocabulary: int,
        context: int,
        *,
        layers: int,
        dim: int,
        heads: int,
        hidden: int | None = None,
        activation: str = "gelu_new",
    ) -> None:
        super().__init__()
        if activation not in _ACTIVATIONS:
            raise ArgumentError("activation", expected=f"one of {', '.join(_ACTIVATIONS)}", got=repr(activation))
        for name, value in {"layers": layers, "dim": dim, "heads": heads}.items():
            check_count(name, value)
        made = (_Block(dim, heads, hidden or 4 * dim, activation) for _ in range(layers))
        parts = {"wte": nn.Embedding(vocabulary, dim), "wpe": nn.Embedding(context, dim)}
        self.transformer = nn.ModuleDict({**parts, "h": nn.ModuleList(made), "ln_f": nn.LayerNorm(dim)})
        self.lm_head = nn.Linear(dim, vocabulary, bias=False)
        self.config = {"model_type": "gpt2", "n_head": heads, "activation_function": activation}

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocabulary"]:
        """The logits of the next token at every place."""
        parts = self.transformer
        x = parts["wte"](tokens) + parts["wpe"](torch.arange(tokens.shape[1]))
        for block in parts["h"]:  # type: ignore[attr-defined, union-attr]  # a list
            x = block(x)
        logits: Tensor = self.lm_head(parts["ln_f"](x))
        return logits


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = Transposed(dim, 3 * dim), Transposed(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.c_attn(x).chunk(3, -1))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(seen.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class _Hidden(nn.Module):
    def __init__(self, dim: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.activation = activation
        self.c_fc, self.c_proj = Transposed(dim, hidden), Transposed(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        units = self.c_fc(x)
        units = F.relu(units) if self.activation == "relu" else F.gelu(units, approximate="tanh")
        return self.c_proj(units)  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(dim), _Attention(dim, heads)
        self.ln_2, self.mlp = nn.LayerNorm(dim), _Hidden(dim, hidden, activation)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]

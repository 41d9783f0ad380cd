"""Networks as people write them: each is wrapped exactly, or refused with the name of what is in the way."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from haar.actions import Defining, Field, Invariant, Regular, Symmetry, Trivial, Vector
from haar.errors import HaarError
from haar.groups import cyclic, dihedral
from haar.relax import homotopise

C4, D4 = cyclic(4), dihedral(4)
TURNED = Defining(C4)
VECTORS = Symmetry(C4, Vector(3 * TURNED), Vector(TURNED))
COPIES = Symmetry(C4, Vector(4 * Regular(C4)), Vector(4 * Regular(C4)))
IMAGES = Symmetry(D4, Field(Trivial(D4)), Field(Trivial(D4)))
CLASSES = Symmetry(D4, Field(Trivial(D4)), Invariant(D4))
NODES = Symmetry(D4, Field(Trivial(D4), centring="node"), Field(Trivial(D4), centring="node"))
TOKENS = Symmetry(C4, Vector(4 * Regular(C4)), Vector(4 * Regular(C4)))
EXAMPLES = {
    id(TOKENS): (3, 5, 16), id(NODES): (2, 1, 8, 8), id(VECTORS): (5, 6), id(COPIES): (5, 16),
    id(IMAGES): (2, 1, 8, 8), id(CLASSES): (2, 1, 8, 8),
}  # fmt: skip


def parameter(*shape):
    return nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(2)))


class Called(nn.Module):
    """Layers and a function that calls them."""

    def __init__(self, call, **layers):
        super().__init__()
        self.call = call
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.call(self, x)


def dense(*sizes, **kwargs):
    return nn.Linear(*(sizes or (16, 16)), **kwargs)


def two(call, **layers):
    return lambda: Called(call, **{"a": dense(), "b": dense(), **layers})


def convolutions(call, **layers):
    return lambda: Called(call, **{"a": nn.Conv2d(1, 16, 3, padding=1), "b": nn.Conv2d(16, 1, 3, padding=1), **layers})


def tied():
    net = Called(lambda m, x: m.b(m.a(x).relu()), a=dense(), b=dense(bias=False))
    net.b.weight = net.a.weight
    return net


def in_place(m, x):
    h = m.a(x)
    h += x
    return m.b(h.relu_())


def heads(m, x):
    return m.b(m.a(x).reshape(x.shape[0], 4, 4).transpose(1, 2).reshape(x.shape[0], 16).relu())


def attention(m, x):
    batch, tokens, width = x.shape
    q, k, v = m.a(x).reshape(batch, tokens, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
    weight = (q @ k.transpose(-2, -1) * width**-0.5).softmax(-1)
    return m.b((weight @ v).transpose(1, 2).reshape(batch, tokens, width))


def along_edges(m, x):
    h = m.a(x)
    sums = torch.zeros_like(h)
    sums.index_add_(1, torch.tensor([0, 1, 2, 2]), h[:, torch.tensor([1, 2, 3, 4])])
    return m.b(torch.relu(sums) + h)


class Bent(nn.Linear):
    def forward(self, x):
        return torch.tanh(super().forward(x))


class Patches(nn.Module):
    """An image transformer: patches as tokens, with positions, and pixels again."""

    def __init__(self):
        super().__init__()
        self.cut, self.back = nn.Conv2d(1, 16, 4, 4), nn.ConvTranspose2d(16, 1, 4, 4)
        self.places, self.block = parameter(1, 4, 16), nn.TransformerEncoderLayer(16, 2, 24, batch_first=True)

    def forward(self, x):
        h = self.cut(x)
        tokens = self.block(h.flatten(2).transpose(1, 2) + self.places)
        return self.back(tokens.transpose(1, 2).reshape(h.shape))


def squeezed():
    def call(m, x):
        h = m.a(x)
        gate = m.d(functional.relu(m.c(h.mean((2, 3))))).sigmoid()[:, :, None, None]
        return m.b(h * gate.expand_as(h))

    return convolutions(call, c=dense(16, 8), d=dense(8, 16))()


def branching(m, x):
    return m.a(x) if x.sum() > 0 else m.b(x)


EXACT = {
    "one weight in two layers": (tied, COPIES),
    "one layer called twice": (lambda: Called(lambda m, x: m.a(m.a(x).relu()), a=dense()), COPIES),
    "sums and activations in place": (two(in_place), COPIES),
    "a loop over layers": (
        lambda: Called(lambda m, x: m.c[1](functional.gelu(m.c[0](x))), c=nn.ModuleList([dense(), dense()])),
        COPIES,
    ),
    "batch norm": (lambda: nn.Sequential(dense(), nn.BatchNorm1d(16), nn.ReLU(), dense()), COPIES),
    "dropout": (lambda: nn.Sequential(dense(), nn.Dropout(), nn.ReLU(), dense()), COPIES),
    "dropout as a function": (two(lambda m, x: m.b(functional.dropout(m.a(x).relu(), 0.5, m.training))), COPIES),
    "a slice through a hidden layer": (two(lambda m, x: m.b(m.a(x).relu()[:, :6]), b=dense(6, 16)), COPIES),
    "softmax over features": (two(lambda m, x: m.b(m.a(x).softmax(-1))), COPIES),
    "an odd function of vectors": (lambda: Called(lambda m, x: m.a(x.tanh()), a=dense(6, 2)), VECTORS),
    "resizing": (convolutions(lambda m, x: m.b(functional.interpolate(m.a(x).relu(), scale_factor=2))), IMAGES),
    "group norm along the copies": (
        lambda: nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(2, 16), nn.Conv2d(16, 1, 1)), IMAGES,
    ),
    "channels last, then flat": (
        convolutions(lambda m, x: m.b(m.a(x).relu().permute(0, 2, 3, 1).flatten(1)), b=dense(1024, 3)), CLASSES,
    ),
    "a weight of one's own": (
        lambda: Called(lambda m, x: functional.linear(x, m.w), w=parameter(2, 6)), VECTORS,
    ),
    "a product of one's own": (lambda: Called(lambda m, x: x @ m.w, w=parameter(6, 2)), VECTORS),
    "a position added": (two(lambda m, x: m.b(m.a(x) + m.p), p=parameter(16)), COPIES),
    "a scale of one's own": (two(lambda m, x: x + m.p * m.b(m.a(x).relu()), p=parameter(16)), COPIES),
    "a subclass of a layer": (lambda: nn.Sequential(Bent(16, 16), dense()), COPIES),
    "channels cut into heads": (two(heads), COPIES),
    "a gated unit": (two(lambda m, x: m.b(functional.glu(m.a(x))), a=dense(16, 32), b=dense()), COPIES),
    "a gate on pieces of no whole copies": (
        two(lambda m, x: m.b(functional.glu(m.a(x))), a=dense(16, 12), b=dense(6, 16)), COPIES,
    ),
    "a gate by multiplication": (
        two(lambda m, x: m.c(functional.silu(m.a(x)) * m.b(x)), a=dense(16, 24), b=dense(16, 24), c=dense(24, 16)),
        COPIES,
    ),
    "attention": (lambda: Called(lambda m, x: m.a(x, x, x)[0], a=nn.MultiheadAttention(16, 2)), COPIES),
    "attention as a function": (
        two(lambda m, x: functional.scaled_dot_product_attention(m.a(x), m.b(x), x)), COPIES,
    ),
    "attention by hand": (two(attention, a=dense(16, 48), b=dense()), TOKENS),
    "an encoder of a transformer": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 24, batch_first=True), 2), TOKENS,
    ),
    "a decoder of a transformer": (
        two(lambda m, x: m.a(x, m.b(x)), a=nn.TransformerDecoderLayer(16, 2, 24, batch_first=True)),
        TOKENS,
    ),
    "patches and their positions": (Patches, IMAGES),
    "a transposed convolution": (
        convolutions(lambda m, x: m.b(m.a(x).relu()), b=nn.ConvTranspose2d(16, 1, 2, stride=2)), IMAGES,
    ),
    "pixels made of channels": (
        convolutions(
            lambda m, x: m.b(functional.pixel_shuffle(m.a(x), 2)), a=nn.Conv2d(1, 32, 3, padding=1),
            b=nn.Conv2d(8, 1, 1),
        ), IMAGES,
    ),
    "channels squeezed and excited": (squeezed, IMAGES),
    "group norm across the copies": (
        lambda: nn.Sequential(nn.Conv2d(1, 18, 3, padding=1), nn.GroupNorm(3, 18), nn.Conv2d(18, 1, 1)), IMAGES,
    ),
    "numbers gathered along edges": (two(along_edges), TOKENS),
    "a stride on a grid of nodes": (
        lambda: nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1, padding_mode="circular"), nn.ReLU(), nn.Conv2d(8, 1, 1)), NODES,
    ),
}  # fmt: skip

REFUSED = {
    "a transposed weight": (
        lambda: Called(lambda m, x: functional.linear(m.a(x).relu(), m.a.weight.t()), a=dense()), COPIES, "got linear",
    ),
    "one layer between unlike spaces": (
        lambda: Called(lambda m, x: m.b(m.a(m.a(x).relu())), a=dense(6, 6), b=dense(6, 2)), VECTORS,
        r"got relu \(relu\): 3 defining changes signs",
    ),
    "a residual of unlike spaces": (
        lambda: Called(lambda m, x: m.b(x + m.a(x).relu()), a=dense(6, 6), b=dense(6, 2)), VECTORS, "got relu",
    ),
    "channels in reverse": (two(lambda m, x: m.b(m.a(x).flip(-1))), COPIES, "got flip"),
    "sums along channels": (two(lambda m, x: m.b(m.a(x).cumsum(-1))), COPIES, "got cumsum"),
    "channels in order of size": (two(lambda m, x: m.b(m.a(x).sort(-1).values)), COPIES, "got sort"),
    "a recurrent layer": (lambda: Called(lambda m, x: m.a(x)[0], a=nn.GRU(16, 16)), COPIES, "GRU"),
    "a computed weight": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(dense())), COPIES, "ParametrizedLinear",
    ),
    "a decision on the data": (two(branching), COPIES, "calls depend on its data"),
    "entries written one by one": (
        two(lambda m, x: m.b(m.a(x).clone().index_fill_(1, torch.tensor([0]), 0.0))), COPIES, "got index_fill",
    ),
    "dropout in evaluation": (two(lambda m, x: m.b(functional.dropout(m.a(x)))), COPIES, r"training=self\.training"),
    "a mean that moves": (lambda: nn.Sequential(nn.LayerNorm(6), dense(6, 2)), VECTORS, r"\(LayerNorm\): the mean"),
    "a map shifted": (convolutions(lambda m, x: m.b(m.a(x).roll(1, -1))), IMAGES, "got roll"),
    "padding on one side": (
        convolutions(lambda m, x: m.b(m.a(functional.pad(x, (1, 0, 1, 0)))), a=nn.Conv2d(1, 16, 2)), IMAGES,
        "broken by 'Conv2d'",
    ),
    "coordinates beside the image": (
        lambda: Called(
            lambda m, x: m.a(torch.cat([x, m.g], 1)), a=nn.Conv2d(2, 1, 3, padding=1),
            g=nn.Parameter(torch.linspace(-1, 1, 8).expand(2, 1, 8, 8).clone()),
        ), IMAGES, "got cat",
    ),
    "a stride on an even grid": (
        lambda: nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.Flatten(), dense(256, 3)), CLASSES, "stride 2",
    ),
}  # fmt: skip


def _example(symmetry):
    return torch.randn(EXAMPLES[id(symmetry)], generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", EXACT)
def test_it_is_exact(name):
    make, symmetry = EXACT[name]
    torch.manual_seed(1)
    model = homotopise(make(), symmetry, example=_example(symmetry)).double().eval()
    with torch.no_grad(), model.at(0.0):
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
        x = _example(symmetry).double()
        y = model(x)
        assert y.abs().max() > 1e-3
        for g in symmetry.group.elements():
            moved = model(symmetry.act_inputs(g, (x,))[0])
            torch.testing.assert_close(moved, symmetry.act_outputs(g, y), rtol=0, atol=1e-10 * float(y.abs().max()))


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(name):
    make, symmetry, told = REFUSED[name]
    with pytest.raises(HaarError, match=told):
        homotopise(make(), symmetry, example=_example(symmetry))

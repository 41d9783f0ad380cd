"""One layer between equivariant and free: W = kappa P(W) + gamma (W - P(W)), or two branches."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.groups import Group
from haar.nn.folding import FoldCache
from haar.relax.wrapping.gamma import Gamma
from haar.relax.wrapping.kept_mixture import KeptMixture
from haar.relax.wrapping.mixing import branched, mixed
from haar.relax.wrapping.precision import doubled
from haar.relax.wrapping.projection import Projection
from haar.relax.wrapping.sharing import SharedWeight


@dataclass(frozen=True)
class LayerSymmetry:
    """How the groups of a chain act on one layer.

    Attributes:
        rep_in: Representation on the layer's input, of the largest group.
        rep_out: Representation on its output.
        spaces: For every parameter (and statistic) of the layer, its projection for every group of the chain, the
            largest first.
    """

    rep_in: Representation
    rep_out: Representation
    spaces: Mapping[str, Sequence[Projection]]

    def __deepcopy__(self, memo: dict[int, object]) -> LayerSymmetry:
        return self  # nothing of it ever changes


class HomotopyLayer(Gamma):
    """A layer of the user's with one number gamma: 1 is the user's own layer, 0 is equivariant.

    With P the projection onto equivariant parameters, the layer runs with

        kappa(gamma) P(W) + gamma (W - P(W)),   kappa(gamma) = 1 + (kappa_0 - 1) (1 - gamma),

    in mode ``"weight"``, where kappa_0 gives the equivariant weight the norm that W had at the start; gamma inside
    kappa is a constant for gradients. Biases have kappa 1. In mode ``"branches"`` a second parameter `free` takes the
    place of W - P(W), scaled to the norm of P(W), which is a constant for gradients.

    Along a chain of groups G = G_0 > G_1 > ... > G_k = 1 gamma has k entries, and gamma (W - P W) is the sum of
    gamma_j (P_j W - P_(j-1) W): the increments of the nested projections, P_k = 1.

    A homotopy layer is made from a plain one by `of`, and is an instance of its class too.

    Attributes:
        gamma: The homotopy parameter, shape ``()`` or ``(k,)``.
        kappa: kappa_0, fixed when the layer was made; in mode ``"branches"`` the factor on the free branch.
        mode: ``"weight"`` or ``"branches"``.
    """

    kappa: Tensor
    share: Tensor | None
    _symmetry: LayerSymmetry
    _fold: FoldCache
    _mixture: KeptMixture
    _sharing: SharedWeight | None = None

    #: The parameters that carry the layer's scale: the first one there is stands for the layer.
    leading: tuple[str, ...] = ("weight", "bias", "running_var")
    #: Parameters whose equivariant part keeps its norm.
    scaled: tuple[str, ...] = ("weight",)

    @classmethod
    def of(
        cls,
        plain: nn.Module,
        symmetry: LayerSymmetry,
        *,
        mode: str = "weight",
        kappa: bool = True,
        generator: torch.Generator | None = None,
    ) -> HomotopyLayer:
        """The homotopy twin of a plain layer, with the same parameters (not copies of them).

        Args:
            plain: The layer; it is not changed, but in mode ``"branches"`` its weight is rescaled.
            symmetry: How the groups act on it.
            mode: ``"weight"`` or ``"branches"``.
            kappa: Whether the equivariant weight keeps the norm of the whole one.
            generator: Source of the free branch's initial weights.
        """
        twin = cls.__new__(cls)
        nn.Module.__init__(twin)
        for name, value in plain.__dict__.items():
            twin.__dict__[name] = copy.copy(value) if isinstance(value, dict) else value
        twin._symmetry, twin.mode = symmetry, mode  # noqa: SLF001 (its own class)
        twin._fold, twin._mixture, twin._fixed = FoldCache(), KeptMixture(), None  # noqa: SLF001 (its own class)
        lead = twin._lead()  # noqa: SLF001 (its own class)
        groups = len(twin._spaces(lead))  # noqa: SLF001 (its own class)
        like = getattr(plain, lead)
        real = like.dtype.to_real()  # a homotopy has a real parameter, whatever the weights are
        twin.gamma = nn.Parameter(like.new_ones((groups,) if groups > 1 else (), dtype=real))
        steps = twin._increments(lead, like)  # noqa: SLF001 (its own class)
        increments = torch.stack([doubled(part.detach()).abs().square().sum() for part in steps])
        share = (
            increments / increments.sum() if float(increments.sum()) > 0 else torch.full_like(increments, 1 / groups)
        )
        twin.register_buffer("share", share.to(like.device, real) if groups > 1 else None)
        twin.register_buffer("kappa", like.new_ones((), dtype=real))
        if lead in cls.scaled:
            twin._start(lead, kappa=kappa, generator=generator)  # noqa: SLF001 (its own class)
        return twin

    @property
    def in_representation(self) -> Representation:
        """Representation on the layer's input."""
        return self._symmetry.rep_in

    @property
    def out_representation(self) -> Representation:
        """Representation on the layer's output."""
        return self._symmetry.rep_out

    @property
    def group(self) -> Group:
        """The group."""
        return self._symmetry.rep_in.group

    def held(self, name: str) -> Any:
        """A parameter or statistic as it is trained; None if there is none."""
        return getattr(self, name, None)

    def effective_weight(self) -> Tensor:
        """What the forward uses, in the parameter's shape."""
        return self._effective(self._lead())

    def equivariant_weight(self) -> Tensor:
        """The weight at gamma = 0, kappa_0 included."""
        name = self._lead()
        projected = self.project(self.held(name))
        return projected.mul(self.kappa) if self.mode == "weight" and name in self.scaled else projected

    def free_weight(self) -> Tensor:
        """What gamma multiplies: W - P(W), or the normalised free branch."""
        name = self._lead()
        free = self._free(name)
        return free - self.project(free)

    def project(self, weight: Tensor) -> Tensor:
        """P: the Reynolds projection onto Hom_G(rep_in, rep_out)."""
        return self._spaces(self._lead())[0](weight)

    def move(self, elements: Tensor, gradients: Float[Tensor, "n *shape"]) -> Float[Tensor, "n *shape"]:
        """Per-sample gradients of the weight, moved: rho_out(g_n) G_n rho_in(g_n)^-1.

        Args:
            elements: One element for each sample, ``(n, *element_shape)``.
            gradients: One gradient for each sample.
        """
        return self._spaces(self._lead())[0].move(elements, gradients)

    def effective_size(self) -> Tensor:
        """|gamma| ||free|| / ||equivariant||, of gamma's shape: how far the layer is from equivariant."""
        name = self._lead()
        increments = torch.stack([part.norm() for part in self._increments(name, self._free(name))])
        tiny = torch.finfo(increments.dtype).tiny
        size = increments / self.equivariant_weight().norm().clamp(min=tiny)
        whole: Tensor = self._gamma().abs() * size.reshape(self.gamma.shape)
        return whole

    def export(self) -> nn.Module:
        """The plain layer with the effective parameters at the gamma in force; equal outputs."""
        kind = type(self)._plain()  # noqa: SLF001 (its own class)
        plain: nn.Module = kind.__new__(kind)
        nn.Module.__init__(plain)
        own = {"_symmetry", "_fold", "_mixture", "_fixed", "_sharing", "mode"}
        for name, value in self.__dict__.items():
            if name not in own:
                plain.__dict__[name] = copy.copy(value) if isinstance(value, dict) else value
        for name in ("gamma", "free"):
            plain._parameters.pop(name, None)  # noqa: SLF001 (a copy made here)
        plain._modules.pop("law", None)  # noqa: SLF001 (a copy made here)
        for name in ("kappa", "share"):
            plain._buffers.pop(name, None)  # noqa: SLF001 (a copy made here)
        with torch.no_grad():
            for name, value in self._plain_values().items():
                made = value.detach().clone()
                if name in plain._parameters:  # noqa: SLF001 (a copy made here)
                    setattr(plain, name, nn.Parameter(made, requires_grad=self.held(name).requires_grad))
                else:
                    plain._buffers[name] = made  # noqa: SLF001 (a copy made here)
        return plain

    def train(self, mode: bool = True) -> HomotopyLayer:  # noqa: FBT001, FBT002 (torch's signature)
        """As torch's; the kept weight is forgotten."""
        self._fold.clear()
        return super().train(mode)

    def fix(self, gamma: Tensor | None) -> Tensor | None:
        """As for every gamma; the kept weight is forgotten."""
        self._fold.clear()
        return super().fix(gamma)

    def extra_repr(self) -> str:
        """The plain layer's, and the symmetry."""
        plain = super().extra_repr()
        if self.in_representation is self.out_representation:
            maps = self.in_representation.name
        else:
            maps = f"{self.in_representation.name} -> {self.out_representation.name}"
        return ", ".join(filter(None, [plain, f"{maps} of {self.group.name}, mode={self.mode}"]))

    @classmethod
    def _plain(cls) -> type[nn.Module]:
        """The torch class that this one is a twin of."""
        return next(
            kind for kind in cls.__mro__ if kind.__module__.startswith("torch.nn.modules") and kind is not nn.Module
        )

    def _lead(self) -> str:
        for name in self.leading:
            if self.held(name) is not None:
                return name
        raise ArgumentError("layer", expected="a layer with parameters", got=type(self).__name__)

    def _spaces(self, name: str) -> Sequence[Projection]:
        return self._symmetry.spaces[name]

    def _factor(self, gamma: Tensor) -> Tensor:
        """kappa(gamma), a constant for gradients."""
        mean = gamma.detach() if self.share is None else (self.share * gamma.detach()).sum()
        return 1 + (self.kappa - 1) * (1 - mean)

    def _free(self, name: str) -> Tensor:
        """The free branch before projection, scaled; in mode "weight" the parameter itself."""
        value: Tensor = self.held(name)
        if self.mode == "weight" or name not in self.scaled:
            return value
        own = self._spaces(name)[0]
        beside = self.free - own(self.free)
        tiny = torch.finfo(beside.dtype).tiny
        scaled: Tensor = beside * (self.kappa * own(value).detach().norm() / beside.norm().clamp(min=tiny))
        return scaled

    def _increments(self, name: str, value: Tensor) -> list[Tensor]:
        """P_1 W - P_0 W, P_2 W - P_1 W, ..., W - P_(k-1) W."""
        nested = [space(value) for space in self._spaces(name)] + [value]
        return [larger - smaller for smaller, larger in pairwise(nested)]

    def _effective(self, name: str) -> Tensor:
        """A parameter as the forward uses it; a submodule `law` (see `haar.relax.weight_law`) has the first word."""
        law = self._modules.get("law")
        if law is not None:
            made: Tensor = law(self, name)
            return made
        return self.mix(name, self.held(name))

    def mix(self, name: str, value: Tensor) -> Tensor:
        """The sum of kappa P_0 and gamma_j (P_j - P_(j-1)), on a value that moves as the parameter `name` does."""
        gamma = self._gamma()
        spaces = self._spaces(name)
        scaled = name in self.scaled
        orbits = spaces[0].orbits
        if len(spaces) == 1 and orbits is not None:
            if scaled and self.mode == "branches":
                return branched(value, self.free, orbits, gamma, self.kappa)
            return mixed((value,), (orbits,), gamma, (self.kappa if scaled else None,))[0]
        steps = gamma.reshape(-1).unbind()
        if self.mode == "branches" and scaled:
            parts = self._increments(name, self._free(name))
            return torch.stack([spaces[0](value), *(g * part for g, part in zip(steps, parts, strict=True))]).sum(0)
        # gamma first: at gamma = 1 everything else vanishes exactly
        out = steps[-1] * value
        for j in range(len(steps) - 1, 0, -1):
            out = out + (steps[j - 1] - steps[j]) * spaces[j](value)
        factor: Tensor | float = self._factor(gamma) if scaled else 1.0
        return out + (factor - steps[0]) * spaces[0](value)

    def _plain_values(self) -> dict[str, Tensor]:
        """Every parameter and statistic as the plain layer would hold it."""
        return {name: self._effective(name) for name in self._symmetry.spaces if self.held(name) is not None}

    def _made(self) -> tuple[Tensor, Tensor | None]:
        """Effective weight and bias."""
        spaces = [self._spaces(name) for name in ("weight", "bias") if getattr(self, name) is not None]
        if self.mode == "weight" and len(spaces) == 2 and self.gamma.ndim == 0 and "law" not in self._modules:
            weight, bias = (space[0].orbits for space in spaces)
            if weight is not None and bias is not None:  # both at once
                own: Any = self
                made = mixed((own.weight, own.bias), (weight, bias), self._gamma(), (self.kappa, None))
                return made[0], made[1]
        return self._effective("weight"), None if self.bias is None else self._effective("bias")

    def _scale_and_shift(self) -> tuple[Tensor | None, Tensor | None]:
        """Effective factors and shifts of a norm, where it has them."""
        weight, bias = (None if getattr(self, name) is None else self._effective(name) for name in ("weight", "bias"))
        return weight, bias

    def share_weight(self, shared: SharedWeight | None) -> SharedWeight | None:
        """Use one effective weight for all forwards from now on (None: no longer); returns what was shared before.

        Args:
            shared: Where it is kept.
        """
        before, self._sharing = self._sharing, shared
        return before

    def _folded(self) -> tuple[Tensor, Tensor | None]:
        """Effective weight and bias, kept while no gradient is wanted and nothing changes, or shared within a block."""
        if self._sharing is not None:
            return self._sharing.get(self._gamma(), self._kept)
        return self._kept()

    def _kept(self) -> tuple[Tensor, Tensor | None]:
        if "law" in self._modules:
            return self._made()  # it may depend on more than this layer's parameters
        return self._fold.get(self, self._made)

    def _start(self, name: str, *, kappa: bool, generator: torch.Generator | None) -> None:
        """Fix kappa_0; in mode "branches" draw the free branch and give the equivariant one its scale."""
        value: Tensor = self.held(name)
        order = self.group.order
        with torch.no_grad():
            whole = doubled(value)
            ratio = whole.norm() / self.project(whole).norm()
            if self.mode == "weight" and kappa and bool(ratio.isfinite()):
                self.kappa.copy_(ratio if order is None else ratio.clamp(max=order**0.5))
            if self.mode == "branches":
                bound = value.abs().max()
                parts = (*value.shape, 2) if value.is_complex() else value.shape
                fresh = torch.rand(parts, generator=generator, dtype=torch.float64) * 2 - 1
                fresh = torch.view_as_complex(fresh) if value.is_complex() else fresh
                self.free = nn.Parameter((fresh * bound).to(value))
                if kappa and bool(ratio.isfinite()):
                    value.mul_(ratio)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._fold.clear()

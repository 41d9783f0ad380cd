"""Many models of one form, run and trained as one: every parameter has a leading axis of models."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError
from haar.relax.wrapping.homotopy import Homotopy


class _Called(nn.Module):
    """A model as a module whose forward is any function of it: what `torch.func.functional_call` asks for."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(self.model, *args)


class Ensemble(nn.Module):
    """Homotopy models of one form as one batched model: one seed, data set or hyperparameter each.

    Runs of small networks are bound by the time it takes to launch their operations; a hundred of them in one batch
    cost little more than one. The gammas of a layer are one parameter with an entry for each model, so `Duals` and all
    else that works entry by entry drive all models at once, each on its own path. Give them the *sum* of the losses.

    Args:
        models: At least one model, all of the same form. Their parameters are copied.
        template: The module that lends its form and is run; by default a copy of the first model. A rule that was made
            for one model (`haar.relax.rule.Rule`) can be asked inside `each` about all of them if that one is given.

    Raises:
        ArgumentError: If there is none, or their parameters differ in shape.

    Example:
        >>> from haar.actions import Defining, Symmetry, Vector
        >>> from haar.groups import cyclic
        >>> from haar.relax import homotopise
        >>> turned = Defining(cyclic(4))
        >>> symmetry = Symmetry(turned.group, inputs=Vector(turned), outputs=Vector(turned))
        >>> models = [homotopise(nn.Linear(2, 2), symmetry) for _ in range(3)]
        >>> ensemble = Ensemble(models)
        >>> x = torch.ones(3, 5, 2)
        >>> ensemble(x).shape, torch.equal(ensemble(x)[1], models[1](x[1]))
        (torch.Size([3, 5, 2]), True)
    """

    def __init__(self, models: Sequence[Homotopy], *, template: Homotopy | None = None) -> None:
        super().__init__()
        shapes = [{name: tuple(p.shape) for name, p in model.state_dict().items()} for model in models]
        if not models or any(shape != shapes[0] for shape in shapes):
            raise ArgumentError(
                "models", expected="at least one model, all of one form", got=f"{len(models)} that differ"
            )
        self.size = len(models)
        # The template lends its form only: it is no child, and its own parameters are never read.
        form = _Called(copy.deepcopy(models[0]) if template is None else template)
        object.__setattr__(self, "_template", form)
        held, buffers = torch.func.stack_module_state([_Called(model) for model in models])
        self._names = {name: name.replace(".", "/") for name in (*held, *buffers)}
        for name, value in held.items():
            self.register_parameter(self._names[name], nn.Parameter(value.detach(), requires_grad=value.requires_grad))
        for name, value in buffers.items():
            self.register_buffer(self._names[name], value)
        self._parameter_names, self._buffer_names = tuple(held), tuple(buffers)

    def forward(self, *args: Any) -> Any:
        """Run every model on its own batch: arguments and outputs have the leading axis of models."""
        return self.each(_run, *args)

    def each(self, function: Callable[..., Any], *args: Any) -> Any:
        """A function of every model and its share of the arguments, in one batch; differentiable.

        Args:
            function: Called as ``function(model, *args)``; anything that `torch.vmap` can batch.
            args: With the leading axis of models.

        Returns:
            What the function gives, with the leading axis of models.
        """
        return run_together([self], function, *args)[0]

    def _values(self, names: Sequence[str]) -> list[Tensor]:
        return [getattr(self, self._names[name]) for name in names]

    def gammas(self) -> dict[str, nn.Parameter]:
        """Every layer's gammas, one entry (or row) for each model, by the layer's name."""
        return {name: layer.gamma for name, layer in self.layers.items()}

    @property
    def symmetry(self) -> Symmetry:
        """The symmetry of all models."""
        return self._form().symmetry

    @property
    def layers(self) -> Mapping[str, EnsembleLayer]:
        """The homotopy layers, each in all models at once."""
        return {name: EnsembleLayer(self, name) for name in self._form().layers}

    @contextmanager
    def at(self, gamma: float | int | None) -> Iterator[Ensemble]:
        """Run all models at one gamma inside a ``with`` block."""
        with self._form().at(None if gamma is None else float(gamma)):
            yield self

    def member(self, index: int) -> Homotopy:
        """One of the models, with a copy of its parameters.

        Raises:
            ArgumentError: If there is no such model.
        """
        if not 0 <= index < self.size:
            raise ArgumentError("index", expected=f"0 to {self.size - 1}", got=index)
        made = copy.deepcopy(self._called())
        made.load_state_dict({name: getattr(self, held)[index] for name, held in self._names.items()})
        out: Homotopy = made.model.train(self.training)  # type: ignore[assignment]
        return out

    def _called(self) -> _Called:
        return self._template  # type: ignore[return-value]

    def _form(self) -> Homotopy:
        return self._called().model  # type: ignore[return-value]


@dataclass(frozen=True)
class EnsembleLayer:
    """One layer in all models of an ensemble.

    Attributes:
        ensemble: The ensemble that the layer belongs to.
        name: The layer's name.
    """

    ensemble: Ensemble
    name: str

    @property
    def gamma(self) -> nn.Parameter:
        """Its gammas, one entry (or row) for each model."""
        place = ".".join(filter(None, ["model.model", self.name, "gamma"]))
        return getattr(self.ensemble, self.ensemble._names[place])  # type: ignore[no-any-return]  # noqa: SLF001 (of this file)

    def effective_size(self) -> Tensor:
        """|gamma| ||free|| / ||equivariant||, one entry (or row) for each model."""
        out: Tensor = self.ensemble.each(lambda model: model.layers[self.name].effective_size())
        return out


def run_together(ensembles: Sequence[Ensemble], function: Callable[..., Any], *args: Any) -> list[Any]:
    """A function of every model of several ensembles of one form, in one batch; differentiable.

    Args:
        ensembles: At least one; all of one form, each with its own parameters.
        function: Called as ``function(model, *args)``.
        args: With a leading axis over the models of all ensembles, one ensemble after the other.

    Returns:
        What the function gives for each ensemble: one tensor with the leading axis of its models each.

    Raises:
        ArgumentError: If there is no ensemble, or their parameters differ in name or shape.
    """
    forms = [[(name, tuple(value.shape[1:])) for name, value in e.state_dict().items()] for e in ensembles]
    if not ensembles or any(form != forms[0] for form in forms):
        raise ArgumentError("ensembles", expected="at least one, all of one form", got=f"{len(ensembles)} that differ")
    first = ensembles[0]

    def joined(names: Sequence[str]) -> dict[str, Tensor]:
        columns = zip(*(e._values(names) for e in ensembles), strict=True)  # noqa: SLF001 (of this file)
        return {
            name: column[0] if len(column) == 1 else torch.cat(column)
            for name, column in zip(names, columns, strict=True)
        }

    template = first._called().train(first.training)  # noqa: SLF001 (of this file)

    def one(held: Any, buffers: Any, *args: Any) -> Any:
        return torch.func.functional_call(template, (held, buffers), (function, *args))

    parameters, buffers = joined(first._parameter_names), joined(first._buffer_names)  # noqa: SLF001 (of this file)
    out = torch.vmap(one, randomness="different")(parameters, buffers, *args)
    return list(out.split([e.size for e in ensembles]))


def _run(model: nn.Module, *args: Any) -> Any:
    return model(*args)

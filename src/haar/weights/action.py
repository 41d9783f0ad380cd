"""ParameterAction: for each named tensor the site of each axis, and all that follows from that table alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.seeding import Seed, generator_of
from haar.weights.entries import Entry, check_site, entry_of
from haar.weights.gauge import Gauge
from haar.weights.labels import Label
from haar.weights.norms import Norm
from haar.weights.sites import Site, SiteElement

State = Mapping[str, Tensor]
"""Parameters and buffers by name, as `state_dict` gives them or a file holds them."""


@dataclass(frozen=True)
class ParameterAction:
    """How a group acts on a network's parameters without changing the network's function.

    Each axis of each tensor has a label. ``"hidden"``: the axis is moved as the units of the site `hidden` are.
    ``"hidden*"``: by the inverse transpose, as what reads these units is. ``"heads.q"``: by another port of a site.
    ``"heads.q|heads.k|heads.v"``: parts, one after the other. ``"experts+"``: numbers that are constant along the axis
    are not seen, for a softmax follows. ``"heads.k~"``: nothing of this part is seen. ``"units.order^"``: sizes are not
    seen, for a norm over samples follows. ``None``: nothing moves it.
    A name with a ``*`` stands for numbered tensors that are stacked in front, as the experts of a list are.

    Args:
        sites: The sites by name.
        tensors: For each parameter the labels of its axes.
        norms: Layers that normalise a site's coordinates, for `haar.weights.folded`.
        ignored: Ends of names of tensors that are no parameters, such as masks; they stay as they are.

    Raises:
        ArgumentError: If a label cannot be read, or names a site or port that there is not.

    Example:
        A perceptron with one hidden layer, written by hand:

        >>> from torch import nn
        >>> from haar.weights import Units
        >>> action = ParameterAction(
        ...     {"hidden": Units(5)},
        ...     {
        ...         "0.weight": ("hidden", None), "0.bias": ("hidden",),
        ...         "2.weight": (None, "hidden*"), "2.bias": (None,),
        ...     },
        ... )
        >>> model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)).double()
        >>> moved = action.act(action.random(0), model.state_dict())
        >>> x = torch.randn(4, 3, dtype=torch.float64)
        >>> y = torch.func.functional_call(model, moved, (x,))
        >>> bool(torch.allclose(y, model(x))), bool(torch.equal(moved["0.weight"], model[0].weight))
        (True, False)
    """

    sites: Mapping[str, Site]
    tensors: Mapping[str, Sequence[Label]]
    norms: tuple[Norm, ...] = ()
    ignored: tuple[str, ...] = ()
    entries: Mapping[str, Entry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for site in self.sites:
            check_site(site)
        entries = {name: entry_of(name, labels, self.sites) for name, labels in self.tensors.items()}
        object.__setattr__(self, "entries", entries)

    def identity(self) -> Gauge:
        """The element that moves nothing."""
        return Gauge({name: site.identity() for name, site in self.sites.items()})

    def random(
        self,
        seed: Seed,
        *,
        sites: Iterable[str] | None = None,
        dtype: torch.dtype = torch.float64,
        state: State | None = None,
    ) -> Gauge:
        """A random element of the whole group, far from the identity.

        Args:
            seed: A whole number or a generator.
            sites: The sites that move; all by default.
            dtype: Precision of its matrices.
            state: Parameters whose shapes say how large the shifts are that a softmax does not see; without them
                there are none.

        Raises:
            ArgumentError: If there is no site of a name.
        """
        generator = generator_of(seed)
        chosen = set(self.sites if sites is None else sites)
        for name in chosen - set(self.sites):
            raise ArgumentError("sites", expected=f"names among {', '.join(self.sites)}", got=repr(name))
        elements = {
            name: site.random(generator, dtype) if name in chosen else site.identity()
            for name, site in self.sites.items()
        }
        shifts = {}
        if state is not None:
            for name, entry in self.entries.items():
                drawn = entry.random_shift(entry.read(state), generator)
                if drawn is not None:
                    shifts[name] = drawn
        return Gauge(elements, shifts)

    def act(self, gauge: Gauge, state: State) -> dict[str, Tensor]:
        """The parameters moved by an element. Tensors that it does not move are the same objects.

        Args:
            gauge: An element of this action's group.
            state: All parameters, and whatever else `state_dict` gives.

        Raises:
            ArgumentError: If the parameters are not those of the table.
        """
        self.check(state)
        moved = dict(state)
        for name in self.entries:
            moved.update(self.moved(gauge, name, state))
        return moved

    def moved(self, gauge: Gauge, name: str, state: State) -> dict[str, Tensor]:
        """One row of the table moved by an element: that tensor, or the numbered ones that it stands for.

        Args:
            gauge: An element.
            name: A name of the table.
            state: Parameters, of which only this row's are read.
        """
        entry = self.entries[name]
        return entry.write(entry.move(gauge, entry.read(state)), state)

    def compose(self, second: Gauge, first: Gauge) -> Gauge:
        """The element that acts as `first` and then `second`."""
        sites = {
            name: {port: second.sites[name][port].after(first.sites[name][port]) for port in site.ports}
            for name, site in self.sites.items()
        }
        linear = Gauge(second.sites)
        shifts = {name: self.entries[name].move(linear, shift) for name, shift in first.shifts.items()}
        for name, shift in second.shifts.items():
            shifts[name] = shifts[name] + shift if name in shifts else shift
        return Gauge(sites, shifts)

    def inverse(self, gauge: Gauge) -> Gauge:
        """The element that undoes another."""
        sites = {name: {port: map_.inverse() for port, map_ in ports.items()} for name, ports in gauge.sites.items()}
        back = Gauge(sites)
        return Gauge(sites, {name: -self.entries[name].move(back, shift) for name, shift in gauge.shifts.items()})

    def with_site(self, gauge: Gauge, site: str, element: SiteElement) -> Gauge:
        """The product of an element of one site alone, after a gauge."""
        here = gauge.sites[site]
        sites = {**gauge.sites, site: {port: element[port].after(here[port]) for port in self.sites[site].ports}}
        if not gauge.shifts:
            return Gauge(sites)
        alone = {name: one.identity() for name, one in self.sites.items()} | {site: element}
        return Gauge(sites, self.compose(Gauge(alone), gauge).shifts)

    def touching(self, site: str) -> tuple[str, ...]:
        """Names of the table's rows that a site moves."""
        return tuple(name for name, entry in self.entries.items() if site in entry.sites)

    def parameters(self, state: State) -> Iterator[str]:
        """Names of a state's tensors that the table speaks of."""
        for entry in self.entries.values():
            yield from entry.names(state)

    def check(self, state: State, argument: str = "state") -> None:
        """Refuse parameters that are not those of the table.

        Args:
            state: Parameters by name.
            argument: What messages call them.

        Raises:
            ArgumentError: If a tensor is missing or unknown, has another shape, is no float32 or float64 tensor or
                holds a number that is not finite.
        """
        known: set[str] = set()
        for entry in self.entries.values():
            known.update(entry.names(state, argument))
            entry.check(state, argument)
        for name in state:
            if name not in known and not name.endswith(self.ignored or ("\0",)):
                raise ArgumentError(
                    argument,
                    expected=f"the {len(known)} tensors of the table",
                    got=f"{name!r} as well",
                    way_out="give it a row, or an end of its name among `ignored` if it is no parameter",
                )

    def check_pair(self, a: State, b: State) -> None:
        """Refuse two networks that are not both of this table, or not of one size.

        Args:
            a: Parameters of the first.
            b: Parameters of the second.

        Raises:
            ArgumentError: If one does not fit, or their shapes differ; it names the tensor.
        """
        self.check(a, "a")
        self.check(b, "b")
        for name in a:
            if name in b and name in self.entries and a[name].dtype != b[name].dtype:
                told = [str(one[name].dtype).removeprefix("torch.") for one in (a, b)]
                raise ArgumentError(
                    f"b: {name}",
                    expected=f"{told[0]}, as a has",
                    got=told[1],
                    way_out="convert one of the two, with .float() or .double()",
                )
            if name not in b or a[name].shape != b[name].shape:
                got = tuple(b[name].shape) if name in b else "none of that name"
                raise ArgumentError(
                    f"b: {name}", expected=f"a tensor of shape {tuple(a[name].shape)}, as a has", got=got
                )

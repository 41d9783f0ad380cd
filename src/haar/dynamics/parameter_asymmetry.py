"""How far parameters are from what a symmetry of theirs leaves alone, while they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from haar.dynamics.meter import Meter, Reading
from haar.errors import ArgumentError
from haar.weights import ParameterAction, asymmetry


class ParameterAsymmetry(Meter):
    """``|theta - P theta|^2 / |theta|^2`` with P the average over the symmetry of the parameters.

    At 0 all units that may change places are one unit: the network is smaller than it looks. A reading is a pass over
    the parameters for each site, without running the model.

    Args:
        model: The model that is trained.
        action: How a group acts on its parameters, as `haar.weights.traced` or `adapted` tells.
        sites: The sites that are read; by default all.

    Raises:
        ArgumentError: If there is no site of a name, or none at all.

    Source:
        Definition in `haar.weights.asymmetry`; the idea after Ziyin et al., arXiv 2309.16932.

    Example:
        >>> import torch
        >>> from haar.weights import traced
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        >>> meter = ParameterAsymmetry(model, traced(model, torch.randn(3, 2)))
        >>> sorted(meter.update())[0]
        'asymmetry'
    """

    def __init__(self, model: nn.Module, action: ParameterAction, *, sites: Sequence[str] = ()) -> None:
        super().__init__()
        self.model, self.action = model, action
        unknown = [site for site in sites if site not in action.sites]
        if unknown:
            expected = f"among {', '.join(action.sites)}"
            raise ArgumentError("sites", expected=expected, got=", ".join(map(repr, unknown)))
        self.sites = tuple(sites) or tuple(action.sites)
        if not self.sites:
            raise ArgumentError("action", expected="at least one site", got="none")

    def measure(self, *given: Any) -> Reading:
        """Of all sites together, and of each by its name.

        Args:
            given: Nothing.

        Raises:
            ArgumentError: If something is given.
        """
        if given:
            raise ArgumentError("given", expected="nothing: parameters are read where they are", got=len(given))
        state = self.model.state_dict()
        found = {"asymmetry": asymmetry(self.action, state, sites=self.sites)}
        if len(self.sites) > 1:
            found |= {f"{site}/asymmetry": asymmetry(self.action, state, sites=(site,)) for site in self.sites}
        return found

"""Several meters in one object: read together, with what each costs, and drawn in one figure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from haar.dynamics.meter import Meter, Reading
from haar.errors import ArgumentError
from haar.report import Table
from haar.report.drawing import new_figure, style_axes

_PANEL = 3.2


class Dashboard(Meter):
    """Reads several meters at once, each on its own probe, and remembers at which step.

    A reading costs what its meters cost; `costs` says how many seconds each took.

    Args:
        meters: By name, each with what its `update` is given: nothing for one that is alone.

    Attributes:
        steps: At which step each reading was taken.

    Raises:
        ArgumentError: If there is no meter.

    Example:
        >>> import torch
        >>> from haar.dynamics import GeometricComplexity, Plasticity
        >>> model = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
        >>> x = torch.linspace(-1, 1, 9)[:, None]
        >>> dashboard = Dashboard({"slope": (GeometricComplexity(model), x), "units": (Plasticity(model), x)})
        >>> sorted(dashboard.update(10))[0], dashboard.steps
        ('slope/geometric complexity', [10])
    """

    def __init__(self, meters: Mapping[str, Meter | tuple[Any, ...]]) -> None:
        super().__init__()
        self._meters: dict[str, tuple[Meter, tuple[Any, ...]]] = {}
        for name, given in meters.items():
            meter, probe = (given[0], tuple(given[1:])) if isinstance(given, tuple) and given else (given, ())
            if not isinstance(meter, Meter):
                expected = "meters, or tuples of a meter and what it is given"
                raise ArgumentError("meters", expected=expected, got=f"{type(meter).__name__} for {name!r}")
            self._meters[name] = meter, probe
        if not self._meters:
            raise ArgumentError("meters", expected="at least one", got="none")
        self.steps: list[int] = []
        self._seconds = dict.fromkeys(self._meters, 0.0)

    def measure(self, *given: Any) -> Reading:
        """All readings, by ``meter/number``.

        Args:
            given: The step; by default one more than the last.

        Raises:
            ArgumentError: If it is no step.
        """
        if len(given) > 1 or (given and not isinstance(given[0], int)):
            raise ArgumentError("given", expected="the number of the step", got=given)
        step = given[0] if given else (self.steps[-1] + 1 if self.steps else 0)
        found: dict[str, float] = {}
        for name, (meter, probe) in self._meters.items():
            start = time.perf_counter()
            reading = meter.update(*probe)
            self._seconds[name] += time.perf_counter() - start
            found |= {f"{name}/{key}": value for key, value in reading.items()}
        self.steps.append(step)
        return found

    def reset(self) -> None:
        """Forget all readings, those of the meters too."""
        super().reset()
        self.steps, self._seconds = [], dict.fromkeys(self._meters, 0.0)
        for meter, _ in self._meters.values():
            meter.reset()

    def costs(self) -> Table:
        """Seconds a reading, meter by meter."""
        count = max(1, len(self.steps))
        rows = [(name, seconds / count) for name, seconds in self._seconds.items()]
        return Table("Cost of a reading", ("meter", "seconds"), rows, f"mean over {len(self.steps)} readings")

    def figure(self) -> Figure:
        """One panel for each meter, its numbers against steps.

        Raises:
            ArgumentError: If nothing was read.
        """
        if not self.steps:
            raise ArgumentError("readings", expected="at least one", got="none", way_out="call update first")
        names = list(self._meters)
        figure = new_figure(_PANEL * max(2, len(names)), 3.6)
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            style_axes(axes, title=name, x="step")
            for key in self.readings[0]:
                if key.startswith(f"{name}/"):
                    axes.plot(self.steps, self.series(key), label=key.removeprefix(f"{name}/"))
            axes.legend(fontsize=7, frameon=False)
        return figure

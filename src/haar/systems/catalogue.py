"""The systems by name, and whether each has a recipe. Nothing here imports torch."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from haar.errors import ArgumentError


@dataclass(frozen=True)
class System:
    """A research system that has, or will have, a place in this library.

    Args:
        name: What the command line calls it.
        title: What it is about.
        acts_on: The space that its group acts on.
        paper: Its main source.
        package: Its folder here, if that has another name.
    """

    name: str
    title: str
    acts_on: str
    paper: str
    package: str = ""

    @property
    def folder(self) -> str:
        """The name of its folder here."""
        return self.package or self.name.replace("-", "_")

    @property
    def module(self) -> str:
        """The module that holds its recipe."""
        return f"haar.systems.{self.folder}.recipe"

    @property
    def built(self) -> bool:
        """Whether its recipe exists."""
        return (Path(__file__).parent / self.folder / "recipe.py").is_file()


SYSTEMS: tuple[System, ...] = (
    System("group-averaging", "Group averaging at test time", "fields on grids", "arXiv 2511.09573"),
    System(
        "adaptive-constrained-equivariance",
        "Approximately equivariant networks by constrained optimisation",
        "layers' weights",
        "arXiv 2505.13631",
    ),
    System("sign-equivariance", "Sign-equivariant networks and PCA frames", "eigenvectors", "arXiv 2312.02339"),
    System(
        "quantum-equivariance",
        "Equivariant quantum circuits for molecules",
        "quantum states",
        "arXiv 2512.05475",
        package="quantum",
    ),
    System("renormalisation", "Renormalisation as a test bed for symmetry", "laws, hidden units", "arXiv 2510.16591"),
    System("lattice-boltzmann", "Lattice-equivariant collision operators", "velocity populations", "arXiv 2405.13850"),
    System(
        "constitutive-models",
        "Material laws with exact symmetry",
        "strain, stress",
        "arXiv 2312.13511",
        package="constitutive",
    ),
    System("mode-connectivity", "Aligning transformers", "parameters", "arXiv 2506.22712"),
    System("mixture-connectivity", "Aligning mixtures of experts", "parameters", "arXiv 2509.11348"),
    System("model-hemorrhage", "Robustness limits of damaged models", "parameters", "arXiv 2503.23924"),
    System("dynamic-sparse-training", "Dynamic sparse training", "parameters", "arXiv 2510.12096"),
    System("factor-networks", "Factor networks with PCA layers", "principal components", "arXiv 2502.11310"),
    System("neural-differential-manifold", "Learned metrics and natural gradients", "metrics", "arXiv 2510.25113"),
    System("kkan", "Kurkova-Kolmogorov-Arnold networks", "coordinates", "arXiv 2412.16738"),
    System("structural-equations", "Structural equations by a min-max game", "saddle problems", "arXiv 2007.01290"),
    System(
        "discovery", "Symmetries that nobody named", "whatever a model or data carry", "arXiv 2210.04345, 2510.01855"
    ),
    System("intertwiners", "What commutes with a symmetry, fast", "representations", "no paper: our own algorithm"),
)
"""Every system, in the order in which they are built."""


def find_system(name: str) -> System:
    """The system of a name.

    Args:
        name: For example ``"group-averaging"``.

    Raises:
        ArgumentError: If there is none; close names are offered.

    Example:
        >>> find_system("kkan").acts_on
        'coordinates'
    """
    known = {system.name: system for system in SYSTEMS}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        way_out = f"did you mean {close[0]}?" if close else "haar systems lists them"
        raise ArgumentError("NAME", expected="the name of a system", got=repr(name), way_out=way_out)
    return known[name]

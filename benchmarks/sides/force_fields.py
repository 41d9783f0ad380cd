"""The sides of `benchmarks/force_fields.py`: one potential, one rule on O(3), averages as calculators."""

from __future__ import annotations

CUTOFF, DEGREE = 4.0, 3
SIZES = {"ethanol": None, "salt 8": (1, 1, 1), "salt 64": (2, 2, 2)}


def structure(what: str):
    """Atoms, every one moved by some hundredths of an Angstrom."""
    from ase.build import bulk, molecule

    atoms = molecule("CH3CH2OH") if SIZES[what] is None else bulk("NaCl", "rocksalt", 5.64, cubic=True) * SIZES[what]
    atoms.rattle(0.05, seed=0)
    return atoms


def network():
    """Energies of pairs; the way from atom to atom goes in as it is, so that the frame matters."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 1)).double()


class ForCalculator:
    """The same with the arguments of `haar.data.molecules.model_calculator`."""

    def __init__(self) -> None:
        self.network = network()

    def __call__(self, positions, numbers, cell, edge_index, shifts, batch):
        import torch

        neighbour, centre = edge_index
        offset = torch.einsum("ei,eij->ej", shifts, cell[batch[centre]])
        way = positions[neighbour] + offset - positions[centre]
        kinds = numbers[torch.stack([centre, neighbour], 1)].to(way.dtype) / 10.0
        energies = self.network(torch.cat([way, kinds], 1)).squeeze(1)
        return torch.zeros(len(cell), dtype=way.dtype).index_add(0, batch[centre], energies)


def rule():
    """Rotations and rotations with inversion, and their weights: those that metatomic takes by default."""
    import numpy as np
    from scipy.integrate import lebedev_rule
    from scipy.spatial.transform import Rotation

    points, weights = lebedev_rule(DEGREE)
    turns = np.linspace(0, 2 * np.pi, 2 * DEGREE + 1, endpoint=False)
    alpha, beta = np.arctan2(points[1], points[0]), np.arccos(np.clip(points[2], -1, 1))
    matrices, sizes = [], []
    for a, b, w in zip(alpha, beta, weights, strict=True):
        for g in turns:
            matrix = Rotation.from_euler("zyz", [a, b, g]).as_matrix()
            matrices += [matrix, -matrix]
            sizes += [w, w]
    sizes = np.array(sizes)
    return np.stack(matrices), sizes / sizes.sum()


def averaged(calculator):
    """Ours, over that rule."""
    import torch

    from haar.average import averaged_calculator
    from haar.average.weighted import How, WeightedSet
    from haar.groups import O

    matrices, weights = rule()

    class Rule(How):
        def weighted(self, group):
            del group
            return WeightedSet(torch.from_numpy(matrices), torch.from_numpy(weights), "of degree 3")

    return averaged_calculator(calculator, O(3), Rule())


def timed(calculator, what: str):
    """Energy, forces and, in a crystal, stress of a structure that the calculator has not seen, and what they are."""
    atoms = structure(what)
    atoms.calc = calculator
    known = ["energy", "forces"] + (["stress"] if atoms.pbc.all() else [])

    def call():
        calculator.results = {}
        calculator.atoms = None
        calculator.calculate(atoms, known, ["positions"])

    call()
    said = calculator.results
    stress = said.get("stress")
    if stress is not None and stress.shape == (3, 3):
        # metatomic's, of which a rule of finite degree leaves an antisymmetric part; ours is in the order of ASE
        stress = (stress + stress.T)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / 2
    numbers = [] if stress is None else stress.tolist()
    return call, [float(said["energy"]), *said["forces"].ravel().tolist(), *numbers]


def batched(*, what: str):
    """Ours, of the torch model."""
    from haar.data.molecules import model_calculator

    return timed(averaged(model_calculator(ForCalculator(), cutoff=CUTOFF, batched=True)), what)


def one_by_one(*, what: str):
    """Ours, of a calculator that has no way to be asked once."""
    from haar.data.molecules import model_calculator

    model = ForCalculator()

    def single(positions, numbers, cell, edge_index, shifts, batch):
        return model(positions, numbers, cell[None], edge_index, shifts, batch)

    return timed(averaged(model_calculator(single, cutoff=CUTOFF)), what)


def wrapped(*, what: str):
    """Ours, around metatomic's calculator."""
    from sides.metatomic_pairs import calculator

    return timed(averaged(calculator(network(), CUTOFF)), what)


def symmetrized(*, what: str):
    """Theirs."""
    import numpy as np
    from metatomic_ase import SymmetrizedCalculator
    from sides.metatomic_pairs import calculator

    made = SymmetrizedCalculator(calculator(network(), CUTOFF), l_max=DEGREE)
    matrices, weights = rule()
    told = [(m, w) for m, w in zip(np.asarray(made.quadrature_rotations), made.quadrature_weights, strict=True)]
    if len(told) != len(matrices) or abs(sum(w for _, w in told) - 1) > 1e-12:
        raise ValueError(f"another rule: {len(told)} orientations")
    made.quadrature_rotations, made.quadrature_weights = matrices, weights  # the same orientations, in the same order
    return timed(made, what)

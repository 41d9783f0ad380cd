"""Symmetries of models of graphs, from the names of what they take and give."""

from __future__ import annotations

import pytest
import torch

import haar
from haar.actions import Symmetry
from haar.errors import ArgumentError
from haar.groups import dihedral, symmetric

F64 = torch.float64


def test_each_name_moves_as_its_kind_does(generator):
    symmetry = Symmetry.of_graph(5, inputs="x, edge_index, edge_attr, z, adj", outputs="nodes, graph, charge:numbers")
    g = symmetry.group.sample(1, generator)[0]
    places = symmetry.group.defining_matrix(g).argmax(0)  # where every node goes
    x, z = torch.randn(5, 3, generator=generator, dtype=F64), torch.arange(5)
    edges, attributes = torch.randint(5, (2, 8), generator=generator), torch.randn(8, 2, generator=generator)
    pairs = torch.randn(5, 5, generator=generator, dtype=F64)
    moved = symmetry.act_inputs(g, (x, edges, attributes, z, pairs))
    for node, place in enumerate(places.tolist()):
        assert torch.equal(moved[0][place], x[node])
        assert moved[3][place] == node
        for other, there in enumerate(places.tolist()):
            assert moved[4][place, there] == pairs[node, other]
    assert torch.equal(moved[1], places[edges])
    assert torch.equal(moved[2], attributes)
    answer = symmetry.act_outputs(g, {"nodes": x, "graph": pairs, "charge": z})
    assert torch.equal(answer["nodes"], moved[0])
    assert torch.equal(answer["graph"], pairs)
    assert torch.equal(answer["charge"], moved[3])


class Heard(torch.nn.Module):
    """Every node adds up what its neighbours say; `habit` tells nodes apart by their numbers."""

    def __init__(self, habit=0.0):
        super().__init__()
        self.say = torch.nn.Linear(2, 3).double()
        self.habit = habit * torch.linspace(-1, 1, 6, dtype=F64)[:, None]

    def forward(self, x, edge_index):
        source, target = edge_index
        return torch.zeros(len(x), 3, dtype=F64).index_add(0, target, self.say(x[source]).tanh()) + self.habit


@pytest.mark.parametrize(("habit", "verdict"), [(0.0, "nothing to gain"), (0.5, "average")])
def test_a_network_of_nodes_is_audited_and_its_average_is_symmetric(habit, verdict, generator):
    model, symmetry = Heard(habit), Symmetry.of_graph(6)
    graphs = [
        (torch.randn(6, 2, generator=generator, dtype=F64), torch.randint(6, (2, 10), generator=generator))
        for _ in range(8)
    ]
    truth = Heard()
    truth.load_state_dict(model.state_dict())
    report = haar.audit(model, symmetry, [(one, truth(*one).detach()) for one in graphs])
    assert report.recommendation.verdict == verdict
    if habit:
        few = symmetry.restrict(symmetry.group.subgroup(symmetry.group.generators()[:1]))
        mean = haar.average(model, few)
        (swap,) = few.group.generators()
        moved = few.act_inputs(swap, graphs[0])
        torch.testing.assert_close(mean(*moved), few.act_outputs(swap, mean(*graphs[0])), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"inputs": "x, weight"}, "inputs: expected weight as one of nodes, .*got no kind.*weight:nodes"),
        ({"inputs": "x, x"}, "got x twice"),
        ({"outputs": "y:node"}, "outputs: expected y as one of nodes, .*got 'node'"),
        ({"group": dihedral(3)}, "expected a representation by permutations of the nodes"),
    ],
)
def test_what_is_no_graph_is_refused(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        Symmetry.of_graph(**{"group": symmetric(4), **arguments})

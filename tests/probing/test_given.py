"""Data as people have them give every verb what tensors would: arrays, dictionaries by name, loaders, atoms, graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from haar.actions import Defining, Invariant, Points, Symmetry
from haar.audit import audit
from haar.average import average, distil, select, soft
from haar.errors import ArgumentError, DataError
from haar.groups import SO
from haar.probing import given_batches, given_data, given_rows
from haar.relax import fit, homotopise
from haar.relax.baselines import Strict

FIELDS = Symmetry.of_fields("D4", "p")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 1, 5, 5)), RNG.normal(size=(10, 1, 5, 5))
RUN = np.arange(10) // 2
SPACE = SO(3)
CLOUD, STILL = Points(rotation=Defining(SPACE)), Invariant(SPACE)


def net(dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(1, 1, 3, padding=1, dtype=dtype)


def shown(data, model=None, symmetry=FIELDS, **options):
    found = audit(model or net(), symmetry, data, layers=False, **options).findings
    return found.mse.value, found.removed.value, found.independent


class Rows(torch.utils.data.Dataset):
    def __init__(self, kind):
        self.kind = kind

    def __len__(self):
        return len(X)

    def __getitem__(self, k):
        return {"input": X[k], "labels": Y[k], "clusters": RUN[k]} if self.kind is dict else (X[k], Y[k], RUN[k])


@pytest.mark.parametrize(
    "data",
    [
        {"input": X, "labels": Y, "clusters": RUN},
        {"inputs": torch.tensor(X), "y": torch.tensor(Y), "clusters": RUN},
        (X, Y, RUN),
        (torch.tensor(X), torch.tensor(Y), RUN.tolist()),
        [
            {"input": X[:8], "target": Y[:8], "clusters": RUN[:8]},
            {"input": X[8:], "target": Y[8:], "clusters": RUN[8:]},
        ],
        [(X[:8], Y[:8], RUN[:8]), (X[8:], Y[8:], RUN[8:])],
        DataLoader(Rows(dict), batch_size=8),
        DataLoader(Rows(tuple), batch_size=8),
    ],
    ids=[
        "dict",
        "inputs and y",
        "three arrays",
        "clusters in a list",
        "dicts",
        "arrays",
        "loader of dicts",
        "loader of arrays",
    ],
)
def test_fields_however_they_come_are_audited_as_tensors_are(data):
    expected = shown((torch.tensor(X), torch.tensor(Y)), clusters=torch.tensor(RUN))
    assert shown(data) == pytest.approx(expected, rel=1e-12)
    assert expected[2] == 5


@pytest.mark.parametrize("array", [X[::-1], X.astype(">f8"), np.asfortranarray(X), X[:, :, ::2, ::2]])
def test_arrays_of_any_order_are_copied(array):
    made = given_data(array, torch.sin, FIELDS)
    assert np.array_equal(made.numpy(), array)
    made.zero_()
    assert array.any()


def test_arrays_of_real_numbers_take_the_precision_of_the_model_and_others_keep_theirs():
    for model, dtype in ((net(torch.float32), torch.float32), (net(), torch.float64), (torch.sin, torch.float64)):
        made = given_data((X, {"labels": RUN}), model, FIELDS)
        assert (made[0].dtype, made[1]["labels"].dtype) == (dtype, torch.int64)


def test_what_holds_tensors_alone_is_given_on_as_it_is():
    x = torch.tensor(X)
    for data in (x, (x, x), 3, None):
        assert given_data(data, net(), FIELDS) is data


def test_the_names_of_the_models_arguments_say_which_input_is_which():
    def model(u, y):
        return 2 * u - y

    both = Symmetry(FIELDS.group, (FIELDS.outputs, FIELDS.outputs), FIELDS.outputs)
    ((u, y), labels) = given_data({"y": Y, "labels": X, "u": X}, model, both)
    assert np.array_equal(u.numpy(), X)
    assert np.array_equal(y.numpy(), Y)
    assert np.array_equal(labels.numpy(), X)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": X, "b": Y}, r"data: expected batches with input by name .*, got dict with a, b; yield \(\(d\['x'\]"),
        ([{"input": None, "labels": Y}], r"got dict with input, labels"),
        (np.full((2, 1), "a"), "data: expected arrays of numbers, got an array of <U1"),
        ("runs.hdf5", "data: expected batches .*, got str; read files first: haar.data.Windows"),
        (Path("runs.hdf5"), "data: expected a tensor, .*, got PosixPath; read files first: haar.data.Windows"),
        ((X.astype(int), Y), r"inputs: expected real numbers, as the model's parameters are, got int64; x.float"),
        (torch.tensor(X).float(), r"inputs: expected numbers in float64, .*, got float32; x.to\(torch.float64\)"),
    ],
)
def test_names_that_say_nothing_are_refused(data, message):
    with pytest.raises(ArgumentError, match=message):
        audit(net(), FIELDS, data)


def test_selecting_and_softening_read_the_same_data():
    x, y = torch.tensor(X), torch.tensor(Y)
    expected = select(net(), FIELDS, x, m=3)
    batches = [{"input": X[:5]}, {"input": X[5:]}]
    for inputs in (X, {"input": X}, batches, DataLoader(Rows(dict), batch_size=5), (X, Y), DataLoader(Rows(tuple), 5)):
        found = select(net(), FIELDS, inputs, m=3)
        assert found.shares == pytest.approx(expected.shares, rel=1e-9)
    alpha = float(soft(net(), FIELDS, (x, y)).fit.alpha)
    for data in ((X, Y), {"input": X, "labels": Y}, DataLoader(Rows(dict), batch_size=10)):
        assert float(soft(net(), FIELDS, data).fit.alpha) == pytest.approx(alpha, rel=1e-9)


@pytest.mark.parametrize(
    "train", [(X, Y), [X, Y], {"input": X, "labels": Y}, DataLoader(Rows(dict), batch_size=4), DataLoader(Rows(tuple))]
)
def test_training_reads_the_same_data(train):
    def trained(data):
        model = homotopise(net(), FIELDS)
        return fit(Strict(model), nn.functional.mse_loss, data, steps=3, batch_size=4).losses

    assert trained(train) == pytest.approx(trained((torch.tensor(X), torch.tensor(Y))), rel=1e-12)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([X[:5], X[5:], X], r"train: expected batches \(inputs, labels\), got none with labels"),
        (DataLoader(TensorDataset(torch.tensor(X)), batch_size=4), "train: expected batches .*, got none with labels"),
        (
            [(X, Y), (X[:, :, :4], Y)],
            "train: expected samples of one shape, to be trained on in rows, got .*; train in a",
        ),
    ],
)
def test_rows_that_do_not_stand_together_are_refused(train, message):
    with pytest.raises(ArgumentError, match=message):
        given_rows(train, net(), FIELDS, argument="train")


def test_three_batches_of_inputs_are_no_labels_and_clusters():
    read = audit(net(), FIELDS, (X[:2], X[2:5], X[5:]), layers=False).findings
    assert (read.independent, read.mse) == (10, None)


def test_arrays_that_cannot_be_written_are_copied():
    x = X.copy()
    x.setflags(write=False)
    read = given_data((x, Y), net(), FIELDS)[0]
    read += 1
    assert np.array_equal(x, X)


def test_a_student_is_taught_on_the_same_data():
    def taught(inputs):
        return distil(average(net(), FIELDS), inputs, steps=2, batch_size=4).report.error

    expected = taught(torch.tensor(X))
    assert [taught(X), taught({"input": X}), taught([X])] == [expected] * 3
    with pytest.raises(ArgumentError, match=r"inputs: expected .*, got str$"):
        taught("x.npz")


@pytest.mark.parametrize("data", [{"x": X, "y": Y}, [{"x": X[:4], "y": Y[:4]}, {"x": X[4:], "y": Y[4:]}], (X, Y)])
def test_batches_by_name_without_a_symmetry(data):
    read = given_batches(data, torch.sin)
    rows = [read] if isinstance(read, (tuple, list)) else list(read)
    for side, whole in enumerate((X, Y)):
        assert np.array_equal(torch.cat([row[side] for row in rows]), whole)


def test_a_list_of_two_is_a_pair_or_batches_for_every_verb_by_what_single_samples_are():
    few, marks = Y[:, :, 0, 0], np.arange(10)
    for read in (lambda data: given_batches(data, torch.sin), lambda data: given_data(data, torch.sin, FIELDS)):
        for pair in ([X, few], [X, few, marks], [(X, X), Y], [X, Y.astype(np.int64)], [X, None]):
            made = read(pair)
            assert isinstance(made, tuple)
            assert len(made) == len(pair)
        assert [len(batch) for batch in read([X[:4], X[4:]])] == [4, 6]
        assert [len(batch) for batch in read([X, X, X])] == [10, 10, 10]
    assert isinstance(given_batches([X, Y], torch.sin), tuple)  # of one shape: what the verb mostly takes
    assert [len(batch) for batch in given_data([X, Y], torch.sin, FIELDS)] == [10, 10]


class ForceField(nn.Module):
    """The energy and forces of springs to the origin, one of which is stiffer."""

    def forward(self, positions, numbers):
        stiff = torch.tensor([1.0, 1.0, 2.0], dtype=positions.dtype) * numbers[..., None]
        return {"energy": (stiff * positions**2).sum((-1, -2)), "forces": -2 * stiff * positions}


def molecules():
    ase = pytest.importorskip("ase", reason="needs the extra haar[chemistry]")
    from ase.calculators.singlepoint import SinglePointCalculator

    made = []
    for n in (3, 4, 3):
        atoms = ase.Atoms(f"H{n}", positions=RNG.normal(size=(n, 3)))
        atoms.calc = SinglePointCalculator(atoms, energy=float(n), forces=np.ones((n, 3)))
        made.append(atoms)
    return made


def test_atoms_are_one_sample_each_with_their_results_as_labels():
    atoms = molecules()
    symmetry = Symmetry(SPACE, (CLOUD, Invariant(SPACE, batched=False)), {"energy": STILL, "forces": CLOUD})
    read = list(given_data(atoms, ForceField(), symmetry))
    assert [inputs[0].shape for inputs, _ in read] == [(3, 3), (4, 3), (3, 3)]
    assert [float(labels["energy"]) for _, labels in read] == [3.0, 4.0, 3.0]
    assert np.array_equal(read[1][0][0].numpy(), atoms[1].positions)
    found = audit(ForceField(), symmetry, atoms, elements=3, layers=False).findings
    assert found.independent == 3
    assert {part.name for part in found.parts} == {"energy", "forces"}


def test_a_loader_may_leave_atoms_in_lists():
    atoms = molecules()
    symmetry = Symmetry(SPACE, (CLOUD, Invariant(SPACE, batched=False)), {"energy": STILL, "forces": CLOUD})
    for data in ([atoms[:2], atoms[2:]], DataLoader(atoms, batch_size=2, collate_fn=tuple)):
        assert [float(labels["energy"]) for _, labels in given_data(data, ForceField(), symmetry)] == [3.0, 4.0, 3.0]


def test_names_as_published_sets_of_molecules_have_them():
    record = {"R": np.ones((3, 3)), "nuclear_charges": np.ones(3, int), "E": np.array(2.0), "F": np.zeros((3, 3))}
    symmetry = Symmetry(SPACE, (CLOUD, Invariant(SPACE, batched=False)), {"energy": STILL, "forces": CLOUD})
    ((inputs, labels),) = given_data([record], ForceField(), symmetry)
    assert [x.shape for x in inputs] == [(3, 3), (3,)]
    assert float(labels["energy"]) == 2.0
    assert labels["forces"].shape == (3, 3)


def test_the_label_of_a_single_output_is_what_such_an_output_is():
    atoms = molecules()[:1]
    for output, expected in ((STILL, 3.0), (CLOUD, np.ones((3, 3)))):
        ((inputs, label),) = given_data(atoms, torch.sin, Symmetry(SPACE, CLOUD, output))
        assert np.array_equal(label, expected)
        assert np.array_equal(inputs[0], atoms[0].positions)


def test_results_that_are_not_finite_are_refused():
    atoms = molecules()[0]
    atoms.calc.results["energy"] = float("nan")
    with pytest.raises(DataError, match="data: energy of H3 is NaN or infinite"):
        list(given_data([atoms], torch.sin, Symmetry(SPACE, CLOUD, STILL)))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")  # on importing torch_geometric
class TestGraphs:
    @pytest.fixture
    def graphs(self):
        data = pytest.importorskip("torch_geometric.data", reason="needs the extra haar[graphs]")
        edges = torch.tensor([[0, 1], [1, 0]])
        return [
            data.Data(pos=torch.tensor(RNG.normal(size=(n, 3))), edge_index=edges, y=torch.tensor([float(n)]).double())
            for n in (3, 4, 5, 3)
        ]

    @staticmethod
    def of_parts(pos, edge_index):
        weight = torch.tensor([1.0, 2.0, 3.0], dtype=pos.dtype)
        return ((pos[edge_index[0]] * weight).sum((-1, -2)) + pos[:, 0].sum())[None]

    def test_graphs_and_loaders_of_them_are_one_sample_a_graph(self, graphs):
        from torch_geometric.data import Batch
        from torch_geometric.loader import DataLoader as Loader

        def of_graphs(graph):
            return self.of_parts(graph.pos, graph.edge_index)

        parts = Symmetry(SPACE, (CLOUD, Invariant(SPACE, batched=False)), STILL)
        whole = Symmetry(SPACE, ({"pos": CLOUD},), STILL)
        expected = shown([((g.pos, g.edge_index), g.y) for g in graphs], self.of_parts, parts, elements=3)
        assert expected[2] == 4
        for model, symmetry in ((self.of_parts, parts), (of_graphs, whole)):
            for data in (graphs, Loader(graphs, batch_size=3), Batch.from_data_list(graphs)):
                assert shown(data, model, symmetry, elements=3) == pytest.approx(expected, rel=1e-9)

    def test_an_average_moves_the_graph_that_its_model_takes(self, graphs):
        symmetry = Symmetry(SPACE, ({"pos": CLOUD},), CLOUD)
        tripled = average(lambda graph: graph.pos * 3, symmetry, "quadrature")
        before = graphs[0].pos.clone()
        assert torch.allclose(tripled(graphs[0]), 3 * before, atol=1e-12)
        assert torch.equal(graphs[0].pos, before)

    def test_positions_that_nothing_reads_need_no_action_and_those_that_are_read_do(self, graphs):
        def of_edges(graph):
            source, target = graph.edge_index
            degree = torch.zeros(graph.num_nodes, dtype=torch.float64).index_add(0, target, graph.x[source, 0])
            return degree.square().sum()[None]

        def of_both(graph):
            return of_edges(graph) * graph.pos[0].norm()

        three = [graph for graph in graphs if graph.num_nodes == 3]
        for graph in three:
            graph.x = torch.tensor(RNG.normal(size=(3, 2)))
        symmetry = Symmetry.of_graph(3, inputs="x, edge_index", outputs="graph", graph=True)
        found = shown(three, of_edges, symmetry, elements=3)
        assert found[2] == 2
        assert "pos" in three[0]
        with pytest.raises(
            ArgumentError, match=r"got \['edge_index', 'pos', 'x'\]; give every part its action, pos too"
        ):
            shown(three, of_both, symmetry, elements=3)

    def test_numbers_without_an_action_are_refused(self, graphs):
        graphs[0].charge = torch.zeros(3)
        symmetry = Symmetry(SPACE, ({"pos": CLOUD},), STILL)
        with pytest.raises(ArgumentError, match=r"expected a dict with \['pos'\], got \['charge', 'pos'\]"):
            symmetry.check_inputs((graphs[0],))

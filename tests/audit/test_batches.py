"""What is taken as data: every length is looked at, numbers of trajectories are only names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from haar.actions import Defining, Field, Invariant, Points, Spectral, Symmetry, Trivial
from haar.audit import Audit, audit
from haar.audit.batches import batches, count_batches
from haar.errors import ArgumentError, DataError, ShapeError
from haar.groups import dihedral, from_permutations

F64 = torch.float64
D4 = dihedral(4)
PV = Symmetry.of_fields(D4, "p, u:vector")


def conv():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(3, 3, 3, padding=1, dtype=F64)


def states(n, generator, scale=1.0):
    return scale * torch.randn(n, 3, 6, 6, generator=generator, dtype=F64)


def gain(x, y, clusters):
    found = audit(conv(), PV, (x, y), clusters=clusters, layers=False, data_symmetry=False).findings.gain
    return found.low, found.high


def test_intervals_depend_on_which_rows_are_together_not_on_their_numbers(generator):
    x, y = states(24, generator), states(24, generator, 1.5)
    ids = torch.arange(12).repeat_interleave(2)
    known = gain(x, y, ids)
    order = torch.randperm(12, generator=generator)
    for other in (128 * ids, ids + 2**62, -(10**15) * ids, order[ids], ids.tolist(), ids.numpy(), ids.to(torch.int16)):
        assert gain(x, y, other) == known
    assert gain(x, y, None) != known


def test_five_trajectories_have_an_interval_and_four_have_none(generator):
    x, y = states(40, generator), states(40, generator, 1.5)
    reports = [audit(conv(), PV, (x, y), clusters=torch.arange(40) % n, layers=False) for n in (4, 5)]
    assert [report.findings.independent for report in reports] == [4, 5]
    assert reports[0].to_dict()["gain"]["low"] is None
    assert all(e.contradiction is None for e in reports[0].findings.elements)
    assert reports[0].recommendation.verdict == "unclear"
    assert reports[1].to_dict()["gain"]["low"] is not None


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (torch.arange(9), "clusters: expected one number for each of 8 rows, got 9"),
        (torch.arange(7), "clusters: expected one number for each of 8 rows, got 7"),
        (torch.arange(8)[:, None], r"clusters: expected one number for each of 8 rows, got \(8, 1\)"),
        (torch.arange(8.0), "clusters: expected whole numbers, one for each row, got float32"),
        (torch.ones(8, dtype=torch.bool), "clusters: expected whole numbers, one for each row, got bool"),
        (["a", None] * 4, "clusters: expected a whole number for each row, got list; number the names"),
        (np.array(["a", None] * 4), "clusters: expected a whole number for each row, got ndarray"),
        (list("abcdefg"), "clusters: expected one number for each of 8 rows, got 7"),
        ([2**64] * 8, "clusters: expected a whole number for each row, got list"),
    ],
)
def test_clusters_that_number_no_rows_are_refused(clusters, message, generator):
    x = states(8, generator)
    with pytest.raises(ArgumentError, match=message):
        audit(conv(), PV, x, clusters=clusters)
    with pytest.raises(ArgumentError, match=message):
        audit(conv(), PV, [(x, None, clusters)])


@pytest.mark.parametrize("n", [7, 9, 16, 1])
def test_labels_of_another_length_are_refused(n, generator):
    x, y = states(8, generator), states(n, generator)
    with pytest.raises(ShapeError, match=f"labels: expected 8 rows, like the inputs, got {n}"):
        audit(conv(), PV, (x, y))
    with pytest.raises(ShapeError, match="labels: expected the outputs'"):
        audit(conv(), PV, [(x, y)])


def test_inputs_of_different_lengths_are_refused_and_one_row_is_for_all(generator):
    symmetry = Symmetry(D4, (*PV.inputs, Invariant(D4)), PV.outputs)
    layer = conv()
    model = lambda x, t: layer(x) * t[:, None, None, None]  # noqa: E731
    x = states(12, generator)
    with pytest.raises(ShapeError, match="data, input 1: expected 12 samples on axis 0, like the inputs before it"):
        audit(model, symmetry, ((x, torch.ones(13, dtype=F64)), None))
    one = torch.full((1,), 2.0, dtype=F64)
    found = audit(model, symmetry, ((x, one), None), batch_size=5).findings
    assert found.removed.value == pytest.approx(audit(conv(), PV, x).findings.removed.value, rel=1e-10)


def test_a_field_without_a_batch_axis_is_one_sample(generator):
    x, y = states(2, generator)
    report = audit(conv(), PV, (x, y))
    assert (report.findings.independent, report.findings.trajectories) == (1, 1)
    assert report.input_shape == (3, 6, 6)
    alone = audit(conv(), PV, (x[None], y[None])).findings
    assert report.findings.mse.value == pytest.approx(alone.mse.value, rel=1e-12)
    assert report.findings.removed.value == pytest.approx(alone.removed.value, rel=1e-12)
    many = audit(conv(), PV, [(x, y)] * 6, layers=False).findings
    assert many.independent == 6


def test_the_nodes_of_one_graph_are_one_sample(generator):
    n = 12
    ring = from_permutations([[*range(1, n), 0]], "C12")
    points = Points(relabelling=Defining(ring))
    x, bias = (torch.randn(n, k, generator=generator, dtype=F64) for k in (3, 1))
    for batch_size in (8, n):
        report = audit(lambda z: z + bias, Symmetry(ring, points, points), x, batch_size=batch_size)
        assert report.findings.independent == 1
        assert report.recommendation.verdict == "unclear"
    columns = Spectral((1, 1, 1))
    report = audit(lambda v: v + bias, Symmetry(columns.group, columns, columns), x)
    assert report.findings.independent == 1


def test_rows_without_numbers_are_all_different(generator):
    x = states(6, generator)
    report = Audit(conv(), PV).run(x[:3]).run(x[3:])
    assert report.findings.independent == 6
    assert report.merge(Audit(conv(), PV).run(x)).findings.independent == 12
    named = Audit(conv(), PV).run(x[:3], clusters=torch.arange(3)).run(x[3:], clusters=torch.arange(3))
    assert named.findings.independent == 3


def test_an_output_that_all_samples_share_ties_the_batch(generator):
    symmetry = Symmetry(D4, Field(Trivial(D4)), Invariant(D4, batched=False))
    x = torch.randn(20, 1, 6, 6, generator=generator, dtype=F64)
    weight = torch.arange(6, dtype=F64)
    model = lambda z: (z * weight).mean()  # noqa: E731
    found = audit(model, symmetry, (x, torch.tensor(0.3, dtype=F64)), batch_size=4).findings
    assert (found.independent, found.trajectories) == (5, 20)
    losses = [float((0.3 - model(part)).square()) for part in x.split(4)]
    assert found.mse.value == pytest.approx(sum(losses) / 5, rel=1e-12)


def test_an_output_whose_first_axis_counts_something_else_ties_the_batch_too(generator):
    symmetry = Symmetry(D4, Field(Trivial(D4)), Points(relabelling=Trivial(D4, 3)))
    x = torch.randn(12, 1, 6, 6, generator=generator, dtype=F64)
    model = lambda z: z.cumsum(-1).reshape(-1, 3, 2)  # noqa: E731
    assert audit(model, symmetry, x, batch_size=2, data_symmetry=False).findings.independent == 6


def test_an_empty_batch_is_passed_over_and_complex_nan_is_seen(generator):
    x = states(4, generator)
    assert [len(batch.clusters) for batch in batches([x[:0], x, x[:0], x[:1]], symmetry=PV)] == [4, 1]
    z = torch.complex(x, x)
    z[2] = complex(0, float("nan"))
    with pytest.raises(DataError, match=r"not finite .* in sample 2"):
        list(batches(z, symmetry=PV))


def lengths(read):
    return [len(batch.clusters) for batch in read]


def test_eight_rows_are_read_at_a_time():
    x = torch.zeros(17, 2)
    assert lengths(batches(x)) == [8, 8, 1]
    assert (count_batches(x), count_batches(x, batch_size=4), count_batches(x, max_samples=9)) == (3, 5, 2)
    assert (count_batches(x[:16]), count_batches(x, max_samples=8), count_batches(x, max_samples=20)) == (2, 1, 3)
    assert count_batches([x, x]) == 2
    for read in (batches, count_batches):
        with pytest.raises(ArgumentError, match="batch_size: expected at least 1, got 0"):
            list([read(x, batch_size=0)][0] or [])
        with pytest.raises(ArgumentError, match="max_samples: expected at least 1, or None for all, got 0"):
            list([read(x, max_samples=0)][0] or [])


def test_a_limit_cuts_everything_of_a_batch_alike():
    x, y = torch.arange(10.0)[:, None], torch.arange(10.0)[:, None] + 100
    marks = torch.arange(10) * 3
    for data, clusters in (((x, y), marks), ([(x[:4], y[:4], marks[:4]), (x[4:], y[4:], marks[4:])], None)):
        read = list(batches(data, clusters=clusters, batch_size=4, max_samples=6))
        assert lengths(read) == [4, 2]
        assert torch.cat([batch.inputs[0] for batch in read]).tolist() == x[:6].tolist()
        assert torch.cat([batch.labels for batch in read]).tolist() == y[:6].tolist()
        assert torch.cat([batch.clusters for batch in read]).tolist() == marks[:6].tolist()
        assert not any(batch.numbered or batch.single for batch in read)
        assert [unit for batch in read for unit in batch.units] == marks[:6].tolist()
    assert lengths(batches((x, y), batch_size=4, max_samples=4)) == [4]


def test_rows_without_clusters_are_counted_and_are_units_of_their_own():
    x = torch.zeros(10, 1)
    read = [*batches(x, batch_size=4, max_samples=7), *batches([x[:3], x[3:5]])]
    assert [batch.clusters.tolist() for batch in read] == [[0, 1, 2, 3], [4, 5, 6], [0, 1, 2], [3, 4]]
    assert all(batch.numbered for batch in read)
    assert [unit for batch in read for unit in batch.units] == [None] * 12  # no other row is of one's unit


def test_a_sample_without_an_axis_is_not_cut(generator):
    x, y = states(2, generator)
    (batch,) = batches((x, y), symmetry=PV, batch_size=2, max_samples=1)
    assert (batch.single, batch.clusters.tolist()) == (True, [0])
    assert torch.equal(batch.inputs[0], x)
    assert torch.equal(batch.labels, y)
    assert count_batches((x, y), symmetry=PV, batch_size=2) == 1
    assert count_batches(x[None].expand(5, 3, 6, 6), symmetry=PV, batch_size=2) == 3


def test_numbers_without_axes_belong_to_all_rows():
    x, time = torch.zeros(5, 2), torch.tensor(2.0)
    read = list(batches(((x, time), torch.tensor(1.0)), batch_size=3))
    assert lengths(read) == [3, 2]
    assert [float(batch.inputs[1]) for batch in read] == [2, 2]
    assert [float(batch.labels) for batch in read] == [1, 1]


@pytest.mark.parametrize(
    ("data", "row"),
    [
        ([(torch.zeros(3, 1), None), (torch.tensor([[0.0], [torch.nan]]), None)], 4),
        ((torch.zeros(3, 1), torch.tensor([[0.0], [0.0], [torch.inf]])), 2),
        ([((torch.zeros(3, 1), torch.tensor(torch.nan)), None)], 0),
        (torch.tensor([[0.0, 0.0], [0.0, -torch.inf], [torch.nan, 0.0]]), 1),
    ],
)
def test_a_value_that_is_not_finite_is_told_by_its_sample(data, row):
    with pytest.raises(DataError, match=f"not finite .* in sample {row};"):
        list(batches(data))


@pytest.mark.parametrize(
    ("data", "clusters", "message"),
    [
        ([()], None, r"data: expected batches that are tensors, .* got tuple$"),
        ([(torch.zeros(2, 1),) * 4], None, r"data: expected batches that are tensors, .* got tuple$"),
        ([torch.zeros(2, 1).numpy()], None, "data: .* got ndarray; torch.from_numpy makes tensors of arrays"),
        ([("a", None)], None, "data: expected batches of tensors, got tuple"),
        (iter([torch.zeros(2, 1)]), torch.arange(2), r"clusters: expected none beside an iterable, got some; yield \("),
        (3, None, r"data: expected a tensor, \(inputs, labels\), .*, or an iterable of batches, got int$"),
        (
            (torch.zeros(2, 1), torch.zeros(2), torch.arange(2.0)),
            None,
            "clusters: expected whole numbers, .* got float32",
        ),
        (
            (torch.zeros(2, 1), torch.zeros(2), ["a", "b", "b"]),
            None,
            "clusters: expected one number for each of 2 rows, got 3",
        ),
        (torch.zeros(2, 1), torch.arange(2) + 1j, "clusters: expected whole numbers, one for each row, got complex64"),
    ],
)
def test_what_is_no_data_is_told(data, clusters, message):
    with pytest.raises(ArgumentError, match=message):
        list(batches(data, clusters=clusters))


def test_a_batch_is_a_tensor_inputs_alone_or_with_labels_and_clusters():
    x = torch.ones(2, 1)
    for item, labelled, named in (
        (x, False, False),
        ((x,), False, False),
        ([x, 2 * x], True, False),
        ((x, x, [4, 4]), True, True),
    ):
        (batch,) = batches([item])
        assert (len(batch.inputs), batch.labels is not None, batch.numbered) == (1, labelled, not named)
    (batch,) = batches([([x, 2 * x], 3 * x)])
    assert [float(z.sum()) for z in (*batch.inputs, batch.labels)] == [2, 4, 6]
    (batch,) = batches(((x, 2 * x), None))
    assert len(batch.inputs) == 2


def test_trajectories_are_numbered_in_one_place(generator):
    x = states(4, generator)
    assert len(list(batches((x, x, torch.arange(4)), symmetry=PV))) == 1
    with pytest.raises(ArgumentError, match=r"clusters: expected none beside \(inputs, labels, clusters\), got some"):
        list(batches((x, x, torch.arange(4)), clusters=torch.arange(4), symmetry=PV))


def test_labels_of_another_form_are_told_as_labels_where_rows_are_left_out(generator):
    x = states(4, generator)
    (found,) = batches([(x, x)], max_samples=3, symmetry=PV)
    assert len(found.labels) == 3
    with pytest.raises(ShapeError, match=r"^labels: expected"):
        list(batches([(x, (x, x))], max_samples=3, symmetry=PV))

"""Averages of ONNX graphs as ONNX graphs: the numbers of the torch model's average, in operators of ONNX alone."""

from __future__ import annotations

import pickle
import warnings

import pytest
import torch
from torch import nn

import haar
from haar.errors import ArgumentError, DataError, HaarError
from haar.programs import OnnxModel

onnx = pytest.importorskip("onnx", reason="the extra onnx")
pytest.importorskip("onnxruntime", reason="the extra onnx")
pytest.importorskip("onnxscript", reason="the extra onnx")

SYMMETRY = haar.Symmetry.of_fields("C2", "p, u:vector")
SHAPE = (3, 5, 5)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.GELU(), nn.Conv2d(4, 3, 3, padding=1)).eval()


def drawn(rows, seed=0):
    return torch.randn(rows, *SHAPE, generator=torch.Generator().manual_seed(seed))


def written(path, *, free=True, opset=18, model=None):
    axes = {"dynamic_axes": {"state": {0: "n"}, "rate": {0: "n"}}} if free else {}
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            model or network(),
            (drawn(2),),
            str(path),
            input_names=["state"],
            output_names=["rate"],
            opset_version=opset,
            dynamo=False,
            **axes,
        )
    return OnnxModel(path)


@pytest.mark.parametrize("opset", [11, 21])  # older than what torch writes by its newer exporter, and as new
def test_the_average_of_a_graph_is_a_graph_for_any_batch(tmp_path, opset):
    averaged = haar.average(written(tmp_path / "model.onnx", opset=opset), SYMMETRY)
    path = haar.average.save(averaged, (drawn(1),), tmp_path / "averaged.onnx")
    again, ours = OnnxModel(path), haar.average(network(), SYMMETRY)
    assert (again.names, again.batch, again.event) == (("state", "rate"), None, SHAPE)
    for rows in (1, 2, 5):
        torch.testing.assert_close(again(drawn(rows, rows)), ours(drawn(rows, rows)).detach(), rtol=1e-5, atol=1e-5)
    stored = onnx.load(path)
    onnx.checker.check_model(stored, full_check=True)
    assert {node.domain for node in stored.graph.node} == {""}
    assert [one.domain for one in stored.opset_import] == [""]
    assert len(stored.functions) == 0


def test_a_graph_of_a_fixed_batch_keeps_it_and_has_its_weights_once(tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(75, 75), nn.Unflatten(1, SHAPE)).eval()
    averaged = haar.average(written(tmp_path / "model.onnx", free=False, model=model), SYMMETRY)
    with pytest.raises(HaarError, match=r"a graph of 2 rows, and no other number.*with dynamic_batch=False"):
        haar.average.save(averaged, (drawn(1),), tmp_path / "averaged.onnx")
    path = haar.average.save(averaged, (drawn(1),), tmp_path / "averaged.onnx", dynamic_batch=False)
    again = OnnxModel(path)
    assert again.batch == 2
    expected = haar.average(model, SYMMETRY)(drawn(3)).detach()
    torch.testing.assert_close(again(drawn(3)), expected, rtol=1e-5, atol=1e-5)
    large = [one for one in onnx.load(path).graph.initializer if list(one.dims) in ([75, 75], [75])]
    assert len(large) == 2  # two elements, one matrix and one vector


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    averaged = haar.average(written(tmp_path / "model.onnx"), SYMMETRY)
    paths = [haar.average.save(averaged, (drawn(2),), tmp_path / f"{name}.onnx") for name in ("one", "two")]
    one, two = (path.read_bytes() for path in paths)
    assert one == two
    assert str(tmp_path).encode() not in one


def test_a_branch_inside_a_graph_sees_the_weights(tmp_path):
    """An operator with inner graphs, which read weights of the outer one by name."""
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    bodies = []
    for name, operator in (("yes", "Mul"), ("no", "Add")):
        node = make.make_node(operator, ["x", "w"], [f"{name}_out"])
        bodies.append(make.make_graph([node], name, [], [make.make_tensor_value_info(f"{name}_out", kind, None)]))
    nodes = [
        make.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        make.make_node("Greater", ["largest", "zero"], ["positive"]),
        make.make_node("If", ["positive"], ["y"], then_branch=bodies[0], else_branch=bodies[1]),
    ]
    weight = torch.arange(25.0).reshape(1, 1, 5, 5).numpy()
    graph = make.make_graph(
        nodes,
        "branch",
        [make.make_tensor_value_info("x", kind, ["n", *SHAPE])],
        [make.make_tensor_value_info("y", kind, ["n", *SHAPE])],
        [onnx.numpy_helper.from_array(weight, "w"), onnx.numpy_helper.from_array(weight[0, 0, 0, 0], "zero")],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "branch.onnx")
    scalars = haar.Symmetry.of_fields("C2", "p, q, r")  # moved copies keep their largest number
    averaged = haar.average(OnnxModel(tmp_path / "branch.onnx"), scalars)
    again = OnnxModel(haar.average.save(averaged, (drawn(2),), tmp_path / "averaged.onnx"))
    for x in (drawn(2), -drawn(2).abs()):
        positive = bool(x.max() > 0)
        pick = (lambda z: z * torch.from_numpy(weight)) if positive else (lambda z: z + torch.from_numpy(weight))
        torch.testing.assert_close(again(x), haar.average(pick, scalars)(x), rtol=1e-5, atol=1e-5)


def test_weights_in_a_file_beside_the_graph_are_taken_along(tmp_path):
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            network(), (drawn(2),), str(tmp_path / "model.onnx"), verbose=False, external_data=True, dynamo=True
        )
    assert (tmp_path / "model.onnx.data").stat().st_size > 0
    averaged = haar.average(OnnxModel(tmp_path / "model.onnx"), SYMMETRY)
    path = haar.average.save(averaged, (drawn(2),), tmp_path / "alone" / "averaged.onnx", dynamic_batch=False)
    assert [one.name for one in path.parent.iterdir()] == ["averaged.onnx"]
    expected = haar.average(network(), SYMMETRY)(drawn(2)).detach()
    torch.testing.assert_close(OnnxModel(path)(drawn(2)), expected, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_written_is_one_line(tmp_path):
    graph = written(tmp_path / "model.onnx")
    averaged = haar.average(graph, SYMMETRY)
    with pytest.raises(ArgumentError, match=r"path: expected a name that ends in \.onnx, for the average of a graph"):
        haar.average.save(averaged, (drawn(2),), tmp_path / "averaged.pt2")
    with pytest.raises(HaarError, match=r"torch cannot trace an ONNX graph; haar\.average\.save writes"):
        torch.export.export(averaged, (drawn(2),))
    averaged(drawn(2))
    (tmp_path / "model.onnx").write_bytes(b"gone")
    with pytest.raises(DataError, match=r"model\.onnx: cannot be read again"):
        haar.average.save(averaged, (drawn(2),), tmp_path / "averaged.onnx")
    assert not (tmp_path / "averaged.onnx").exists()


def test_a_graph_is_sent_by_its_path(tmp_path):
    graph = written(tmp_path / "model.onnx")
    again = pickle.loads(pickle.dumps(graph))
    assert again.path == graph.path
    assert torch.equal(again(drawn(2)), graph(drawn(2)))

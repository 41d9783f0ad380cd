"""Graphs of ONNX put in the place of the operators that stand for them, in a graph that was made around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from haar.errors import DataError, HaarError, require
from haar.programs.onnx_model import DOMAIN, OnnxModel

#: Bytes of the largest file that ONNX, whose files are protocol buffers, can hold in one piece.
_MOST_BYTES = (1 << 31) - 1


def opset_of(graphs: Sequence[OnnxModel], least: int, most: int) -> int:
    """The set of operators to write the graph around others in: theirs, where the exporter has it.

    Args:
        graphs: The graphs.
        least: The oldest set that the exporter writes.
        most: The newest.
    """
    theirs = [version for graph in graphs for version in [_versions(_read(graph)).get("", least)]]
    return min(max([least, *theirs]), most)


def inlined(made: Any, graphs: Sequence[OnnxModel]) -> Any:
    """Put graphs in the place of their operators, each with one copy of its weights.

    Args:
        made: An ``onnx.ModelProto`` in which an operator stands for each graph.
        graphs: The graphs.

    Returns:
        An ``onnx.ModelProto`` of operators of ONNX alone.

    Raises:
        HaarError: If a graph's set of operators is older and cannot be converted, or the whole is too large for a file.
    """
    onnx = require("onnx", "onnx")
    for graph in graphs:
        _as_function(onnx, made, graph)
    try:
        whole = onnx.inliner.inline_local_functions(made)
    except Exception as error:
        told = " ".join(str(error).split())[:160]
        message = f"{graphs[0].path}: its operators cannot be joined with those of the average ({told})"
        raise HaarError(message) from error
    kept = [one for one in whole.opset_import if one.domain != DOMAIN]
    del whole.opset_import[:]
    whole.opset_import.extend(kept)
    if whole.ByteSize() > _MOST_BYTES:
        message = (
            f"{graphs[0].path}: the average would be a file of {whole.ByteSize():.3g} bytes, ONNX has at most 2 GB"
        )
        raise HaarError(message)
    return whole


def _read(graph: OnnxModel) -> Any:
    onnx = require("onnx", "onnx")
    require("onnx.inliner", "onnx")
    try:
        return onnx.inliner.inline_local_functions(onnx.load(graph.path))
    except Exception as error:
        raise DataError(f"{graph.path}: cannot be read again ({' '.join(str(error).split())[:160]})") from error


def _versions(model: Any) -> dict[str, int]:
    return {("" if one.domain == "ai.onnx" else one.domain): one.version for one in model.opset_import}


def _converted(onnx: Any, model: Any, version: int, path: Any) -> Any:
    """A model in a newer set of operators."""
    own = _versions(model).get("", version)
    if own == version:
        return model
    require("onnx.version_converter", "onnx")
    try:
        return onnx.version_converter.convert_version(model, version)
    except Exception as error:
        told = " ".join(str(error).split())[:160]
        message = f"{path}: its operators are those of set {own}, and cannot be converted to set {version} ({told})"
        raise HaarError(message) from error


def _as_function(onnx: Any, made: Any, graph: OnnxModel) -> None:
    """Make the graph a function of its input and its weights, and hand these to every operator that stands for it."""
    model = _converted(onnx, _read(graph), _versions(made)[""], graph.path)
    if model.graph.sparse_initializer:
        raise DataError(f"{graph.path}: weights that are stored sparse cannot be put into another graph")
    weights = [one.name for one in model.graph.initializer]
    stand_ins = [node for node in made.graph.node if (node.domain, node.op_type) == (DOMAIN, graph.operator)]
    name, answer = graph.names
    for node in stand_ins:
        node.input.extend(f"{graph.operator}/{weight}" for weight in weights)
    for weight in model.graph.initializer:
        made.graph.initializer.add().CopyFrom(weight)
        made.graph.initializer[-1].name = f"{graph.operator}/{weight.name}"
    function = onnx.helper.make_function(
        DOMAIN, graph.operator, [name, *weights], [answer], list(model.graph.node), list(model.opset_import)
    )
    made.functions.append(function)
    own = _versions(made)
    for domain, version in _versions(model).items():
        if domain not in own:
            made.opset_import.add(domain=domain, version=version)

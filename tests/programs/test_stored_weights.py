"""Weights of exported programs from strangers: only what is stored as plain tensors is read, and as it is stored."""

from __future__ import annotations

import io
import json
import pickle

import pytest
import torch
from strangers import Runs, X, refused
from torch import nn

from haar.programs import read_program


def weights(parts, change, table="data/weights/model_weights_config.json"):
    described = json.loads(parts[table])
    change(described["config"])
    return {table.replace(".", "_DOT_"): json.dumps(described).encode()}


@pytest.mark.parametrize(
    "table", ["data/weights/model_weights_config.json", "data/constants/model_constants_config.json"]
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_pickle": True}, "is a pickled tensor, which could run code"),
        ({"tensor_meta": None}, "is a pickled tensor, which could run code"),
        ({"path_name": "custom_obj_0"}, "is missing"),
        ({"path_name": "../sample_inputs/model.pt"}, "is missing"),
        ({"path_name": "/etc/passwd"}, "is missing"),
    ],
)
def test_tables_that_would_unpickle_are_refused(parts, put_together, ran, table, change, message):
    refused(
        put_together(**weights(parts, lambda config: next(iter(config.values())).update(change), table)), ran, message
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [{"as_int": 10**6}, {"as_int": 10**6}]}, "promises .* bytes, and 36 are stored"),
        ({"storage_offset": {"as_int": 1}}, "promises 40 bytes, and 36 are stored"),
        ({"strides": [{"as_int": 30}, {"as_int": 1}]}, "promises .* bytes"),
        ({"strides": [{"as_int": -3}, {"as_int": 1}]}, "a length"),
        ({"sizes": [{"as_int": 3}]}, "has 1 sizes and 2 strides"),
        ({"sizes": [{"as_expr": {"expr_str": "s0", "hint": None}}, {"as_int": 3}]}, "expected one of as_int"),
        ({"dtype": 8}, "promises 72 bytes, and 36 are stored"),
        ({"dtype": 99}, "dtype"),
        ({"dtype": 33}, "is of a type that is not known here"),
        ({"dtype": 12}, "truth values that are neither 0 nor 1"),
        ({"layout": 1}, "layout"),
        ({"device": {"type": "meta", "index": None}}, "expected one of cpu, cuda, mps, xpu"),
    ],
    ids=str,
)
def test_claims_about_weights_are_checked_against_what_is_stored(parts, put_together, ran, change, message):
    def update(config):
        config["linear.weight"]["tensor_meta"].update(change)

    refused(put_together(**weights(parts, update)), ran, message)


def test_weights_that_are_not_stored_are_never_zeros(parts, put_together, ran):
    refused(put_together(data__weights__weight_0=b""), ran, "promises 36 bytes, and 0 are stored")
    refused(put_together(data__weights__weight_0=None), ran, r"is missing \(data/weights/weight_0 is not in the file\)")
    refused(
        put_together(**weights(parts, lambda config: config.pop("linear.weight"))),
        ran,
        "not a readable torch.export file",
    )


def test_example_inputs_are_not_unpickled(put_together, ran):
    for protocol in (2, 4):
        refused(
            put_together(data__sample_inputs__model_DOT_pt=pickle.dumps(Runs(ran), protocol=protocol)),
            ran,
            "is not plain tensors, and could run code when read",
        )
        stored = io.BytesIO()
        torch.save({"x": Runs(ran)}, stored, pickle_protocol=protocol)
        refused(
            put_together(data__sample_inputs__model_DOT_pt=stored.getvalue()),
            ran,
            "is not plain tensors, and could run code when read",
        )


def older(put_together, exported, **changed):
    """The file as the first torch with this format wrote it: weights and constants each in one file of `torch.save`."""
    states = {"weights": exported.state_dict, "constants": exported.constants} | changed
    others = {}
    for kind, state in states.items():
        stored = io.BytesIO()
        torch.save(state, stored)
        others[f"data__{kind}__model_DOT_pt"] = stored.getvalue()
        others[f"data__{kind}__model_{kind}_config_DOT_json"] = None
    return put_together(**others)


def test_older_files_are_read(put_together, exported):
    found, expected = read_program(older(put_together, exported)).module()(X), exported.module()(X)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_tied_weights_of_older_files_stay_tied(put_together, exported):
    both = torch.randn(4, 3)
    tied = {"linear.weight": nn.Parameter(both[1:]), "linear.bias": nn.Parameter(both[0])}
    state = read_program(older(put_together, exported, weights=tied)).state_dict
    assert torch.equal(state["linear.weight"], both[1:])
    assert state["linear.weight"].untyped_storage().data_ptr() == state["linear.bias"].untyped_storage().data_ptr()


def test_older_files_with_more_than_tensors_are_refused(put_together, exported, ran):
    for weights, message in (
        ({"linear.weight": Runs(ran)}, "is not plain tensors, and could run code when read"),
        ({"linear.weight": 3}, "linear.weight is no dense tensor"),
        ({"linear.weight": torch.eye(3).to_sparse()}, "is not plain tensors"),
        (torch.zeros(3), "expected tensors by their names, got Tensor"),
        ({"__class__": torch.zeros(3)}, "the name of a parameter or buffer"),
    ):
        refused(older(put_together, exported, weights=weights), ran, message)

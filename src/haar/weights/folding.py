"""Norms without gains: the same function, with each gain and bias in the weights that read them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.weights.action import ParameterAction
from haar.weights.norms import Norm
from haar.weights.view import StateView


def folded(action: ParameterAction, state: Mapping[str, Tensor]) -> Folded:
    """Parameters of the same function in which every norm has gains of 1, so that rotations leave the norms alone.

    A gain is multiplied into the weights that read the norm. A bias goes into the readers' own biases; where a reader
    has none, it stays in the norm, divided by the gain. Where all norms of a site subtract the mean, the mean is taken
    out of whatever is written to the site as well: nothing reads it, and what nobody reads should not be compared.

    Args:
        action: The table; its `norms` say which weights read what.
        state: Parameters by name. They are read when they are asked for: a file's may be larger than memory.

    Returns:
        A mapping with the same names.

    Raises:
        ArgumentError: If a gain is 0 where a bias cannot leave the norm.

    Example:
        >>> from haar.weights import Norm, Rotation
        >>> action = ParameterAction(
        ...     {"stream": Rotation(2)},
        ...     {"norm": ("stream.order",), "head": (None, "stream*")},
        ...     norms=(Norm("stream", "norm", None, (("head", None),)),),
        ... )
        >>> found = folded(action, {"norm": torch.tensor([2.0, 3.0]), "head": torch.ones(1, 2)})
        >>> found["norm"], found["head"]
        (tensor([1., 1.]), tensor([[2., 3.]]))
    """
    return Folded(action, state)


class Folded(StateView):
    """See `folded`.

    Args:
        action: The table.
        state: Parameters by name.
    """

    def __init__(self, action: ParameterAction, state: Mapping[str, Tensor]) -> None:
        self.action, self.state = action, state
        self._row = {name: row for row, entry in action.entries.items() for name in entry.names(state)}
        self._read_by: dict[str, Norm] = {}
        self._biases: dict[str, str] = {}
        self._gains = {norm.gain for norm in action.norms}
        self._kept = {norm.bias: norm for norm in action.norms if norm.bias is not None}
        self._centred = {norm.site for norm in action.norms}
        for norm in action.norms:
            self._read_by.update(dict.fromkeys((reader for reader, _ in norm.readers), norm))
            self._biases.update({bias: reader for reader, bias in norm.readers if bias is not None})
            if not norm.centred:
                self._centred.discard(norm.site)

    def __getitem__(self, name: str) -> Tensor:
        row = self._row.get(name)
        if row is None:
            return self.state[name]
        if row in self._gains:
            return torch.ones_like(self.state[name])
        if row in self._kept:
            return self._bias_kept(self._kept[row])
        tensor = self.state[name]
        if row in self._read_by:
            tensor = self._reader(row, tensor)
        if row in self._biases:
            tensor = self._bias_of(self._biases[row], tensor)
        return self._without_mean(row, tensor)

    def _leaves(self, norm: Norm) -> bool:
        """Whether the norm's bias goes into its readers' biases."""
        return norm.bias is not None and all(bias is not None for _, bias in norm.readers)

    def _bias_kept(self, norm: Norm) -> Tensor:
        bias, gain = self.state[str(norm.bias)], self.state[norm.gain]
        if self._leaves(norm):
            return torch.zeros_like(bias)
        if bool(((gain == 0) & (bias != 0)).any()):
            raise ArgumentError(
                f"state: {norm.gain}",
                expected="gains other than 0, for the norm's bias has to stay in it",
                got="0",
                way_out=f"give {', '.join(reader for reader, own in norm.readers if own is None)} a bias",
            )
        return torch.where(gain == 0, torch.zeros_like(bias), bias / torch.where(gain == 0, 1, gain))

    def _axis(self, row: str, norm: Norm, *, own: bool) -> int:
        """The axis of a reader along which it reads, in the stacked tensor or in one of those that are stacked."""
        axis = self.action.entries[row].axis_of(norm.site, dual=True)
        return axis - ("*" in row and own)

    def _reader(self, row: str, tensor: Tensor) -> Tensor:
        norm = self._read_by[row]
        axis = self._axis(row, norm, own=True)
        gain = self.state[norm.gain].to(tensor.dtype)
        shape = [-1 if k == axis else 1 for k in range(tensor.ndim)]
        scaled = tensor * gain.reshape(shape)
        if norm.centred and (norm.bias is None or self._leaves(norm)):
            scaled -= scaled.mean(axis, keepdim=True)
        return scaled

    def _bias_of(self, reader: str, tensor: Tensor) -> Tensor:
        """A reader's own bias, with what the norm's bias added through the reader."""
        norm = self._read_by[reader]
        if not self._leaves(norm):
            return tensor
        entry = self.action.entries[reader]
        weight, bias = entry.read(self.state), self.state[str(norm.bias)]
        axis = self._axis(reader, norm, own=False)
        added: Tensor = torch.tensordot(weight.double(), bias.double(), ([axis], [0])).to(tensor.dtype)
        return tensor + added

    def _without_mean(self, row: str, tensor: Tensor) -> Tensor:
        for axis, legs in enumerate(self.action.entries[row].axes):
            leg = legs[0]
            if leg.site in self._centred and not leg.dual and not leg.port:
                at = axis - ("*" in row)
                tensor = tensor - tensor.mean(at, keepdim=True)
        return tensor

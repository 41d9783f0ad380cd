"""Homotopy layers around whole modules: they have a gamma, and no weight that the group moves."""

from __future__ import annotations

import copy
from typing import NoReturn

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.relax.wrapping.homotopy_layer import HomotopyLayer


class WholeModule(HomotopyLayer):
    """What mode "function" and side branches share.

    Attributes:
        ratio: Size of what gamma multiplies over that of the equivariant part, in the latest forward in training.
    """

    ratio: Tensor

    def effective_size(self) -> Tensor:
        """|gamma| times `ratio`, of gamma's shape."""
        return self._gamma().abs() * self.ratio

    def effective_weight(self) -> Tensor:
        """There is none.

        Raises:
            ArgumentError: Always.
        """
        self._none()

    def equivariant_weight(self) -> Tensor:
        """There is none.

        Raises:
            ArgumentError: Always.
        """
        self._none()

    def free_weight(self) -> Tensor:
        """There is none.

        Raises:
            ArgumentError: Always.
        """
        self._none()

    def project(self, weight: Tensor) -> Tensor:
        """There is nothing to project.

        Raises:
            ArgumentError: Always.
        """
        del weight
        self._none()

    def move(self, elements: Tensor, gradients: Tensor) -> Tensor:
        """There is nothing to move.

        Raises:
            ArgumentError: Always.
        """
        del elements, gradients
        self._none()

    def _none(self) -> NoReturn:
        raise ArgumentError("layers", expected="layers wrapped by homotopise", got=f"a {type(self).__name__}")

    def _fixed_copy(self) -> nn.Module:
        """This layer with the gamma in force, which is trained no more."""
        fixed = copy.deepcopy(self)
        with torch.no_grad():
            fixed.gamma.copy_(self._gamma())
        fixed.fix(None)
        fixed.gamma.requires_grad_(False)
        return fixed

"""Laws of an input vector: what `propagate` starts from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, check_count
from haar.moments.covariance import check_variances, covariance, in_float64, precision_of, vector
from haar.moments.laws import Law
from haar.moments.vector import VectorCumulants, symmetric_product


class InputLaw(ABC):
    """The law of a random vector, possibly one for every entry of leading batch axes.

    Attributes:
        mean: Means, (*batch, units), float64.
        normal: Whether the law is exactly normal.
    """

    mean: Float[Tensor, "*batch units"]
    normal: bool

    @property
    def size(self) -> int:
        """Number of components."""
        return self.mean.shape[-1]

    @property
    def batch(self) -> tuple[int, ...]:
        """Leading batch shape."""
        return tuple(self.mean.shape[:-1])

    @abstractmethod
    def cumulants(self, order: int) -> VectorCumulants:
        """Joint cumulants up to an order, dense."""

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count *batch units"]:
        """Independent draws."""

    def variance(self) -> Float[Tensor, "*batch units"]:
        """Variances of the components."""
        return self.cumulants(2).variance()

    def diagonal_cumulants(self, order: int) -> list[Float[Tensor, "*batch units"]] | None:
        """k_2 .. k_order of independent components, or None if the components are dependent."""
        del order
        return None

    def absolute_third(self) -> Float[Tensor, "units"] | None:
        """E|x_j - mean_j|^3 of independent components, or None where it is unknown."""
        return None

    def push(
        self, function: Callable[[Tensor], Tensor], matrix: Float[Tensor, "out units"] | None, order: int
    ) -> VectorCumulants:
        """Cumulants of a linear image; independent components in factored form, K_{ab..} = sum_j W_aj W_bj .. k_n(x_j).

        Args:
            function: The linear map on flat rows.
            matrix: Its matrix if there is one at hand.
            order: Highest order wanted.
        """
        own = self.diagonal_cumulants(order)
        if own is None:
            return self.cumulants(order).map(function)
        if matrix is None:
            eye = torch.eye(self.size, dtype=torch.float64, device=self.mean.device)
            matrix = function(eye).mT
        mean = self.mean @ matrix.mT
        scaled = matrix * own[0][..., None, :]
        cov = symmetric_product(scaled, matrix)
        third = fourth = None
        if order >= 3:
            third = torch.einsum("ai,...i,bi,ci->...abc", matrix, own[1], matrix, matrix)
        if order >= 4:
            fourth = torch.einsum("ai,...i,bi,ci,di->...abcd", matrix, own[2], matrix, matrix, matrix)
        return VectorCumulants(mean, cov, third, fourth)


class Gaussian(InputLaw):
    """Normal with a mean and a covariance.

    Args:
        mean: Mean of every unit, ``(*batch, units)``.
        cov: One number (the same variance for all, independent), or (units,) or (*batch, units, 1)-free matrices: a
            vector of variances (units,), or a matrix (*batch, units, units).

    Raises:
        ShapeError: If the covariance does not fit the mean.
        ArgumentError: If a variance is negative or the matrix is not symmetric.

    Example:
        >>> Gaussian([0.0, 1.0], 0.25).cumulants(2).cov.tolist()
        [[0.25, 0.0], [0.0, 0.25]]
    """

    normal = True

    def __init__(
        self,
        mean: Tensor | Sequence[float | int] | Sequence[Sequence[float | int]],
        cov: Tensor | Sequence[float | int] | Sequence[Sequence[float | int]] | float | int = 1.0,
    ) -> None:
        self.mean = vector(mean, "mean")
        given = in_float64(cov, "cov").to(self.mean.device)
        n = self.size
        self.variances: Tensor | None = None
        self.matrix: Tensor | None = None
        if given.ndim == 0:
            self.variances = given.expand(n)
        elif given.ndim == 1 and given.shape[0] == n:
            self.variances = given
        elif given.ndim >= 2 and tuple(given.shape[-2:]) == (n, n) and _spreads(given.shape[:-2], self.batch):
            self.matrix = covariance(given, "cov", precision_of(cov))
            self._roots: list[tuple[Tensor, int, Tensor]] = []
        else:
            raise ShapeError(
                "cov", expected=f"a number, ({n},) variances or a (..., {n}, {n}) matrix", got=tuple(given.shape)
            )
        if self.variances is not None:
            check_variances(given, "cov")

    def cumulants(self, order: int) -> VectorCumulants:
        """Mean and covariance; the rest is zero."""
        cov = torch.diag_embed(self.variances) if self.variances is not None else self.matrix
        cov = torch.as_tensor(cov).expand(*self.batch, self.size, self.size)
        return VectorCumulants(self.mean, cov, *_zeros(self.mean, self.size, order))

    def diagonal_cumulants(self, order: int) -> list[Float[Tensor, "*batch units"]] | None:
        """The variances, if the components are independent."""
        if self.variances is None:
            return None
        variances = self.variances.expand(*self.batch, self.size)
        return [variances, *([torch.zeros_like(variances)] * (order - 2))]

    def push(
        self, function: Callable[[Tensor], Tensor], matrix: Float[Tensor, "out units"] | None, order: int
    ) -> VectorCumulants:
        """Only the covariance is mapped: there is nothing else."""
        plain = super().push(function, matrix, 2)
        return VectorCumulants(plain.mean, plain.cov, *_zeros(plain.mean, plain.size, order))

    def variance(self) -> Float[Tensor, "*batch units"]:
        """Variances of the components."""
        if self.matrix is not None:
            return self.matrix.diagonal(dim1=-2, dim2=-1).expand(*self.batch, self.size)
        return torch.as_tensor(self.variances).expand(*self.batch, self.size)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count *batch units"]:
        """Draws; a singular covariance is allowed."""
        shape = (count, *self.batch, self.size)
        noise = torch.randn(shape, dtype=torch.float64, device=self.mean.device, generator=generator)
        if self.variances is not None:
            return self.mean + noise * self.variances.sqrt()
        found: Tensor = self.mean + (self._root() @ noise[..., None])[..., 0]
        return found

    def _root(self) -> Tensor:
        """A square root of the covariance; kept, for large ones take longer than the draws."""
        matrix = torch.as_tensor(self.matrix)
        for of, version, known in self._roots:
            if of is matrix and version == matrix._version:  # noqa: SLF001 (torch's count of writes)
                return known
        values, vectors = torch.linalg.eigh(matrix)
        root: Tensor = vectors * values.clamp(min=0.0).sqrt()[..., None, :]
        if not root.requires_grad and not matrix.requires_grad:
            self._roots = [(matrix, matrix._version, root)]  # noqa: SLF001
        return root

    def absolute_third(self) -> Float[Tensor, "units"] | None:
        """Not needed: the closure of a normal input is exact."""
        return None


def shape_under(law: InputLaw, input_shape: Sequence[int] | None, *, argument: str = "law") -> tuple[int, ...]:
    """The shape of one input that has this law; both are checked.

    Args:
        law: Law of the flattened input.
        input_shape: Shape of one input without the batch axis; (units,) by default.
        argument: Name of the law as the caller wrote it.

    Raises:
        ArgumentError: If the law is none, or the shape no sequence of whole numbers.
        ShapeError: If the shape has another number of components.

    Example:
        >>> shape_under(Gaussian([0.0, 0.0]), None)
        (2,)
    """
    if not isinstance(law, InputLaw):
        raise ArgumentError(
            argument,
            expected="a law of haar.moments",
            got=type(law).__name__,
            way_out="Gaussian(mean, cov) for a normal one, Empirical(data) for data",
        )
    if input_shape is None:
        return (law.size,)
    if isinstance(input_shape, str) or not isinstance(input_shape, Sequence):
        raise ArgumentError("input_shape", expected="whole numbers, as in (3, 8, 8)", got=repr(input_shape))
    for length in input_shape:
        check_count("input_shape", length)
    if torch.Size(input_shape).numel() != law.size:
        raise ShapeError("input_shape", expected=f"{law.size} components, as the law has", got=tuple(input_shape))
    return tuple(input_shape)


class Independent(InputLaw):
    """Independent components, each with a law of its own.

    Args:
        laws: One law per component.
        shift: Added to the means, (*batch, units): one propagation for every batch entry.

    Raises:
        ShapeError: If shift does not end in one entry per component.

    Example:
        >>> from haar.moments.laws import Exponential
        >>> Independent([Exponential()] * 2).cumulants(3).third.diagonal(dim1=0, dim2=1).diagonal().tolist()
        [2.0, 2.0]
    """

    def __init__(self, laws: Sequence[Law], shift: Tensor | Sequence[float | int] | None = None) -> None:
        self.laws = tuple(laws)
        if not self.laws:
            raise ArgumentError("laws", expected="at least one law", got="none")
        for law in self.laws:
            if not isinstance(law, Law):
                raise ArgumentError("laws", expected="laws of one number, of haar.moments.laws", got=type(law).__name__)
        own = vector([law.require(1) for law in self.laws], "laws")
        self.mean = own
        if shift is not None:
            moved = vector(shift, "shift")
            if moved.shape[-1] != len(self.laws):
                raise ShapeError("shift", expected=f"(..., {len(self.laws)})", got=tuple(moved.shape))
            self.shift = moved
            self.mean = own.to(moved.device) + moved
        else:
            self.shift = torch.zeros_like(own)
        self.normal = all(law.normal for law in self.laws)

    @classmethod
    def same(cls, law: Law, size: int) -> Independent:
        """`size` independent copies of one law.

        Example:
            >>> from haar.moments.laws import Rademacher
            >>> Independent.same(Rademacher(), 3).size
            3
        """
        return cls([law] * size)

    def diagonal_cumulants(self, order: int) -> list[Float[Tensor, "*batch units"]]:
        """k_2 .. k_order of every component.

        Raises:
            UndefinedCumulantError: If one of them does not exist.
        """
        found = {}
        for law in self.laws:
            if id(law) not in found:
                found[id(law)] = [law.require(n) for n in range(2, order + 1)]
        table = in_float64([found[id(law)] for law in self.laws], "laws").to(self.mean.device)
        check_variances(table[:, 0], "laws")
        return [column.expand(*self.batch, self.size) for column in table.unbind(-1)]

    def variance(self) -> Float[Tensor, "*batch units"]:
        """Variances of the components."""
        return self.diagonal_cumulants(2)[0]

    def cumulants(self, order: int) -> VectorCumulants:
        """Diagonal tensors, dense."""
        own = self.diagonal_cumulants(order)
        tensors = [_diagonal_tensor(k, at + 2) for at, k in enumerate(own)]
        return VectorCumulants(self.mean, *tensors)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count *batch units"]:
        """Draws, component by component."""
        columns = [law.sample((count, *self.batch), generator) for law in self.laws]
        return torch.stack(columns, -1).to(self.mean.device) + self.shift

    def absolute_third(self) -> Float[Tensor, "units"] | None:
        """E|x_j - mean_j|^3, or None if one does not exist."""
        found: dict[int, float | None] = {id(law): None for law in self.laws}
        for law in self.laws:
            if found[id(law)] is None:
                found[id(law)] = law.absolute_third()
        values = [found[id(law)] for law in self.laws]
        known = [value for value in values if value is not None]
        return torch.tensor(known, dtype=torch.float64, device=self.mean.device) if len(known) == len(values) else None


class Empirical(InputLaw):
    """The cumulants of a data set (unbiased estimates up to order 3); sampling draws its rows.

    Args:
        data: (samples, units), at least four rows.

    Raises:
        ShapeError: If it is not a table with at least four rows.

    Example:
        >>> Empirical(torch.eye(4)).mean.tolist()
        [0.25, 0.25, 0.25, 0.25]
    """

    normal = False

    def __init__(self, data: Tensor | Sequence[Sequence[float | int]]) -> None:
        self.data = in_float64(data, "data")
        if self.data.ndim != 2 or self.data.shape[0] < 4:
            raise ShapeError("data", expected="(samples >= 4, units)", got=tuple(self.data.shape))
        if not bool(self.data.detach().isfinite().all()):
            raise ArgumentError("data", expected="finite numbers", got="NaN or infinity")
        self.mean = self.data.mean(0)

    def cumulants(self, order: int) -> VectorCumulants:
        """Unbiased covariance and third cumulants.

        Raises:
            ArgumentError: If order 4 is asked for.
        """
        if order > 3:
            raise ArgumentError("order", expected="at most 3 from data", got=order)
        n = self.data.shape[0]
        centred = self.data - self.mean
        cov = centred.mT @ centred / (n - 1)
        third = None
        if order > 2:
            third = torch.einsum("si,sj,sk->ijk", centred, centred, centred) * (n / ((n - 1) * (n - 2)))
        return VectorCumulants(self.mean, cov, third)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count units"]:
        """Rows drawn with replacement."""
        at = torch.randint(self.data.shape[0], (count,), generator=generator, device=self.data.device)
        return self.data[at]


def _zeros(like: Tensor, size: int, order: int) -> tuple[Tensor | None, Tensor | None]:
    """Third and fourth cumulants of a normal law, as far as they are asked for."""
    batch = like.shape[:-1]
    return (
        like.new_zeros(*batch, size, size, size) if order > 2 else None,
        like.new_zeros(*batch, size, size, size, size) if order > 3 else None,
    )


def _spreads(shape: Sequence[int], batch: Sequence[int]) -> bool:
    """Whether one matrix, or one for every entry of the batch, is given."""
    try:
        return tuple(torch.broadcast_shapes(tuple(shape), tuple(batch))) == tuple(batch)
    except RuntimeError:
        return False


def _diagonal_tensor(values: Tensor, rank: int) -> Tensor:
    """Values on the main diagonal of a tensor with `rank` equal axes."""
    n = values.shape[-1]
    flat = torch.zeros(*values.shape[:-1], n**rank, dtype=values.dtype, device=values.device)
    stride = sum(n**k for k in range(rank))
    flat[..., torch.arange(n, device=values.device) * stride] = values
    return flat.reshape(*values.shape[:-1], *([n] * rank))

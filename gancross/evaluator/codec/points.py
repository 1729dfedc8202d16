"""Points of a curve, held as one array: as tuples of Python's floats they take seven times the memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike

P = TypeVar("P", bound=tuple[float, ...])


class Points(Sequence[P], Generic[P]):
    """A sequence of tuples of floats, which JSON writes as lists of numbers; float64 (N, d) inside."""

    def __init__(self, array: ArrayLike) -> None:
        self.array = np.array(array, np.float64)
        self.array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> P: ...

    @overload
    def __getitem__(self, index: slice) -> Points[P]: ...

    def __getitem__(self, index: int | slice) -> P | Points[P]:
        if isinstance(index, slice):
            return Points(self.array[index])
        point: P = tuple(self.array[index].tolist())  # type: ignore[assignment]
        return point

    def __iter__(self) -> Iterator[P]:
        return map(tuple, self.array.tolist())  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.array, other.array) if isinstance(other, Points) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.array.tobytes())

    def __repr__(self) -> str:
        return f"Points({self.array.tolist()})"

"""The whole matrix of a call: what every judge calls real of every generator.

Rows i are generators, columns j judges, in the alphabetical order of the names, so that the order in
which contestants were given moves no digit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Proportion


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossTable:
    """Counts of N contestants.

    Attributes:
        names: N distinct names, sorted.
        called_real: (N, N) samples of generator i that judge j calls real; 0 where j makes no decisions.
        num_fake: (N,) samples of generator i.
        called_fake: (N,) test reals that judge j calls fake.
        num_real: (N,) test reals that judge j saw; 0 where it makes no decisions.
        blind: (N,) whether judge j calls more than half of the uniform noise real.
        effective_fake: (N, N), effective_real: (N,): how many independent samples tell as much as `num_fake`
            and `num_real`, whole.
    """

    names: tuple[str, ...]
    called_real: NDArray[np.int64]
    num_fake: NDArray[np.int64]
    called_fake: NDArray[np.int64]
    num_real: NDArray[np.int64]
    blind: NDArray[np.bool_]
    effective_fake: NDArray[np.int64]
    effective_real: NDArray[np.int64]

    @property
    def decides(self) -> NDArray[np.bool_]:
        """(N,) whether judge j makes decisions."""
        return self.num_real > 0

    @property
    def fp(self) -> NDArray[np.float64]:
        """(N, N) FP_ij; NaN in the columns of those who make no decisions."""
        return np.where(self.decides, self.called_real / self.num_fake[:, None], np.nan)

    @property
    def fn(self) -> NDArray[np.float64]:
        """(N,) FN_j; NaN for those who make no decisions."""
        return np.where(self.decides, self.called_fake / np.maximum(self.num_real, 1), np.nan)


def cross_table(
    names: Sequence[str],
    *,
    fp: Mapping[tuple[str, str], Proportion],
    fn: Mapping[str, Proportion],
    blind: Collection[str] = (),
) -> CrossTable:
    """The table from FP by (judge, generator) and FN by judge, of the judges that make decisions."""
    ordered = tuple(sorted(names))
    # A generator's number of samples stands in each of its cells.
    sizes = {generator: rate.n for (judge, generator), rate in fp.items() if judge in fn}
    return CrossTable(
        names=ordered,
        called_real=np.array([[fp[j, i].count if j in fn else 0 for j in ordered] for i in ordered]),
        num_fake=np.array([sizes.get(name, 1) for name in ordered]),
        called_fake=np.array([fn[name].count if name in fn else 0 for name in ordered]),
        num_real=np.array([fn[name].n if name in fn else 0 for name in ordered]),
        blind=np.array([name in blind for name in ordered]),
        effective_fake=np.array(
            [[fp[j, i].independent_n if j in fn else 0 for j in ordered] for i in ordered]
        ),
        effective_real=np.array([fn[name].independent_n if name in fn else 0 for name in ordered]),
    )

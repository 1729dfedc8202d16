"""What referees made of reals and samples: scores at every rung of the ladder.

Shape suffixes: K rungs, N reals, M samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class RefereeScores:
    """One referee on all that it did not train on; a high score means real, above 0 is called real.

    Attributes:
        seed, half: which referee of a contestant: it trained on that half, 0 or 1, of that seed's cut.
        reals, samples: rows of the held-out reals and of the contestant's samples that it was tested on, in
            their content order, rising: a row means the same sample for every referee and, of reals, for
            every contestant.
        real_KN, fake_KM: the scores by rung from the finest on; of a contestant's discriminator float64.
    """

    seed: int
    half: int
    reals: NDArray[np.int64]
    samples: NDArray[np.int64]
    real_KN: Scores
    fake_KM: Scores


@dataclass(frozen=True, kw_only=True, eq=False)
class ContestantScores:
    """All referees of one contestant.

    Attributes:
        num_real, num_samples: reals and samples at hand; rows of `RefereeScores` lie below them.
        referees: two for every seed, sorted by (seed, half).
    """

    num_real: int
    num_samples: int
    referees: Sequence[RefereeScores]

"""ROC curves of reports: those of scikit-learn, thinned, in little memory."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_curve as reference

from gancross.evaluator.judging.figures import ROC_POINTS, roc_curve
from gancross.evaluator.judging.scores import ScoresBySource

RANDOM = np.random.default_rng(0)
CASES: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
    "few": (np.array([0.3]), np.array([-0.2])),
    "equal scores": (np.zeros(4), np.zeros(7)),
    "two ties": (np.array([1.0, 1, 0]), np.array([1.0, 0, 0])),
    "apart": (RANDOM.normal(50, 1, 40), RANDOM.normal(-50, 1, 30)),
    "the wrong way round": (RANDOM.normal(-50, 1, 40), RANDOM.normal(50, 1, 30)),
    "many ties": (RANDOM.normal(1, 2, 400).round(), RANDOM.normal(0, 2, 300).round()),
    "some ties": (RANDOM.normal(1, 2, 400).round(2), RANDOM.normal(0, 2, 300).round(2)),
    "no ties": (RANDOM.normal(1, 1, 5_000), RANDOM.normal(0, 1, 3_000)),
    "infinite": (np.array([np.inf, 1, 0]), np.array([-np.inf, 0.5, np.inf])),
}


@pytest.mark.parametrize("case", CASES)
def test_curves_are_those_of_scikit_learn(case: str) -> None:
    real, fake = CASES[case]
    curve = roc_curve(ScoresBySource(arrays={None: real, "a": fake}), "a")
    finite = np.nan_to_num(np.concatenate([real, fake]), posinf=1e9, neginf=-1e9)  # it refuses infinities
    fpr, tpr, _ = reference(np.repeat([1, 0], [len(real), len(fake)]), finite)
    chosen = np.unique(np.linspace(0, len(fpr) - 1, ROC_POINTS).round().astype(int))
    assert curve.array.tolist() == np.stack([fpr[chosen], tpr[chosen]], axis=1).tolist()
    assert (curve[0], curve[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert curve.array.base is None and curve.array.nbytes == 16 * len(curve) <= 16 * ROC_POINTS

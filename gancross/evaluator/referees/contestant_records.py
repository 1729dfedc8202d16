"""What referees tell of one contestant, as the record holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from gancross.evaluator.codec.fields import Items, Range, Size
from gancross.evaluator.estimates import Estimate, Interval, Missing

Sigma = Annotated[float, Range(0)]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """What a contestant's referees tell at one level of noise, mean over the referees.

    Attributes:
        sigma: σ of the noise, in units of the networks' input: images in [−1, 1], vectors in standard
            deviations of the reals.
        fn, fp: at the threshold 0.
        j: 1 − FN − FP, |J| ≤ TV of data and generator under this noise.
        auc, g: G = 2·AUC − 1; 0 where referees cannot tell.
        jsd_bound_nats: as `gancross.evaluator.statistics.bounds.jensen_shannon_bound`.
    """

    sigma: Sigma
    fn: Estimate
    fp: Estimate
    j: Estimate
    auc: Estimate
    g: Estimate
    jsd_bound_nats: Estimate


@dataclass(frozen=True, kw_only=True)
class HalfDetectionNoise:
    """σ½: where the antitonic regression of G on log σ falls through one half. Lower is nearer to the data.

    Attributes:
        value: `Missing` where G is below one half on the whole ladder, or above it.
        ci95: all σ whose band of G contains one half; a limit at an end of the ladder may lie beyond it.
        censored: "below" or "beyond" the ladder; None where there is a value.
    """

    value: float | Missing
    ci95: Interval
    censored: Literal["below", "beyond"] | None


@dataclass(frozen=True, kw_only=True)
class RefereedContestant:
    """One contestant before its referees.

    Attributes:
        num_samples: samples at hand, of which every referee trained on at most half.
        detectability: D, the mean of G over the rungs, −1…1; lower is nearer to the data.
        rungs: from the finest to the coarsest.
    """

    num_samples: Size
    detectability: Estimate
    half_detection_noise: HalfDetectionNoise
    rungs: Annotated[tuple[Rung, ...], Items(1)]

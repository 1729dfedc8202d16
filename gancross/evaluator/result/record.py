"""Figures as the plain values of the JSON record. No NaN: null, with its reason beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.judging.batch_norm_passes import PASSES
from gancross.evaluator.judging.controls import Control
from gancross.evaluator.judging.scoring import Judged, OfJudge, real_high_threshold
from gancross.evaluator.statistics.bounds import generalisation_gap
from gancross.evaluator.statistics.confusion import Share, false_negatives, false_positives
from gancross.evaluator.statistics.proportions import (
    Estimate,
    Unavailable,
    paired_difference,
    wilson_interval,
)
from gancross.evaluator.tournament.cross_table import is_blind
from gancross.evaluator.verdict.cells import Cell, Cells, confusion
from gancross.evaluator.verdict.pairs import PairTests
from gancross.evaluator.verdict.paper import Verdict

Plain = dict[str, Any]

NO_THRESHOLD = "no threshold: its scores rank samples but decide nothing"
NO_DISCRIMINATOR = "no discriminator: it is judged and judges nobody"
NORM_MOVES = 0.05  # a rate that the batch-norm mode moves by more than this is flagged
BINS = 64
ROC_POINTS = 101


def rate(key: str, share: Share | None, reason: str) -> Plain:
    """`{key: RATE}`, or null with its reason."""
    if share is None:
        return {key: None, f"{key}_reason": reason}
    interval = list(wilson_interval(share))
    return {key: {"count": share.count, "n": share.n, "rate": share.rate, "ci95": interval}}


def estimate(key: str, value: Estimate | Unavailable | None, reason: str = NO_THRESHOLD) -> Plain:
    """`{key: {"value", "ci95"}}`, or null with its reason."""
    if isinstance(value, Unavailable):
        return {key: None, f"{key}_reason": value.reason}
    if value is None:
        return {key: None, f"{key}_reason": reason}
    return {key: {"value": value.value, "ci95": [value.low, value.high]}}


def cell_record(cell: Cell) -> Plain:
    """One entry of `cross`."""
    matched: Plain = {"fp_at_fn5": None, "fp_at_fn5_reason": "fewer than two test samples cannot be halved"}
    if cell.matched is not None:
        figures = estimate("fp_at_fn5", cell.matched.fp)["fp_at_fn5"]
        thresholds = [tau if math.isfinite(tau) else None for tau in cell.matched.thresholds]
        matched = {"fp_at_fn5": {**figures, "fn": cell.matched.fn, "thresholds": thresholds}}
    own = "its own generator" if cell.judge == cell.generator else NO_THRESHOLD
    return {
        "judge": cell.judge,
        "generator": cell.generator,
        **rate("fp", None if cell.confusion is None else cell.confusion.fp, NO_THRESHOLD),
        **estimate("auc", cell.auc),
        **matched,
        **estimate("j", cell.j),
        **estimate("jsd_bound_nats", cell.jsd),
        **estimate("transfer_gap", cell.transfer, own),
    }


def confusion_record(contestant: Contestant, cell: Cell | None) -> Plain:
    """A model's own confusion matrix."""
    table = None if cell is None else cell.confusion
    if table is None:
        reason = NO_DISCRIMINATOR if contestant.discriminator is None else NO_THRESHOLD
        empty = {"counts": None, "counts_reason": reason, "rates": None, "rates_reason": reason}
        return empty | rate("fn", None, reason) | rate("fp", None, reason)
    shares = rate("fn", table.fn, NO_THRESHOLD) | rate("fp", table.fp, NO_THRESHOLD)
    return {"counts": table.counts(), "rates": table.rates(), **shares}


def pair_record(test: PairTests, *, paper: Verdict, strict: Verdict) -> Plain:
    """One entry of `pairs`; every difference is a − b."""
    reason = "needs decisions of both judges" if test.fisher_p is None else "needs scores"
    newcombe = None if test.cross_fp is None else [test.cross_fp.low, test.cross_fp.high]
    fn = None if test.decisions is None else paired_difference(test.decisions)
    return {
        "a": test.a.name,
        "b": test.b.name,
        "paper": verdict_record(paper),
        "strict": verdict_record(strict),
        "tests": {
            **_number("fisher_p", test.fisher_p, reason),
            **_number("holm_p", test.holm_p, reason),
            "holm_tests": test.tests,
            **_number("newcombe95", newcombe, reason),
            **_number("mcnemar_p", test.mcnemar_p, reason),
            **estimate("fn_difference", fn, reason),
            **estimate("auc_difference", test.auc, reason),
            **estimate("fp_at_fn5_difference", test.matched_fp, reason),
        },
    }


def verdict_record(verdict: Verdict) -> Plain:
    """`{"winner", "reason"}`."""
    return {"winner": verdict.winner, "reason": verdict.reason}


def controls_record(judges: Sequence[Contestant], cells: Mapping[str, OfJudge]) -> Plain:
    """What each judge makes of samples whose answer is known; rates are shares called real."""
    return {
        "judges": {judge.name: _control_rates(judge, cells[judge.name]) for judge in judges},
        "references": {"always-real": {"fp": 1.0, "fn": 0.0}, "always-fake": {"fp": 0.0, "fn": 1.0}},
    }


def blind_judges(judges: Sequence[Contestant], scores: Mapping[str, OfJudge]) -> list[str]:
    """Judges that call more than half of the uniform noise real."""
    found = []
    for judge in judges:
        noise = _called_real(judge, scores[judge.name], Control.NOISE)
        if noise is not None and is_blind(noise):
            found.append(judge.name)
    return found


def generalisation_record(judge: Contestant, scores: OfJudge, reason: str) -> Plain:
    """TPR on training reals − TPR on test reals of one judge."""
    threshold = real_high_threshold(judge)
    if threshold is None or Control.TRAINING not in scores:
        return estimate("value", None, NO_THRESHOLD if threshold is None else reason)
    gap = generalisation_gap(
        train_fn=false_negatives(scores[Control.TRAINING], threshold),
        test_fn=false_negatives(scores[None], threshold),
    )
    return {"value": gap.value, "ci95": [gap.low, gap.high]}


def batch_norm_record(judge: Contestant, judged: Judged, generators: Sequence[str]) -> Plain:
    """Rates of one judge in both modes, and the largest move between them."""
    if judge.name not in judged.batch_normalised:
        return {"modes": None, "modes_reason": "no batch norm: there is one mode"}
    if not judged.has_modes(judge.name):
        return {"modes": None, "modes_reason": "batch-norm modes not compared"}
    if real_high_threshold(judge) is None:
        return {"modes": None, "modes_reason": NO_THRESHOLD}
    modes: Plain = {}
    for mode in PASSES:
        scores = judged.of(judge.name, mode)
        tables = {name: confusion(judge, scores, name) for name in generators}
        shares = {name: table.fp for name, table in tables.items() if table is not None}
        fn = next(table.fn for table in tables.values() if table is not None)
        modes[mode] = rate("fn", fn, "") | {
            "fp": {name: rate("r", fp, "")["r"] for name, fp in shares.items()}
        }
    pairs = [(modes["eval"]["fn"], modes["batch"]["fn"])]
    pairs += [(modes["eval"]["fp"][name], modes["batch"]["fp"][name]) for name in generators]
    moved = max(abs(one["rate"] - other["rate"]) for one, other in pairs)
    return {"modes": modes, "largest_move": moved, "flagged": moved > NORM_MOVES}


def histogram_record(scores: OfJudge, generators: Sequence[str]) -> Plain:
    """Counts of scores in common bins; the outermost bins hold what lies beyond them."""
    everything = np.concatenate([scores[None], *(scores[name] for name in generators)])
    low, high = np.quantile(everything, [0.001, 0.999])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)

    def counts(values: np.ndarray[Any, Any]) -> list[int]:
        return [int(count) for count in np.histogram(np.clip(values, low, high), edges)[0]]

    made = {name: counts(scores[name]) for name in generators}
    return {"edges": edges.tolist(), "real": counts(scores[None]), "generators": made}


def roc_record(scores: OfJudge, generator: str) -> list[list[float]]:
    """[[FPR, TPR], …] from (0, 0) to (1, 1), at most 101 points of the curve."""
    from sklearn.metrics import roc_curve  # takes a second to import

    real, fake = scores[None], scores[generator]
    labels = np.concatenate([np.ones(len(real)), np.zeros(len(fake))])
    fpr, tpr, _ = roc_curve(labels, np.concatenate([real, fake]))
    kept = np.unique(np.linspace(0, len(fpr) - 1, ROC_POINTS).round().astype(int))
    return [[float(fpr[i]), float(tpr[i])] for i in kept]


def own_cell(cells: Cells, name: str) -> Cell | None:
    """The cell of a model on its own generator."""
    return cells.get((name, name))


def _control_rates(judge: Contestant, scores: OfJudge) -> Plain:
    noise = _called_real(judge, scores, Control.NOISE)
    blurred = _called_real(judge, scores, Control.BLURRED)
    return {
        **rate("real", _called_real(judge, scores, None), NO_THRESHOLD),
        **rate("noise", noise, NO_THRESHOLD),
        **rate("blurred", blurred, "images only" if Control.BLURRED not in scores else NO_THRESHOLD),
        "blind": None if noise is None else is_blind(noise),
    }


def _called_real(judge: Contestant, scores: OfJudge, label: Control | None) -> Share | None:
    threshold = real_high_threshold(judge)
    return None if threshold is None or label not in scores else false_positives(scores[label], threshold)


def _number(key: str, value: Any, reason: str) -> Plain:
    return {key: value} if value is not None else {key: None, f"{key}_reason": reason}

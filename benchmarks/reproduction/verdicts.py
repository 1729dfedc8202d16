"""The plain sentence of each section, by a rule from its record alone: reproduced or not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from gancross.evaluator.tournament.methods import ALPHA
from reproduction.histories import LATE
from reproduction.record import Record
from reproduction.tables import broke, by, middle, seconds_until_good, share, small, spread, whole

YES, PARTLY, NO = "**Reproduced.**", "**Partly reproduced.**", "**Not reproduced.**"
UNDECIDED = "**Undecided.**"
FACTOR = (1.2, 1.6)  # about the paper's "roughly 1.4"


def stability(record: Record) -> str:
    """Reproduced if every unregularized run failed and no regularized one did; to fail: `tables.broke`."""
    unregularized = [run for run in record["runs"] if run["label"].startswith("unregularized")]
    regularized = [run for run in record["runs"] if run not in unregularized]
    counts = [sum(map(broke, group)) for group in (unregularized, regularized)]
    word = UNDECIDED
    if unregularized and regularized:
        rates = [
            count / len(group) for count, group in zip(counts, (unregularized, regularized), strict=True)
        ]
        word = YES if rates == [1.0, 0.0] else PARTLY if rates[0] > rates[1] else NO
    kinds = [
        (kind, runs)
        for kind, runs in (("unregularized", unregularized), ("regularized", regularized))
        if runs
    ]
    margins = " and ".join(f"{_margins(runs)} in the {kind}" for kind, runs in kinds)
    modes = " and ".join(
        f"{spread([run['late']['modes'] for run in runs], small)} in the {kind}" for kind, runs in kinds
    )
    return " ".join((
        word, *(_fates(kind, runs) for kind, runs in kinds),
        f"Modes covered over the last {LATE:.0%} of training: {modes} runs.",
        f"From the first to the last checkpoint the margin went {margins} runs.",
        *(f"One {kind} run: an example, not a rate." for kind, runs in kinds if len(runs) == 1),
    ))  # fmt: skip


def _fates(kind: str, runs: Sequence[Record]) -> str:
    """`2 of 6 unregularized runs broke, at steps …; 1 never was good.`"""
    past = [run["history"] for run in runs]
    broken = sorted(run["broken_at"] for run in past if run["broken_at"] is not None)
    recovered = sum(run["recovered_at"] is not None for run in past)
    text = f"{len(broken)} of {len(runs)} {kind} runs broke"
    if broken:
        text += f", at step {', '.join(map(whole, broken))}; {recovered} of these recovered"
    if lost_steps := sorted(run["lost_from"] for run in past if run["lost_from"] is not None):
        text += f"; {len(lost_steps)} were lost in the end, from step {', '.join(map(whole, lost_steps))}"
    never = sum(run["good_from"] is None for run in past)
    longest = max((run["reached"] for run in runs if not broke(run)), default=None)
    text += f"; {never} never became good" if never else ""
    return (
        text + ("" if longest is None else f"; the longest unbroken one went to step {whole(longest)}") + "."
    )


def _margins(runs: Sequence[Record]) -> str:
    ends = [[run["trace"]["margin"][position] for run in runs] for position in (0, -1)]
    first, last = (spread(values, small) for values in ends)
    return f"from {first} to {last}"


def generator_objective(record: Record) -> str:
    """Early: good samples sooner in every run; late: fewer samples at the modes in every run, which all fail.

    Of pairs of runs of one seed, in which the other run does not fail; to fail: `tables.broke`.
    """
    runs = {
        variant: {run["seed"]: run for run in group}
        for variant, group in by(record["runs"], "variant").items()
    }
    sooner, early = _compared(
        runs, (("plain", "regularized"), ("plain-annealed", "regularized-annealed")),
        figure=lambda run: run["history"]["good_from"] or 10 * run["steps"],
    )  # fmt: skip
    changes = (
        ("plain", "regularized"), ("plain", "regularized-late"), ("plain-annealed", "regularized-annealed")
    )  # fmt: skip
    worse, late = _compared(runs, changes, figure=lambda run: run["late"]["within_3_std"])
    failed, _ = _compared(runs, changes, figure=lambda run: not broke(run))
    unstable = _of(worse, late)
    if unstable == YES and failed < late:
        unstable = PARTLY
    fates = "; ".join(
        f"{group[0]['label']}: {sum(map(broke, group))} of {len(group)} broke or never were good"
        for group in by(record["runs"], "variant").values()
    )
    return (
        f"*Speeds up early training:* {_of(sooner, early)} With the regularizer in its objective the"
        " generator made good"
        f" samples at an earlier step than without in {sooner} of {early} pairs of runs of the same seed."
        f" *Destabilizes close to convergence:* {unstable} Over the last {LATE:.0%} of training"
        " fewer of its"
        f" samples lay within 3 standard deviations of a mode in {worse} of {late} pairs; in {failed} the run"
        f" broke or never was good and the other did not. {fates}."
    )


def _compared(runs: Record, pairs: Sequence[tuple[str, str]], *, figure: Any) -> tuple[int, int]:
    """In how many pairs of runs of one seed the second variant's figure is the lower one."""
    lower = [
        figure(changed) < figure(runs[without][seed])
        for without, with_it in pairs
        for seed, changed in runs.get(with_it, {}).items()
        if seed in runs.get(without, {})
    ]
    return sum(lower), len(lower)


def _of(count: int, n: int) -> str:
    return YES if n and count == n else PARTLY if 2 * count > n else NO


def annealing(records: Sequence[Record]) -> str:
    """Reproduced if no annealed run broke, and none of the constant levels did better at the end."""
    runs = [run for record in records for run in record["runs"] if _comparable(run)]
    annealed = {text: group for text, group in by(runs, "label").items() if "annealed" in text}
    constant = {text: group for text, group in by(runs, "label").items() if "annealed" not in text}
    best = {
        kind: max(
            (fmean([run["late"]["within_3_std"] for run in group]), text) for text, group in groups.items()
        )
        for kind, groups in (("annealed", annealed), ("constant", constant)) if groups
    }  # fmt: skip
    broken = sum(broke(run) for group in annealed.values() for run in group)
    total = sum(map(len, annealed.values()))
    if len(best) < 2:
        return f"{broken} of {total} annealed runs broke or never were good."
    word = {2: YES, 1: PARTLY, 0: NO}[(not broken) + (best["annealed"] >= best["constant"])]
    best_annealed, best_constant = annealed[best["annealed"][1]], constant[best["constant"][1]]
    return (
        f"{word} {broken} of {total} annealed runs broke or never were good. Over the last {LATE:.0%} of"
        f" training the best annealed schedule, {best['annealed'][1]}"
        f" ({_lengths(best_annealed)}), had {share(best['annealed'][0])} of its samples"
        " within 3 standard deviations of a mode, the best constant one,"
        f" {best['constant'][1]} ({_lengths(best_constant)}), {share(best['constant'][0])}."
        f"{_at_one_step(best_annealed, best_constant)}"
    )


def _at_one_step(annealed: Sequence[Record], constant: Sequence[Record]) -> str:
    """That share of both at the last step that all of them saved: they were trained for different lengths."""
    runs = [*annealed, *constant]
    common = set.intersection(*(set(run["trace"]["step"]) for run in runs))
    if not common or len({run["reached"] for run in runs}) == 1:
        return ""
    step = max(common)
    share_annealed, share_constant = (
        fmean([run["trace"]["within_3_std"][run["trace"]["step"].index(step)] for run in group])
        for group in (annealed, constant)
    )
    return (
        f" At step {whole(step)}, the last that both saved: {share(share_annealed)} against"
        f" {share(share_constant)}."
    )


def _lengths(runs: Sequence[Record]) -> str:
    return f"{', '.join(sorted({whole(run['reached']) for run in runs}))} steps"


def _comparable(run: Record) -> bool:
    return run["label"].startswith("γ") and "generator too" not in run["label"]


def overfitting(record: Record) -> str:
    """Reproduced if the regularized runs' gap and AUC are smaller, both beyond chance."""
    methods = by(record["runs"], "variant")
    sentences, smaller = [], []
    for key, p, figure, fmt in (
        ("gap", record["p"], "TPR on training − on test reals", small),
        ("auc", record["auc_p"], "AUC of training against test reals", share),
    ):
        figures = {variant: [run[key] for run in group] for variant, group in methods.items()}
        listed = ", ".join(f"{variant} {spread(values, fmt)}" for variant, values in figures.items())
        sentences.append(f"{figure}: {listed}" + ("" if p is None else f"; permutation p {small(p)}"))
        if p is not None:
            less = fmean(figures["regularized"]) < fmean(figures["unregularized"])
            smaller.append(less and p < ALPHA)
    word = YES if smaller and all(smaller) else PARTLY if any(smaller) else NO
    return f"{word} {'. '.join(sentences)}. Mean [lowest, highest] over runs."


def training_time(record: Record) -> str:
    """The factor, and who made good samples first."""
    factor = middle(record["costs"]["regularized"]["ratio"])
    cost = YES if FACTOR[0] <= factor <= FACTOR[1] else NO
    waits = {
        variant: [float("inf") if wait is None else wait for wait in seconds_until_good(record, variant)]
        for variant in record["costs"]
    }
    waits_gan = [wait for name in ("unregularized", "regularized") for wait in waits[name]]
    waits_wgan = [wait for name, times in waits.items() if name.startswith("wgan") for wait in times]
    sooner = (
        YES
        if waits_gan and waits_wgan and max(waits_gan) < min(waits_wgan)
        else PARTLY
        if waits_gan and waits_wgan and fmean(waits_gan) < fmean(waits_wgan)
        else NO
    )
    return (
        f"*Cost:* {cost} On this machine a regularized step on the mixture costs {factor:.2f} times an"
        " unregularized one, where the paper has roughly 1.4, of which it says that it comes from the second"
        " backward pass; gancross has its gradient in closed form, without one. *Sooner than WGAN:*"
        f" {sooner}"
    )

"""The plain sentence of each section, by a rule from its record alone: reproduced or not, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.proportions import fisher_p, holm
from gancross.evaluator.tournament.methods import ALPHA
from reproduction.decisions import (
    NO,
    PARTLY,
    YES,
    disagreement,
    doubt,
    methods_shortage,
    shortage,
    undecided,
    word,
)
from reproduction.histories import LATE
from reproduction.record import Record
from reproduction.tables import (
    broke,
    by,
    failed_by,
    middle,
    seconds_until_good,
    share,
    small,
    spread,
    step_rows,
    whole,
)

FACTOR = (1.2, 1.6)  # about the paper's "roughly 1.4"
LATE_MEASURES = {"modes": "modes covered", "within_3_std": "samples within 3 standard deviations of a mode"}


def stability(record: Record) -> str:
    """Reproduced if every unregularized run failed and no regularized one did; to fail: `tables.failed_by`.

    Partly if more of the unregularized ones failed by the step that all reached, beyond chance (Fisher).
    """
    sides = _sides(record)
    sentences = []
    short = stability_shortage(record)
    if len(sides) < 2:
        verdict = undecided(f"{', '.join(sides)} runs only")
    elif short:
        verdict = undecided(short)
    else:
        step = min(run["reached"] for run in record["runs"])
        failed = {kind: [failed_by(run, step) for run in runs] for kind, runs in sides.items()}
        verdict, p = more_failures(*failed.values())
        counts = " and ".join(f"{sum(side)} of {len(side)} {kind}" for kind, side in failed.items())
        sentences.append(
            f"By step {whole(step)}, which all runs reached, {counts} runs had failed: Fisher p {small(p)}."
        )
    modes, sharp = (
        " and ".join(
            f"{spread([run['late'][key] for run in runs], fmt)} in the {kind}" for kind, runs in sides.items()
        )
        for key, fmt in (("modes", small), ("within_3_std", share))
    )
    margins = " and ".join(f"{_margins(runs)} in the {kind}" for kind, runs in sides.items())
    return " ".join((
        verdict, *sentences, *(_fates(kind, runs) for kind, runs in sides.items()),
        f"Over the last {LATE:.0%} of training, modes covered: {modes} runs; share of samples within 3"
        f" standard deviations of a mode: {sharp} runs.",
        *filter(None, [late_disagreement(sides)]),
        f"From the first to the last checkpoint the margin went {margins} runs.",
    ))  # fmt: skip


def stability_shortage(record: Record) -> str:
    """Of runs with and without the regularizer, whatever their method; said of the methods."""
    return shortage(_sides(record)) and shortage(by(record["runs"], "label"))


def more_failures(unregularized: Sequence[bool], regularized: Sequence[bool]) -> tuple[str, float]:
    """The word for runs that failed on two sides, and the two-sided Fisher p of their shares."""
    free, held = (Proportion(count=sum(side), n=len(side)) for side in (unregularized, regularized))
    p = fisher_p(free, held)
    if free.rate <= held.rate:
        return NO, p
    if p >= ALPHA:
        return undecided("the difference is not beyond chance"), p
    return YES if (free.rate, held.rate) == (1.0, 0.0) else PARTLY, p


def late_disagreement(sides: Mapping[str, Sequence[Record]]) -> str:
    """Says where modes covered and sharpness over the last part of training favour different sides."""
    favoured = []
    for key, measure in LATE_MEASURES.items():
        means = {kind: fmean([run["late"][key] for run in runs]) for kind, runs in sides.items()}
        if len(set(means.values())) > 1:
            favoured.append((f"{measure} are more", max(means, key=lambda kind: means[kind])))
    return disagreement(favoured)


def _sides(record: Record) -> dict[str, list[Record]]:
    runs = record["runs"]
    unregularized = [run for run in runs if run["label"].startswith("unregularized")]
    sides = {"unregularized": unregularized, "regularized": [run for run in runs if run not in unregularized]}
    return {kind: group for kind, group in sides.items() if group}


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
    """Early: good lines sooner in every pair; late: fewer samples at the modes in every pair, which all fail.

    Of pairs of runs of one seed, in which the other run does not fail; to fail: `tables.broke`. Undecided
    below the runs that a claim needs; pairs share runs, so there is no test of them.
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
    fewer, late = _compared(runs, changes, figure=lambda run: run["late"]["within_3_std"])
    failed, _ = _compared(runs, changes, figure=lambda run: not broke(run))
    short = methods_shortage(record)
    unstable = undecided(short) if short else _majority(fewer, late)
    if unstable == YES and failed < late:
        unstable = PARTLY
    fates = "; ".join(
        f"{group[0]['label']}: {sum(map(broke, group))} of {len(group)} broke or never were good"
        for group in by(record["runs"], "variant").values()
    )
    speed = undecided(short) if short else _majority(sooner, early)
    return (
        f"*Speeds up early training:* {speed} With the regularizer in its objective too, the generator's run"
        f" had its first good line at an earlier step than without in {sooner} of {early} pairs of runs of"
        f" the same seed. *Destabilizes close to convergence:* {unstable} Over the last {LATE:.0%} of"
        f" training fewer of its samples lay within 3 standard deviations of a mode in {fewer} of {late}"
        f" pairs; in {failed} the run broke or never was good and the other did not. Pairs share runs: no"
        f" test. {fates}."
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


def _majority(count: int, n: int) -> str:
    return YES if n and count == n else PARTLY if 2 * count > n else NO


def annealing(records: Sequence[Record]) -> str:
    """Reproduced if no annealed run broke, and no constant level had more samples at the modes at the end."""
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
        return f"{undecided('one kind only')} {broken} of {total} annealed runs broke or never were good."
    best_annealed, best_constant = annealed[best["annealed"][1]], constant[best["constant"][1]]
    short = annealing_shortage(records)
    verdict = {2: YES, 1: PARTLY, 0: NO}[(not broken) + (best["annealed"] >= best["constant"])]
    if short:
        verdict = undecided(short)
    return (
        f"{verdict} {broken} of {total} annealed runs broke or never were good. Over the last {LATE:.0%} of"
        " training the largest mean share of samples within 3 standard deviations of a mode was, of annealed"
        f" schedules, {share(best['annealed'][0])} ({best['annealed'][1]},"
        f" {_lengths(best_annealed)}), of constant levels {share(best['constant'][0])}"
        f" ({best['constant'][1]}, {_lengths(best_constant)}).{_at_one_step(best_annealed, best_constant)}"
    )


def annealing_shortage(records: Sequence[Record]) -> str:
    """Of the schedules and constant levels that are compared."""
    return shortage(by([run for record in records for run in record["runs"] if _comparable(run)], "label"))


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
    """Reproduced if the regularized runs' gap and AUC are smaller, both beyond chance (Holm over the two)."""
    methods = by(record["runs"], "variant")
    measures = (("gap", record["p"], "TPR on training − on test reals", small),
                ("auc", record["auc_p"], "AUC of training against test reals", share))  # fmt: skip
    doubtful = "one method only" if len(methods) < 2 else doubt(methods)
    adjusted = holm([1.0 if p is None else p for _, p, _, _ in measures])
    sentences, smaller = [], 0
    for (key, _, figure, fmt), p in zip(measures, adjusted, strict=True):
        figures = {variant: [run[key] for run in group] for variant, group in methods.items()}
        listed = ", ".join(f"{variant} {spread(values, fmt)}" for variant, values in figures.items())
        sentences.append(
            f"{figure}: {listed}" + ("" if doubtful else f"; permutation p {small(p)} after Holm")
        )
        if not doubtful:
            smaller += fmean(figures["regularized"]) < fmean(figures["unregularized"]) and p < ALPHA
    verdict = undecided(doubtful) if doubtful else word(smaller, len(measures))
    return f"{verdict} {'. '.join(sentences)}. Mean [lowest, highest] over runs."


def training_time(record: Record) -> str:
    """The factor here and of other networks, and whose samples were good first.

    Cost: of the mixture's step and of every network of the speed record, one thread, within `FACTOR`.
    """
    factor = middle(record["costs"]["regularized"]["ratio"])
    networks = [row["measured"]["median"] for row in step_rows(record.get("beside")) if row["threads"] == 1]
    near = sum(FACTOR[0] <= value <= FACTOR[1] for value in networks)
    cost = word((FACTOR[0] <= factor <= FACTOR[1]) + near, 1 + len(networks))
    others = (
        f" Of networks measured apart from it {near} of {len(networks)} lie between {FACTOR[0]} and"
        f" {FACTOR[1]} on one thread: {', '.join(f'{value:.2f}' for value in networks)}."
        if networks else ""
    )  # fmt: skip
    waits = {
        variant: [float("inf") if wait is None else wait for wait in seconds_until_good(record, variant)]
        for variant in record["costs"]
    }
    waits_gan = [wait for name in ("unregularized", "regularized") for wait in waits[name]]
    waits_wgan = [wait for name, times in waits.items() if name.startswith("wgan") for wait in times]
    short = methods_shortage(record)
    if short:
        sooner = undecided(short)
    elif waits_gan and waits_wgan and max(waits_gan) < min(waits_wgan):
        sooner = YES
    else:
        sooner = PARTLY if waits_gan and waits_wgan and fmean(waits_gan) < fmean(waits_wgan) else NO
    never = sum(wait == float("inf") for wait in waits_wgan)
    finite = [wait for wait in waits_gan if wait != float("inf")]
    return (
        f"*Cost:* {cost} On this machine a regularized step on the mixture costs {factor:.2f} times an"
        " unregularized one, where the paper has roughly 1.4, of which it says that it comes from the second"
        f" backward pass; gancross has its gradient in closed form, without one.{others} *Sooner than WGAN:*"
        f" {sooner} {len(finite)} of {len(waits_gan)} f-GAN runs had a good line, after"
        f" {spread(finite, small)} seconds; {never} of {len(waits_wgan)} Wasserstein runs never had one."
    )

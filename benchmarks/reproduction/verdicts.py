"""The plain sentence of each section, by a rule from its record alone: reproduced or not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from gancross.evaluator.tournament.methods import ALPHA
from reproduction.histories import LATE
from reproduction.tables import broke, by, middle, seconds_until_good, share, small, spread, whole

Plain = dict[str, Any]
YES, PARTLY, NO = "**Reproduced.**", "**Partly reproduced.**", "**Not reproduced.**"
UNDECIDED = "**Undecided.**"
FACTOR = (1.2, 1.6)  # about the paper's "roughly 1.4"


def stability(record: Plain) -> str:
    """Reproduced if every unregularized run failed and no regularized one did; to fail: `tables.broke`."""
    free = [one for one in record["runs"] if one["label"].startswith("unregularized")]
    held = [one for one in record["runs"] if one not in free]
    counts = [sum(map(broke, some)) for some in (free, held)]
    word = UNDECIDED
    if free and held:
        rates = [count / len(some) for count, some in zip(counts, (free, held), strict=True)]
        word = YES if rates == [1.0, 0.0] else PARTLY if rates[0] > rates[1] else NO
    kinds = [(kind, runs) for kind, runs in (("unregularized", free), ("regularized", held)) if runs]
    margins = " and ".join(f"{_margins(runs)} in the {kind}" for kind, runs in kinds)
    modes = " and ".join(
        f"{spread([one['late']['modes'] for one in runs], small)} in the {kind}" for kind, runs in kinds
    )
    return " ".join((
        word, *(_fates(kind, runs) for kind, runs in kinds),
        f"Modes covered over the last {LATE:.0%} of training: {modes} runs.",
        f"From the first to the last checkpoint the margin went {margins} runs.",
        *(f"One {kind} run: an example, not a rate." for kind, runs in kinds if len(runs) == 1),
    ))  # fmt: skip


def _fates(kind: str, runs: Sequence[Plain]) -> str:
    """`2 of 6 unregularized runs broke, at steps …; 1 never was good.`"""
    past = [one["history"] for one in runs]
    broken = sorted(one["broken_at"] for one in past if one["broken_at"] is not None)
    recovered = sum(one["recovered_at"] is not None for one in past)
    said = f"{len(broken)} of {len(runs)} {kind} runs broke"
    if broken:
        said += f", at step {', '.join(map(whole, broken))}; {recovered} of these recovered"
    if lost := sorted(one["lost_from"] for one in past if one["lost_from"] is not None):
        said += f"; {len(lost)} were lost in the end, from step {', '.join(map(whole, lost))}"
    never = sum(one["good_from"] is None for one in past)
    longest = max((one["reached"] for one in runs if not broke(one)), default=None)
    said += f"; {never} never became good" if never else ""
    return (
        said + ("" if longest is None else f"; the longest unbroken one went to step {whole(longest)}") + "."
    )


def _margins(runs: Sequence[Plain]) -> str:
    ends = [[one["trace"]["margin"][place] for one in runs] for place in (0, -1)]
    first, last = (spread(values, small) for values in ends)
    return f"from {first} to {last}"


def generator_objective(record: Plain) -> str:
    """Early: good samples sooner in every run; late: fewer samples at the modes in every run, which all fail.

    Of pairs of runs of one seed, in which the other run does not fail; to fail: `tables.broke`.
    """
    runs = {
        variant: {one["seed"]: one for one in some} for variant, some in by(record["runs"], "variant").items()
    }
    sooner, early = _compared(
        runs, (("plain", "regularized"), ("plain-annealed", "regularized-annealed")),
        figure=lambda one: one["history"]["good_from"] or 10 * one["steps"],
    )  # fmt: skip
    changes = (
        ("plain", "regularized"), ("plain", "regularized-late"), ("plain-annealed", "regularized-annealed")
    )  # fmt: skip
    worse, late = _compared(runs, changes, figure=lambda one: one["late"]["within_3_std"])
    failed, _ = _compared(runs, changes, figure=lambda one: not broke(one))
    unstable = _of(worse, late)
    if unstable == YES and failed < late:
        unstable = PARTLY
    fates = "; ".join(
        f"{some[0]['label']}: {sum(map(broke, some))} of {len(some)} broke or never were good"
        for some in by(record["runs"], "variant").values()
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


def _compared(runs: Plain, pairs: Sequence[tuple[str, str]], *, figure: Any) -> tuple[int, int]:
    """In how many pairs of runs of one seed the second variant's figure is the lower one."""
    found = [
        figure(changed) < figure(runs[without][seed])
        for without, with_it in pairs
        for seed, changed in runs.get(with_it, {}).items()
        if seed in runs.get(without, {})
    ]
    return sum(found), len(found)


def _of(count: int, n: int) -> str:
    return YES if n and count == n else PARTLY if 2 * count > n else NO


def annealing(records: Sequence[Plain]) -> str:
    """Reproduced if no annealed run broke, and none of the constant levels did better at the end."""
    runs = [one for record in records for one in record["runs"] if _comparable(one)]
    annealed = {text: some for text, some in by(runs, "label").items() if "annealed" in text}
    constant = {text: some for text, some in by(runs, "label").items() if "annealed" not in text}
    best = {
        kind: max(
            (fmean([one["late"]["within_3_std"] for one in some]), text) for text, some in found.items()
        )
        for kind, found in (("annealed", annealed), ("constant", constant)) if found
    }  # fmt: skip
    broken = sum(broke(one) for some in annealed.values() for one in some)
    total = sum(map(len, annealed.values()))
    if len(best) < 2:
        return f"{broken} of {total} annealed runs broke or never were good."
    word = {2: YES, 1: PARTLY, 0: NO}[(not broken) + (best["annealed"] >= best["constant"])]
    first, second = annealed[best["annealed"][1]], constant[best["constant"][1]]
    return (
        f"{word} {broken} of {total} annealed runs broke or never were good. Over the last {LATE:.0%} of"
        f" training the best annealed schedule, {best['annealed'][1]}"
        f" ({_lengths(first)}), had {share(best['annealed'][0])} of its samples"
        " within 3 standard deviations of a mode, the best constant one,"
        f" {best['constant'][1]} ({_lengths(second)}), {share(best['constant'][0])}."
        f"{_at_one_step(first, second)}"
    )


def _at_one_step(annealed: Sequence[Plain], constant: Sequence[Plain]) -> str:
    """That share of both at the last step that all of them saved: they were trained for different lengths."""
    runs = [*annealed, *constant]
    common = set.intersection(*(set(one["trace"]["step"]) for one in runs))
    if not common or len({one["reached"] for one in runs}) == 1:
        return ""
    step = max(common)
    first, second = (
        fmean([one["trace"]["within_3_std"][one["trace"]["step"].index(step)] for one in some])
        for some in (annealed, constant)
    )
    return f" At step {whole(step)}, the last that both saved: {share(first)} against {share(second)}."


def _lengths(runs: Sequence[Plain]) -> str:
    return f"{', '.join(sorted({whole(one['reached']) for one in runs}))} steps"


def _comparable(run: Plain) -> bool:
    return run["label"].startswith("γ") and "generator too" not in run["label"]


def overfitting(record: Plain) -> str:
    """Reproduced if the regularized runs' gap and AUC are smaller, both beyond chance."""
    methods = by(record["runs"], "variant")
    said, smaller = [], []
    for key, p, what, shown in (
        ("gap", record["p"], "TPR on training − on test reals", small),
        ("auc", record["auc_p"], "AUC of training against test reals", share),
    ):
        figures = {variant: [one[key] for one in some] for variant, some in methods.items()}
        listed = ", ".join(f"{variant} {spread(values, shown)}" for variant, values in figures.items())
        said.append(f"{what}: {listed}" + ("" if p is None else f"; permutation p {small(p)}"))
        if p is not None:
            less = fmean(figures["regularized"]) < fmean(figures["unregularized"])
            smaller.append(less and p < ALPHA)
    word = YES if smaller and all(smaller) else PARTLY if any(smaller) else NO
    return f"{word} {'. '.join(said)}. Mean [lowest, highest] over runs."


def training_time(record: Plain) -> str:
    """The factor, and who made good samples first."""
    factor = middle(record["costs"]["regularized"]["ratio"])
    near = YES if FACTOR[0] <= factor <= FACTOR[1] else NO
    waits = {
        variant: [float("inf") if wait is None else wait for wait in seconds_until_good(record, variant)]
        for variant in record["costs"]
    }
    ours = [wait for name in ("unregularized", "regularized") for wait in waits[name]]
    theirs = [wait for name, found in waits.items() if name.startswith("wgan") for wait in found]
    sooner = (
        YES
        if ours and theirs and max(ours) < min(theirs)
        else PARTLY
        if ours and theirs and fmean(ours) < fmean(theirs)
        else NO
    )
    return (
        f"*Cost:* {near} On this machine a regularized step on the mixture costs {factor:.2f} times an"
        " unregularized one, where the paper has roughly 1.4, of which it says that it comes from the second"
        " backward pass; gancross has its gradient in closed form, without one. *Sooner than WGAN:*"
        f" {sooner}"
    )

"""What referees found, in the words and rows that every report shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.contestant_records import RefereedContestant
from gancross.evaluator.referees.copying import Copying
from gancross.evaluator.referees.records import Answer, Comparison, Referees
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.formatting import noise_level, percent

GREY_LEVELS = 127.5  # in a unit of the networks' input: 256 of them are the images' [−1, 1]
NULL, POWER, LABELS = "null control", "power control", "label control"
ANSWERS: Mapping[Answer, str] = {
    "named": "{winner} is nearer to the data",
    "crossing": "nearer at some levels of noise, farther at others",
    "not told apart": "not told apart", "too close for this budget": "too close for this budget",
    "withheld": "withheld by a check", "no name": "too few samples for a name",
}  # fmt: skip
SHORT_ANSWERS: Mapping[Answer, str] = {
    "named": "{winner} is nearer", "crossing": "crossing", "not told apart": "not told apart",
    "too close for this budget": "too close", "withheld": "withheld", "no name": "too few samples",
}  # fmt: skip


def cost(result: Result) -> str:
    """`8 referees: 4 trained in 71 s, 4 from the cache`; nothing where it is not recorded."""
    spent = result.provenance.referees
    if spent is None:
        return ""
    parts = [f"{spent.trained} trained in {spent.seconds:,.{0 if spent.seconds >= 10 else 1}f} s"]
    parts = (parts if spent.trained else []) + ([f"{spent.cached} from the cache"] if spent.cached else [])
    total = spent.trained + spent.cached
    return f"{total} referee{'' if total == 1 else 's'}: {', '.join(parts) or 'none was needed'}"


def training(referees: Referees) -> str:
    """How every referee was trained, and who lowered the number of its samples."""
    protocol = referees.protocol
    options = protocol.options
    lowered = formatting.listed(protocol.lowered_by)
    seeds = f"{options.seeds} seed{'' if options.seeds == 1 else 's'}"
    return (
        f"{2 * options.seeds} referees a contestant ({seeds}, two halves), budget"
        f" {options.budget}: {options.steps:,} steps, each on {protocol.num_training:,} reals and as many"
        f" samples; reals: {protocol.reals}, {protocol.num_reals:,}"
        + (
            ""
            if options.num_classes is None
            else f"; they see each sample's class, one of {options.num_classes}"
        )
        + (f"; {lowered} with the fewest samples lowered the number for all" if lowered else "")
    )


def unit(referees: Referees) -> str:
    """Of σ."""
    if referees.protocol.options.form == "vectors":
        return "standard deviations of the reals"
    return "the input, [−1, 1]"


def half_noise(figures: RefereedContestant) -> str:
    """σ½; `<0.0039` and `>4.3` where it lies outside the levels of noise."""
    noise = figures.half_detection_noise
    if not isinstance(noise.value, Missing):
        return noise_level(noise.value)
    if noise.censored is None:
        return formatting.DASH
    end = figures.rungs[0 if noise.censored == "below" else -1].sigma
    return f"{'<' if noise.censored == 'below' else '>'}{noise_level(end)}"


def grey_levels(figures: RefereedContestant, referees: Referees) -> str:
    """σ½ of images in grey levels where it is below 1; nothing elsewhere."""
    value = figures.half_detection_noise.value
    if isinstance(value, Missing) or value >= 1 or referees.protocol.options.form != "images":
        return ""
    return noise_level(GREY_LEVELS * value)


def half_noise_limits(figures: RefereedContestant) -> str:
    """The interval of σ½; a limit at an end of the ladder may lie beyond it."""
    low, high = figures.half_detection_noise.ci95
    below = "≤" if low <= figures.rungs[0].sigma else ""
    beyond = "≥" if high >= figures.rungs[-1].sigma else ""
    return f"[{below}{noise_level(low)}, {beyond}{noise_level(high)}]"


def copying(referees: Referees, name: str) -> Copying | Missing:
    """Whether a contestant copies training data."""
    return referees.controls.copying.get(name, Missing("not looked at"))


def copies(found: Copying | Missing) -> str:
    """In a word or two."""
    if isinstance(found, Missing):
        return formatting.DASH
    return f"yes, {percent(found.share.value)}" if found.copies else "none seen"


def copying_text(name: str, found: Copying) -> str:
    """The headline of copying: how many samples lie near training reals, and near held-out ones."""
    share, low, high = map(percent, (found.share.value, *found.share.ci95))
    told = f"copies training data: about {share} [{low}, {high}] of its samples"
    return (
        f"'{name}' {told if found.copies else 'shows no copying'}; of {found.num_samples:,} samples"
        f" {found.nearer_training:,} lie near a training real, {found.nearer_held_out:,} near a held-out one"
        f" (p {formatting.p_value(found.p)})"
    )


def copying_lines(referees: Referees) -> Iterator[tuple[str, bool]]:
    """A line for each contestant that copies, and True; then why others were not looked at."""
    unknown: dict[str, list[str]] = {}
    for name in referees.contestants:
        found = copying(referees, name)
        if isinstance(found, Missing):
            unknown.setdefault(found.reason, []).append(name)
        elif found.copies:
            yield copying_text(name, found), True
    for reason, names in unknown.items():
        yield f"not looked for in {formatting.listed(names)}: {reason}", False


def columns(referees: Referees) -> dict[str, RefereedContestant]:
    """The figures of all contestants, and those of the controls that were made, by heading."""
    whole = dict(referees.contestants)
    controls = referees.controls
    for title, control in ((NULL, controls.null), (POWER, controls.power), (LABELS, controls.labels)):
        if control is not None and not isinstance(control, Missing):
            whole[_distinct(title, whole)] = control.figures
    return whole


def g_rows(whole: Mapping[str, RefereedContestant]) -> list[tuple[float, list[Estimate | None]]]:
    """G by rung: σ, then a figure of each, such as `columns`; None where one has no such rung."""
    by_sigma = [{rung.sigma: rung.g for rung in figures.rungs} for figures in whole.values()]
    levels = sorted({level for figures in by_sigma for level in figures})
    return [(level, [figures.get(level) for figures in by_sigma]) for level in levels]


def answer(comparison: Comparison, winner: str, texts: Mapping[Answer, str] = ANSWERS) -> str:
    """The answer of a comparison; `winner` is what the named one is called."""
    return texts[comparison.answer].format(winner=winner)


def named(comparison: Comparison) -> str:
    """The one that would be named: the nearer one."""
    return comparison.nearer_first().a


def difference_text(comparison: Comparison) -> str:
    """`−0.0812 [−0.0931, −0.0700]`, G of a − G of b."""
    return formatting.signed_figure(comparison.mean)


def reason(result: Result, comparison: Comparison) -> str:
    """Why the referees name one of two, or nobody."""
    both = {comparison.a, comparison.b}
    return next((pair.verdict.generator.reason for pair in result.pairs if {pair.a, pair.b} == both), "")


def cross_rates(referees: Referees, judge: str) -> list[list[float]] | None:
    """The referees' confusion matrix of a contestant in the paper's layout; None without its figures."""
    fn, own = referees.cross.fn.get(judge), cross_fp(referees, judge, judge)
    return None if fn is None or own is None else [[1 - fn.value, own.value], [fn.value, 1 - own.value]]


def cross_fp(referees: Referees, judge: str, generator: str) -> Estimate | None:
    """The share of a generator's samples that the referees of a contestant call real."""
    return referees.cross.fps.get((judge, generator))


def cross_title(referees: Referees) -> str:
    """Of the referees' cross-test."""
    level = noise_level(referees.cross.sigma)
    return (
        f"Referees cross-test each other, as discriminators do, at σ = {level}, where the mean G is nearest"
        " one half"
    )


def _distinct(title: str, names: Mapping[str, object]) -> str:
    while title in names:
        title += "′"
    return title

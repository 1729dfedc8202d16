"""What referees found, in the terminal: for few contestants with names, for many with numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.records import Comparison, Referees
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report import formatting
from gancross.report.text import referee_texts as texts
from gancross.report.text.console_tables import paper_table
from gancross.report.text.crowds import crowded, left_out
from gancross.report.text.line_table import LineTable
from gancross.report.text.referee_checks import FAILED, NOT_MADE, PASSED, checks

TITLE = "Referees: fresh judges, alike for all contestants, at {n} levels of noise from σ = {low} to {high}"
READING = (
    "D is the mean over the levels of G = 2·AUC − 1: 0 where referees cannot tell samples from held-out data,"
    " 1 where they always can. At the noise σ½, G falls to one half."
    " σ is in units of {unit}."
)
STYLES = {FAILED: "bold red", NOT_MADE: "dim", PASSED: ""}


def referees_text(result: Result) -> list[RenderableType]:
    """Detectability and σ½ of every contestant, comparisons, checks, the referees' cross-test."""
    referees = result.referees
    if isinstance(referees, Missing):
        return []
    lines = [_comparison_line(comparison) for comparison in referees.comparisons]
    blocks: list[RenderableType] = []
    for name in referees.contestants:
        blocks += [_confusion(referees, name), ""]
    return [
        *_heading(referees), _contestants(referees), *_notes(result, referees), "", *lines,
        *([""] if lines else []), *_checks(referees), "",
        Text(texts.cross_title(referees), style="bold"), *blocks,
    ]  # fmt: skip


def referees_summary(result: Result) -> list[RenderableType]:
    """The same of many contestants: one line for each, and for each pair unless there are too many."""
    referees = result.referees
    if isinstance(referees, Missing):
        return []
    compared: list[RenderableType] = []
    if crowded(result):
        compared = [Text(left_out(result, "comparisons by referees"), style="dim"), ""]
    elif referees.comparisons:
        compared = [_numbered_comparisons(result, referees), *_unnamed(result, referees), ""]
    return [
        *_heading(referees), _contestants(referees, numbered=True), *_notes(result, referees), "",
        *compared, *_checks(referees), "",
        Text(texts.cross_title(referees), style="bold"), _confusion_lines(referees), "",
    ]  # fmt: skip


def _heading(referees: Referees) -> list[RenderableType]:
    sigmas = referees.protocol.sigmas
    low, high = formatting.noise_level(sigmas[0]), formatting.noise_level(sigmas[-1])
    return [Text(TITLE.format(n=len(sigmas), low=low, high=high), style="bold")]


def _contestants(referees: Referees, *, numbered: bool = False) -> LineTable:
    """A line for each contestant."""
    half = "σ½ ↓" + (" (grey levels)" if referees.protocol.options.form == "images" else "")
    rows: list[list[Text | str]] = []
    for number, (name, figures) in enumerate(referees.contestants.items(), start=1):
        d, found = figures.detectability, texts.copying(referees, name)
        copies = not isinstance(found, Missing) and found.copies
        grey = texts.grey_levels(figures, referees)
        rows.append([
            *([str(number)] if numbered else []), name,
            Text(formatting.number(d.value), style="bold").append(f" {formatting.interval(d)}", style="dim"),
            Text(texts.half_noise(figures) + (f" ({grey})" if grey else ""), style="bold")
            .append(f" {texts.half_noise_limits(figures)}", style="dim"),
            Text(texts.copies(found), style="bold red" if copies else ""),
        ])  # fmt: skip
    head = [*(["#"] if numbered else []), "contestant", "D ↓, 95 %", f"{half}, 95 %", "copies"]
    return LineTable(head=head, rows=rows, keys=1 + numbered, names=[int(numbered)])


def _notes(result: Result, referees: Referees) -> list[RenderableType]:
    """How to read the table, how the referees were trained, what it cost."""
    cost = texts.cost(result)
    parts = [READING.format(unit=texts.unit(referees)), f"{formatting.sentence(texts.training(referees))}."]
    return [Text(" ".join([*parts, *([f"{cost}."] if cost else [])]), style="dim")]


def _comparison_line(comparison: Comparison) -> Text:
    """The verdicts have the reason."""
    told = texts.answer(comparison, texts.named(comparison))
    return Text(f"{comparison.a} against {comparison.b}: {told}", style="bold").append(
        f"; mean difference of G {texts.difference_text(comparison)},"
        f" p {formatting.p_value(comparison.holm_p)} after Holm",
        style="not bold",
    )


def _numbered_comparisons(result: Result, referees: Referees) -> RenderableType:
    number = _numbers(result)
    rows = []
    for comparison in referees.comparisons:
        winner = str(number[texts.named(comparison)])
        rows.append([
            f"{number[comparison.a]}, {number[comparison.b]}",
            texts.answer(comparison, winner, texts.SHORT_ANSWERS),
            texts.difference_text(comparison), formatting.p_value(comparison.holm_p),
        ])  # fmt: skip
    head = ["pair", "answer", "mean difference of G, a − b", "p (Holm)"]
    title = f"Whose {referees.what} are nearer to the data"
    return LineTable(title=title, head=head, rows=rows, keys=2, names=[0, 1])


def _unnamed(result: Result, referees: Referees) -> Iterator[Text]:
    """Why nobody is named where that does not follow from the figures; each reason once."""
    number, pairs = _numbers(result), dict[str, list[str]]()
    for comparison in referees.comparisons:
        if comparison.answer in ("no name", "withheld"):
            place = f"{number[comparison.a]}, {number[comparison.b]}"
            pairs.setdefault(texts.reason(result, comparison), []).append(place)
    for reason, places in pairs.items():
        yield Text(f"{'; '.join(places)}: {reason}")


def _checks(referees: Referees) -> Iterator[RenderableType]:
    """A line for each check, and for each contestant that may copy training data."""
    for check in checks(referees, short=True):
        title = Text(f"{check.title} {check.outcome}", style=STYLES[check.outcome])
        yield Text().append(title).append(f": {check.finding}.")
    for line, copies in texts.copying_lines(referees):
        yield Text(f"Copying: {line}.", style=STYLES[FAILED] if copies else "")


def _confusion(referees: Referees, name: str) -> RenderableType:
    """As §5.5 of the paper has it, of a contestant's referees."""
    rates = texts.cross_rates(referees, name)
    if rates is None:
        return Group(Text(name, style="bold"), Text(f"  {formatting.DASH}"))
    others = [(other, texts.cross_fp(referees, name, other)) for other in _others(referees, name)]
    known = [(other, paper_rate(fp.value)) for other, fp in others if fp is not None]
    return paper_table(f"Referees of {name}", rates, known)


def _confusion_lines(referees: Referees) -> LineTable:
    """The same, a line for each contestant."""
    rows = []
    for number, name in enumerate(referees.contestants, start=1):
        rates = texts.cross_rates(referees, name)
        shown = [formatting.DASH] * 4
        if rates is not None:
            (tpr, fp), (fn, tnr) = rates
            shown = [paper_rate(rate) for rate in (tpr, fn, fp, tnr)]
        cross = [texts.cross_fp(referees, name, other) for other in _others(referees, name)]
        mean = formatting.mean([rate.value for rate in cross if rate is not None])
        rows.append([str(number), name, *shown, formatting.rate(mean)])
    head = ["#", "referees of", "TPR", "FN", "FP", "TNR", "cross FP"]
    return LineTable(head=head, rows=rows, keys=2, names=[1])


def _others(referees: Referees, name: str) -> Sequence[str]:
    return [other for other in referees.contestants if other != name]


def _numbers(result: Result) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(result.names, start=1)}

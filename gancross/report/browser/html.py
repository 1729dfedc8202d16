"""A result as one HTML file that needs nothing else: style, pictures and numbers are in it.

Nothing is fetched, and no script runs but the one that opens folds for printing; a Content-Security-Policy
says so to the browser, with the hashes of that script and of the one style sheet. Every text of the record
is escaped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.metrics import figure_arrow, figure_label
from gancross.evaluator.judging.controls import CONTROLS
from gancross.evaluator.result.types import Result
from gancross.evaluator.verdict.pairs import PAIR_TESTS
from gancross.report import formatting
from gancross.report.browser.samples import Sample, shown_sigmas
from gancross.report.charts.chart_data import COLOURS, REAL_COLOUR
from gancross.report.charts.class_chart import class_chart
from gancross.report.charts.class_data import judge_tables
from gancross.report.charts.ladder_chart import ladder_chart
from gancross.report.charts.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, histogram_chart, roc_chart
from gancross.report.command import command, obstacles
from gancross.report.text import class_sentences, referee_texts
from gancross.report.text.crowds import crowded, left_out
from gancross.report.text.figure_table import figure_table
from gancross.report.text.paper_matrices import matrices_title, paper_matrices
from gancross.report.text.referee_checks import checks
from gancross.report.text.screen_flags import MOST, ordered_flags
from gancross.report.text.sections import SECTIONS, page_absence, unfolded
from gancross.report.text.text_layout import with_whole_p
from gancross.report.text.verdict_sentences import verdict_sentences
from gancross.version import __version__

GEOMETRY = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
MOST_CARDS = 4  # contestants whose matrices and intervals stand unfolded
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MOST_BYTES = 900_000  # of all PNGs of a kind; beyond, they are shown as JPEG: a mail should hold the file
JPEG_QUALITY = 88
NO_GRIDS = "No sample grids: none lie beside the record. 'gancross crosstest … --json FILE' writes them."
NO_NOISE = "No pictures of noise: none lie beside the record."


@dataclass(frozen=True, kw_only=True)
class PageSection:
    """A section as the page shows it.

    Attributes:
        fold: None where it does not fold; "open" and "closed" as it is at first.
        absent: why there is nothing to show, one line in place of the section.
    """

    key: str
    title: str
    fold: Literal["open", "closed"] | None
    absent: str


@dataclass(frozen=True)
class Notes:
    """The reasons for a table's missing figures, each under a letter."""

    reasons: list[str] = field(default_factory=list)

    def mark(self, reason: str) -> str:
        """The letter of a reason."""
        reason = reason or "not measured"
        if reason not in self.reasons:
            self.reasons.append(reason)
        number = self.reasons.index(reason)
        return LETTERS[number] if number < len(LETTERS) else str(number + 1)


def html_report(result: Result, samples: Sequence[Sample] = ()) -> str:
    """The whole report as the text of one HTML file.

    Args:
        samples: sample grids, see `gancross.report.browser.sample_pictures`, and samples under noise, see
            `gancross.report.browser.noise`; a report without them says so.
    """
    style, script = style_sheet(), print_script()
    referees = None if isinstance(result.referees, Missing) else result.referees
    grids, lossy = _pictures([sample for sample in samples if sample.kind == "samples"])
    noise, noise_lossy = _pictures([sample for sample in samples if sample.kind == "noise"])
    sigmas = [] if referees is None else shown_sigmas(referees.protocol.sigmas, result.protocol.data.shape)
    flags, minor_flags = ordered_flags(result)
    pictured = [] if crowded(result) else result.judges
    no_grids = "" if grids else _no_pictures(result, NO_GRIDS)
    class_tables = [] if result.classes is None or crowded(result) else judge_tables(result.classes)
    class_charts = [class_chart(result, table) for table in class_tables]
    text: str = _environment().get_template("report.html.j2").render(
        result=result, histograms=[histogram_chart(result, judge) for judge in pictured],
        roc=[roc_chart(result, judge) for judge in pictured], crowded=crowded(result),
        left_out=functools.partial(left_out, result),
        ladder=None if referees is None else ladder_chart(referees),
        sentences=[with_whole_p(formatting.straight(text)) for text in verdict_sentences(result)],
        class_tables=class_tables, class_charts=[chart for chart in class_charts if chart is not None],
        class_differences=[
            with_whole_p(formatting.straight(text)) for text in class_sentences.difference_sentences(result)
        ],
        figures=figure_table(result), matrices=paper_matrices(result), matrices_title=matrices_title(result),
        most_cards=MOST_CARDS,
        flags=[formatting.straight(flag) for flag in flags[:MOST]],
        more_flags=[formatting.straight(flag) for flag in [*flags[MOST:], *minor_flags]],
        pictures=grids, lossy=lossy, noise_pictures=noise,
        noise_lossy=noise_lossy, no_noise_pictures=_no_pictures(result, NO_NOISE),
        noise_sigmas=[formatting.noise_level(sigma) for sigma in sigmas],
        sections=page_sections(result, no_grids=no_grids), geometry=GEOMETRY, notes=Notes,
        style=Markup(style), script=Markup(script), policy=policy(style, script), version=__version__,
        title=f"Cross-test: {', '.join(result.names)}", command=command(result), obstacles=obstacles(result),
    )  # fmt: skip
    return text


def page_sections(result: Result, *, no_grids: str) -> list[PageSection]:
    """The sections in the order of the page: those without a fold, of these only what there is; then those
    that fold; then why others have nothing to show.

    Args:
        no_grids: why there are no sample grids; empty where there are.
    """
    shown = []
    for section in SECTIONS:
        absent = no_grids if section.key == "samples" else page_absence(section, result)
        always = unfolded(section, result)
        empty = bool(absent) or (section.key == "flags" and not result.flags)
        if section.html and not (always and empty):
            fold: Literal["open", "closed"] = "open" if section.opened else "closed"
            shown.append(
                PageSection(
                    key=section.key, title=section.title, fold=None if always else fold, absent=absent
                )
            )
    return sorted(shown, key=lambda section: (section.fold is not None, bool(section.absent)))


def style_sheet() -> str:
    """The CSS of the page, with the colours of every picture's lines."""
    css = files("gancross.report.browser").joinpath("templates/report.css").read_text(encoding="utf-8")
    colours = {"real": REAL_COLOUR} | {f"c{number}": pair for number, pair in enumerate(COLOURS)}
    roots = "".join(f"  --{name}: light-dark({day}, {night});\n" for name, (day, night) in colours.items())
    lines = "".join(f".{name} {{ --series: var(--{name}); }}\n" for name in colours)
    return f":root {{\n{roots}}}\n{lines}{css}"


def print_script() -> str:
    """The script that opens folds for printing; without scripts, browsers of 2025 and later open them too."""
    return files("gancross.report.browser").joinpath("templates/print.js").read_text(encoding="utf-8")


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing but this style sheet, this script and pictures within the file."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {source(style)}; script-src {source(script)}; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


@functools.cache  # templates are compiled once
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gancross.report.browser"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_finished,
    )  # fmt: skip
    environment.filters |= {
        "figure": formatting.figure, "rate": formatting.rate, "number": formatting.number,
        "output": formatting.output, "p_value": formatting.p_value, "noise_level": formatting.noise_level,
        "interval": formatting.interval, "limits": formatting.limits,
        "plain": formatting.plain, "sentence": formatting.sentence,
        "facts": formatting.facts, "arrow": figure_arrow, "label": figure_label,
    }  # fmt: skip
    environment.tests |= {
        "missing": lambda value: isinstance(value, Missing),
        "interval": lambda value: isinstance(value, tuple),
    }  # fmt: skip
    environment.globals |= {
        "formatting": formatting, "texts": referee_texts, "checks": checks, "not_tried": Missing("not tried"),
        "real": formatting.REAL, "control_table": CONTROLS,
        "pair_tests": PAIR_TESTS, "class_notes": class_sentences.notes,
        "class_reading": class_sentences.READING,
    }  # fmt: skip
    return environment


def _finished(value: object) -> object:
    return formatting.clean(value) if type(value) is str else value


def _pictures(samples: Sequence[Sample]) -> tuple[list[tuple[Sample, str]], bool]:
    """Pictures with their data URIs, and whether they had to be JPEGs."""
    lossy = sum(len(sample.content) for sample in samples) > MOST_BYTES
    return [(sample, _source(sample.content, lossy=lossy)) for sample in samples], lossy


def _source(content: bytes, *, lossy: bool) -> str:
    """A PNG as a data URI; as JPEG if lossy."""
    kind = "png"
    if lossy:
        buffer, kind = io.BytesIO(), "jpeg"
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.convert("RGB").save(buffer, format="jpeg", quality=JPEG_QUALITY, subsampling=0)
        content = buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _no_pictures(result: Result, reason: str) -> str:
    shape = result.protocol.data.shape
    if len(shape) == 1 and shape != (3,):
        return f"No pictures: there is none of {shape[0]}-dimensional vectors."
    return reason

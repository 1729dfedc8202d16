"""A result as one HTML file that needs nothing else: style, pictures and numbers are in it.

No script runs in it and nothing is fetched; a Content-Security-Policy says so to the browser, with the
hash of the one style sheet. Every text of the record is escaped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.metrics import figure_arrow, figure_label
from gancross.evaluator.judging.controls import CONTROLS
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.evaluator.verdict.pairs import PAIR_TESTS
from gancross.report import formatting
from gancross.report.browser.noise import shown_sigmas
from gancross.report.browser.samples import Sample
from gancross.report.charts.chart_data import COLOURS, NOBODY_JUDGES, REAL_COLOUR
from gancross.report.charts.ladder_chart import ladder_chart
from gancross.report.charts.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, histogram_chart, roc_chart
from gancross.report.command import command, obstacles
from gancross.report.text import referee_texts
from gancross.report.text.referee_checks import checks
from gancross.report.text.referee_texts import sigma as sigma_text
from gancross.report.text.sections import SECTIONS, shown
from gancross.version import __version__

GEOMETRY = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MOST_BYTES = 900_000  # of all PNGs of a kind; beyond, they are shown as JPEG: a mail should hold the file
JPEG_QUALITY = 88
NO_GRIDS = "No sample grids: none lie beside the record. 'gancross crosstest … --json FILE' writes them."
NO_NOISE = "No pictures of noise: none lie beside the record."


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
        samples: sample grids, see `gancross.report.browser.samples`, and samples under noise, see
            `gancross.report.browser.noise`; a report without them says so.
    """
    style = style_sheet()
    referees = None if isinstance(result.referees, Missing) else result.referees
    grids, lossy = _pictures([sample for sample in samples if sample.kind == "samples"])
    noise, noise_lossy = _pictures([sample for sample in samples if sample.kind == "noise"])
    sigmas = [] if referees is None else shown_sigmas(referees.protocol.sigmas, result.protocol.data.shape)
    text: str = _environment().get_template("report.html.j2").render(
        result=result, histograms=[histogram_chart(result, judge) for judge in result.judges],
        roc=[roc_chart(result, judge) for judge in result.judges],
        ladder=None if referees is None else ladder_chart(referees),
        pictures=grids, lossy=lossy, no_pictures=_no_pictures(result, NO_GRIDS), noise_pictures=noise,
        noise_lossy=noise_lossy, no_noise_pictures=_no_pictures(result, NO_NOISE),
        noise_sigmas=[sigma_text(sigma) for sigma in sigmas],
        sections=[section for section in SECTIONS if section.html], geometry=GEOMETRY, notes=Notes,
        style=Markup(style), policy=policy(style), version=__version__,
        title=f"Cross-test: {', '.join(result.names)}", command=command(result), obstacles=obstacles(result),
    )  # fmt: skip
    return text


def style_sheet() -> str:
    """The CSS of the page, with the colours of every picture's lines."""
    css = files("gancross.report.browser").joinpath("templates/report.css").read_text(encoding="utf-8")
    colours = {"real": REAL_COLOUR} | {f"c{number}": pair for number, pair in enumerate(COLOURS)}
    roots = "".join(f"  --{name}: light-dark({day}, {night});\n" for name, (day, night) in colours.items())
    lines = "".join(f".{name} {{ --series: var(--{name}); }}\n" for name in colours)
    return f":root {{\n{roots}}}\n{lines}{css}"


def policy(style: str) -> str:
    """The Content-Security-Policy: nothing but this style sheet and pictures within the file."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@functools.cache  # templates are compiled once
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gancross.report.browser"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_finished,
    )  # fmt: skip
    environment.filters |= {
        "figure": formatting.figure, "paper_rate": paper_rate, "number": formatting.number,
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
        "shown": shown, "nobody_judges": NOBODY_JUDGES, "real": formatting.REAL, "control_table": CONTROLS,
        "pair_tests": PAIR_TESTS,
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

"""The README's picture: a result's verdicts, its curve of G over the noise, and its sample grids, as one SVG.

It has a background of its own, light or dark after the reader's setting, so it is legible on any page.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.browser.samples import Sample
from gancross.report.charts.chart_data import COLOURS, REAL_COLOUR
from gancross.report.charts.ladder_chart import ladder_chart
from gancross.report.charts.svg import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, Chart, Stroke
from gancross.report.text.referee_texts import unit
from gancross.report.text.verdict_sentences import verdict_sentences

WIDE, PAD = 960, 28  # of the whole picture, in pixels
LINE, FONT = 22, 15  # of the sentences
MOST_LETTERS = 96  # of a line of them; fits even in wide fonts
GRID, GAP = 137, 36  # side of a sample grid, and room for its label
PLOT_WIDE, PLOT_TOP = 730, 14  # the latter in units of the chart: what is cut off above its title
Y_TITLE = "G = 2·AUC − 1: 0 where fresh judges tell nothing, 1 where they always tell"
LEGEND_LINE, LEGEND_COLUMN = 24, 300
PALETTE = {
    "card": ("#ffffff", "#161c23"), "ink": ("#171c22", "#e7ecf1"), "soft": ("#525c67", "#a5b0bb"),
    "line": ("#d6dce3", "#2d3742"), "real": REAL_COLOUR,
    **{f"c{number}": pair for number, pair in enumerate(COLOURS)},
}  # fmt: skip
RULES = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", Arial, sans-serif; }
text { fill: var(--soft); }
.verdict { fill: var(--ink); font-size: 15px; }
.first { font-weight: 600; }
.label, .level text { fill: var(--ink); }
.card { fill: var(--card); stroke: var(--line); }
.plot path, .swatch { fill: none; vector-effect: non-scaling-stroke; }
.plot text { font-size: 7.5px; }
.grid path { stroke: var(--line); }
.axis { stroke: var(--soft); }
.level path { stroke: var(--ink); stroke-dasharray: 5 4; }
.curve { stroke: var(--series); stroke-width: 2; }
.plot .marker, .marker { fill: var(--series); stroke: var(--card); stroke-width: 1.2; }
.plot .band { fill: var(--series); opacity: 0.16; stroke: none; }
"""


def ladder_picture(result: Result, samples: Sequence[Sample]) -> str:
    """The picture as the text of one SVG file, which fetches nothing.

    Args:
        samples: sample grids of the data and of every contestant.

    Raises:
        UsageError: a result without referees, or without grids.
    """
    grids = [sample for sample in samples if sample.kind == "samples"]
    if isinstance(result.referees, Missing) or not grids:
        raise UsageError("the picture needs a record with referees, and its sample grids beside it")
    chart = ladder_chart(result.referees)
    first, *others = map(_lines, verdict_sentences(result))
    lines = [("verdict first", line) for line in first]
    lines += [("verdict", line) for sentence in others for line in sentence]
    lines.append(("caption", _caption(result)))
    top = PAD + LINE * len(lines) + 8
    plot_high = round(PLOT_WIDE * (HEIGHT - PLOT_TOP) / WIDTH)
    legend = _legend(chart, top + plot_high + 14)
    legend_high = LEGEND_LINE * ((len(chart.strokes) + 1) // 2)
    high = top + max(plot_high + 14 + legend_high, len(grids) * (GRID + GAP)) + PAD // 2
    x_title = f"σ of the noise, in units of {unit(result.referees)} →"
    description = escape(" ".join([*verdict_sentences(result), chart.summary]))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {high}" width="{WIDE}" height="{high}"'
        f' role="img" aria-label="{description}">',
        f"<title>{description}</title>", f"<style>{_style()}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDE - 1}" height="{high - 1}" rx="14"/>',
        *_header(lines), *_plot(chart, top, plot_high, x_title), *legend,
        *_grids(grids, top), "</svg>", "",
    ])  # fmt: skip


def _style() -> str:
    day, night = ("".join(f"--{name}:{pair[theme]};" for name, pair in PALETTE.items()) for theme in (0, 1))
    series = "".join(
        f".{name} {{ --series: var(--{name}); }}\n"
        for name in ("real", *(f"c{number}" for number in range(len(COLOURS))))
    )
    return (
        f":root {{ {day} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {night} }} }}\n{series}{RULES}"
    )


def _lines(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, MOST_LETTERS, break_on_hyphens=False)


def _caption(result: Result) -> str:
    return (
        f"On {result.protocol.data.name}: {formatting.heading(result)}. Lower curves are nearer to the data."
    )


def _header(lines: Sequence[tuple[str, str]]) -> Iterator[str]:
    for number, (kind, line) in enumerate(lines):
        yield f'<text class="{kind}" x="{PAD}" y="{PAD + FONT + LINE * number}">{escape(line)}</text>'


def _plot(chart: Chart, top: int, high: int, x_title: str) -> Iterator[str]:
    yield (
        f'<svg class="plot" x="{PAD - 8}" y="{top}" width="{PLOT_WIDE}" height="{high}"'
        f' viewBox="0 {PLOT_TOP} {WIDTH} {HEIGHT - PLOT_TOP}">'
    )
    yield '<g class="grid">' + "".join(f'<path d="M{LEFT} {tick.at}H{RIGHT}"/>' for tick in chart.ys) + "</g>"
    for tick in chart.xs:
        yield f'<text x="{tick.at}" y="{BOTTOM + 15}" text-anchor="middle">{escape(tick.text)}</text>'
    for tick in chart.ys:
        yield f'<text x="{LEFT - 6}" y="{tick.at + 3}" text-anchor="end">{escape(tick.text)}</text>'
    yield f'<text x="{RIGHT}" y="{BOTTOM + 30}" text-anchor="end">{escape(x_title)}</text>'
    yield f'<text x="{LEFT - 16}" y="29">{Y_TITLE}</text>'
    if chart.level is not None:
        yield f'<g class="level"><path d="M{LEFT} {chart.level.at}H{RIGHT}"/>'
        yield f'<text x="{RIGHT}" y="{chart.level.at - 5}" text-anchor="end">{chart.level.text}</text></g>'
    for stroke in chart.strokes:
        if stroke.band:
            yield f'<path class="band {stroke.colour}" d="{stroke.band}"/>'
    for stroke in chart.strokes:
        marks = "".join(_marker(stroke, x, y) for x, y in stroke.marks)
        yield f'<g class="{stroke.colour}">{_curve(stroke, stroke.path)}{marks}</g>'
    yield f'<path class="axis" d="M{LEFT} {BOTTOM}H{RIGHT}"/></svg>'


def _legend(chart: Chart, top: int) -> list[str]:
    entries = []
    for number, stroke in enumerate(chart.strokes):
        x, y = PAD + 46 + LEGEND_COLUMN * (number % 2), top + LEGEND_LINE * (number // 2)
        label = f'<tspan class="label">{escape(stroke.label)}</tspan> {escape(stroke.note)}'
        entries.append(
            f'<g class="{stroke.colour}" transform="translate({x} {y})">'
            f"{_curve(stroke, 'M0 0H38', 'swatch ')}{_marker(stroke, 19, 0)}"
            f'<text x="46" y="4.5">{label}</text></g>'
        )
    return entries


def _curve(stroke: Stroke, path: str, also: str = "") -> str:
    dash = f' stroke-dasharray="{stroke.dash}"' if stroke.dash else ""
    return f'<path class="{also}curve" d="{path}"{dash}/>'


def _marker(stroke: Stroke, x: float, y: float) -> str:
    return f'<path class="marker" d="{stroke.marker}" transform="translate({x:g} {y:g})"/>'


def _grids(grids: Sequence[Sample], top: int) -> Iterator[str]:
    x = WIDE - PAD - GRID
    for number, sample in enumerate(grids):
        y = top + number * (GRID + GAP)
        source = f"data:image/png;base64,{base64.b64encode(sample.content).decode()}"
        yield f'<text class="label" x="{x}" y="{y + 14}">{escape(sample.label)}</text>'
        yield f'<image x="{x}" y="{y + 20}" width="{GRID}" height="{GRID}" href="{source}"/>'

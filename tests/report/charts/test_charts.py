"""The pictures of a result: drawn for every kind of it, with the record's numbers, without global state."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from left_objects import left_objects
from matplotlib.figure import Figure
from PIL import Image
from report_documents import KINDS, documents

from gancross.errors import UsageError
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.report.charts.chart_data import histogram_lines, roc_lines, threshold, tpr_at
from gancross.report.charts.plots import pictures, plot_histograms, plot_matrix, plot_roc


@pytest.mark.parametrize(
    ("kind", "file_format"),
    [*((kind, "png") for kind in KINDS), *((kind, "svg") for kind in ("two", "hostile", "four"))],
)
def test_all_pictures_are_drawn_for_every_kind_of_result(kind: str, file_format: str, tmp_path: Path) -> None:
    result = documents()[kind]
    contents = pictures(result, file_format)
    assert len(contents) == bool(result.judges) + 2 * len(result.judges)
    for name, content in contents.items():
        assert re.fullmatch(r"[A-Za-z0-9.-]+", name)
        (tmp_path / name).write_bytes(content)
        if file_format == "png":
            with Image.open(tmp_path / name) as image:
                image.load()
        else:
            ElementTree.fromstring(content)


def test_pictures_leave_no_objects() -> None:
    result = documents()["two"]
    assert left_objects(lambda: pictures(result, "png"), calls=1) < 200


def test_the_same_result_gives_the_same_svg() -> None:
    assert pictures(documents()["two"], "svg") == pictures(documents()["two"], "svg")


def test_lines_are_the_records_numbers() -> None:
    result = documents()["two"]
    real, *fakes = histogram_lines(result, "plain")
    heights = [y for _, y in real.points[1:-1:2]]
    assert heights == pytest.approx([count / 60 for count in result.histograms["plain"].real])
    assert [line.own for line in fakes] == [True, False]
    for line in roc_lines(result, "plain"):
        area = sum((b - a) * (p + q) / 2 for (a, p), (b, q) in pairwise(line.points))
        auc = result.cells["plain", line.label].auc
        assert isinstance(auc, Estimate) and area == pytest.approx(auc.value, abs=0.01)
        assert tpr_at(line, [1.0]) == [1.0]


def test_figures_show_the_threshold_where_high_means_real() -> None:
    figure = plot_histograms(documents()["flipped"], "flipped")
    (rule,) = [line for line in figure.axes[0].lines if "τ" in str(line.get_label())]
    assert np.asarray(rule.get_xdata()).tolist() == [-0.25, -0.25]
    # A probability of 0.75 stands at its logit, on the axis of the scores.
    assert threshold(documents()["flipped"], "probable") == pytest.approx(math.log(3))
    critics = plot_histograms(documents()["critics"], "one")
    assert not any("τ" in str(line.get_label()) for line in critics.axes[0].lines)


def test_the_matrix_shows_every_rate() -> None:
    result = documents()["four"]
    texts = [text.get_text().split("\n")[0] for text in plot_matrix(result).axes[0].texts]
    rates = [cell.fp.rate for cell in result.cross if isinstance(cell.fp, Proportion)]
    assert sorted(float(text) for text in texts if text != "–") == pytest.approx(sorted(rates), abs=5e-5)
    assert texts.count("–") == sum(isinstance(cell.fp, Missing) for cell in result.cross) > 0


def test_no_figure_enters_pyplots_state() -> None:
    before = plt.get_fignums()
    result = documents()["two"]
    assert isinstance(result.plot_matrix(), Figure) and isinstance(result.plot_roc("plain"), Figure)
    assert plt.get_fignums() == before
    with pytest.raises(UsageError, match="several judges: choose one of plain, regularized"):
        result.plot_histograms()
    with pytest.raises(UsageError, match="did you mean 'plain'"):
        plot_roc(result, "plane")
    assert isinstance(documents()["one"].plot_histograms(), Figure)
    for draw in (plot_matrix, plot_roc, plot_histograms):
        with pytest.raises(UsageError, match="no contestant has a discriminator"):
            draw(documents()["nobody judges"])

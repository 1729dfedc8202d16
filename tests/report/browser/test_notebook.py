"""A result in a notebook: it shows itself, and is a table for pandas."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
from reading_reports import Page, printed, visible_text
from report_documents import KINDS, documents

import gancross
from gancross.errors import ResourceError
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.verdict.figures import CELL_FIGURES
from gancross.report.formatting import outcome, verdicts


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_shows_itself(kind: str, tmp_path: Path) -> None:
    result = documents()[kind]
    assert "Cross-test on " in printed(result)
    page = Page(result._repr_html_())
    assert not page.of("script") and f"Cross-test on {result.protocol.data.name}" in page.words
    for pair in result.pairs:
        for rule, verdict in verdicts(result, pair):
            assert visible_text(outcome(pair, rule, verdict)) in visible_text(page.words)
    result.save(tmp_path / "result.json")
    assert gancross.load_result(tmp_path / "result.json") == result


def test_a_frame_has_a_row_for_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    result = documents()["four"]
    frame = result.to_dataframe()
    assert len(frame) == len(result.cross) == 12
    assert {"judge", "generator", "own"} < set(frame.columns)
    for row, cell in zip(frame.to_dict("records"), result.cross, strict=True):
        assert (row["judge"], row["generator"], row["own"]) == (cell.judge, cell.generator, cell.is_own)
        for key in CELL_FIGURES:
            figure, numbers = cell.of(key), [row[key], row[f"{key}_low"], row[f"{key}_high"]]
            if isinstance(figure, Missing):
                assert all(map(math.isnan, numbers))
                continue
            value = figure.rate if isinstance(figure, Proportion) else figure.value
            assert numbers == [value, *figure.ci95]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ResourceError, match="pip install pandas"):
        result.to_dataframe()

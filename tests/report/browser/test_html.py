"""The HTML report: one file, well formed, nothing fetched or executed, every figure the record's own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from reading_reports import Page, one_line
from report_documents import HOSTILE, KINDS, LONG, ODD, documents, image_model, images, result_of

from gancross import load_result
from gancross.data.sets import finite
from gancross.errors import DataError
from gancross.evaluator.codec.fields import JsonObject
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.result.reading import result_from_dict
from gancross.pictures import image_grid
from gancross.report.browser.html import MOST_BYTES, html_report, print_script
from gancross.report.browser.sample_pictures import sample_pictures
from gancross.report.browser.samples import Sample, png_size, read_samples, write_samples
from gancross.report.charts.svg import BOTTOM, LEFT, RIGHT, TOP
from gancross.report.formatting import clean, verdicts


def reasons(value: Any) -> set[str]:
    """Every reason of the record under a figure that is null."""
    if isinstance(value, dict):
        own = {v for k, v in value.items() if k.endswith("_reason") and value.get(k[:-7], 0) is None}
        return own.union(*map(reasons, value.values()))
    return set().union(*map(reasons, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_whole_and_needs_nothing_else(kind: str) -> None:
    text = html_report(documents()[kind])
    page = Page(text)
    assert text.startswith("<!doctype html>") and page.of("html")[0]["lang"] == "en"
    ids = page.attributes("id")
    assert len(ids) == len(set(ids)) and {f"#{key}" for key in ids} >= set(page.attributes("href")) - {
        "data:,"
    }
    assert {"verdict", "confusion", "reasons", "protocol"} <= set(ids)
    assert all(label in ids for label in page.attributes("aria-labelledby"))
    for name in ("src", "href", "action", "srcset", "poster", "data", "xlink:href"):
        assert all(value.startswith(("data:", "#")) for value in page.attributes(name))
    (script,) = page.of("script")
    assert script == {} and text.count("<script") == 1
    assert not {"iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}
    assert not any(key.startswith("on") or key == "style" for _, attrs in page.elements for key in attrs)
    assert "url(" not in text and "@import" not in text
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert Counter(tag for tag, _ in page.elements)["main"] == 1 and "nan" not in page.words.lower().split()
    assert "Undefined" not in text and "None" not in page.words.split()


@pytest.mark.parametrize("kind", KINDS)
def test_every_missing_figure_says_why(kind: str) -> None:
    result = documents()[kind]
    words = Page(html_report(result)).words.lower()
    for reason in reasons(result.to_dict()):
        assert one_line(clean(reason)).lower() in words, reason


def test_the_policy_allows_the_one_style_sheet_the_one_script_and_pictures_within() -> None:
    text = html_report(documents()["two"])
    (policy,) = [meta["content"] for meta in Page(text).of("meta") if "http-equiv" in meta]
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy and policy.startswith("default-src 'none'")
    script = text[text.index("<script>") + 8 : text.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and script == print_script()
    assert "unsafe" not in policy and "img-src data:" in policy


def test_every_picture_has_a_name_and_its_numbers() -> None:
    page = Page(html_report(documents()["two"]))
    pictures = [svg for svg in page.of("svg") if "aria-hidden" not in svg]
    assert len(pictures) == 4 and all(svg["role"] == "img" and svg["aria-label"] for svg in pictures)
    assert len(page.of("title")) == 1 + len(pictures)
    histogram = documents()["two"].histograms["plain"]
    counts = [*histogram.real, *histogram.generators["regularized"]]
    assert all(f"{count:,}" in page.words for count in counts)
    boxes = [div for div in page.of("div") if div.get("class") == "scroll"]
    assert boxes and all(box["tabindex"] == "0" and box["aria-label"] for box in boxes)


def test_figures_are_those_of_the_record() -> None:
    result = documents()["two"]
    words = Page(html_report(result)).words
    for cell in result.cross:
        assert isinstance(cell.fp, Proportion) and isinstance(cell.auc, Estimate)
        assert f"{cell.fp.rate:.4f}".rstrip("0") in words
        assert f"[{cell.fp.ci95[0]:.4f}, {cell.fp.ci95[1]:.4f}]" in words
        assert f"{cell.auc.value:.4f}" in words
    for pair in result.pairs:
        for _, verdict in verdicts(result, pair):
            assert verdict.reason[0].upper() + verdict.reason[1:] in words
    for matrix in result.confusion.values():
        assert not isinstance(matrix, Missing)
        assert all(f"{count:,}" in words for row in matrix.counts for count in row)
    assert result.protocol.data.sha256 in words


def test_heat_and_curves_follow_the_numbers() -> None:
    result = documents()["constant"]
    page = Page(html_report(result))
    cells = [td["class"] for td in page.of("td") if td.get("class", "").startswith("heat h")]
    assert {"heat h10 own", "heat h0 own", "heat h10", "heat h0"} == set(cells[:4])
    paths = [corners(path["d"]) for path in page.of("path") if path.get("class") == "line"]
    lines = [points for points in paths if points[0] == (LEFT, BOTTOM)]  # others are in the legend
    outlines, curves = lines[:6], lines[6:]  # of two judges: three each, and two each
    assert all(points[-1] == (RIGHT, BOTTOM) for points in outlines)
    for (judge, name), points in zip(product(result.judges, result.names), curves, strict=True):
        expected = [
            (LEFT + fpr * (RIGHT - LEFT), BOTTOM + tpr * (TOP - BOTTOM))
            for fpr, tpr in result.roc[judge][name]
        ]
        assert points[-1] == (RIGHT, TOP) and np.allclose(points, expected, atol=0.01)


def corners(path: str) -> list[tuple[float, float]]:
    """The corners of a path of straight lines."""
    points: list[tuple[float, float]] = []
    for kind, x, y in re.findall(r"([MLHV])([0-9.-]+)(?: ([0-9.-]+))?", path):
        match kind:
            case "H":
                points.append((float(x), points[-1][1]))
            case "V":
                points.append((points[-1][0], float(x)))
            case _:
                points.append((float(x), float(y)))
    return points


@pytest.mark.parametrize("name", [HOSTILE, ODD, LONG])
def test_names_are_text_everywhere(name: str) -> None:
    text = html_report(documents()["hostile"])
    page = Page(text)
    assert text.lower().count("<script") == 1
    displayed = one_line(clean(name))
    assert displayed in page.words
    assert any(displayed in one_line(svg["aria-label"]) for svg in page.of("svg") if "aria-label" in svg)


@settings(max_examples=15)
@example(name="\n", opponent="\r")
@given(
    name=st.text(min_size=1, max_size=30),
    opponent=st.text(alphabet="<>\"'&/={}%#\x00 a`-", min_size=1, max_size=20),
)
def test_no_name_changes_the_structure_of_the_page(name: str, opponent: str) -> None:
    two = documents()["two"]
    assume(name != opponent and not {name, opponent} & {"plain", "regularized"})
    renamed = json.loads(
        two.to_json().replace('"plain"', json.dumps(name)).replace('"regularized"', json.dumps(opponent))
    )
    page, plain = Page(html_report(result_from_dict(renamed))), Page(html_report(two))
    known = [(tag, sorted(attributes)) for tag, attributes in page.elements if tag not in ("div", "li", "ul")]
    assert known == [(t, sorted(a)) for t, a in plain.elements if t not in ("div", "li", "ul")]
    assert one_line(clean(name).replace("\x00", "\ufffd")) in page.words


def test_sample_grids_lie_beside_the_record_and_within_the_page(tmp_path: Path) -> None:
    contestants = [image_model(HOSTILE), image_model(ODD), image_model("../../etc/passwd")]
    result = result_of(*contestants)
    record = tmp_path / "result.json"
    result.save(record)
    assert "No sample grids: none lie beside the record" in html_report(result)
    reals = finite("in memory", train=None, test=images(), split="given")
    cpu = torch.device("cpu")
    expected, repeated = (
        sample_pictures(contestants, reals, num_samples=200, seed=0, device=cpu) for _ in range(2)
    )
    assert expected == repeated
    write_samples(record, expected)
    folder = tmp_path / "result-samples"
    files = sorted(path.name for path in folder.iterdir())
    assert files[0] == "00-test-data.png" and len(files) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9.-]+", name) for name in files)
    grids = read_samples(record, result.names)
    assert grids == expected
    text = html_report(result, grids)
    pictures = Page(text).of("img")
    assert len(pictures) == 4 and all(picture["alt"] for picture in pictures)
    encoded = pictures[0]["src"].removeprefix("data:image/png;base64,")
    assert base64.b64decode(encoded) == expected[0].content and png_size(expected[0].content) == (274, 274)
    (folder / files[1]).write_bytes(b"<svg onload=alert(1)>")
    (folder / files[2]).unlink()
    assert [sample.label for sample in read_samples(record, result.names)] == [
        "test data",
        "../../etc/passwd",
    ]


def test_large_grids_are_shown_as_jpeg(tmp_path: Path) -> None:
    noise = torch.randint(0, 256, (64, 3, 64, 64), dtype=torch.uint8)
    content = image_grid(noise)
    assert len(content) > MOST_BYTES / 2
    grids = [Sample(label=label, content=content, width=530, height=530) for label in ("test data", "a", "b")]
    text = html_report(documents()["two"], grids)
    assert "data:image/jpeg" in text and "data:image/png" not in text and "Shown here as JPEG" in text


def broken(change: Callable[[Any], object]) -> JsonObject:
    document = documents()["two"].to_dict()
    change(document)
    return document


STRANGE: dict[str, Callable[[Any], object]] = {
    "curve of text": lambda d: d["roc"]["plain"].update(regularized=[["<b>", 1], [0, 0]]),
    "curve of nobody": lambda d: d["roc"]["plain"].update(nobody=[[0, 0], [1, 1]]),
    "counts missing": lambda d: d["histograms"]["plain"]["real"].pop(),
    "edges fall": lambda d: d["histograms"]["plain"]["edges"].reverse(),
    "a judge of nothing": lambda d: d["histograms"].pop("plain"),
    "no such contestant": lambda d: d["cross"][0].update(judge="nobody"),
    "a cell twice": lambda d: d["cross"].append(d["cross"][0]),
    "a pair of one": lambda d: d["pairs"][0].update(b="plain"),
    "a foreign winner": lambda d: d["pairs"][0]["paper"].update(winner="nobody"),
    "two alike": lambda d: d["contestants"][1].update(name="plain"),
    "modes of text": lambda d: d["batch_norm"]["plain"].update(modes={"eval": 1, "batch": 2}),
    "matrix of text": lambda d: d["confusion"]["plain"].update(fn="x"),
    "duality gap of text": lambda d: d["duality_gap"]["plain"].update(value="x"),
    "gap without interval": lambda d: d["generalisation_gap"]["plain"].update(value=1.0, ci95="x"),
    "ranking of text": lambda d: d["ranking"].update(generators=["plain"]),
    "claims of text": lambda d: d["groups"].update(claims=["plain"]),
    "controls of others": lambda d: d["controls"]["judges"].pop("plain"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_strangers_record_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(broken(STRANGE[what])))
    with pytest.raises(DataError, match=r"not a valid result") as refused:
        load_result(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seed": 0', '"seed": NaN'),
        ('"seed": 0', f'"seed": {10**40}'),
        ('"seed": 0', f'"seed": {"9" * 5000}'),
        ('"fidelity": null', '"fidelity": 1e999'),
        ('"fidelity": null', f'"fidelity": null, "deep": {"[" * 40}{"]" * 40}'),
        ('"fidelity": null', f'"deep": {"[" * 10**5}{"]" * 10**5}'),
        ('"split": "given"', '"split": "\\ud800"'),
    ],
)
def test_numbers_and_texts_that_no_report_can_show_are_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "result.json"
    text = json.dumps(documents()["two"].to_dict())
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError):
        load_result(path)


def contrast(ink: str, ground: str) -> float:
    """WCAG 2.2's ratio of two colours #rrggbb."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted([luminance(ink), luminance(ground)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_texts_and_lines_stand_out_in_both_themes() -> None:
    text = html_report(documents()["two"])
    pattern = r"(--[\w-]+): light-dark\((#\w{6}), (#\w{6})\)"
    colours = {name: pair for name, *pair in re.findall(pattern, text.split(".h0")[0])}
    for theme in (0, 1):
        for ground in ("--card", "--page", "--head", "--flag"):
            for ink in ("--ink", "--soft", "--link"):
                assert contrast(colours[ink][theme], colours[ground][theme]) >= 4.5, (ink, ground, theme)
        assert contrast(colours["--won"][theme], colours["--card"][theme]) >= 4.5
        for line in ("--real", *(f"--c{i}" for i in range(7))):
            assert contrast(colours[line][theme], colours["--card"][theme]) >= 3, line
    bands = re.findall(
        r"--heat: light-dark\((#\w+), (#\w+)\);\s*--heat-ink: light-dark\((#\w+), (#\w+)\)", text
    )
    assert len(bands) == 11
    for light, dark, ink, dark_ink in bands:
        assert contrast(light, ink) >= 4.5 and contrast(dark, dark_ink) >= 4.5

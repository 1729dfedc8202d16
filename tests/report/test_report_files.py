"""Markdown, JUnit, figures, the notebook's result, and the command line that writes them all."""

from __future__ import annotations

import io
import json
import math
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from PIL import Image
from report_documents import HOSTILE, KINDS, LONG, ODD, documents
from rich.console import Console

import gancross
from gancross import Result
from gancross.cli.main import cli, main
from gancross.errors import ResourceError, UsageError
from gancross.report.browser.samples import file_name
from gancross.report.charts.chart_data import histogram_lines, roc_lines, tpr_at
from gancross.report.charts.plots import pictures, plot_histograms, plot_matrix, plot_roc
from gancross.report.command import command, obstacles
from gancross.report.formatting import clean
from gancross.report.text.junit import junit_report
from gancross.report.text.markdown import escaped, markdown_report


def call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments)])
    return int(left.value.code or 0)


# Markdown


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").enable("strikethrough").render(text)


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_is_a_verdict_then_tables_of_one_width(kind: str) -> None:
    text = markdown_report(documents()[kind])
    assert text.startswith("## Cross-test: ")
    head = text.split("###")[0]
    assert "no winner" in head or "wins" in head or "no verdict" in head
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    assert len(blocks) >= 3
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
    assert text.count("<details>") == text.count("</details>") >= 2
    assert rendered(text).count("<table>") == len(blocks)
    for flag in documents()[kind].document["flags"]:
        assert escaped(flag) in text


@pytest.mark.parametrize("name", [HOSTILE, ODD, LONG])
def test_markdown_shows_names_as_text(name: str) -> None:
    page = rendered(markdown_report(documents()["hostile"]))
    assert "<script" not in page and "<a href" not in page and "<em>@" not in page
    assert not re.search(r"@\w|www\.|#\d", re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL))


@given(st.text(max_size=40))
def test_an_escaped_text_is_one_line_that_renders_as_itself(text: str) -> None:
    page = rendered(f"x {escaped(text)} x")
    assert page.startswith("<p>x ") and page.endswith(" x</p>\n") and page.count("\n") == 1
    inner = re.sub(
        "&(amp|lt|gt|quot);", lambda m: {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}[m[1]], page[5:-7]
    )
    assert "<" not in re.sub("&lt;", "", page[3:-5])
    hidden = "[\u2060\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]"
    assert re.sub(hidden, "", inner).split() == re.sub(hidden, "", clean(text)).split()


@given(st.text(alphabet="-+#=1.) \nab>|", max_size=12))
@example("11) a")
@example("- a")
@example("# a")
def test_an_escaped_text_starts_no_list_no_heading_no_cell(text: str) -> None:
    page = rendered(f"- {escaped(text)}\n\n| a |\n| --- |\n| {escaped(text)} |\n")
    assert page.count("<li>") == 1 and page.count("<td>") == 1 and "<h" not in page


# JUnit


@pytest.mark.parametrize("kind", KINDS)
def test_junit_counts_what_it_holds(kind: str) -> None:
    root = ElementTree.fromstring(junit_report(documents()[kind]))
    (suite,) = root
    cases = suite.findall("testcase")
    assert root.tag == "testsuites" and suite.tag == "testsuite"
    assert int(suite.attrib["tests"]) == len(cases)
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
    assert [child.tag for child in suite] == ["properties", *["testcase"] * len(cases), "system-out"]
    assert all(set(case.attrib) == {"classname", "name", "time"} for case in cases)
    names = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
    assert len(names) == len(set(names))
    assert all(entry.attrib["message"] for case in cases for entry in case if entry.tag != "system-out")
    properties = {one.attrib["name"]: one.attrib["value"] for one in suite.findall("properties/property")}
    assert properties["data.sha256"] == documents()[kind].document["protocol"]["data"]["sha256"]
    assert float(suite.attrib["time"]) >= 0 and re.match(r"\d{4}-\d\d-\d\dT", suite.attrib["timestamp"])


def outcomes(kind: str) -> dict[str, str]:
    cases = ElementTree.fromstring(junit_report(documents()[kind])).findall("*/testcase")
    return {case.attrib["name"]: case[0].tag for case in cases}


def test_junit_fails_figures_not_losers() -> None:
    two = outcomes("two")
    assert two["The paper's rule: plain against regularized"] == "system-out"
    assert "failure" not in {tag for name, tag in two.items() if "rule" in name}
    constant = outcomes("constant")
    assert constant["'always' gives more than one answer"] == "failure"
    assert constant["'never' gives more than one answer"] == "failure"
    assert constant["'always' is not blind"] == "failure" and constant["'never' is not blind"] == "system-out"
    critics = outcomes("critics")
    assert critics["The paper's rule: one against other"] == "skipped"
    assert critics["'one' is not blind"] == "skipped"
    assert outcomes("not compared")["'with' is not blind"] == "skipped"
    assert outcomes("not compared")["batch-norm modes of 'with' agree"] == "skipped"
    assert outcomes("samples")["all samples of 'folder' were there"] == "failure"
    assert outcomes("four")["all samples of 'mute' were there"] == "system-out"


def test_junit_holds_only_what_xml_can() -> None:
    text = junit_report(documents()["hostile"])
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", text) and "<script>" not in text
    assert any(HOSTILE in case.attrib["name"] for case in ElementTree.fromstring(text).findall("*/testcase"))


# The command


def test_the_command_is_that_of_the_call(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    record = tmp_path / "it's.json"
    plain, other = checkpoints["digits-plain"], checkpoints["digits-regularized"]
    arguments = ["-n", "60", "--seed", "3", "--norm", "batch", "--no-quantize", "--no-controls"]
    models = [f"-x={plain}", f"a b'={other}"]
    assert call("crosstest", *arguments, "--method", "-x=mine", "--json", record, "-q", "--", *models) == 0
    document = json.loads(record.read_text())
    again = shlex.split(command(document))
    assert again[:2] == ["gancross", "crosstest"] and again[-2:] == models and obstacles(document) == []
    context = cli.commands["crosstest"].make_context("crosstest", again[2:], parent=click.Context(cli))
    asked = context.params
    assert (asked["num_samples"], asked["seed"], asked["norm"]) == (60, 3, "batch")
    assert asked["no_quantize"] and asked["no_controls"] and not asked["no_norm_check"]
    assert asked["methods"] == ("-x=mine",) and asked["data"] == "digits"
    second = tmp_path / "second.json"
    assert call(*again[1:-3], "--json", second, "-q", *again[-3:]) == 0
    repeated = json.loads(second.read_text())
    assert document.pop("provenance") and repeated.pop("provenance") and document == repeated


def test_what_no_command_can_repeat_is_said() -> None:
    said = obstacles(documents()["two"].document)
    assert any("made in memory" in text for text in said) and any("array in memory" in text for text in said)
    document = json.loads(json.dumps(documents()["two"].document))
    for one, path in zip(document["contestants"], ["folder:made", "gan.onnx"], strict=True):
        one["path"], one["recipe"] = path, None
    first, second = (one["name"] for one in document["contestants"])
    (foreign,) = [text for text in obstacles(document) if "--arch" in text]
    assert f"'{second}'" in foreign and f"'{first}'" not in foreign
    assert shlex.split(command(document))[-2:] == [f"{first}=folder:made", f"{second}=gan.onnx"]


# Figures and notebooks


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_all_pictures_are_drawn_for_every_kind_of_result(kind: str, file_format: str, tmp_path: Path) -> None:
    if file_format == "svg" and kind not in ("two", "hostile", "four"):
        return
    result = documents()[kind]
    drawn = pictures(result, file_format)
    assert len(drawn) == 1 + 2 * len(result.document["histograms"])
    for name, content in drawn.items():
        assert re.fullmatch(r"[A-Za-z0-9.-]+", name)
        (tmp_path / name).write_bytes(content)
        if file_format == "png":
            with Image.open(tmp_path / name) as image:
                image.load()
        else:
            ElementTree.fromstring(content)


def test_the_same_result_gives_the_same_svg() -> None:
    assert pictures(documents()["two"], "svg") == pictures(documents()["two"], "svg")


def test_lines_are_the_records_numbers() -> None:
    document = documents()["two"].document
    real, *fakes = histogram_lines(document, "plain")
    histogram = document["histograms"]["plain"]
    heights = [y for _, y in real.points[1:-1:2]]
    assert heights == pytest.approx([count / 60 for count in histogram["real"]])
    assert [line.own for line in fakes] == [True, False]
    for line in roc_lines(document, "plain"):
        xs, ys = zip(*line.points, strict=True)
        area = sum((b - a) * (p + q) / 2 for a, b, p, q in zip(xs, xs[1:], ys, ys[1:], strict=False))
        auc = next(
            c["auc"]["value"]
            for c in document["cross"]
            if (c["judge"], c["generator"]) == ("plain", line.label)
        )
        assert area == pytest.approx(auc, abs=0.01)
        assert tpr_at(line, [1.0]) == [1.0]


def test_figures_show_the_threshold_where_high_means_real() -> None:
    figure = plot_histograms(documents()["flipped"], "flipped")
    (rule,) = [line for line in figure.axes[0].lines if "τ" in str(line.get_label())]
    assert list(rule.get_xdata()) == [-0.25, -0.25]
    critics = plot_histograms(documents()["critics"], "one")
    assert not any("τ" in str(line.get_label()) for line in critics.axes[0].lines)


def test_the_matrix_shows_every_rate() -> None:
    result = documents()["four"]
    texts = {text.get_text().split("\n")[0] for text in plot_matrix(result).axes[0].texts}
    rates = {cell["fp"]["rate"] for cell in result.document["cross"] if cell["fp"] is not None}
    assert {text for text in texts if text != "–"} == {
        f"{rate:.4f}".rstrip("0") + "0" * f"{rate:.4f}".rstrip("0").endswith(".") for rate in rates
    }
    assert "–" in texts


def test_no_figure_enters_pyplots_state() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    result = documents()["two"]
    assert isinstance(result.plot_matrix(), Figure) and isinstance(result.plot_roc("plain"), Figure)
    assert plt.get_fignums() == before
    with pytest.raises(UsageError, match="several judges: choose one of plain, regularized"):
        result.plot_histograms()
    with pytest.raises(UsageError, match="did you mean 'plain'"):
        plot_roc(result, "plane")
    assert isinstance(documents()["one"].plot_histograms(), Figure)


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_shows_itself(kind: str, tmp_path: Path) -> None:
    result = documents()[kind]
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(result)
    assert "Share called real" in console.export_text()
    fragment = result._repr_html_()
    assert "<script" not in fragment and fragment.count("<td>") == len(result.document["cross"])
    result.save(tmp_path / "result.json")
    loaded = gancross.load_result(tmp_path / "result.json")
    assert isinstance(loaded, Result) and loaded.document == result.to_dict()


def test_a_frame_has_a_row_for_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    result = documents()["four"]
    frame = result.to_dataframe()
    assert len(frame) == len(result.document["cross"]) == 12
    assert list(frame.columns[:6]) == ["judge", "generator", "own", "fp", "fp_low", "fp_high"]
    for row, cell in zip(frame.to_dict("records"), result.document["cross"], strict=True):
        assert (row["judge"], row["generator"]) == (cell["judge"], cell["generator"])
        assert math.isnan(row["fp"]) if cell["fp"] is None else row["fp"] == cell["fp"]["rate"]
        assert [row["auc_low"], row["auc_high"]] == cell["auc"]["ci95"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ResourceError, match="pip install pandas"):
        result.to_dataframe()


# The command line


def test_crosstest_writes_every_report(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    out = {name: tmp_path / f"r.{name}" for name in ("json", "html", "markdown", "junit")}
    options = [part for name, path in out.items() for part in (f"--{name}", path)]
    models = [checkpoints["digits-plain"], checkpoints["digits-regularized"]]
    assert call("crosstest", *models, "-n", 80, *options, "-q") == 0
    page = out["html"].read_text(encoding="utf-8")
    assert page.count("<img") == 3 and len(page.encode()) < 1_500_000
    assert {path.name for path in (tmp_path / "r-samples").iterdir()} == {
        "00-test-data.png", "01-digits-plain.png", "02-digits-regularized.png",
    }  # fmt: skip
    again = tmp_path / "again.html"
    assert call("report", out["json"], "--html", again, "--pictures", tmp_path / "pictures", "-q") == 0
    assert again.read_text(encoding="utf-8") == page
    assert len(list((tmp_path / "pictures").iterdir())) == 5
    assert ElementTree.parse(out["junit"]).getroot().tag == "testsuites"
    assert out["markdown"].read_text(encoding="utf-8").startswith("## Cross-test")


def test_samples_are_those_that_were_judged(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    import torch

    from gancross.checkpoint.file import load_contestant
    from gancross.evaluator.judging.sampling import chunks, fake_source
    from gancross.evaluator.judging.scoring import evaluating
    from gancross.pictures import image_grid

    assert call("crosstest", f"me={checkpoints['digits-plain']}", "-n", 70, "--seed", 5, "--json",
                tmp_path / "r.json", "-q") == 0  # fmt: skip
    contestant, cpu = load_contestant(checkpoints["digits-plain"], name="me"), torch.device("cpu")
    assert contestant.generator is not None
    with evaluating([contestant.generator], cpu):
        first = next(chunks(fake_source(contestant, num_samples=70), seed=5, shape=None, device=cpu, group=1))
    assert (tmp_path / "r-samples" / "01-me.png").read_bytes() == image_grid(first[:64])


def test_report_alone_prints_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents()["two"].save(tmp_path / "r.json")
    assert call("report", tmp_path / "r.json") == 0
    assert "Cross-testing: FP" in capsys.readouterr().out
    assert call("report", tmp_path / "r.json", "--markdown", "-") == 0
    out = capsys.readouterr().out
    assert out == markdown_report(documents()["two"])


BAD = [
    ("report missing.json", 2, "missing.json: no such file"),
    ("report text.json", 3, "not JSON"),
    ("report r.json --html nowhere/x.html", 2, "cannot be written"),
    ("report r.json --html r.json", 2, "two outputs"),
    ("report r.json --html a --junit a", 2, "two outputs"),
    ("report r.json --html .", 2, "is a folder"),
    ("report r.json --pictures text.json", 2, "is a file"),
    ("report r.json --pictures p --format gif", 2, "--format"),
    ("crosstest x.pt --json - --markdown -", 2, "only one of them"),
    ("crosstest x.pt --json b.json --html b.json", 2, "two outputs"),
    ("crosstest x.pt --json c.json", 2, "c-samples: is a file"),
]


@pytest.mark.parametrize(("line", "code", "part"), BAD)
def test_bad_calls_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, code: int,
    part: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    documents()["one"].save("r.json")
    Path("text.json").write_text("hello")
    Path("c-samples").touch()
    before = sorted(tmp_path.iterdir())
    assert call(*line.split()) == code
    error = capsys.readouterr().err.strip()
    assert part in error and len(error.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_names_of_files_are_distinct_and_plain() -> None:
    names = [
        file_name(1, name) for name in ("a/b", "a b", "a:b", "é", "..", "", "a" * 80, "a" * 81, "A", "con")
    ]
    assert len({name.lower() for name in names if name != "01-A.png"}) == len(names) - 1
    assert all(re.fullmatch(r"\d\d-[A-Za-z0-9][A-Za-z0-9.-]*\.png", name) for name in names)


def test_report_opens_without_torch(tmp_path: Path) -> None:
    documents()["two"].save(tmp_path / "r.json")
    program = (
        "import sys\nfrom gancross.cli.main import main\n"
        f"try: main(['report', {str(tmp_path / 'r.json')!r}, '--markdown', '-'])\n"
        "except SystemExit as leaving: assert not leaving.code\n"
        "assert not {'torch', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("## Cross-test")

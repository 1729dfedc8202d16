"""`gancross crosstest` and `gancross report` write every report, or say in one line why not."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from command_line import call
from imports import heavy_imports, heavy_imports_of_command
from reading_reports import printed
from report_documents import documents

from gancross.checkpoint.file import load_contestant
from gancross.evaluator.judging.sampling import chunks, fake_source
from gancross.evaluator.judging.scoring import evaluating
from gancross.pictures import image_grid
from gancross.report.browser.samples import file_name, read_samples, sample, write_samples
from gancross.report.text.first_screen import first_screen
from gancross.report.text.markdown import markdown_report

A_PNG = image_grid(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))


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
    assert call("crosstest", f"me={checkpoints['digits-plain']}", "-n", 70, "--seed", 5, "--json",
                tmp_path / "r.json", "-q") == 0  # fmt: skip
    contestant, cpu = load_contestant(checkpoints["digits-plain"], name="me"), torch.device("cpu")
    assert contestant.generator is not None
    with evaluating([contestant.generator], cpu):
        first = next(chunks(fake_source(contestant, num_samples=70), seed=5, shape=None, device=cpu, group=1))
    _, own = read_samples(tmp_path / "r.json", ["me"])
    assert own.content == image_grid(first[:64])


def test_report_alone_prints_the_screen_and_verbose_all_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record, result = tmp_path / "r.json", documents()["refereed"]
    result.save(record)
    for width in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        assert call("report", record) == 0
        screen = [line.plain for line in first_screen(result, width=width, record=record)]
        assert capsys.readouterr().out.splitlines() == screen
        assert call("report", record, "-v") == 0
        assert capsys.readouterr().out == printed(result, width=width)
    documents()["two"].save(record)
    assert call("report", tmp_path / "r.json", "--markdown", "-") == 0
    out = capsys.readouterr().out
    assert out == markdown_report(documents()["two"])


BAD = [
    ("report missing.json", 2, "missing.json: no such file"),
    ("report text.json", 3, "not JSON"),
    ("report r.json --html nowhere/x.html", 2, "cannot be written"),
    ("report r.json --html r.json", 2, "is read by this command"),
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


ALL_OF_THEM = """
from gancross.cli.main import main
for line in {lines!r}:
    try: main(line.split())
    except SystemExit as end: assert not end.code, line
"""


def test_reports_and_gates_need_neither_torch_nor_the_statistics_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With referees, pictures of samples and judges whose samples depend on their groups."""
    monkeypatch.chdir(tmp_path)
    documents()["refereed"].save("refereed.json")
    documents()["two"].save("two.json")
    write_samples(
        Path("two.json"), [sample(name, A_PNG) for name in ("test data", *documents()["two"].names)]
    )
    lines = [
        "report refereed.json", "report refereed.json --verbose", "report two.json --markdown -",
        "report two.json --html two.html --markdown two.md --junit two.xml",
        "report refereed.json --html r.html", "gate two.json --baseline two.json",
        "gate refereed.json --baseline refereed.json --json",
        "gate two.json --baseline new.json --record",
    ]  # fmt: skip
    heavy, output = heavy_imports(ALL_OF_THEM.format(lines=lines))
    assert heavy <= {"numpy", "scipy"}
    assert output.count("## Cross-test") == 1 and Path("two.html").read_text("utf-8").count("<img") == 3


def test_a_screen_needs_no_scipy(tmp_path: Path) -> None:
    documents()["two"].save(tmp_path / "r.json")
    heavy, output = heavy_imports_of_command("report", str(tmp_path / "r.json"))
    assert heavy <= {"numpy"} and output

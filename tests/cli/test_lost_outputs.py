"""Results are saved before they are shown; no screen, no name and no other output costs a record."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from command_line import call
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paths import ROOT
from poor_screens import FAILURES
from processes import LIMIT, Ended, environment, running
from report_documents import documents

from gancross import load_result
from gancross.cli.options import progress_bar
from gancross.report.browser.samples import read_samples
from gancross.report.text.markdown import markdown_report

ENCODINGS = ("utf-8", "latin-1", "cp1252", "ascii", "utf-16")
NAMES = st.binary(min_size=1, max_size=300).map(
    lambda raw: os.fsdecode(raw.replace(b"/", b"_").replace(b"\0", b"_"))
)


def on_poor_screen(encoding: str, failure: str, *arguments: str, cwd: Path) -> Ended:
    script = str(ROOT / "tests" / "support" / "poor_screens.py")
    with running([script, encoding, failure, *arguments], cwd=cwd, env=environment()) as process:
        process.process.wait(LIMIT)
        return process.ended()


@settings(max_examples=4)
@given(st.sampled_from(ENCODINGS), st.sampled_from(FAILURES), st.sampled_from(FAILURES))
@example("ascii", "full", "none")
@example("utf-8", "left", "full")
@example("utf-8", "closed", "closed")
def test_no_screen_costs_a_report(encoding: str, out: str, err: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        documents()["two"].save(Path(folder, "r.json"))
        arguments = ["report", "r.json", "--junit", "r.xml", "--markdown", "-"]
        ended = on_poor_screen(encoding, f"{out}+{err}", *arguments, cwd=Path(folder))
        assert ended.code == (5 if out == "full" else 0), ended.err
        assert "Traceback" not in ended.err
        assert Path(folder, "r.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_no_screen_costs_a_record(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    arguments = ["crosstest", f"γ={checkpoints['mixture-plain']}", "-n", "20", "--json", "r.json"]
    ended = on_poor_screen("cp1252", "full", *arguments, cwd=tmp_path)
    assert ended.code == 5 and "standard output: cannot be written" in ended.err
    assert load_result(tmp_path / "r.json").names == ["γ"]


@pytest.mark.parametrize(
    "command", ["recipes", "datasets", "gate r.json --baseline r.json", "report r.json -v"]
)
def test_what_only_shows_replaces_what_it_cannot_encode(tmp_path: Path, command: str) -> None:
    documents()["two"].save(tmp_path / "r.json")
    ended = on_poor_screen("ascii", "none", *command.split(), cwd=tmp_path)
    assert ended.code == 0 and ended.out.strip() and ended.out.isascii()
    assert on_poor_screen("ascii", "left", *command.split(), cwd=tmp_path).code == 0


def test_a_document_on_standard_output_is_utf_8_whatever_the_terminal(tmp_path: Path) -> None:
    result = documents()["two"]
    result.save(tmp_path / "r.json")
    ended = on_poor_screen("latin-1", "none", "report", "r.json", "--markdown", "-", cwd=tmp_path)
    assert ended.code == 0 and "×" in ended.out


@settings(max_examples=8)
@given(NAMES, NAMES)
@example("x" * 236, "y" * 250)
@example("x" * 252, "y")
@example(os.fsdecode(b"caf\xe9"), "y")
@example("a\nb", "\x1b[31m")
def test_any_name_is_written_to_or_refused_before_work(
    checkpoints: dict[str, Path], model: str, record: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{model}.pt")
        with contextlib.suppress(OSError):  # no file can have this name
            shutil.copy(checkpoints["mixture-plain"], path)
        before = sorted(os.listdir(folder))
        target = Path(folder, f"{record}.json")
        code = call("crosstest", path, "-n", 20, "--json", target, "--markdown", Path(folder, "m"), "-q")
        assert code in (0, 2)
        if code == 0:
            assert load_result(target).names and Path(folder, "m").exists()
        else:
            assert sorted(os.listdir(folder)) == before


def test_an_output_that_fails_costs_no_other(
    checkpoints: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reports = ["--html", tmp_path / "r.html", "--junit", tmp_path / "r.xml", "--markdown", tmp_path / "r.md"]
    assert (
        call("crosstest", checkpoints["digits-plain"], "-n", 70, "--json", "/dev/full", *reports, "-q") == 5
    )
    printed = capfd.readouterr()
    assert "/dev/full: cannot be written" in printed.err and "digits" in printed.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.md", "r.xml"]
    assert not Path("/dev/full-samples").exists()


def test_a_stream_named_as_a_file_is_written_to_and_stays(tmp_path: Path) -> None:
    """Its redirection is a regular file, which opening anew or renaming would destroy."""
    documents()["two"].save(tmp_path / "r.json")
    command = [sys.executable, "-m", "gancross", "report", "r.json", "-q"]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "fd").open("wb") as other:
        done = subprocess.run(
            [*command, "--markdown", "/dev/stdout", "--junit", f"/dev/fd/{other.fileno()}"], stdout=out,
            pass_fds=[other.fileno()], check=False, env=environment(), cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0 and Path("/dev/stdout").is_symlink()
    assert (tmp_path / "out").read_text(encoding="utf-8") == markdown_report(documents()["two"])
    assert (tmp_path / "fd").read_text(encoding="utf-8").startswith("<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fd", "out", "r.json"]


def test_pictures_of_another_record_are_not_shown(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    record, page = tmp_path / "r.json", tmp_path / "r.html"
    assert call("crosstest", f"a={checkpoints['digits-plain']}", "-n", 70, "--json", record, "-q") == 0
    result = load_result(record)
    compact = json.dumps(json.loads(record.read_text(encoding="utf-8")))
    record.write_text(compact, encoding="utf-8")
    assert len(read_samples(record, result.names)) == 2
    documents()["two"].save(record)
    assert read_samples(record, result.names) == []
    assert call("report", record, "--html", page, "-q") == 0
    assert "<img" not in page.read_text(encoding="utf-8")


def test_a_terminal_of_no_columns_is_one_of_unknown_width() -> None:
    command = [sys.executable, "-m", "gancross", "datasets"]
    first, second = (
        subprocess.run(command, capture_output=True, env=environment(**more), check=True).stdout
        for more in ({"COLUMNS": "0", "LINES": "0"}, {})
    )
    assert first == second != b""


def test_forced_colour_makes_no_terminal_of_a_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from rich.console import Console

    monkeypatch.setenv("FORCE_COLOR", "1")
    with (tmp_path / "log").open("w") as log:
        console = Console(file=log)
        assert console.is_terminal and progress_bar(console).disable

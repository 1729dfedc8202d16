"""`make bench`: the time of rounds and questions, what an interrupted run leaves, and exit codes."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bench
import pytest
import speed_table
from environment import machine, versions
from speed.allowance import Allowance
from speed.timing import ALLOWANCE, LIBRARIES, Row, Spread, interleaved, record

SECONDS = bench.SECONDS
THREE = {"startup": 10.0, "frechet": 50.0, "referees-full": None, "tournament": 60.0}


class Clock:
    """Seconds that pass only when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("least", "seconds", "expected"),
    [(3, 0.0, 3), (3, 100.0, 9), (3, 95.0, 8), (12, 100.0, 12)],
    ids=["no-time", "share-used-up", "the-next-would-not-fit", "least"],
)
def test_rounds_are_added_until_the_share_is_used_up(least: int, seconds: float, expected: int) -> None:
    clock, counted = Clock(), 0
    for number in Allowance(seconds=seconds, clock=clock).rounds(least, warmup=1, share=0.5):
        clock.pass_by(5.0)
        counted += number >= 0
    assert counted == expected


def test_a_series_takes_its_share_of_the_question_that_runs() -> None:
    clock = Clock()
    token = ALLOWANCE.set(Allowance(seconds=100.0, clock=clock))
    try:
        times = interleaved({"a": lambda: clock.pass_by(7.0)}, rounds=2, threads=1, warmup=0, share=0.3)
    finally:
        ALLOWANCE.reset(token)
    assert len(times.seconds["a"]) == 4  # of 7 s each in 30 s


def test_questions_share_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SECONDS", THREE)
    clock, given, left = Clock(), {}, []
    for question, seconds, remaining in bench.shares(list(THREE), 2.0, clock):
        given[question] = seconds
        left.append(remaining)
        clock.pass_by(32.0)  # more than the first's, less than the second's; hours are not counted
    assert given == pytest.approx({"startup": 10, "frechet": 40, "referees-full": 0, "tournament": 56})
    assert left == pytest.approx([120, 88, 56, 56])
    assert list(bench.shares(["frechet"], 2.0, clock)) == [("frechet", 50.0, 50.0)]


def test_a_question_s_process_gets_its_seconds_and_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[float] = []

    def run(command: list[str], *, cwd: Path, env: Mapping[str, str], check: bool) -> Any:
        assert command[1:3] == ["-m", "speed.long_run"] and (cwd / "speed" / "long_run.py").exists()
        assert env["MALLOC_TRIM_THRESHOLD_"]

        def rows() -> list[Row]:
            given.append(ALLOWANCE.get().seconds)
            return []

        record("long-run", rows, command[3:])
        return subprocess.CompletedProcess(command, returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    assert bench.run_question("long-run", 12.34, tmp_path)
    assert given == [12.3] and ALLOWANCE.get().seconds == 0
    assert bench.read_record(tmp_path, "long-run") is not None


def test_every_question_has_its_seconds_within_ten_minutes() -> None:
    programs = {
        path.stem.replace("_", "-")
        for path in (bench.HERE / "speed").glob("[!_]*.py")
        if "if __name__ ==" in "".join(path.read_text(encoding="utf-8").splitlines()[-5:])
    }
    assert programs == set(bench.SECONDS)
    assert sum(seconds or 0 for seconds in bench.SECONDS.values()) <= 60 * bench.MINUTES


def record_of(question: str, median: float, **more: Any) -> dict[str, Any]:
    row = Row(work=question, measured=Spread.of([median] * 9), threads=1).plain()
    return {
        "question": question, "rows": [row], "machine": machine(), "versions": versions(*LIBRARIES), **more
    }  # fmt: skip


def write(folder: Path, document: Mapping[str, Any]) -> None:
    (folder / f"speed-{document['question']}.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records before, of three questions, in place of the real ones; and a table of their own."""
    readme = tmp_path / "README.md"
    readme.write_text(speed_table.BEGIN + speed_table.END, encoding="utf-8")
    folder = tmp_path / "results"
    folder.mkdir()
    for question in ("startup", "frechet", "tournament"):
        write(folder, record_of(question, 1.0))
    monkeypatch.setattr(bench, "RESULTS", folder)
    monkeypatch.setattr(bench, "SECONDS", THREE)
    monkeypatch.setattr(speed_table, "HERE", tmp_path)
    monkeypatch.setattr(speed_table, "README", readme)
    return folder


def measure(monkeypatch: pytest.MonkeyPatch, medians: Mapping[str, float | type[BaseException]]) -> None:
    """Every question finds this median, or ends like this."""

    def run_question(question: str, seconds: float, out: Path) -> bool:
        median = medians[question]
        if not isinstance(median, float):
            if issubclass(median, KeyboardInterrupt):
                raise KeyboardInterrupt
            return False
        write(out, record_of(question, median))
        return True

    monkeypatch.setattr(bench, "run_question", run_question)


def medians(folder: Path) -> list[float]:
    found = []
    for question in ("startup", "frechet", "tournament"):
        document = bench.read_record(folder, question)
        assert document is not None
        found.append(document["rows"][0]["measured"]["median"])
    return found


def test_a_run_renews_records_and_table_and_says_what_moved(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure(monkeypatch, {"startup": 1.0, "frechet": 2.0, "tournament": 0.5})
    assert bench.main([]) == 0
    assert medians(results) == [1.0, 2.0, 0.5]
    assert "| frechet | 2.00 [2.00, 2.00] |" in speed_table.README.read_text(encoding="utf-8")
    out = capsys.readouterr().out
    assert "2 of 3 rows moved" in out
    assert "frechet, 1 thread: 1.00 [1.00, 1.00] → 2.00 [2.00, 2.00], slower by a factor of 2.00" in out


def test_an_interrupted_run_leaves_the_records_of_what_ended(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure(monkeypatch, {"startup": 3.0, "frechet": KeyboardInterrupt, "tournament": 0.5})
    assert bench.main([]) == bench.INTERRUPTED == 130
    assert medians(results) == [3.0, 1.0, 1.0]
    assert "| startup | 3.00 " in speed_table.README.read_text(encoding="utf-8")
    printed = capsys.readouterr()
    assert "startup, 1 thread: 1.00 [1.00, 1.00] → 3.00" in printed.out and "interrupted" in printed.err


def test_a_question_that_fails_is_named_and_the_others_go_on(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure(monkeypatch, {"startup": RuntimeError, "frechet": 1.0, "tournament": 0.5})
    assert bench.main(["--fail-if-slower"]) == 1
    assert medians(results) == [1.0, 1.0, 0.5]
    assert "failed: startup" in capsys.readouterr().err


def test_another_folder_leaves_records_and_table_as_they_were(
    results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measure(monkeypatch, {"startup": 9.0, "frechet": 1.0, "tournament": 1.0})
    table, out = speed_table.README.read_text(encoding="utf-8"), tmp_path / "new" / "out"
    assert bench.main(["--out", str(out), "--fail-if-slower"]) == bench.SLOWER == 6
    assert medians(results) == [1.0, 1.0, 1.0] and medians(out) == [9.0, 1.0, 1.0]
    assert speed_table.README.read_text(encoding="utf-8") == table
    assert bench.main(["--out", str(tmp_path / "second"), "--against", str(out), "--fail-if-slower"]) == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "no question 'nonsense'"),
        (["--minutes", "0"], "--minutes must be a number above 0"),
        (["--minutes", "inf"], "--minutes must be a number above 0"),
        (["--out", __file__], "is no folder"),
        (["--out", f"{__file__}/below"], "is no folder: Not a directory"),
        (["--against", "nowhere"], "nowhere is no folder"),
        (["--fail-if-slower"], "the record of 'frechet'"),
    ],
    ids=["question", "minutes", "endless", "out", "below-a-file", "against", "other-machine"],
)
def test_a_wrong_command_line_is_refused_before_anything_runs(
    results: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], expected: str
) -> None:
    other = record_of("frechet", 1.0, machine={"cpu": "another", "cores": 1, "system": "Linux"})
    write(results, other)
    with pytest.raises(SystemExit) as end:
        bench.main(arguments)
    assert end.value.code == 2
    assert expected in capsys.readouterr().err
    assert medians(results) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "content",
    ["{broken", "[1]", "{}", '{"question": "startup", "rows": [{}]}', "NaN", "machine"],
    ids=["text", "list", "empty", "row", "not-a-number", "no-machine"],
)
def test_a_record_that_is_none_is_refused_before_anything_runs(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    written = {
        "NaN": record_of("startup", math.nan), "machine": record_of("startup", 1.0, machine={})
    }.get(content)  # fmt: skip
    (tmp_path / "speed-startup.json").write_text(content if written is None else json.dumps(written))
    with pytest.raises(SystemExit) as end:
        bench.main(["startup", "--against", str(tmp_path)])
    assert end.value.code == 2
    assert "speed-startup.json: is no record of a speed question" in capsys.readouterr().err
    assert medians(results) == [1.0, 1.0, 1.0]


def test_a_record_of_another_question_is_refused(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "speed-startup.json").write_text(json.dumps(record_of("frechet", 1.0)))
    with pytest.raises(SystemExit):
        bench.main(["startup", "--against", str(tmp_path)])
    assert "is the record of another question, frechet" in capsys.readouterr().err


def test_a_question_that_is_named_twice_is_measured_once() -> None:
    assert bench.chosen_questions(["frechet", "startup", "frechet"], full=False) == ["frechet", "startup"]


def test_the_commands_of_the_readme_run(
    results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    readme = (Path(bench.__file__).parent / "README.md").read_text(encoding="utf-8")
    commands = [
        line.split("  ")[0].removeprefix("python benchmarks/bench.py ")
        for line in map(str.strip, readme.splitlines())
        if line.startswith("python benchmarks/bench.py")
    ]
    assert len(commands) == 4
    monkeypatch.setattr(bench, "SECONDS", SECONDS)
    monkeypatch.chdir(tmp_path)
    measure(monkeypatch, dict.fromkeys(SECONDS, 1.0))
    assert [bench.main(command.split()) for command in commands] == [0] * len(commands)
    assert (results / "speed-labels.json").exists()
    assert len(list((tmp_path / "build" / "new").iterdir())) == len(bench.chosen_questions([], full=False))

"""Scaling: the schedule of a crew's pieces, and tables of what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import scaling
from schedule import Work, makespan

from gancross.machine.crew import AHEAD


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_equal_pieces_take_as_long_as_their_rounds(threads: int) -> None:
    assert makespan([2.0] * 10, threads) == pytest.approx(2.0 * -(-10 // threads))


def test_free_threads_take_the_next_piece_but_not_beyond_the_window() -> None:
    assert makespan([5.0, 1, 1, 1, 1, 1], 2) == 5  # one thread has the long piece, the other all short ones
    short = 2 * AHEAD + 4  # more than are begun before the first result is taken
    assert makespan([float(short)] + [1.0] * 2 * short, 2) == short + (2 * short - 2 * AHEAD) / 2
    assert makespan([], 4) == 0


def test_sources_wait_for_each_other_and_statistics_for_all() -> None:
    work = Work(sources=[[1.0], [1.0], [1.0, 1.0]], serial=2.0)
    assert [work.seconds(threads) for threads in (1, 2)] == [6, 5]
    assert work.seconds(2, barriers=False) == 4 and work.speed_up(2) == pytest.approx(6 / 5)


def test_a_case_is_measured_in_its_own_process_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "scaling.json"
    call = ["--small", "--only", "tournament of 2", "--out", str(record)]
    scaling.main(call)
    (row,) = json.loads(record.read_text(encoding="utf-8"))["rows"].values()
    assert (row["contestants"], row["n"]) == (2, 20) and row["mib"] > row["mib_before"] > 50
    assert row["cpu"] >= row["before_cpu"] + row["scoring_cpu"] > 0 and row["html_bytes"] > 10_000
    printed = capsys.readouterr().out
    assert f"| 2 | 20 | {row['cpu']:.1f} |" in printed
    recorded = record.read_bytes()
    scaling.main(call)  # nothing is lacking
    assert record.read_bytes() == recorded and capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("{", [], "is no record of scaling"),
        ("[]", [], "is no record of scaling"),
        ('{"rows": {"a": {"contestants": 2}}}', [], "is no record of scaling"),
        (None, ["--only", "nothing"], "the cases are tournament of 2"),
        ('{"rows": {"a": {}}, "small": false}', ["--only", "referee"], "of another kind (small: False"),
        (
            '{"rows": {"a": {}}, "small": true, "machine": {"cpu": "?"}}',
            ["--only", "referee"],
            "kind (machine",
        ),
        ("folder", [], "is a folder"),
    ],
    ids=["text", "list", "row", "no-case", "other-size", "other-machine", "folder"],
)
def test_what_cannot_take_new_rows_is_refused_before_anything_runs(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    arguments: list[str],
    message: str,
) -> None:
    record = tmp_path / "scaling.json"
    if content == "folder":
        record.mkdir()
    elif content is not None:
        record.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        scaling.main(["--small", "--out", str(record), *arguments])
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_drawn_scores_are_counted_in_their_own_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "scaling.json"
    scaling.main(["--small", "--only", "drawn scores of 3, n = 20", "--out", str(record)])
    (row,) = json.loads(record.read_text(encoding="utf-8"))["rows"].values()
    assert (row["drawn_contestants"], row["n"]) == (3, 20) and row["cpu"] > 0 and row["json_bytes"] > 20_000
    assert all(row[key] > 50 for key in ("mib_before", "mib_with_scores", "mib", "mib_with_reports"))
    assert f"| 3 | 20 | {row['cpu']:.0f} |" in capsys.readouterr().out


def test_the_readme_shows_the_record_that_ships_whose_images_take_no_more_than_they_may() -> None:
    document = json.loads(scaling.RESULT.read_text(encoding="utf-8"))
    assert set(document["rows"]) <= set(scaling.cases()) and not document["small"]
    of_images = [row for row in document["rows"].values() if "mib_of_reals" in row]
    assert all(row["mib"] <= scaling.LIMIT_MIB for row in of_images)
    readme = scaling.README.read_text(encoding="utf-8")
    assert f"{scaling.START}\n{scaling.tables(document['rows'])}\n{scaling.END}" in readme

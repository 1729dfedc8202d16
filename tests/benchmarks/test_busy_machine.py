"""Ratios beside busy processes: they are recorded, and the busy processes are where the rows say."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import busy_machine
import pytest
from busy_machine import EVERY_CORE, ONE_OF_TWO, SMALL, Case, Kind, cases, command, measured

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def test_it_runs_and_records_ratios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "busy.json"
    busy_machine.main(["--small", "--pairs", "1", "--cores", "1", "--out", str(record)])
    document = json.loads(record.read_text(encoding="utf-8"))
    assert (document["cores"], document["small"]) == (1, True)
    rows = document["rows"]
    assert [(row["case"]["work"].split("`")[0], row["case"]["threads"]) for row in rows] == [
        ("cross-test", 1), ("referees", 1), ("training, ", 1), ("training, ", 1), ("training, ", 1),
        ("training, ", 2),
    ]  # fmt: skip
    for row in rows:
        (quiet,), (busy,) = row["quiet_seconds"], row["busy_seconds"]
        assert row["ratio"]["median"] == pytest.approx(busy / quiet)
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(rows)
    assert sorted(os.sched_getaffinity(0)) == CORES


def test_one_work_is_measured_anew_and_the_other_rows_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = [
        Kind(name=name, make=lambda workers: int, divides=False) for name in ("first", "second", "third")
    ]
    monkeypatch.setattr(busy_machine, "kinds_of", lambda size: kinds)
    record = tmp_path / "busy.json"
    arguments = ["--small", "--pairs", "1", "--cores", "1", "--out", str(record)]
    busy_machine.main(arguments)
    before = json.loads(record.read_text(encoding="utf-8"))
    busy_machine.main([*arguments, "--only", "second"])
    after = json.loads(record.read_text(encoding="utf-8"))
    assert [row["case"]["work"] for row in after["rows"]] == ["first", "second", "third"]
    same = [old == new for old, new in zip(before["rows"], after["rows"], strict=True)]
    assert same == [True, False, True]
    for other, message in (
        (["--only", "fourth"], "first, second, third"),
        (["--only", "first"], "its small"),
    ):
        with pytest.raises(SystemExit):
            busy_machine.main([argument for argument in arguments if argument != "--small"] + other)
        assert message in capsys.readouterr().err
    assert json.loads(record.read_text(encoding="utf-8")) == after
    for broken in ("{", "[]", "{}", json.dumps(before | {"rows": [{}]})):
        record.write_text(broken, encoding="utf-8")
        with pytest.raises(SystemExit):
            busy_machine.main([*arguments, "--only", "second"])
        assert f"{record} is " in capsys.readouterr().err


def test_rows_are_saved_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    made = {"first": int, "second": int, "third": int}
    kinds = [
        Kind(name=name, make=lambda workers, name=name: made[name], divides=False)  # type: ignore[misc]
        for name in made
    ]
    monkeypatch.setattr(busy_machine, "kinds_of", lambda size: kinds)
    record = tmp_path / "busy.json"
    arguments = ["--small", "--pairs", "1", "--cores", "1", "--out", str(record)]
    busy_machine.main(arguments)
    before = json.loads(record.read_text(encoding="utf-8"))["rows"]
    monkeypatch.setitem(made, "second", stopped)
    with pytest.raises(KeyboardInterrupt):
        busy_machine.main(arguments)
    after = json.loads(record.read_text(encoding="utf-8"))["rows"]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "missing/busy.json"], "folder missing does not exist"),
        (["--cores", "-1"], "at least 1"),
        (["--pairs", "0"], "at least 1"),
    ],
    ids=["folder", "cores", "pairs"],
)
def test_a_wrong_command_line_is_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit):
        busy_machine.main(["--small", *arguments])
    assert message in capsys.readouterr().err


def children() -> set[int]:
    """Cores of the processes that this one has started with a busy loop."""
    cores: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"10_000" in (entry / "cmdline").read_bytes():
                cores |= os.sched_getaffinity(int(entry.name))
        except (OSError, IndexError):  # it has ended
            continue
    return cores


def test_commands_run_in_folders_of_their_own_and_must_succeed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command("benchmark", "spec.toml", "--dry-run", specification=SMALL.benchmark)()
    with pytest.raises(subprocess.CalledProcessError):
        command("benchmark", "spec.toml", "--dry-run", specification="recipe = 1")()
    assert not list(tmp_path.iterdir())


def test_commands_are_measured_with_the_threads_that_they_choose() -> None:
    commands = [kind for kind in busy_machine.kinds_of(SMALL) if kind.command]
    assert [kind.name.split()[1].strip("`") for kind in commands] == ["demo", "benchmark"]
    on_four = [(case.threads, case.busy, case.most) for case, _ in cases(commands[:1], 4)]
    assert on_four == [(4, EVERY_CORE, 2.5), (2, ONE_OF_TWO, 1.6)]


@pytest.mark.skipif(len(CORES) < 2, reason="one core")
def test_the_busy_processes_are_on_the_cores_of_the_row() -> None:
    for busy, expected in ((EVERY_CORE, set(CORES)), (ONE_OF_TWO, set(CORES[:1]))):
        seen: list[tuple[set[int], set[int]]] = []
        case = Case(work="look", threads=1, busy=busy, most=1.0, ideal=1.0)

        def look(seen: list[tuple[set[int], set[int]]] = seen) -> None:
            seen.append((children(), os.sched_getaffinity(0)))

        measured(case, look, CORES, pairs=2)
        used = set(CORES) if busy == EVERY_CORE else set(CORES[:2])
        assert seen == [(cores, used) for cores in (set(), set(), expected, expected, set())]
    assert not children()


def test_small_networks_train_on_one_thread_and_the_rest_on_all() -> None:
    kinds = [
        Kind(name=name, make=lambda workers: int, divides=divides, parts=parts)
        for name, divides, parts in (("small", False, 1), ("large", True, 1), ("largest", True, 2))
    ]
    on_four = [(case.work, case.threads, case.busy, case.most) for case, _ in cases(kinds, 4)]
    assert on_four == [
        ("small", 1, EVERY_CORE, 2.5), ("small", 1, ONE_OF_TWO, 1.15),
        ("large", 1, EVERY_CORE, 2.5), ("large", 4, EVERY_CORE, 2.5),
        ("large", 1, ONE_OF_TWO, 1.15), ("large", 2, ONE_OF_TWO, 1.6),
        ("largest", 1, EVERY_CORE, 2.5), ("largest", 4, EVERY_CORE, 2.5), ("largest", 8, EVERY_CORE, 2.5),
        ("largest", 1, ONE_OF_TWO, 1.15), ("largest", 2, ONE_OF_TWO, 1.6), ("largest", 4, ONE_OF_TWO, 1.6),
    ]  # fmt: skip
    on_one = [(case.work, case.threads, case.busy) for case, _ in cases(kinds, 1)]
    assert on_one == [
        ("small", 1, EVERY_CORE), ("large", 1, EVERY_CORE), ("largest", 1, EVERY_CORE),
        ("largest", 2, EVERY_CORE),
    ]  # fmt: skip

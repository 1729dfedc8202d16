"""`gancross referee`, and referees after a cross-test: outputs, interruptions, errors of one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_line import call
from PIL import Image
from referee_calls import image_folders, referee, use_small
from tiny_referees import grains, save_images

from gancross import load_result
from gancross.cli import referee_arguments as cli_referees
from gancross.cli.referee_arguments import RefereeArguments
from gancross.cli.training_cost import estimate_text
from gancross.errors import UsageError
from gancross.evaluator import referee as evaluator_referee
from gancross.evaluator.estimates import Missing
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referees import cost, work
from gancross.evaluator.referees.options import RefereeOptions
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.referees.work import Task
from gancross.evaluator.result.validation import bad_value
from gancross.report.text.verdict_sentences import generator_sentence


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_small(monkeypatch, tmp_path / "cache", steps=8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folders(tmp_path_factory.mktemp("images"))


def test_two_folders_of_images_are_compared(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "result.json"
    assert referee(folders, "--json", record) == 0
    printed = capsys.readouterr()
    assert "A" in printed.out and f"record: {record}\n" in printed.err
    document = json.loads(record.read_text())
    assert bad_value(document) is None
    result = load_result(record)
    assert result.names == ["A", "B"] and isinstance(result.referees, Referees)
    assert result.referees.protocol.num_reals == 50 and result.referees.protocol.options.budget == "quick"
    assert result.cross == () and result.verdict.generator.winner is None
    assert result.referees.contestants["B"].num_samples == 50
    null = result.referees.controls.null
    assert not isinstance(null, Missing) and null.of == "training reals"
    assert (tmp_path / "result-samples").is_dir()
    assert referee(folders, "--json", "-", "-q") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["referees"] == document["referees"]
    costs = [each["provenance"]["referees"] for each in (document, again)]
    assert [(cost["trained"], cost["cached"]) for cost in costs] == [(4, 0), (0, 4)]


def test_what_is_asked_for_is_what_is_done(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[RefereeOptions, Protocol]] = []

    def run(
        contestants: object, reals: object, protocol: Protocol, options: RefereeOptions, **_: object
    ) -> None:
        asked.append((options, protocol))
        raise UsageError("enough")

    monkeypatch.setattr(evaluator_referee, "run_referees", run)
    calls: tuple[list[object], ...] = (
        ["--budget", "full", "--referee-seeds", 2, "--seed", 4, "-n", 30, "--referee-labels"],
        ["--calibrate"],
    )
    for arguments in calls:
        assert referee(folders, *arguments) == 2
    (full, of_full), (quick, usual) = asked
    assert (full.budget, full.seeds, full.calibrate, of_full.seed, of_full.num_samples) == (
        "full", 2, False, 4, 30
    )  # fmt: skip
    assert (quick.budget, quick.seeds, quick.calibrate, usual.seed, usual.num_samples) == (
        "quick", None, True, 0, 10_000
    )  # fmt: skip
    assert (full.labels, quick.labels) == (True, False)
    assert full.reals is None and full.reals_name == "the held-out reals"


def test_file_formats_are_recorded_and_differences_flagged(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Samples in JPEG files before reals in PNG files, then before other reals in the same JPEG files."""
    for name in ("A", "fresh"):
        (tmp_path / name).mkdir()
        for path in (folders / name).iterdir():
            Image.open(path).save(tmp_path / name / f"{path.stem}.jpg", quality=75)
    record = tmp_path / "result.json"
    models = (f"folder:{tmp_path / 'A'}", f"B=folder:{folders / 'B'}")
    call_ = ("referee", *models, "--data", f"folder:{folders / 'R'}", "--device", "cpu", "--json", record)
    jpeg, png = "JPEG files (quality 75)", "PNG files"
    assert call(*call_) == 0
    result = load_result(record)
    flag = (
        f"'A': samples come from {jpeg}, the held-out reals from {png}: the finest levels of noise may show"
        " the format"
    )
    assert flag in result.flags and not any(f.startswith("'B'") and "format" in f for f in result.flags)
    assert "samples come from JPEG files" in " ".join(capsys.readouterr().out.split())
    assert isinstance(result.referees, Referees) and result.referees.formats is not None
    formats = result.referees.formats.contestants
    assert {name: entry.files[0].format for name, entry in formats.items()} == {"A": "JPEG", "B": "PNG"}
    assert bad_value(json.loads(record.read_text())) is None
    assert call(*call_, "--referee-reals", tmp_path / "fresh", "-q") == 0
    (flag,) = (flag for flag in load_result(record).flags if "the finest levels" in flag)
    assert flag.startswith(f"'B': samples come from {png}, reals of {tmp_path / 'fresh'} from {jpeg}")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with a long side: real ones R, generated ones A."""
    root = tmp_path_factory.mktemp("large")
    for number, name in enumerate(("R/train", "R/test", "A")):
        save_images(grains(24, seed=number, shape=(1, 10, 66)), root / name)
    return root


def test_what_long_training_will_cost_is_said_before_it_starts(
    folders: Path, large: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def referees_of_large(*more: str) -> str:
        data = f"folder:{large / 'R'}"
        assert call("referee", f"folder:{large / 'A'}", "--data", data, "--device", "cpu", *more) == 0
        return capsys.readouterr().err

    real, measured = cost._pace, list[Task]()

    def counted(task: Task) -> cost._Pace:
        measured.append(task)
        return real(task)

    monkeypatch.setattr(cost, "_pace", counted)
    assert referees_of_large("-q") == "" and measured == []
    monkeypatch.setattr(cli_referees, "LONG", 0)
    said = referees_of_large("--referee-seeds", "2")  # those of the first seed are in the cache
    assert re.search(r"^6 referees to train \(6 in the cache\): about \d+ s of processor time$", said, re.M)
    assert len(measured) == 1
    assert "to train" not in referees_of_large("--referee-seeds", "2") and len(measured) == 1
    monkeypatch.setattr(cli_referees, "LONG", 60)
    assert referee(folders) == 0 and "to train" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        ((1, 0, 1, 99.4, 99.4), "1 referee to train: about 99 s of processor time"),
        (
            (12, 4, 4, 7560, 1920),
            "12 referees to train (4 in the cache): about 2.1 h of processor time, 32 min with 4 at a time",
        ),
    ],
)
def test_an_estimate_in_words(estimate: tuple[int, int, int, float, float], text: str) -> None:
    trained, cached, workers, processor, seconds = estimate
    assert estimate_text(cost.TrainingEstimate(
        num_trained=trained, num_cached=cached, workers=workers, processor_seconds=processor, seconds=seconds
    )) == text  # fmt: skip


def test_other_reals_are_read_from_a_folder(folders: Path, tmp_path: Path) -> None:
    record = tmp_path / "result.json"
    assert referee(folders, "--referee-reals", folders / "fresh", "--json", record, "-q") == 0
    result = load_result(record)
    assert isinstance(result.referees, Referees)
    assert result.referees.protocol.reals == f"reals of {folders / 'fresh'}"
    arguments = RefereeArguments(reals=folders / "fresh", seeds=None, calibrate=False)
    options = arguments.options("quick", shape=(3, 8, 8))  # grey reals of data in colour
    assert options.reals is not None and options.reals.shape == (50, 3, 8, 8)
    assert bool((options.reals[:, 0] == options.reals[:, 2]).all())


def crosstested(checkpoints: dict[str, Path], *more: object) -> int:
    models = [f"{name}={checkpoints[f'mixture-{name}']}" for name in ("plain", "regularized")]
    return call("crosstest", *models, "-n", 60, "--device", "cpu", *more)


def test_a_cross_test_is_saved_before_its_referees_are_trained(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Whoever stops during the referees keeps it, and the same command goes on."""
    record, real, calls = tmp_path / "result.json", work.trained_entry, iter(range(100))

    def interrupted(task: Task) -> bytes:
        assert isinstance(load_result(record).referees, Missing)
        if next(calls) == 2:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(work, "trained_entry", interrupted)
    arguments = ("--referees", "quick", "--json", record)
    assert crosstested(checkpoints, *arguments) == 130
    printed = capsys.readouterr()
    assert [line for line in printed.err.splitlines() if "Error" in line] == [
        "Error: interrupted; the same command goes on, trained referees are in the cache"
    ]
    screen = printed.out.splitlines()
    assert screen[0].startswith("No generator is named: no referees were trained")
    assert "Cross-testing: FP" in printed.out and "True condition" in printed.out
    assert printed.err.count(f"record: {record}\n") == 1
    before = load_result(record)
    assert isinstance(before.referees, Missing) and len(before.cross) == 4
    monkeypatch.setattr(work, "trained_entry", real)
    assert crosstested(checkpoints, *arguments) == 0
    after = load_result(record)
    assert isinstance(after.referees, Referees) and after.cross == before.cross
    printed = capsys.readouterr()
    assert printed.err.count(f"record: {record}\n") == 1  # though it was written twice
    cost = after.provenance.referees
    assert cost is not None and (cost.trained, cost.cached) == (2, 2)
    shown = " ".join(printed.out.split())
    assert shown.startswith(generator_sentence(after, after.pairs[0]))
    assert crosstested(checkpoints, *arguments, "-v") == 0
    assert after.verdict.generator.reason.lower() in " ".join(capsys.readouterr().out.lower().split())


def test_without_referees_nothing_is_trained(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "trained_entry", None)
    record = tmp_path / "result.json"
    assert crosstested(checkpoints, "--referees", "none", "--json", record, "-q") == 0
    result = load_result(record)
    assert isinstance(result.referees, Missing) and result.verdict.generator.winner is None


def test_standard_output_is_one_document(
    checkpoints: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("--json", "--markdown"):
        assert crosstested(checkpoints, "--referees", "quick", form, "-", "-q") == 0
        printed = capsys.readouterr().out
        if form == "--json":
            assert json.loads(printed)["referees"]["contestants"]
        else:
            assert printed.count("## Cross-test") == 1 and "planted faults referees show" in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--referee-reals", "{root}/missing"], "--referee-reals {root}/missing: folder does not exist"),
        (["--referee-reals", "{root}/empty"], "{root}/empty: the folder has no images"),
        (["--referee-reals", "{root}/A/0000.png"], "0000.png: folder is a file, expected a folder"),
        (["--referee-reals", "{root}/wide"], "images of shape (1, 8, 9), but the data have shape (1, 8, 8)"),
        (
            ["--referee-reals", "{root}/colour"],
            "images of shape (3, 8, 8), but the data have shape (1, 8, 8)",
        ),
        (["--referee-seeds", "0"], "the number of referee seeds must be at least 1, is 0"),
        (
            ["--referee-labels"],
            "have no labels, which referees shall see; let referees see no labels, or give",
        ),
        (["--budget", "huge"], "'huge' is not one of"),
        (["-n", "0"], "number of samples must be at least 1"),
    ],
)
def test_what_does_not_fit_is_one_line(
    folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    complaint: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(work, "trained_entry", None)
    assert referee(folders, *(argument.format(root=folders) for argument in arguments)) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("Error: ") and complaint.format(root=folders) in line and printed.out == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--referees", "quick", "--referee-reals", "{root}/A"], "is for images, but the data are vectors"),
        (["--referees", "quick", "--referee-seeds", "-1"], "referee seeds must be at least 1, is -1"),
        (["--referees", "long"], "'long' is not one of"),
        (
            ["--referees", "none", "--referee-labels"],
            "--referee-labels: none are trained with --referees none",
        ),
        (["--referees", "quick", "--referee-labels"], "its samples have no labels, which referees shall see"),
    ],
)
def test_errors_come_before_the_cross_test(
    checkpoints: dict[str, Path], folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    arguments: list[str], complaint: str,
) -> None:  # fmt: skip
    record = tmp_path / "result.json"
    filled = (argument.format(root=folders) for argument in arguments)
    assert crosstested(checkpoints, *filled, "--json", record) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ") and complaint in line and not record.exists()


def test_broken_reals_are_an_error_of_data(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "broken" / "a.png")
    (tmp_path / "broken" / "b.png").write_bytes(b"no image")
    assert referee(folders, "--referee-reals", tmp_path / "broken") == 3
    assert "b.png" in capsys.readouterr().err


def test_models_without_discriminators_need_data_by_name(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("referee", f"folder:{folders / 'A'}") == 2
    assert "give --data" in capsys.readouterr().err
    assert call("referee", f"folder:{folders / 'wide'}", "--data", "digits", "--device", "cpu") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "contestant 'wide': samples of shape (1, 8, 9)" in line

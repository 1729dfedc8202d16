"""Whole calls with a folder of saved referees: whose name they take back, what else stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from crosstests import figures
from full_disks import largest_file
from referee_records import referees_of as record_of
from refereed import cost_of, judged
from tiny_referees import arena_of, grains, perfect, points, referees_of, use_tiny

from gancross import crosstest, load_contestant, load_result, referee
from gancross.errors import CheckpointError, RefereesNotSaved, ResourceError, UsageError
from gancross.evaluator import refereeing
from gancross.evaluator.referees import work
from gancross.evaluator.referees.saved import referee_folder, saved_referees

DATA, TRAINING = points(520), points(520, seed=1)
SMALL: dict[str, Any] = {
    "samples": {"a": points(120, seed=2), "b": points(120, seed=3, shift=1.5)}, "data": points(120),
    "train_data": points(120, seed=4),
}  # fmt: skip


@pytest.fixture(scope="module")
def common_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _tiny(common_cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", common_cache)
    use_tiny(monkeypatch, steps=4)


def lattice(seed: int) -> torch.Tensor:
    """Points near multiples of 0.7, which is seen after some training."""
    return (points(520, seed=seed) / 0.7).round() * 0.7 + 0.05 * points(520, seed=seed + 100)


def test_a_name_is_withheld_where_a_standing_judge_sees_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Referees of ten steps see little; those that were saved trained for longer, on samples of that kind."""
    monkeypatch.setattr(refereeing, "budget_check", perfect)
    use_tiny(monkeypatch, seeds=2, steps=10)
    call: dict[str, Any] = {
        "samples": {"near": lattice(2), "far": points(520, seed=3, shift=6)}, "data": DATA,
        "train_data": TRAINING,
    }  # fmt: skip
    folder = tmp_path / "saved"
    first = judged(**call, save_referees=folder)
    assert first.verdict.generator.winner == "near" and record_of(first).controls.standing == ()
    assert len(list(folder.iterdir())) == 2

    arena = arena_of(DATA, [lattice(4)], steps=250)
    sets, entries = referees_of(arena, well=lattice(4))
    trained_longer = saved_referees("well", sets["well"], entries["well"], arena)
    referee_folder(folder).save([trained_longer])
    second = judged(**call, save_referees=folder)
    assert cost_of(second).trained == 0 and second.verdict.generator.winner is None
    (check,) = record_of(second).controls.dominance
    assert check.fails and check.judge == f"the standing referees of 'well' ({trained_longer.file})"
    reason = second.verdict.generator.reason
    assert "its referees are under-trained: the standing referees of 'well'" in reason
    parts = {entry.contestant: entry for entry in record_of(second).controls.standing or ()}
    assert parts["well"].judged == ("near",) and parts["well"].skipped == ()
    for name in ("near", "far"):
        assert parts[name].judged == ()
        assert parts[name].skipped == (f"they are the referees of '{name}' in this call",)
    for part in ("contestants", "cross", "protocol"):
        assert getattr(record_of(first), part) == getattr(record_of(second), part)
    second.save(tmp_path / "result.json")
    assert load_result(tmp_path / "result.json") == second


def test_a_repeated_call_finds_its_own_referees_and_says_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    first = judged(**SMALL, save_referees=folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    second = judged(**SMALL, save_referees=folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before and len(before) == 2
    documents: list[Any] = [figures(first), figures(second)]
    standing = [document["referees"]["controls"].pop("standing") for document in documents]
    assert documents[0] == documents[1] and standing[0] == [] and len(standing[1]) == 2
    assert figures(judged(**SMALL)) == documents[0]  # no folder, no key


def test_files_that_cannot_be_used_stop_the_call_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(**SMALL, save_referees=tmp_path / "saved")
    path = sorted((tmp_path / "saved").iterdir())[0]
    content = path.read_bytes()
    monkeypatch.setattr(work, "trained_entry", None)
    path.write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match=path.name):
        judged(**SMALL, save_referees=tmp_path / "saved", seed=1)


def test_a_full_disk_is_an_error_with_the_figures_and_the_call_can_be_repeated(tmp_path: Path) -> None:
    usual, saved = judged(**SMALL), tmp_path / "saved"
    with (
        largest_file(5_000),
        pytest.raises(RefereesNotSaved, match=r"\.referees\.npz: cannot be written: File too large") as full,
    ):
        judged(**SMALL, save_referees=saved)
    record = full.value.result.to_dict()["referees"]
    assert record["controls"].pop("standing") == [] and record == figures(usual)["referees"]
    assert isinstance(full.value, ResourceError) and list(saved.iterdir()) == []
    assert cost_of(judged(**SMALL, save_referees=saved)).trained == 0 and len(list(saved.iterdir())) == 2


def test_a_cross_test_saves_referees_as_a_call_of_referees_does(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contestants = [
        load_contestant(checkpoints[f"mixture-{name}"], name=name) for name in ("plain", "regularized")
    ]
    call: dict[str, Any] = {"data": "mixture", "num_samples": 60, "device": "cpu"}
    alone = referee(contestants, **call, save_referees=tmp_path / "alone")
    first, second = (
        crosstest(contestants, **call, referees="quick", save_referees=tmp_path / "crossed") for _ in range(2)
    )
    assert record_of(first) == record_of(alone)
    files = [sorted((tmp_path / name).iterdir()) for name in ("alone", "crossed")]
    assert len(files[0]) == 2
    assert [path.name for path in files[0]] == [path.name for path in files[1]]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*files, strict=True))
    standing = record_of(second).controls.standing or ()
    assert [part.file for part in standing] == [path.name for path in files[1]]
    with largest_file(5_000), pytest.raises(RefereesNotSaved) as full:
        crosstest(contestants, **call, referees="quick", save_referees=tmp_path / "full")
    assert full.value.result.cross == first.cross
    monkeypatch.setattr(work, "trained_entry", None)
    for options, complaint in (
        ({"save_referees": tmp_path}, "save_referees: none are trained with referees='none'"),
        ({"save_referees": "", "referees": "quick"}, "expected the name of a folder, got an empty one"),
    ):
        with pytest.raises(UsageError, match=complaint):
            crosstest(contestants, **(call | options))


def test_referees_of_other_data_are_left_out(tmp_path: Path) -> None:
    judged({"images": grains(40, seed=1)}, grains(40), save_referees=tmp_path)
    result = judged(**SMALL, save_referees=tmp_path)
    (part,) = record_of(result).controls.standing or ()
    assert part.contestant == "images" and part.judged == ()
    assert part.skipped == ("for samples of shape (1, 8, 8), but those of this call have shape (2,)",)
    assert len(list(tmp_path.glob("*.npz"))) == 3

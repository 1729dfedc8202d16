"""The demonstration's path, shortened: two real processes, one record, pictures, a second call."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gancross.errors import ResourceError
from gancross.workflow import demo


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--set", "width=2", "--steps", "20", "--device", "cpu", "--log-every", "5")
    monkeypatch.setattr(demo, "SHARED", arguments)
    monkeypatch.setattr(demo, "STEPS", 20)


@pytest.mark.usefixtures("short")
def test_two_gans_are_trained_and_cross_tested(tmp_path: Path) -> None:
    seen: dict[str, int] = {}
    made = demo.demonstrate(tmp_path, progress=lambda what, done, of: seen.update({what: done}))
    assert made.result.names == ["unregularized", "regularized"]
    assert made.result.document["protocol"]["num_fake"] == 10_000
    for path in made.pictures.values():
        with Image.open(path) as picture:
            assert picture.size[0] > 200
    assert all(path.exists() for path in (made.record, *made.checkpoints.values()))
    assert {"training regularized", "training unregularized", "test data"} <= set(seen)
    again = demo.demonstrate(tmp_path)
    old, new = made.result.to_dict(), again.result.to_dict()
    assert old.pop("provenance") and new.pop("provenance") and old == new


@pytest.mark.usefixtures("short")
def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "regularized").mkdir()
    (tmp_path / "regularized" / "mine.txt").write_text("mine")
    with pytest.raises(ResourceError, match=r"'regularized' failed: .*not the folder of a run"):
        demo.demonstrate(tmp_path)

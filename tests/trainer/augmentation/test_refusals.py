"""What augmentation refuses is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_recipes import small

from gancross.errors import UsageError
from gancross.trainer.loop import train


def test_scores_without_a_threshold_leave_no_folder(tmp_path: Path) -> None:
    recipe = small("digits").with_changes(
        {"objective": "relativistic", "augment": "ada", "augment_policy": "b"}
    )
    with pytest.raises(UsageError, match="needs scores with a threshold"):
        train(recipe, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()

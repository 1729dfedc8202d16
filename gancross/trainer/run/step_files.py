"""Names of the files that a run writes at a step: `step-0000012000.pt`, `step-0000012000.png`."""

from __future__ import annotations

import re
from pathlib import Path

CHECKPOINTS, PICTURES = "checkpoints", "samples"  # folders of a run
STEM = r"step-(\d{10})"
_CHECKPOINT = re.compile(STEM + r"\.pt", re.ASCII)


def checkpoint_path(root: Path, step: int) -> Path:
    """Path of the numbered checkpoint of a step."""
    return root / CHECKPOINTS / f"step-{step:010d}.pt"


def picture_path(root: Path, step: int) -> Path:
    """Path of the sample picture of a step."""
    return root / PICTURES / f"step-{step:010d}.png"


def numbered_checkpoints(root: Path) -> dict[int, Path]:
    """Step → path of every numbered checkpoint of a run, by rising step; empty if there is no folder.

    Raises:
        OSError: the folder cannot be read.
    """
    folder = root / CHECKPOINTS
    if not folder.exists():
        return {}
    matches = [(_CHECKPOINT.fullmatch(path.name), path) for path in folder.iterdir()]
    return dict(sorted((int(match[1]), path) for match, path in matches if match))

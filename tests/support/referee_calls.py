"""`gancross referee` on small folders of images, within this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import call
from tiny_referees import grains, save_images, use_tiny


def use_small(patch: pytest.MonkeyPatch, cache: Path, **changes: Any) -> None:
    """Referees of a moment, in a cache of their own."""
    patch.setenv("GANCROSS_CACHE", str(cache))
    use_tiny(patch, **changes)


def image_folders(root: Path) -> Path:
    """Real images R, generated ones A and B, reals that nobody trained on, and what does not fit."""
    for number, name in enumerate(("R/train", "R/test", "A", "B", "fresh")):
        save_images(grains(50, seed=number, shift=25 if name == "B" else 0), root / name)
    save_images(grains(20, shape=(1, 8, 9)), root / "wide")
    save_images(grains(20, shape=(3, 8, 8)), root / "colour")
    (root / "empty").mkdir()
    (root / "damaged").mkdir()
    (root / "damaged" / "a.referees.npz").write_bytes(b"damaged")
    return root


def referee(folders: Path, *more: object, models: tuple[str, ...] = ("A", "B")) -> int:
    """The exit code of a call on folders of generated images, beside the real ones."""
    named = [f"folder:{folders / model}" for model in models]
    return call("referee", *named, "--data", f"folder:{folders / 'R'}", "--device", "cpu", *more)


def unwrapped(text: str) -> str:
    """Without spaces, since a terminal's lines break at some of them."""
    return "".join(text.split())

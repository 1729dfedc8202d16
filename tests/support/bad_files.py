"""A folder of files that no command should swallow, each made here from good ones."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import torch
from PIL import Image
from png_headers import png_header

SIDE = 8


def make(root: Path, checkpoints: dict[str, Path]) -> Path:
    """Models, folders of images and odd names under `root`."""
    _models(root, checkpoints["mixture-plain"].read_bytes(), checkpoints["digits-plain"].read_bytes())
    _images(root)
    _runs(root)
    return root


def _models(root: Path, mixture: bytes, digits: bytes) -> None:
    evil = pickle.dumps({"format": hostile.WritesAMarker(root / "executed")}, protocol=2)
    contents = {
        "good.pt": mixture,
        "digits.pt": digits,
        "empty.pt": b"",
        "cut.pt": mixture[: len(mixture) // 2],
        "evil.pt": hostile.rezipped(mixture, pickled=evil),
        "bare.pt": hostile.legacy_pickle(root / "executed"),
        "foreign.pt": hostile.whole_module(),
        "stranger.pt": hostile.resaved(mixture, lambda loaded: loaded["recipe"].update(data="folder:/etc")),
        "web.pt": hostile.resaved(mixture, lambda loaded: loaded["recipe"].update(data="https://a.b/c.zip")),
        "infinite-generator.pt": hostile.resaved(mixture, _filled("generator_state", 3e38)),
        "infinite-judge.pt": hostile.resaved(mixture, _filled("discriminator_state", 3e38)),
        "nan-weights.pt": hostile.resaved(mixture, _filled("generator_state", float("nan"))),
        "future.pt": hostile.resaved(mixture, hostile.put("format", "gancross.checkpoint/99")),
    }
    for name, content in contents.items():
        (root / name).write_bytes(content)
    odd = root / "text ["
    odd.mkdir()
    (odd / "red] é.pt").write_text("hello")
    (odd / "good é.pt").write_bytes(mixture)


def _filled(state: str, value: float) -> Callable[[dict[str, Any]], None]:
    """Sets every weight to one value: the last linear layer then overflows, or is NaN."""

    def change(loaded: dict[str, Any]) -> None:
        for weight in loaded[state].values():
            weight.fill_(value)

    return change


def _images(root: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, SIDE, SIDE, 3), dtype=np.uint8)
    good = [Image.fromarray(array) for array in noise]
    grey = [image.convert("L") for image in good]
    png = _encoded(root, good[0])

    def folder(name: str, last: Image.Image | bytes | None, suffix: str = ".png", **options: Any) -> None:
        """Five good images and a last one."""
        path = root / name
        path.mkdir()
        for index, image in enumerate(good[:5]):
            image.save(path / f"{index}.png")
        if isinstance(last, bytes):
            (path / f"last{suffix}").write_bytes(last)
        elif last is not None:
            last.save(path / f"last{suffix}", **options)

    (root / "nothing").mkdir()
    (root / "one").mkdir()
    good[0].save(root / "one" / "a.png")
    (root / "notes").mkdir()
    (root / "notes" / "readme.txt").write_text("no images here")
    folder("colour", good[5])
    folder("larger", good[5].resize((16, 16)))
    folder("text", b"not a picture")
    folder("hollow", b"")
    folder("truncated", png[: len(png) // 2])
    folder("bomb", png_header(60_000, 60_000))
    folder("animated", good[5], suffix=".webp", save_all=True, append_images=good[:2], lossless=True)
    folder("deep", Image.fromarray(noise[0, :, :, 0].astype(np.uint16) * 257))
    transparent = good[5].copy()
    transparent.putalpha(100)
    folder("transparent", transparent)
    folder("postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")
    mixed = root / "mixed modes"
    mixed.mkdir()
    for index, image in enumerate([*grey, good[0].convert("CMYK"), good[1].convert("P"), good[2]]):
        image.save(mixed / f"{index}.{'tif' if image.mode == 'CMYK' else 'png'}")


def _encoded(root: Path, image: Image.Image) -> bytes:
    path = root / "encoded.png"
    image.save(path)
    content = path.read_bytes()
    path.unlink()
    return content


def _runs(root: Path) -> None:
    """Folders that look like runs and are none."""
    for name, recipe in {"run-of-text": "hello", "run-of-list": "[1, 2]", "run-of-nothing": "{}"}.items():
        (root / name).mkdir()
        (root / name / "recipe.json").write_text(recipe)
    np.savez(root / "statistics.npz", mu=np.zeros(3), sigma=np.zeros((2, 2)))
    np.savez(root / "pickled.npz", mu=np.array([{}], dtype=object), sigma=np.zeros((1, 1)))
    torch.save(torch.zeros(3), root / "tensor.pt")
